//! What is made from the description of the command line: completions and manual pages. Runs on
//! the main thread and opens no socket.

use std::fs;
use std::io;
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::Failure;

/// Prints the completions of a shell.
pub(crate) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "oxmq", &mut script);
    io::copy(&mut script.as_slice(), &mut io::stdout())
        .map(drop)
        .map_err(|error| Failure::output(&error))
}

/// Writes `oxmq.1` and a page for each command.
pub(crate) fn manual(directory: &Path) -> Result<(), Failure> {
    let failed = |error| {
        Failure::error(format!("cannot write manual pages to {}: {error}", directory.display()))
    };
    fs::create_dir_all(directory).map_err(failed)?;
    clap_mangen::generate_to(Cli::command(), directory).map_err(failed)
}
