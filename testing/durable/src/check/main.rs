//! Judges histories of durable sockets, and sees nothing else: `oxmq-durable-check FOLDER RULE ...`
//! reads `sender*.history` and `receiver*.history` and prints `NAME=COUNT` words. What breaks a
//! rule ends it with an error that names the first few cases. The lines are described in
//! `../history.rs`.
//!
//! Rules: with `always` nothing that was acknowledged may be lost; with `tail` what is lost of each
//! process of a sender has to be the last that it sent, and with `window=MS` within that time;
//! `bites` asks that something is lost. Always: nothing is dealt with twice, nothing comes that was
//! not sent, an id is one message, first deliveries are in order, one process is not given the same
//! twice, and offsets have no gap that was not announced. `many` says that several receivers share
//! the messages, so that theirs are in no order; `device` that what a device had sent twice comes
//! twice; `sparse` that the receiver passes over messages; `stock-order` asks for order where a
//! receiver knows no places.

mod judge;
mod read;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((folder, rules)) = arguments.split_first() else {
        println!(
            "usage: oxmq-durable-check FOLDER always|tail|bites|window=MS [many] [device] \
             [sparse] [stock-order]"
        );
        return ExitCode::FAILURE;
    };
    match read::histories(Path::new(folder)).and_then(|all| judge::judge(&all, rules)) {
        Ok(counts) => {
            println!("{counts}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}
