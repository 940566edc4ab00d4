//! The `oxmq` binary: devices and shell tools for ZeroMQ. This file reads the command line, runs
//! the command on the main thread and turns its result into an exit status.

mod args;
mod bench;
mod codec;
mod durable;
mod duration;
mod endpoint;
mod failure;
mod input;
mod journal;
mod limits;
mod link;
mod output;
mod pages;
mod security;
mod serve;
mod shell;
mod stop;
mod tell;

use std::process;

use clap::Parser;
use oxmq::Context;

use crate::args::{Cli, Command};
use crate::failure::Failure;
use crate::shell::Process;
use crate::stop::Stop;
use crate::tell::tell;

fn main() {
    let cli = Cli::parse();
    let status = match run(&cli.command) {
        Ok(()) => 0,
        Err(failure) => {
            let text = failure.to_string();
            if !text.is_empty() {
                tell(&text);
            }
            i32::from(failure.status())
        }
    };
    // Without dropping what other threads still hold, such as one that reads the input.
    process::exit(status);
}

fn run(command: &Command) -> Result<(), Failure> {
    match command {
        Command::Completions(args) => return pages::completions(args.shell),
        Command::Man(args) => return pages::manual(&args.directory),
        Command::Keygen(args) => return security::keygen(args),
        Command::Journal { command } => return journal::run(command),
        _ => {}
    }
    let stop = Stop::on_signals()?;
    let context = Context::with_options(|options| options.io_threads(io_threads(command)))?;
    let process = Process { context: &context, stop: &stop };
    match command {
        Command::Serve(args) => serve::serve(args, process),
        Command::Proxy(args) => serve::proxy(args, process),
        Command::Pub(args) => shell::publish(args, process),
        Command::Sub(args) => shell::subscribe(args, process),
        Command::Push(args) => shell::push(args, process),
        Command::Pull(args) => shell::pull(args, process),
        Command::Req(args) => shell::request(args, process),
        Command::Rep(args) => shell::reply(args, process),
        Command::Dealer(args) => shell::dealer(args, process),
        Command::Router(args) => shell::router(args, process),
        Command::Pair(args) => shell::pair(args, process),
        Command::Xpub(args) => shell::xpub(args, process),
        Command::Xsub(args) => shell::xsub(args, process),
        Command::Stream(args) => shell::stream(args, process),
        Command::Bench(args) => bench::run(args, process),
        Command::Completions(_)
        | Command::Man(_)
        | Command::Keygen(_)
        | Command::Journal { .. } => Ok(()),
    }
}

fn io_threads(command: &Command) -> usize {
    match command {
        Command::Serve(args) => usize::from(args.device.io_threads),
        Command::Proxy(args) => usize::from(args.device.io_threads),
        _ => 1,
    }
}
