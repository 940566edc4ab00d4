//! Every order of starting a client, a device and a service, with either side bound: processes
//! over tcp and ipc, threads with our own sockets over inproc too. The time from the last start to
//! the first reply is a report, not a check. Driven by the main thread.

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use oxmq_engine::{Context, Error, Profile, Proxy, Socket, SocketType};
use oxmq_testing::{Doing, Result, reserve_tcp};

use crate::Run;
use crate::chain::named;
use crate::device::Device;
use crate::ours;
use crate::stock::Stock;

/// What the client asks.
const REQUESTS: u64 = 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Client,
    Device,
    Service,
}

use Who::{Client as C, Device as D, Service as S};

const ORDERS: [[Who; 3]; 6] = [[C, D, S], [C, S, D], [D, C, S], [D, S, C], [S, C, D], [S, D, C]];

/// Which of the two connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Device,
    Ends,
}

/// The two endpoints of a device, and the folder that holds them, which goes with the value.
struct Places {
    front: String,
    back: String,
    folder: Option<PathBuf>,
}

impl Places {
    fn new(transport: &str) -> Result<Places> {
        let (front, back, folder) = match transport {
            "tcp" => (reserve_tcp()?, reserve_tcp()?, None),
            "ipc" => {
                let name = format!("oxmq-nm-{}", std::process::id());
                let folder = std::env::temp_dir().join(name);
                fs::create_dir(&folder).doing(format_args!("making {}", folder.display()))?;
                let at = |side| format!("ipc://{}", folder.join(side).display());
                (at("front"), at("back"), Some(folder))
            }
            _ => (format!("{transport}://front"), format!("{transport}://back"), None),
        };
        Ok(Places { front, back, folder })
    }
}

impl Drop for Places {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            // What stays behind is in the folder for temporary files.
            let _ = fs::remove_dir_all(folder);
        }
    }
}

/// Runs the scenarios.
pub(crate) fn run(run: &mut Run) {
    for (bound, role) in [(Bound::Device, "the device binds"), (Bound::Ends, "the device connects")]
    {
        for transport in ["tcp", "ipc"] {
            let name = format!("every start order, processes over {transport}, {role}");
            run.scenario(&name, || every_order(transport, bound, processes));
        }
        for transport in ["inproc", "tcp", "ipc"] {
            let name = format!("every start order, threads over {transport}, {role}");
            run.scenario(&name, || every_order(transport, bound, threads));
        }
    }
}

type RunOrder = fn(&[Who; 3], &Places, Bound) -> Result<Duration>;

fn every_order(transport: &str, bound: Bound, run: RunOrder) -> Result<String> {
    let mut note = "first reply after".to_owned();
    for order in &ORDERS {
        let places = Places::new(transport)?;
        let time = run(order, &places, bound).doing(format_args!("{order:?}"))?;
        let [first, second, third] = order.map(|who| match who {
            Who::Client => 'c',
            Who::Device => 'd',
            Who::Service => 's',
        });
        note += &format!(" {first}{second}{third} {:.1}", time.as_secs_f64() * 1e3);
    }
    Ok(note + " ms")
}

/// A stock client, the device of the command, and a stock service. The clock starts when the last
/// process does; for Python, when it has loaded what it needs.
fn processes(order: &[Who; 3], places: &Places, bound: Bound) -> Result<Duration> {
    let (mut client, mut service, mut device) = (None, None, None);
    let (ends, prefix) = match bound {
        Bound::Device => ("connect", ""),
        Bound::Ends => ("bind", "connect:"),
    };
    let mut last = Instant::now();
    for who in order {
        match who {
            Who::Client => {
                let client = client.insert(Stock::start()?);
                last = Instant::now();
                client.clients(ends, false, REQUESTS, &named("client", 1, &places.front))?;
            }
            Who::Service => {
                let service = service.insert(Stock::start()?);
                last = Instant::now();
                service.services(ends, &named("service", 1, &places.back))?;
            }
            Who::Device => {
                last = Instant::now();
                let (front, back) = (&places.front, &places.back);
                device =
                    Some(Device::start(&format!("{prefix}{front}"), &format!("{prefix}{back}"))?);
            }
        }
    }
    let (Some(mut client), Some(device)) = (client, device) else {
        return Err("an order lacks someone".to_owned());
    };
    client.first()?;
    let time = last.elapsed();
    client.done()?.check(REQUESTS, 1)?;
    device.end(REQUESTS)?;
    Ok(time)
}

/// The same with a thread and a socket of ours for each, in one context.
fn threads(order: &[Who; 3], places: &Places, bound: Bound) -> Result<Duration> {
    let context = Context::new(Profile::Safe);
    let (ready, started): (Sender<()>, Receiver<()>) = channel();
    let (reply, replied) = channel();
    let mut running = Vec::new();
    let mut last = Instant::now();
    for &who in order {
        let one = One { context: context.clone(), ready: ready.clone(), reply: reply.clone() };
        let (front, back) = (places.front.clone(), places.back.clone());
        last = Instant::now();
        running.push((who, thread::spawn(move || one.run(who, &front, &back, bound))));
        // One that fails says so when it is joined.
        let _ = started.recv_timeout(Duration::from_secs(20));
    }
    drop(reply);
    let answered = replied.recv_timeout(Duration::from_secs(40));
    // The client ends by itself; only then are the others told to.
    running.sort_by_key(|(who, _)| *who != Who::Client);
    let mut result = Ok(());
    for (who, thread) in running {
        let ended = thread.join().unwrap_or_else(|_| Err("panicked".to_owned()));
        result = result.and(ended.doing(format_args!("{who:?}")));
        context.shutdown();
    }
    result?;
    let at: Instant = answered.doing("waiting for the first reply")?;
    Ok(at.duration_since(last))
}

/// What a thread of an order has.
struct One {
    context: Context,
    /// Told when the endpoints are bound or connected.
    ready: Sender<()>,
    /// Told when the first reply came.
    reply: Sender<Instant>,
}

impl One {
    fn run(self, who: Who, front: &str, back: &str, bound: Bound) -> Result<()> {
        let device = who == Who::Device;
        let binds = device == (bound == Bound::Device);
        let open = |kind: SocketType, endpoint: &str| -> Result<Socket> {
            let socket = self.context.socket(kind).doing("opening")?;
            match binds {
                true => drop(socket.bind(endpoint).doing("bind")?),
                false => socket.connect(endpoint).doing("connect")?,
            }
            Ok(socket)
        };
        match who {
            Who::Client => {
                let req = open(SocketType::Req, front)?;
                self.begun();
                let mut tally = ours::ask(&req, "first", 1)?;
                // The main thread waits for it as long as this one runs.
                let _ = self.reply.send(Instant::now());
                tally.add(ours::ask(&req, "client", REQUESTS - 1)?);
                tally.check(REQUESTS, 1)?;
            }
            Who::Service => {
                let rep = open(SocketType::Rep, back)?;
                self.begun();
                ours::serve(&rep, "service")?;
            }
            Who::Device => {
                let front = open(SocketType::Router, front)?;
                let back = open(SocketType::Dealer, back)?;
                let proxy = Proxy::new(&front, &back).doing("opening the proxy")?;
                self.begun();
                match proxy.run() {
                    Ok(_) | Err(Error::Terminated) => {}
                    Err(error) => return Err(error.to_string()),
                }
            }
        }
        Ok(())
    }

    fn begun(&self) {
        // The main thread waits for it.
        let _ = self.ready.send(());
    }
}
