//! Chains of one, two and three devices between eight clients and eight services, with either
//! side of each connection bound. Driven by the main thread.

use oxmq_testing::{Result, reserve_tcp};

use crate::Run;
use crate::device::Device;
use crate::ours::Ours;
use crate::stock::{Stock, Tally};

/// Clients, and as many services.
pub(crate) const PEERS: usize = 8;

/// What each client asks.
const REQUESTS: u64 = 200;

const ANY: &str = "tcp://127.0.0.1:*";

/// Who binds between two devices.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Joint {
    /// The back of the device that is nearer to the clients.
    Back,
    /// The front of the device that is nearer to the services.
    Front,
}

/// The chains: a name, and who binds between their devices.
pub(crate) const CHAINS: &[(&str, &[Joint])] = &[
    ("one device", &[]),
    ("two devices, a back binds", &[Joint::Back]),
    ("two devices, a front binds", &[Joint::Front]),
    ("three devices, backs bind", &[Joint::Back, Joint::Back]),
    ("three devices, fronts bind", &[Joint::Front, Joint::Front]),
    ("three devices, the middle connects", &[Joint::Back, Joint::Front]),
    ("three devices, the middle binds", &[Joint::Front, Joint::Back]),
];

/// Devices in a row, the first nearest to the clients.
pub(crate) struct Chain {
    devices: Vec<Device>,
    /// The command line's endpoints of each device, with ports.
    sides: Vec<(String, String)>,
}

impl Chain {
    /// Starts the devices, of which the first has this front and the last this back. They start
    /// in their order, so that some connect before the other binds.
    pub(crate) fn start(joints: &[Joint], front: &str, back: &str) -> Result<Chain> {
        let mut fronts = vec![front.to_owned()];
        let mut backs = Vec::new();
        for joint in joints {
            let endpoint = reserve_tcp()?;
            let connect = format!("connect:{endpoint}");
            let (back, front) = match joint {
                Joint::Back => (endpoint, connect),
                Joint::Front => (connect, endpoint),
            };
            backs.push(back);
            fronts.push(front);
        }
        backs.push(back.to_owned());
        let mut chain = Chain { devices: Vec::new(), sides: Vec::new() };
        for (front, back) in fronts.into_iter().zip(backs) {
            let device = Device::start(&front, &back)?;
            // What was bound to any port is bound to the same after a restart.
            let fixed =
                |given: String, got: &str| if given == ANY { got.to_owned() } else { given };
            chain.sides.push((fixed(front, &device.front), fixed(back, &device.back)));
            chain.devices.push(device);
        }
        Ok(chain)
    }

    /// A chain whose ends bind to any port.
    pub(crate) fn bound(joints: &[Joint]) -> Result<Chain> {
        Chain::start(joints, ANY, ANY)
    }

    /// Where the clients connect.
    pub(crate) fn front(&self) -> &str {
        self.devices.first().map_or("", |device| &device.front)
    }

    /// Where the services connect.
    pub(crate) fn back(&self) -> &str {
        self.devices.last().map_or("", |device| &device.back)
    }

    /// Kills a device and starts it again with the same endpoints.
    pub(crate) fn restart(&mut self, index: usize) -> Result<()> {
        let (front, back) = &self.sides[index];
        self.devices[index].kill();
        self.devices[index] = Device::start(front, back)?;
        Ok(())
    }

    /// Ends each device, which has to have passed on so many requests and replies.
    pub(crate) fn end(self, count: u64) -> Result<()> {
        self.devices.into_iter().try_for_each(|device| device.end(count))
    }
}

/// `NAME0` and so on, all with one endpoint.
pub(crate) fn named(name: &str, count: usize, endpoint: &str) -> Vec<(String, String)> {
    (0..count).map(|number| (format!("{name}{number}"), endpoint.to_owned())).collect()
}

/// Runs the scenarios.
pub(crate) fn run(run: &mut Run) {
    for (name, joints) in CHAINS {
        run.scenario(&format!("{name}, stock peers connect"), || connected(joints));
        run.scenario(&format!("{name}, stock peers bind"), || outward(joints));
        run.scenario(&format!("{name}, stock peers and ours"), || mixed(joints));
    }
}

/// Every reply is back with its asker, and each service and each device had its part.
fn judge(tally: &Tally, chain: Chain) -> Result<String> {
    let all = REQUESTS * PEERS as u64;
    let note = tally.check(all, PEERS)?;
    chain.end(all)?;
    Ok(note)
}

/// Starts clients in both processes before it waits for either.
fn ask(first: &mut Stock, second: &mut Stock, front: &str) -> Result<Tally> {
    let clients = named("client", PEERS, front);
    let (half, other) = clients.split_at(PEERS / 2);
    first.clients("connect", false, REQUESTS, half)?;
    second.clients("connect", false, REQUESTS, other)?;
    let mut tally = first.done()?;
    tally.add(second.done()?);
    Ok(tally)
}

/// The devices bind to clients and services; two processes of each.
fn connected(joints: &[Joint]) -> Result<String> {
    let chain = Chain::bound(joints)?;
    let mut services = [Stock::start()?, Stock::start()?];
    let pairs = named("service", PEERS, chain.back());
    for (process, pairs) in services.iter_mut().zip(pairs.chunks(PEERS / 2)) {
        process.services("connect", pairs)?;
        process.met()?;
    }
    let [mut first, mut second] = [Stock::start()?, Stock::start()?];
    let tally = ask(&mut first, &mut second, chain.front())?;
    judge(&tally, chain)
}

/// Clients and services bind; the first and the last device connect to all of them.
fn outward(joints: &[Joint]) -> Result<String> {
    let (mut services, mut clients) = (Stock::start()?, Stock::start()?);
    let list = |endpoints: Vec<String>| {
        let words: Vec<String> = endpoints.iter().map(|at| format!("connect:{at}")).collect();
        words.join(",")
    };
    let back = list(services.services("bind", &named("service", PEERS, ANY))?);
    // They ask at once; their requests wait for the device.
    let front = list(clients.clients("bind", false, REQUESTS, &named("client", PEERS, ANY))?);
    let chain = Chain::start(joints, &front, &back)?;
    judge(&clients.done()?, chain)
}

/// Half of the clients and half of the services are ours.
fn mixed(joints: &[Joint]) -> Result<String> {
    let chain = Chain::bound(joints)?;
    let (mut services, mut clients, mut ours) = (Stock::start()?, Stock::start()?, Ours::new());
    let half = PEERS / 2;
    services.services("connect", &named("stock-service", half, chain.back()))?;
    services.met()?;
    ours.services(&named("our-service", half, chain.back()))?;
    clients.clients("connect", false, REQUESTS, &named("stock-client", half, chain.front()))?;
    ours.clients(REQUESTS, &named("our-client", half, chain.front()))?;
    let mut tally = clients.done()?;
    tally.add(ours.done()?);
    let note = judge(&tally, chain)?;
    ours.end()?;
    Ok(note)
}
