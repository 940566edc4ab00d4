//! `oxmq bench`: how many messages a second pass between two ends, and how long a round trip takes.
//! This file finds or starts the other end and puts the measurements in order; the files below say
//! what the ends tell each other, measure, answer and report. The main thread measures; the other
//! end is a thread, a process of this program or a program elsewhere.

mod answer;
mod measure;
mod progress;
mod report;
mod talk;

use std::future::pending;
use std::process::{Child, Command, Stdio};
use std::thread;

use oxmq::{AnySocket, Context, SocketType};

use self::measure::{Extent, Measured};
use self::talk::{Kind, Order};
use crate::args::{BenchArgs, Transport};
use crate::endpoint::{EndpointArg, Role};
use crate::failure::Failure;
use crate::link::{attach, hwm, with_queues};
use crate::security::Security;
use crate::shell::Process;
use crate::stop::Stop;
use crate::tell::tell;

/// The command.
pub(crate) fn run(args: &BenchArgs, process: Process<'_>) -> Result<(), Failure> {
    if args.endpoint.is_none() && args.security.is_given() {
        return Err(Failure::usage(
            "keys and passwords need an ENDPOINT, with `oxmq bench --answer` at the other end",
        ));
    }
    if args.transport == Transport::Inproc && !args.threads {
        return Err(Failure::usage("inproc joins threads: --transport inproc needs --threads"));
    }
    end_calls_at_signal(process.context, process.stop)?;
    let ran = match (&args.endpoint, args.answer) {
        (Some(at), true) => answer_at(args, at, process),
        (Some(at), false) => measure_at(args, at, process),
        (None, _) if args.threads => with_thread(args, process),
        (None, _) => with_process(args, process),
    };
    match ran {
        // Calls fail once a signal has come; that is not their fault.
        Err(_) if process.stop.is_requested() => Ok(()),
        ran => ran,
    }
}

/// The other end of a bench elsewhere.
fn answer_at(args: &BenchArgs, at: &EndpointArg, process: Process<'_>) -> Result<(), Failure> {
    let socket = socket(args, process.context)?;
    let bound = attach(&socket, std::slice::from_ref(at))?;
    if let Some(bound) = bound.first().filter(|_| !args.quiet) {
        tell(format_args!("listening on {bound}"));
    }
    answer::run(&socket, args.once)
}

/// This end, with the other one elsewhere.
fn measure_at(args: &BenchArgs, at: &EndpointArg, process: Process<'_>) -> Result<(), Failure> {
    let socket = socket(args, process.context)?;
    let bound = attach(&socket, std::slice::from_ref(at))?;
    if let Some(bound) = bound.first().filter(|_| !args.quiet) {
        tell(format_args!("listening on {bound}"));
    }
    measure(args, &socket, &at.endpoint, "elsewhere")
}

/// Both ends in this process.
fn with_thread(args: &BenchArgs, process: Process<'_>) -> Result<(), Failure> {
    let near = socket(args, process.context)?;
    let far = socket(args, process.context)?;
    let bound = near.bind(args.transport.wildcard())?;
    far.connect(&bound)?;
    thread::scope(|scope| {
        let answering = scope.spawn(|| answer::run(&far, true));
        let measured = measure(args, &near, &bound, "threads");
        if measured.is_err() {
            // The other end waits for an order that will not come.
            process.context.shutdown();
        }
        match answering.join() {
            Ok(answered) => measured.and(answered),
            Err(_) => Err(Failure::error("the other end panicked")),
        }
    })
}

/// The other end in a process of its own.
fn with_process(args: &BenchArgs, process: Process<'_>) -> Result<(), Failure> {
    let near = socket(args, process.context)?;
    let bound = near.bind(args.transport.wildcard())?;
    let mut other = OtherEnd::start(args, &bound)?;
    measure(args, &near, &bound, "processes")?;
    other.finish()
}

/// Every measurement that was asked for, each printed when it is done.
fn measure(args: &BenchArgs, socket: &AnySocket, at: &str, ends: &str) -> Result<(), Failure> {
    let kinds: &[Kind] = match (args.throughput, args.latency) {
        (true, _) => &[Kind::Throughput],
        (_, true) => &[Kind::Latency],
        _ => &[Kind::Throughput, Kind::Latency],
    };
    let extent = match args.count {
        Some(count) => Extent::Messages(count),
        None => Extent::Time(args.duration.0),
    };
    let shared = ends == "threads";
    for &size in &args.size {
        for &kind in kinds {
            let order = Order { kind, size: u64::from(size) };
            let title = format!("{}, {size} B", kind.title());
            let bar = progress::Bar::new(&title, extent, args.quiet);
            let measured: Measured = measure::run(socket, order, extent, args.timeout, &bar)?;
            bar.clear();
            let line = match args.json {
                true => report::json(&measured, at, ends, shared),
                false => report::text(&measured, shared),
            };
            report::print(&line)?;
        }
    }
    measure::say_goodbye(socket, args.timeout)
}

/// A socket for either end. What it has sent when it is dropped is still delivered.
fn socket(args: &BenchArgs, context: &Context) -> Result<AnySocket, Failure> {
    let security = Security::read(&args.security)?;
    let hwm = hwm(args.hwm);
    let socket = AnySocket::with_options(context, SocketType::Pair, |options| {
        with_queues(options, hwm).wss_trust_system(true)
    })?;
    security.apply(&socket)?;
    Ok(socket)
}

/// Lets the first signal end every call that waits.
fn end_calls_at_signal(context: &Context, stop: &Stop) -> Result<(), Failure> {
    let (context, stop) = (context.clone(), stop.clone());
    let watch = move || {
        let _ = stop.wait(None, pending::<()>());
        context.shutdown();
    };
    let started = thread::Builder::new().name("stop".to_owned()).spawn(watch);
    started.map(drop).map_err(|error| Failure::error(format!("cannot start a thread: {error}")))
}

/// The process at the other end, which does not outlive this one's interest in it.
struct OtherEnd {
    child: Child,
}

impl OtherEnd {
    fn start(args: &BenchArgs, bound: &str) -> Result<OtherEnd, Failure> {
        let failed = |error| Failure::error(format!("cannot start the other end: {error}"));
        let at = EndpointArg { role: Role::Connect, endpoint: bound.to_owned() };
        let program = std::env::current_exe().map_err(failed)?;
        let child = Command::new(program)
            .args(["bench", "--answer", "--once", "--quiet", "--hwm", &args.hwm.to_string()])
            .arg(at.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .map_err(failed)?;
        Ok(OtherEnd { child })
    }

    fn finish(&mut self) -> Result<(), Failure> {
        match self.child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Failure::error(format!("the other end failed: {status}"))),
            Err(error) => Err(Failure::error(format!("the other end: {error}"))),
        }
    }
}

impl Drop for OtherEnd {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
