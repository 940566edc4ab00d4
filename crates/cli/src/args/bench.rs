//! The arguments of `bench`. Only descriptions, built once on the main thread.

use clap::{Args, ValueEnum};

use super::security::SecurityArgs;
use crate::duration::{Limit, Span};
use crate::endpoint::EndpointArg;

/// Arguments of `bench`.
#[derive(Args, Debug)]
pub(crate) struct BenchArgs {
    /// Where the other end is or comes to: an `oxmq bench --answer`, on any machine. Without it the
    /// other end is started here
    #[arg(value_name = "ENDPOINT", conflicts_with_all = ["transport", "threads"])]
    pub(crate) endpoint: Option<EndpointArg>,
    /// Be the other end: answer one bench after another, until a signal
    #[arg(long, requires = "endpoint")]
    #[arg(conflicts_with_all = ["size", "throughput", "latency", "count", "json"])]
    pub(crate) answer: bool,
    /// Without ENDPOINT: what joins the two ends; inproc is for threads
    #[arg(long, value_enum, default_value = "tcp")]
    pub(crate) transport: Transport,
    /// Without ENDPOINT: both ends are threads of this process, where they are two processes
    #[arg(long)]
    pub(crate) threads: bool,
    /// Octets of each message; several sizes are measured in turn
    #[arg(long, short, value_name = "OCTETS", default_value = "64", value_delimiter = ',')]
    pub(crate) size: Vec<u32>,
    /// Measure throughput only: messages one way
    #[arg(long, conflicts_with = "latency")]
    pub(crate) throughput: bool,
    /// Measure latency only: round trips, one message under way
    #[arg(long)]
    pub(crate) latency: bool,
    /// How long each measurement takes
    #[arg(long, value_name = "DURATION", default_value = "2s", conflicts_with = "count")]
    pub(crate) duration: Span,
    /// Messages, and round trips, of each measurement, in place of a time
    #[arg(long, short = 'n', value_name = "MESSAGES")]
    #[arg(value_parser = clap::value_parser!(u64).range(2..))]
    pub(crate) count: Option<u64>,
    /// One line of JSON for each measurement
    #[arg(long)]
    pub(crate) json: bool,
    /// Longest wait for the other end to say that it is there, or done; then the exit status is 3
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub(crate) timeout: Limit,
    /// Most messages held for each peer in each direction; 0 is no limit
    #[arg(long, value_name = "MESSAGES", default_value_t = 1000)]
    pub(crate) hwm: u32,
    /// No progress bar, and nothing about endpoints
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// With --answer: end with the first bench
    #[arg(long, hide = true, requires = "answer")]
    pub(crate) once: bool,
    #[command(flatten)]
    pub(crate) security: SecurityArgs,
}

/// What joins two ends on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Transport {
    /// The loopback interface
    Tcp,
    /// A Unix domain socket
    Ipc,
    /// Memory of one process
    Inproc,
}

impl Transport {
    /// Where to bind for it.
    pub(crate) fn wildcard(self) -> &'static str {
        match self {
            Transport::Tcp => "tcp://127.0.0.1:*",
            Transport::Ipc => "ipc://*",
            Transport::Inproc => "inproc://bench",
        }
    }
}
