//! Keys, passwords and lists on the command line, each command as a process of its own.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use support::{path, run, run_with, start, to};

const ANY: &str = "tcp://127.0.0.1:*";

/// A new pair of keys: the public one, and the paths of both files.
fn keygen(name: &str) -> (String, String, String) {
    let name = path(name).display().to_string();
    let made = run(&["keygen", &name]).ok();
    (made[0].clone(), format!("{name}.key"), format!("{name}.key_secret"))
}

fn file(name: &str, content: &str, mode: u32) -> String {
    let at: PathBuf = path(name);
    fs::write(&at, content).unwrap();
    fs::set_permissions(&at, Permissions::from_mode(mode)).unwrap();
    at.display().to_string()
}

fn mode(path: &str) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn keygen_makes_a_secret_file_for_its_owner_alone_and_overwrites_nothing() {
    let (public, key, secret) = keygen("made");
    assert_eq!(public.len(), 40);
    assert_eq!(mode(&secret), 0o600);
    let before = (fs::read_to_string(&key).unwrap(), fs::read_to_string(&secret).unwrap());
    assert!(before.0.contains(&public) && !before.0.contains("secret-key"), "{}", before.0);
    let name = key.strip_suffix(".key").unwrap();
    run(&["keygen", name]).failed(1, &["exists"]);
    // A public file alone is in the way, too, and no half of a pair is left.
    fs::remove_file(&secret).unwrap();
    run(&["keygen", name]).failed(1, &["exists"]);
    assert!(!fs::exists(&secret).unwrap());
    assert_eq!(fs::read_to_string(&key).unwrap(), before.0);
}

#[test]
fn curve_lets_in_who_is_on_the_list() {
    let (_, server_key, server_secret) = keygen("server");
    let (ada, _, ada_secret) = keygen("ada");
    let (_, _, eve_secret) = keygen("eve");
    let list = file("allowed", &format!("# friends\n\nkey {ada} ada\n"), 0o644);
    let server = ["--curve-server", "--curve-secret", &server_secret, "--allow", &list];
    let mut pull = start(&[&["pull", ANY, "-n", "1"], &server[..]].concat());
    let endpoint = to(&pull.endpoint());
    let client = |secret: &str, message: &str| {
        let keys = ["--curve-server-key", &server_key, "--curve-secret", secret];
        run(&[&["push", &endpoint, "-m", message], &keys[..]].concat())
    };
    client(&eve_secret, "from eve").failed(1, &["refused", "400"]);
    client(&ada_secret, "from ada").ok();
    assert_eq!(pull.finish().ok(), ["from ada"]);
}

/// Keys have forty characters, among them all that a path is made of.
#[test]
fn a_path_as_long_as_a_key_is_a_path() {
    const KEY_LENGTH: usize = 40;
    let (_, server_key, server_secret) = keygen("long");
    let folder = std::env::temp_dir();
    let front = format!("{}/{}", folder.display(), std::process::id());
    let path = format!("{front:k<KEY_LENGTH$}");
    assert_eq!(path.len(), KEY_LENGTH, "the directory for temporary files is too long: {path}");
    fs::copy(server_key, &path).unwrap();
    let list = file("allowed-long", "", 0o644);
    let server = ["--curve-server", "--curve-secret", &server_secret, "--allow", &list];
    let mut pull = start(&[&["pull", ANY, "-n", "1"], &server[..]].concat());
    let keys = ["--curve-server-key", &path, "--curve-secret", &server_secret];
    let said = run(&[&["push", &to(&pull.endpoint()), "-m", "x"], &keys[..]].concat());
    fs::remove_file(&path).unwrap();
    // Not on the list: with another key the server would not even have said so.
    said.failed(1, &["refused", "400"]);
}

#[test]
fn plain_lets_in_who_knows_the_password_and_devices_ask_as_well() {
    let list = file("users", "user ada love lace\n", 0o600);
    let right = file("right", "love lace\n", 0o600);
    let wrong = file("wrong", "guess\n", 0o600);
    let mut serve =
        start(&["serve", "--streamer", ANY, ANY, "--plain-server", "--allow", &list, "--quiet"]);
    let at = |line: &str| to(line.split_whitespace().last().unwrap());
    let (front, back) = (at(&serve.line()), at(&serve.line()));
    let user = |password: &str| {
        ["--plain-user".to_owned(), "ada".into(), "--plain-password-file".into(), password.into()]
    };
    let args = |words: &[&str], password: &str| -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).chain(user(password)).collect()
    };
    let words =
        |args: &[String]| run_with(&args.iter().map(String::as_str).collect::<Vec<_>>(), "");
    words(&args(&["push", &front, "-m", "x"], &wrong)).failed(1, &["refused", "400"]);
    words(&args(&["push", &front, "-m", "hello"], &right)).ok();
    let found = words(&args(&["pull", &back, "-n", "1"], &right)).ok();
    assert_eq!(found, ["hello"]);
    serve.signal("TERM");
    serve.finish().ok();
}

#[test]
fn secrets_that_others_can_read_are_refused() {
    let (public, _, secret) = keygen("exposed");
    fs::set_permissions(&secret, Permissions::from_mode(0o640)).unwrap();
    let list = file("users-exposed", "user ada lovelace\n", 0o644);
    let password = file("password-exposed", "lovelace\n", 0o604);
    let client = ["push", "connect:ipc://@nobody", "-m", "x"];
    let with = |more: &[&str]| run(&[&client[..], more].concat());
    with(&["--curve-server-key", &public, "--curve-secret", &secret])
        .failed(1, &["others can read it", "chmod 600"]);
    with(&["--plain-user", "ada", "--plain-password-file", &password])
        .failed(1, &["others can read it", "chmod 600"]);
    run(&["pull", ANY, "--plain-server", "--allow", &list])
        .failed(1, &["others can read it", "chmod 600"]);
}

#[test]
fn a_server_without_a_list_is_a_wrong_command_line() {
    let (_, _, secret) = keygen("listless");
    run(&["pull", ANY, "--plain-server"]).failed(2, &["--allow"]);
    run(&["pull", ANY, "--curve-server", "--curve-secret", &secret]).failed(2, &["--allow"]);
    run(&["pull", ANY, "--curve-secret", &secret]).failed(2, &["--curve-server-key"]);
    let list = file("listless", "key short\n", 0o600);
    run(&["pull", ANY, "--plain-server", "--allow", &list]).failed(1, &["line 1", "Z85"]);
}
