//! `oxmq serve` and `oxmq proxy`: devices, each on a thread of its own, from their opening to
//! their end. The main thread owns the sockets, shows the rates and waits for a signal; then it
//! lets the devices pass on what they have and closes.

mod device;
mod rates;

use std::future::pending;
use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use oxmq::SocketType;

use self::device::{Device, Opening, Plan, Side};
use self::rates::Rates;
use crate::args::{DeviceArgs, ProxyArgs, ServeArgs};
use crate::durable::Durability;
use crate::duration::Limit;
use crate::endpoint::{EndpointList, TypedEndpoints};
use crate::failure::Failure;
use crate::limits::RATES_INTERVAL;
use crate::link;
use crate::security::Security;
use crate::shell::Process;
use crate::stop::Waited;
use crate::tell::tell;

/// What runs if the command line names no device: kind, front and back.
const DEFAULTS: [(Kind, &str, &str); 3] = [
    (Kind::Queue, "tcp://127.0.0.1:5559", "tcp://127.0.0.1:5560"),
    (Kind::Forwarder, "tcp://127.0.0.1:5561", "tcp://127.0.0.1:5562"),
    (Kind::Streamer, "tcp://127.0.0.1:5557", "tcp://127.0.0.1:5558"),
];

/// The three devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Queue,
    Forwarder,
    Streamer,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Queue => "queue",
            Kind::Forwarder => "forwarder",
            Kind::Streamer => "streamer",
        }
    }

    /// The types of its front and its back.
    fn types(self) -> (SocketType, SocketType) {
        match self {
            Kind::Queue => (SocketType::Router, SocketType::Dealer),
            Kind::Forwarder => (SocketType::XSub, SocketType::XPub),
            Kind::Streamer => (SocketType::Pull, SocketType::Push),
        }
    }
}

/// Runs the devices of the command line, or the default ones, until a signal comes.
pub(crate) fn serve(args: &ServeArgs, process: Process<'_>) -> Result<(), Failure> {
    let plans = plans(args)?;
    run(&plans, &args.device, args.durable.durability(), process)
}

/// Runs one device between two sockets of any types.
pub(crate) fn proxy(args: &ProxyArgs, process: Process<'_>) -> Result<(), Failure> {
    let plan = Plan {
        label: "proxy".to_owned(),
        name: "proxy".to_owned(),
        front: side(&args.frontend)?,
        back: side(&args.backend)?,
        capture: args.capture.as_ref().map(side).transpose()?,
    };
    run(&[plan], &args.device, None, process)
}

fn side(typed: &TypedEndpoints) -> Result<Side, Failure> {
    let Some(socket_type) = link::socket_type(&typed.socket_type) else {
        return Err(Failure::usage(format!("\"{}\" is no socket type", typed.socket_type)));
    };
    Ok(Side { socket_type, endpoints: typed.endpoints.clone() })
}

/// The devices to run. Those of one kind are numbered if there are several.
fn plans(args: &ServeArgs) -> Result<Vec<Plan>, Failure> {
    let given = [
        (Kind::Queue, &args.queue),
        (Kind::Forwarder, &args.forwarder),
        (Kind::Streamer, &args.streamer),
    ];
    let mut plans = Vec::new();
    for (kind, endpoints) in given {
        let several = endpoints.len() > 2;
        for (index, pair) in endpoints.chunks_exact(2).enumerate() {
            let label = match several {
                true => format!("{} {}", kind.name(), index + 1),
                false => kind.name().to_owned(),
            };
            let name = match index {
                0 => kind.name().to_owned(),
                _ => format!("{}-{}", kind.name(), index + 1),
            };
            let (front, back) = (pair[0].clone(), pair[1].clone());
            plans.push(Plan { label, name, ..plan(kind, front, back) });
        }
    }
    if plans.is_empty() {
        for (kind, front, back) in DEFAULTS {
            let parse = |text: &str| text.parse::<EndpointList>().map_err(Failure::error);
            plans.push(plan(kind, parse(front)?, parse(back)?));
        }
    }
    Ok(plans)
}

fn plan(kind: Kind, front: EndpointList, back: EndpointList) -> Plan {
    let (front_type, back_type) = kind.types();
    Plan {
        label: kind.name().to_owned(),
        name: kind.name().to_owned(),
        front: Side { socket_type: front_type, endpoints: front },
        back: Side { socket_type: back_type, endpoints: back },
        capture: None,
    }
}

fn run(
    plans: &[Plan],
    args: &DeviceArgs,
    durable: Option<Durability<'_>>,
    process: Process<'_>,
) -> Result<(), Failure> {
    // Everything is opened before anything runs, so that a wrong endpoint costs no message.
    let security = Security::read(&args.security)?;
    let opening = Opening { args, security: &security, durable, context: process.context };
    let mut devices = Vec::new();
    for plan in plans {
        devices.push(Device::open(plan, &opening)?);
    }
    for device in &mut devices {
        for line in device.description() {
            say(&line);
        }
        device.start(process.stop)?;
    }
    if io::stdout().is_terminal() {
        say("Ctrl-C ends. `oxmq serve --help` shows how to try it.");
    }
    watch(&devices, args, process);
    end(devices, args.linger, process)
}

/// Writes a line on standard output; that nobody reads it is no reason to end.
fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Shows the rates until a signal comes, or a device fails.
fn watch(devices: &[Device], args: &DeviceArgs, process: Process<'_>) {
    let terminal = io::stdout().is_terminal();
    let interval = match (args.rates, args.quiet) {
        (Some(span), _) => Some(span.0),
        (None, false) if terminal => Some(RATES_INTERVAL),
        _ => None,
    };
    let mut rates = Rates::new(devices, Instant::now());
    loop {
        let until = interval.and_then(|interval| Instant::now().checked_add(interval));
        match process.stop.wait(until, pending::<()>()) {
            Waited::TimedOut => rates.show(devices, Instant::now(), terminal),
            Waited::Ready(()) | Waited::Stopped => break,
        }
    }
}

/// Accepts no more peers, passes on what was received, and closes when it is written.
fn end(devices: Vec<Device>, linger: Limit, process: Process<'_>) -> Result<(), Failure> {
    let began = Instant::now();
    let left = || linger.0.map(|limit| limit.saturating_sub(began.elapsed()));
    tell("ending: what was received is passed on");
    for device in &devices {
        device.stop_accepting();
        device.drain(left().unwrap_or(Duration::MAX));
    }
    let mut result = Ok(());
    let mut kept = 0;
    let mut queued = 0;
    for device in devices {
        let (device_result, ended) = device.join();
        kept += ended.kept;
        tell(&ended.summary);
        queued += ended.close(left())?;
        result = result.and(device_result);
    }
    let closed = link::finish(process.context, Limit(left()), queued);
    result.and(closed)?;
    if kept > 0 {
        return Err(Failure::timeout(format!(
            "{kept} messages were received and not passed on, as nobody took them within {linger}\n\
             is a peer connected to the other side? --linger waits longer"
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    fn plans_of(words: &[&str]) -> Vec<Plan> {
        let words = ["oxmq", "serve"].iter().chain(words);
        match Cli::try_parse_from(words).unwrap().command {
            Command::Serve(args) => plans(&args).unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn three_devices_on_loopback_run_by_default() {
        let plans = plans_of(&[]);
        let labels: Vec<_> = plans.iter().map(|plan| plan.label.as_str()).collect();
        assert_eq!(labels, ["queue", "forwarder", "streamer"]);
        for plan in &plans {
            for side in [&plan.front, &plan.back] {
                assert!(
                    side.endpoints.to_string().starts_with("tcp://127.0.0.1:555")
                        || side.endpoints.to_string().starts_with("tcp://127.0.0.1:556")
                );
            }
        }
    }

    #[test]
    fn devices_can_be_mixed_and_repeated() {
        let plans = plans_of(&[
            "--streamer",
            "ipc://@a",
            "connect:ipc://@b",
            "--queue",
            "tcp://*:1,tcp://*:2",
            "tcp://*:3",
            "--streamer",
            "ipc://@c",
            "ipc://@d",
        ]);
        let labels: Vec<_> = plans.iter().map(|plan| plan.label.as_str()).collect();
        assert_eq!(labels, ["queue", "streamer 1", "streamer 2"]);
        // A device keeps its name when another one is added.
        let names: Vec<_> = plans.iter().map(|plan| plan.name.as_str()).collect();
        assert_eq!(names, ["queue", "streamer", "streamer-2"]);
        assert_eq!(plans[0].front.endpoints.0.len(), 2);
        assert_eq!(plans[1].back.endpoints.to_string(), "connect:ipc://@b");
    }

    #[test]
    fn the_help_page_names_the_default_endpoints() {
        use clap::CommandFactory;
        let mut cli = Cli::command();
        let help = cli.find_subcommand_mut("serve").unwrap().render_long_help().to_string();
        for (_, front, back) in DEFAULTS {
            assert!(help.contains(front) && help.contains(back), "{help}");
        }
    }
}
