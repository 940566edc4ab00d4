//! Development tasks of oxmq, run as `cargo xtask TASK`: the rules of the house, the tests, the
//! list of protocol tags, and the generated pages.
//!
//! Nothing in here is shipped. Each task has a file of its own; this one reads the command line and
//! turns the outcome into an exit code.

mod bless;
mod delivery;
mod install;
mod process;
mod rfc;
mod steps;
mod suite;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const HELP: &str = "\
cargo xtask TASK

  tidy                        check the rules that source text can show
  test [--quick] [--offline]  run every test; --quick leaves out what needs foreign programs,
                              --offline asks no package registry
  install --prefix DIR [--destdir DIR]
                              build for release and install the C library, its headers and build
                              files, the program oxmq, its manual and its completions
  deb                         make Debian packages, and check that apt takes them
  rfc                         list the RFC sections tagged in the code and in the tests
  bless                       write the generated pages of doc/ again
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let root = workspace_root();
    let outcome = match words.as_slice() {
        [] | ["-h" | "--help" | "help"] => {
            print!("{HELP}");
            Ok(())
        }
        ["tidy"] => tidy::run(&root),
        ["test", flags @ ..] => match suite::Options::parse(flags) {
            Ok(options) => suite::run(&root, &options),
            Err(error) => Err(error),
        },
        ["install", flags @ ..] => delivery::install(&root, flags),
        ["deb"] => delivery::deb(&root),
        ["rfc"] => rfc::run(&root),
        ["bless"] => bless::run(&root),
        [other, ..] => Err(format!("unknown task or flag near `{other}`\n\n{HELP}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            if !message.is_empty() {
                eprintln!("{message}");
            }
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace: the one above this package.
fn workspace_root() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_path_buf()
}
