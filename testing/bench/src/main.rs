//! Benchmarks of oxmq, and their comparison with the same work done by libzmq. What each program
//! does is written in its file; the file of the same name below c/ does the same in C.
//!
//! Every run checks each message and prints one line that begins with `zbench` and ends with
//! `ok=1`. Over tcp and ipc the other end is a process of its own: this program or its twin, told
//! what to do by lines on its standard input. The main thread drives everything.

mod ceiling;
mod conn;
mod content;
mod fanout;
mod flags;
mod lat;
mod pair;
mod peer;
mod peers;
mod raw;
mod startup;
mod subs;
mod thr;

use std::process::ExitCode;
use std::time::Duration;

use flags::Flags;
use oxmq_testing::{Result, Watchdog};

/// Time after which a run counts as hung. Beyond what the slowest scenario takes on a machine that
/// is busy otherwise.
const RUN_LIMIT: Duration = Duration::from_secs(60);

const USAGE: &str = "\
usage: oxmq-bench PROGRAM [FLAGS]

  thr       a stream of messages: rate             lat      round trips: latency
  pub       one publisher, many subscribers        conn     many connections: rate and memory
  peers     one ROUTER, many peers: cost           subs      one publisher, many subscriptions: cost
  ceiling   streams (-M bulk) and round trips (-M serial) without ZeroMQ
  startup   time to the first message of three processes, in every start order
  pair [ROUNDS] [PART | FILTER]
            every scenario, here and with libzmq in turns; those of one part, or whose name has the
            filter in it. Results of whole parts are kept below target/bench
  page      writes doc/benchmarks.md, with its pictures, from the parts that were kept

  -e tcp|ipc|inproc   transport                    -s BYTES  size of a message
  -n COUNT            messages or round trips      -w COUNT  messages before the clock starts
  -t PATTERN          PUSHPULL DEALERROUTER PAIR (thr), REQREP DEALERROUTER (lat)
  -p SENDERS          thr: how many                -S SUBS   pub: subscribers; subs: topics
  -k zmq|raw          pub: subscribers are sockets, or plain TCP that speaks just enough ZMTP
  -N CONNS            conn, peers: how many        -M bulk|serial  conn: all at once, or in turn
  -H MESSAGES         high-water marks             -i THREADS  I/O threads
  -P none|split|one   where threads run: anywhere, one end a processor, all on the first
  --async             futures on a bare executor, in place of blocking calls
  --libzmq-defaults   socket options as libzmq has them: no heartbeats, no limits
  --peer PROGRAM      what to start as the other end, in place of this program
";

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((program, rest)) = words.split_first() else {
        eprint!("{USAGE}");
        return ExitCode::FAILURE;
    };
    match run(program, rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("oxmq-bench {}: {error}", words.join(" "));
            ExitCode::FAILURE
        }
    }
}

fn run(program: &str, rest: &[String]) -> Result<()> {
    match program {
        "pair" => return pair::run(rest),
        "page" => return pair::page(),
        _ => {}
    }
    let flags = Flags::parse(rest)?;
    let _watchdog = Watchdog::start(RUN_LIMIT);
    match program {
        "thr" => thr::run(&flags),
        "lat" => lat::run(&flags),
        "pub" => fanout::run(&flags),
        "conn" => conn::run(&flags),
        "peers" => peers::run(&flags),
        "subs" => subs::run(&flags),
        "ceiling" => ceiling::run(&flags),
        "startup" => startup::run(&flags),
        "peer-thr" => thr::peer(&flags),
        "peer-lat" => lat::peer(&flags),
        "peer-pub" => fanout::peer(&flags),
        "peer-conn" => conn::peer(&flags),
        "peer-peers" => peers::peer(&flags),
        "peer-subs" => subs::peer(&flags),
        "peer-ceiling" => ceiling::peer(&flags),
        "peer-startup" => startup::peer(&flags),
        _ => Err(format!("no such program\n{USAGE}")),
    }
}
