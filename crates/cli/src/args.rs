//! The command line: every command, argument and help page of `oxmq`. Only descriptions; what a
//! command does is in the file of its name. Built once on the main thread.

mod bench;
mod durable;
mod help;
mod security;
mod tools;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueHint};

pub(crate) use self::bench::{BenchArgs, Transport};
pub(crate) use self::durable::{
    DropArgs, DumpArgs, DurableArgs, JournalCommand, ListArgs, Policy, RepairArgs, ShowArgs,
    VerifyArgs,
};
pub(crate) use self::security::{KeygenArgs, SecurityArgs};
pub(crate) use self::tools::{
    DuplexArgs, FormArgs, LinkArgs, PubArgs, PullArgs, PushArgs, RepArgs, ReqArgs, RoutedArgs,
    ShownArgs, SourceArgs, SubArgs, XpubArgs, XsubArgs,
};
use crate::duration::{Limit, Span};
use crate::endpoint::{EndpointList, TypedEndpoints};

/// ZeroMQ devices and shell tools.
#[derive(Parser, Debug)]
#[command(name = "oxmq", version, about, long_about = help::TOP, after_long_help = help::TOP_AFTER)]
#[command(arg_required_else_help = true, max_term_width = 100, infer_long_args = true)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Run devices: queues, forwarders and streamers between other programs
    #[command(long_about = help::SERVE, after_long_help = help::SERVE_AFTER)]
    Serve(ServeArgs),
    /// Run one device between sockets of any two types, with a copy to a third
    #[command(long_about = help::PROXY, after_long_help = help::PROXY_AFTER)]
    Proxy(ProxyArgs),
    /// Publish messages to subscribers
    #[command(after_long_help = help::PUB_AFTER)]
    Pub(PubArgs),
    /// Subscribe, and print what is published
    #[command(after_long_help = help::SUB_AFTER)]
    Sub(SubArgs),
    /// Push messages to workers, to each in turn
    #[command(after_long_help = help::PUSH_AFTER)]
    Push(PushArgs),
    /// Pull messages from pushers, and print them
    #[command(after_long_help = help::PULL_AFTER)]
    Pull(PullArgs),
    /// Send requests, and print the reply to each
    #[command(after_long_help = help::REQ_AFTER)]
    Req(ReqArgs),
    /// Print requests, and answer each
    #[command(after_long_help = help::REP_AFTER)]
    Rep(RepArgs),
    /// Send and receive without turns: to the peers in turn, from all of them
    #[command(after_long_help = help::DEALER_AFTER)]
    Dealer(RoutedArgs),
    /// Send and receive with the peer's routing id as the first part
    #[command(after_long_help = help::ROUTER_AFTER)]
    Router(RoutedArgs),
    /// Talk to one peer
    #[command(after_long_help = help::PAIR_AFTER)]
    Pair(DuplexArgs),
    /// Publish messages, and print the subscriptions that arrive
    #[command(after_long_help = help::XPUB_AFTER)]
    Xpub(XpubArgs),
    /// Subscribe, print what is published, and pass input lines upstream
    #[command(after_long_help = help::XSUB_AFTER)]
    Xsub(XsubArgs),
    /// Talk to programs that use plain TCP, not ZeroMQ
    #[command(after_long_help = help::STREAM_AFTER)]
    Stream(DuplexArgs),
    /// Measure throughput and latency between threads, processes or machines
    #[command(long_about = help::BENCH, after_long_help = help::BENCH_AFTER)]
    Bench(BenchArgs),
    /// Look at the stores of durable sockets, and mend them
    #[command(after_long_help = help::JOURNAL_AFTER)]
    Journal {
        /// What to do
        #[command(subcommand)]
        command: JournalCommand,
    },
    /// Make a pair of keys for CURVE, in two files
    #[command(after_long_help = help::KEYGEN_AFTER)]
    Keygen(KeygenArgs),
    /// Print the completions of a shell
    #[command(after_long_help = help::COMPLETIONS_AFTER)]
    Completions(CompletionsArgs),
    /// Write a manual page for each command
    Man(ManArgs),
}

/// Arguments of `serve`.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// A queue for requests and replies: clients (REQ, DEALER) at FRONT, services (REP, DEALER)
    /// at BACK
    #[arg(long, num_args = 2, value_names = ["FRONT", "BACK"], action = clap::ArgAction::Append)]
    pub(crate) queue: Vec<EndpointList>,
    /// A forwarder for published messages: publishers (PUB) at FRONT, subscribers (SUB) at BACK
    #[arg(long, num_args = 2, value_names = ["FRONT", "BACK"], action = clap::ArgAction::Append)]
    pub(crate) forwarder: Vec<EndpointList>,
    /// A streamer for tasks: pushers (PUSH) at FRONT, pullers (PULL) at BACK
    #[arg(long, num_args = 2, value_names = ["FRONT", "BACK"], action = clap::ArgAction::Append)]
    pub(crate) streamer: Vec<EndpointList>,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    #[command(flatten)]
    pub(crate) durable: DurableArgs,
}

/// Arguments of `proxy`.
#[derive(Args, Debug)]
pub(crate) struct ProxyArgs {
    /// The socket on one side: its type, then its endpoints with commas between
    #[arg(long, value_name = "TYPE:ENDPOINT")]
    pub(crate) frontend: TypedEndpoints,
    /// The socket on the other side
    #[arg(long, value_name = "TYPE:ENDPOINT")]
    pub(crate) backend: TypedEndpoints,
    /// A socket (pub, push, pair or dealer) that gets a copy of everything that passes
    #[arg(long, value_name = "TYPE:ENDPOINT")]
    pub(crate) capture: Option<TypedEndpoints>,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}

/// What all devices of a process share.
#[derive(Args, Debug)]
pub(crate) struct DeviceArgs {
    /// How long the end may take: what was received is passed on, and what was passed on is
    /// written, for this long at most
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    pub(crate) linger: Limit,
    /// How often rates are shown; on a terminal every second, else not at all
    #[arg(long, value_name = "DURATION")]
    pub(crate) rates: Option<Span>,
    /// Print endpoints only, no rates
    #[arg(long, short, conflicts_with = "rates")]
    pub(crate) quiet: bool,
    /// Most messages held for each peer in each direction, in memory; 0 is no limit
    #[arg(long, value_name = "MESSAGES", default_value_t = 1000)]
    pub(crate) hwm: u32,
    /// Threads that serve connections
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) io_threads: u16,
    /// Tell on standard error of each connection that is made, lost or refused
    #[arg(long, short)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) security: SecurityArgs,
}

/// Arguments of `completions`.
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// The directory to write oxmq.1, oxmq-serve.1 and so on into
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) directory: PathBuf,
}
