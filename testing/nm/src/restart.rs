//! A device that is killed and started again while eight clients ask: each asks again when no
//! reply comes, and in the end has a reply to every request. Driven by the main thread.

use oxmq_testing::Result;

use crate::Run;
use crate::chain::{CHAINS, Chain, Joint, PEERS, named};
use crate::stock::Stock;

/// What each client asks.
const REQUESTS: u64 = 200;

/// Runs the scenarios: of each chain, every device in turn.
pub(crate) fn run(run: &mut Run) {
    for (name, joints) in CHAINS {
        for index in 0..=joints.len() {
            let number = index + 1;
            let name = format!("{name}, device {number} is killed and restarted twice");
            run.scenario(&name, || killed(joints, index));
        }
    }
}

fn killed(joints: &[Joint], index: usize) -> Result<String> {
    let mut chain = Chain::bound(joints)?;
    let (mut services, mut clients) = (Stock::start()?, Stock::start()?);
    services.services("connect", &named("service", PEERS, chain.back()))?;
    services.met()?;
    let pairs = named("client", PEERS, chain.front());
    clients.clients("connect", true, REQUESTS, &pairs)?;
    let all = REQUESTS * PEERS as u64;
    for part in 1..=2 {
        services.handled(all * part / 3)?;
        chain.restart(index)?;
    }
    let tally = clients.done()?;
    Ok(format!("{}, {} asked again", tally.check(all, PEERS)?, tally.retries))
}
