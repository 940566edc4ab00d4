//! The arguments of durability, which every command takes whose socket can be durable, and those of
//! `journal`. Only descriptions, built once on the main thread.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

/// Name, store and sync policy.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Durability")]
pub(crate) struct DurableArgs {
    /// Keep messages in the store until peers have them: a later run of this name and store goes on
    /// where this one ends, or is killed
    #[arg(long, value_name = "NAME", requires = "store", value_parser = name)]
    pub(crate) durable: Option<String>,
    /// The directory of the store, which one process at a time can use; made if need be
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, requires = "durable")]
    pub(crate) store: Option<PathBuf>,
    /// When a message counts as recorded
    #[arg(long, value_name = "POLICY", default_value = "always", requires = "durable")]
    pub(crate) sync: Policy,
}

/// When a message counts as recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Policy {
    /// Once the disk has it
    #[default]
    Always,
    /// Once the system has it; the disk is synchronised every 10 ms
    Interval,
    /// Once the system has it
    Os,
}

/// The commands of `journal`.
#[derive(Subcommand, Debug)]
pub(crate) enum JournalCommand {
    /// List the logs of a store, which may be in use
    Ls(ListArgs),
    /// Show everything about the logs of a store, which may be in use
    Show(ShowArgs),
    /// Read all of a store, which may be in use, and tell what is damaged
    Verify(VerifyArgs),
    /// Print the messages of a log, whose store may be in use
    Dump(DumpArgs),
    /// Remove a log from a store with its messages, or one of its consumers
    Drop(DropArgs),
    /// Open a damaged store, leaving out what cannot be read
    Repair(RepairArgs),
}

/// Arguments of `journal ls`.
#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// The directory of the store
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
    /// A JSON object for each log
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `journal show`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// The directory of the store
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
    /// Only this log
    #[arg(value_name = "LOG")]
    pub(crate) log: Option<String>,
    /// A JSON object for each log
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `journal verify`.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// The directory of the store
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
    /// A JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `journal dump`.
#[derive(Args, Debug)]
pub(crate) struct DumpArgs {
    /// The directory of the store
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
    /// The log, as `oxmq journal ls` names it
    #[arg(value_name = "LOG")]
    pub(crate) log: String,
    /// The first message's number
    #[arg(long, value_name = "OFFSET", default_value_t = 1)]
    pub(crate) from: u64,
    /// End after this many messages
    #[arg(long, short = 'n', value_name = "MESSAGES")]
    pub(crate) count: Option<u64>,
    /// A JSON object for each message
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `journal drop`.
#[derive(Args, Debug)]
pub(crate) struct DropArgs {
    /// The directory of the store, which no process may be using
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
    /// The log, as `oxmq journal ls` names it
    #[arg(value_name = "LOG")]
    pub(crate) log: String,
    /// Drop only this consumer of the log, as `oxmq journal show` names it: nothing is kept for it
    /// any more
    #[arg(long, value_name = "NAME")]
    pub(crate) consumer: Option<String>,
    /// Drop it even though it holds, or has still to settle, messages that are not settled
    #[arg(long)]
    pub(crate) force: bool,
    /// A JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `journal repair`.
#[derive(Args, Debug)]
pub(crate) struct RepairArgs {
    /// The directory of the store, which no process may be using
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) store: PathBuf,
    /// A JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// The library takes 1 to 255 octets.
fn name(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 255 {
        return Err("1 to 255 octets".to_owned());
    }
    Ok(text.to_owned())
}
