//! The help pages, completions and manual pages: that they are there, whole, and say what they
//! have to.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

mod support;

use std::fs;

use support::{path, run};

const TOOLS: [&str; 12] = [
    "pub", "sub", "push", "pull", "req", "rep", "dealer", "router", "pair", "xpub", "xsub",
    "stream",
];

#[test]
fn the_first_page_teaches() {
    let help = run(&["--help"]).ok().join("\n");
    for command in TOOLS.iter().chain(&["serve", "proxy", "bench", "journal", "completions", "man"])
    {
        assert!(help.contains(&format!("\n  {command} ")), "no {command}: {help}");
    }
    for what in ["connect:ENDPOINT", "Exit status:", "Try it", "ipc://@", "130"] {
        assert!(help.contains(what), "no {what:?}: {help}");
    }
}

#[test]
fn every_command_has_a_page_with_examples() {
    for command in TOOLS.iter().chain(&["serve", "proxy", "bench", "journal", "completions"]) {
        let help = run(&[command, "--help"]).ok();
        let text = help.join("\n");
        assert!(text.contains("Examples:"), "{command}: {text}");
        assert!(text.contains(&format!("oxmq {command} ")), "{command}: {text}");
        for line in &help {
            assert!(line.chars().count() <= 100, "{command}: {line}");
        }
    }
}

#[test]
fn the_page_of_serve_shows_how_to_try_it() {
    let help = run(&["serve", "--help"]).ok().join("\n");
    for what in [
        "in three terminals",
        "oxmq rep connect:tcp://127.0.0.1:5560",
        "tcp://127.0.0.1:5559",
        "SIGTERM",
        "--queue <FRONT> <BACK>",
        "forwarder",
        "streamer",
        "commas",
    ] {
        assert!(help.contains(what), "no {what:?}: {help}");
    }
}

#[test]
fn without_arguments_the_help_is_shown() {
    run(&[]).failed(2, &["Usage: oxmq", "serve"]);
}

#[test]
fn the_version_is_told() {
    assert_eq!(run(&["--version"]).ok(), [format!("oxmq {}", env!("CARGO_PKG_VERSION"))]);
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = run(&["completions", shell]).ok().join("\n");
        assert!(script.contains("serve") && script.contains("dealer"), "{shell}");
    }
    run(&["completions", "nosuch"]).failed(2, &["bash", "zsh", "fish"]);
}

#[test]
fn a_manual_page_is_written_for_each_command() {
    let directory = path("man");
    run(&["man", directory.to_str().unwrap()]).ok();
    for command in TOOLS.iter().chain(&["serve", "proxy", "bench"]) {
        let page = fs::read_to_string(directory.join(format!("oxmq-{command}.1"))).unwrap();
        assert!(page.contains(".SH") && page.contains(command), "{command}");
    }
    assert!(directory.join("oxmq.1").exists());
}
