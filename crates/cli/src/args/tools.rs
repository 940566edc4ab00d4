//! The arguments of the shell tools: groups that several commands share, and one struct for each
//! set of commands that take the same. Only descriptions, built once on the main thread.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::durable::DurableArgs;
use super::security::SecurityArgs;
use crate::duration::{Limit, Span};
use crate::endpoint::EndpointArg;

/// What every socket takes.
#[derive(Args, Debug)]
pub(crate) struct LinkArgs {
    /// Where to bind, or with connect: in front, where to connect; several are possible
    #[arg(required = true, value_name = "ENDPOINT")]
    pub(crate) endpoints: Vec<EndpointArg>,
    /// Longest wait for each message to come or go; then the exit status is 3
    #[arg(long, value_name = "DURATION", default_value = "forever", hide_default_value = true)]
    pub(crate) timeout: Limit,
    /// Longest wait at the end for what was sent to be taken by the network; then status 3
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub(crate) linger: Limit,
    /// Most messages held for each peer in each direction; 0 is no limit
    #[arg(long, value_name = "MESSAGES", default_value_t = 1000)]
    pub(crate) hwm: u32,
    /// Do not tell on standard error which endpoints are bound
    #[arg(long, short)]
    pub(crate) quiet: bool,
    /// Tell on standard error of each connection that is made, lost or refused
    #[arg(long, short)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) security: SecurityArgs,
}

/// How messages are written and read.
#[derive(Args, Debug)]
pub(crate) struct FormArgs {
    /// Messages as hexadecimal lines, parts with spaces between, in and out
    #[arg(long, conflicts_with = "json")]
    pub(crate) hex: bool,
    /// Messages as JSON lines: {"parts":["text",{"hex":"00ff"}]}, in and out
    #[arg(long)]
    pub(crate) json: bool,
    /// What stands between the parts of a message in a line: input is split there, output joined
    #[arg(long, short, value_name = "TEXT", conflicts_with = "json")]
    #[arg(value_parser = delimiter)]
    pub(crate) delimiter: Option<String>,
}

/// Where messages to send come from.
#[derive(Args, Debug)]
pub(crate) struct SourceArgs {
    /// Send this instead of the lines of standard input; each further -m is one more part
    #[arg(long, short, value_name = "TEXT", conflicts_with = "file")]
    pub(crate) message: Vec<String>,
    /// Send the whole of a file as one message; - is standard input; each further --file is one
    /// more message
    #[arg(long, short, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) file: Vec<PathBuf>,
    /// Wait this long from one message sent to the next
    #[arg(long, short, value_name = "DURATION")]
    pub(crate) interval: Option<Span>,
    /// Before the first message, wait until this many peers are connected
    #[arg(long, value_name = "COUNT", default_value_t = 0, hide_default_value = true)]
    pub(crate) peers: usize,
}

/// Where received messages go.
#[derive(Args, Debug)]
pub(crate) struct ShownArgs {
    /// Write messages to this file instead of standard output
    #[arg(long, short, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
    /// Write the parts just as they are, with nothing between and no line ends
    #[arg(long, conflicts_with_all = ["hex", "json", "delimiter"])]
    pub(crate) raw: bool,
}

/// Arguments of `pub`.
#[derive(Args, Debug)]
pub(crate) struct PubArgs {
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// End after this many messages sent; with -m, how often to send it
    #[arg(long, short = 'n', value_name = "MESSAGES")]
    pub(crate) count: Option<u64>,
    /// Before the first message, wait until this many subscribers have subscribed to something
    #[arg(long, short, value_name = "COUNT", default_value_t = 0, hide_default_value = true)]
    pub(crate) subscribers: usize,
    #[command(flatten)]
    pub(crate) durable: DurableArgs,
}

/// Arguments of `push`.
#[derive(Args, Debug)]
pub(crate) struct PushArgs {
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// End after this many messages sent; with -m, how often to send it
    #[arg(long, short = 'n', value_name = "MESSAGES")]
    pub(crate) count: Option<u64>,
    #[command(flatten)]
    pub(crate) durable: DurableArgs,
}

/// Arguments of `sub`.
#[derive(Args, Debug)]
pub(crate) struct SubArgs {
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    #[command(flatten)]
    pub(crate) shown: ShownArgs,
    /// What messages have to begin with; may be given several times. Everything if left out
    #[arg(long, short, value_name = "TOPIC")]
    pub(crate) subscribe: Vec<String>,
    /// End after this many messages received
    #[arg(long, short = 'n', value_name = "MESSAGES")]
    pub(crate) count: Option<u64>,
    #[command(flatten)]
    pub(crate) durable: DurableArgs,
}

/// Arguments of `pull`.
#[derive(Args, Debug)]
pub(crate) struct PullArgs {
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    #[command(flatten)]
    pub(crate) shown: ShownArgs,
    /// End after this many messages received
    #[arg(long, short = 'n', value_name = "MESSAGES")]
    pub(crate) count: Option<u64>,
    #[command(flatten)]
    pub(crate) durable: DurableArgs,
}

/// Arguments of `req`.
#[derive(Args, Debug)]
pub(crate) struct ReqArgs {
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) shown: ShownArgs,
    /// End after this many replies; with -m, how often to ask
    #[arg(long, short = 'n', value_name = "MESSAGES")]
    pub(crate) count: Option<u64>,
    /// The name by which a ROUTER knows this socket
    #[arg(long, value_name = "TEXT", value_parser = routing_id)]
    pub(crate) routing_id: Option<String>,
    #[command(flatten)]
    pub(crate) durable: DurableArgs,
}

/// Arguments of `rep`.
#[derive(Args, Debug)]
pub(crate) struct RepArgs {
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    #[command(flatten)]
    pub(crate) shown: ShownArgs,
    /// Reply with this; each further -m is one more part
    #[arg(long, short, value_name = "TEXT", conflicts_with_all = ["echo", "exec"])]
    pub(crate) message: Vec<String>,
    /// Reply with the request itself
    #[arg(long, short, conflicts_with = "exec")]
    pub(crate) echo: bool,
    /// Reply with the output of this shell command, which gets the request on its input
    #[arg(long, value_name = "COMMAND")]
    pub(crate) exec: Option<String>,
    /// End after this many replies
    #[arg(long, short = 'n', value_name = "MESSAGES")]
    pub(crate) count: Option<u64>,
    #[command(flatten)]
    pub(crate) durable: DurableArgs,
}

/// Arguments of the tools that send and receive at will.
#[derive(Args, Debug)]
pub(crate) struct DuplexArgs {
    #[command(flatten)]
    pub(crate) link: LinkArgs,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    #[command(flatten)]
    pub(crate) shown: ShownArgs,
    /// End after this many messages received, and all input sent; 0 to send only
    #[arg(long, short = 'n', value_name = "MESSAGES")]
    pub(crate) count: Option<u64>,
    /// Send back each message received, and read no input
    #[arg(long, short, conflicts_with_all = ["message", "file"])]
    pub(crate) echo: bool,
}

/// Arguments of `dealer` and `router`.
#[derive(Args, Debug)]
pub(crate) struct RoutedArgs {
    #[command(flatten)]
    pub(crate) duplex: DuplexArgs,
    /// The name by which a ROUTER knows this socket
    #[arg(long, value_name = "TEXT", value_parser = routing_id)]
    pub(crate) routing_id: Option<String>,
    #[command(flatten)]
    pub(crate) durable: DurableArgs,
}

/// Arguments of `xpub`.
#[derive(Args, Debug)]
pub(crate) struct XpubArgs {
    #[command(flatten)]
    pub(crate) duplex: DuplexArgs,
    /// Before the first message, wait until this many subscribers have subscribed to something
    #[arg(long, short, value_name = "COUNT", default_value_t = 0, hide_default_value = true)]
    pub(crate) subscribers: usize,
    #[command(flatten)]
    pub(crate) durable: DurableArgs,
}

/// Arguments of `xsub`.
#[derive(Args, Debug)]
pub(crate) struct XsubArgs {
    #[command(flatten)]
    pub(crate) duplex: DuplexArgs,
    /// What messages have to begin with; may be given several times. Everything if left out
    #[arg(long, short, value_name = "TOPIC")]
    pub(crate) subscribe: Vec<String>,
    #[command(flatten)]
    pub(crate) durable: DurableArgs,
}

fn delimiter(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains('\n') {
        return Err("at least one character, and no line end".to_owned());
    }
    Ok(text.to_owned())
}

/// RFC 37: a routing id has 1 to 255 octets; one that begins with a zero octet is ROUTER's own.
fn routing_id(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > 255 || text.starts_with('\0') {
        return Err("1 to 255 octets, of which the first is not zero".to_owned());
    }
    Ok(text.to_owned())
}
