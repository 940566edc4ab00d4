//! Files with keys, and lists of who may come in. Blocking; for the start of a program.
//!
//! Key files are ZeroMQ certificates, which other libraries read and write, too: text with the
//! lines `public-key = "..."` and, in a secret file, `secret-key = "..."`, in Z85.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use oxmq_engine::{key_from_z85, key_to_z85};

use crate::{AllowList, CurveKeyPair, PublicKey, SecretKey};

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Why a key file or an allow-list could not be read or written.
#[derive(Debug)]
pub struct KeyFileError {
    path: PathBuf,
    fault: Fault,
}

#[derive(Debug)]
enum Fault {
    Io(io::Error),
    /// Others may read a secret: the permission bits.
    Exposed(u32),
    /// What is missing or wrong, and in which line.
    Form(String),
}

impl fmt::Display for KeyFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        match &self.fault {
            Fault::Io(error) => write!(f, "{path}: {error}"),
            Fault::Exposed(mode) => write!(
                f,
                "{path} holds a secret and others can read it (mode {mode:03o}): chmod 600 {path}"
            ),
            Fault::Form(what) => write!(f, "{path}: {what}"),
        }
    }
}

impl std::error::Error for KeyFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.fault {
            Fault::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// Writes a pair as two new files: `PATH.key` with the public key, for everybody, and
/// `PATH.key_secret` with both, which only the owner may read. Returns the two paths, the public
/// one first.
///
/// # Errors
/// When a file exists already or cannot be written. Neither is changed then.
pub fn write_key_files(
    path: impl AsRef<Path>,
    keys: &CurveKeyPair,
) -> Result<(PathBuf, PathBuf), KeyFileError> {
    let with = |extension: &str| {
        let mut name = path.as_ref().as_os_str().to_owned();
        name.push(extension);
        PathBuf::from(name)
    };
    let (public, secret) = (with(".key"), with(".key_secret"));
    let public_line = format!("    public-key = \"{}\"\n", text(keys.public.as_bytes()));
    let secret_line = format!("    secret-key = \"{}\"\n", text(keys.secret.as_bytes()));
    let head = "metadata\ncurve\n";
    let about = "#   ZeroMQ CURVE **Secret** Certificate: keep it, and give it to nobody.\n";
    create(&secret, 0o600, &format!("{about}{head}{public_line}{secret_line}"))?;
    let about = "#   ZeroMQ CURVE Public Certificate: to be given to peers.\n";
    if let Err(error) = create(&public, 0o644, &format!("{about}{head}{public_line}")) {
        // Half a pair is of no use. It was made by us just now.
        let _ = fs::remove_file(&secret);
        return Err(error);
    }
    Ok((public, secret))
}

fn create(path: &Path, mode: u32, content: &str) -> Result<(), KeyFileError> {
    let failed = |error| KeyFileError { path: path.to_owned(), fault: Fault::Io(error) };
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(mode).open(path).map_err(failed)?;
    file.write_all(content.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
}

/// Reads the pair of a secret key file.
///
/// # Errors
/// When the file cannot be read, can be read by others than its owner, or holds no secret key.
pub fn read_key_pair(path: impl AsRef<Path>) -> Result<CurveKeyPair, KeyFileError> {
    let path = path.as_ref();
    let (content, mode) = read(path)?;
    let secret = value(path, &content, "secret-key")?;
    refuse_exposed(path, mode)?;
    let keys = CurveKeyPair::from_secret(SecretKey::from_bytes(secret));
    match value(path, &content, "public-key") {
        Ok(public) if public != *keys.public.as_bytes() => {
            let what = "the public key does not belong to the secret key".to_owned();
            Err(KeyFileError { path: path.to_owned(), fault: Fault::Form(what) })
        }
        _ => Ok(keys),
    }
}

/// Reads the public key of a key file, public or secret.
///
/// # Errors
/// When the file cannot be read or holds no public key.
pub fn read_public_key(path: impl AsRef<Path>) -> Result<PublicKey, KeyFileError> {
    let path = path.as_ref();
    let (content, _) = read(path)?;
    value(path, &content, "public-key").map(PublicKey::from_bytes)
}

/// Reads who may come in: a line for each, `key Z85 [NAME]` for a public key and the user id it
/// shall have, `user NAME PASSWORD` for a user of PLAIN. Empty lines and lines that begin with `#`
/// do not count.
///
/// # Errors
/// When the file cannot be read, a line is of another form, or it has passwords and can be read by
/// others than its owner.
pub fn read_allow_list(path: impl AsRef<Path>) -> Result<AllowList, KeyFileError> {
    let path = path.as_ref();
    let (content, mode) = read(path)?;
    let list = AllowList::new();
    for (number, line) in content.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (kind, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim_start();
        let (first, second) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let form = |what: &str| {
            let what = format!("line {}: {what}", number + 1);
            KeyFileError { path: path.to_owned(), fault: Fault::Form(what) }
        };
        match kind {
            "key" => {
                let key = key_from_z85(first.as_bytes())
                    .ok_or_else(|| form("expected a key of 40 characters of Z85"))?;
                list.allow_key(PublicKey::from_bytes(*key), second.trim());
            }
            "user" if !first.is_empty() && !second.is_empty() => {
                refuse_exposed(path, mode)?;
                list.allow_user(first, second.trim_start());
            }
            _ => return Err(form("expected \"key Z85 [NAME]\" or \"user NAME PASSWORD\"")),
        }
    }
    Ok(list)
}

/// The text of a file and its permission bits, both of the same file whatever the path is by then.
fn read(path: &Path) -> Result<(String, u32), KeyFileError> {
    let failed = |error| KeyFileError { path: path.to_owned(), fault: Fault::Io(error) };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode();
    let mut content = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut content).map_err(failed)?;
    Ok((content, mode & 0o777))
}

fn refuse_exposed(path: &Path, mode: u32) -> Result<(), KeyFileError> {
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(KeyFileError { path: path.to_owned(), fault: Fault::Exposed(mode) })
}

/// The key of the first line with this name.
fn value(path: &Path, content: &str, name: &str) -> Result<[u8; 32], KeyFileError> {
    let form = |what: String| KeyFileError { path: path.to_owned(), fault: Fault::Form(what) };
    for line in content.lines() {
        let Some((found, text)) = line.split_once('=') else { continue };
        if found.trim() == name {
            let text = text.trim().trim_matches('"');
            return key_from_z85(text.as_bytes())
                .map(|key| *key)
                .ok_or_else(|| form(format!("{name} is no key of 40 characters of Z85")));
        }
    }
    Err(form(format!("there is no {name} in it")))
}

/// A key in 40 characters of Z85.
pub(super) fn text(key: &[u8; 32]) -> String {
    let mut text = key_to_z85(key);
    text.pop();
    String::from_utf8_lossy(&text).into_owned()
}
