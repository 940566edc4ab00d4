//! PUB and SUB: one publisher of weather reports, and subscribers that each want some of them.
//! The publisher waits until both have subscribed, in place of sleeping in the hope of it.

use oxmq::{Context, Pub, Sub};

fn main() -> oxmq::Result<()> {
    let context = Context::new();
    let station = Pub::new(&context)?;
    let endpoint = station.bind("tcp://127.0.0.1:*")?;

    let (oslo, anywhere) = (Sub::new(&context)?, Sub::new(&context)?);
    oslo.subscribe("oslo ")?;
    anywhere.subscribe("")?;
    oslo.connect(&endpoint)?;
    anywhere.connect(&endpoint)?;
    station.wait_subscribed(2)?;

    let reports = ["rome 24", "oslo 3", "lima 19", "oslo 4"];
    for report in reports {
        station.send(report)?;
    }
    for report in reports {
        assert_eq!(anywhere.recv()?, [report]);
    }
    assert_eq!(oslo.recv()?, ["oslo 3"]);
    assert_eq!(oslo.recv()?, ["oslo 4"]);
    assert!(oslo.try_recv().is_err(), "the others do not concern it");
    Ok(())
}
