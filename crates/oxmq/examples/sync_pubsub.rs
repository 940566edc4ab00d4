//! Synchronised publishing: no subscriber misses the beginning, and the end is known.
//!
//! The publisher starts when every subscriber is there, says when it has finished, and waits for
//! the counts of all. Its high-water mark is large enough for what a slow subscriber may lag.

use std::thread;

use oxmq::{Context, Pub, Pull, Push, Sub};

const SUBSCRIBERS: usize = 4;
const UPDATES: usize = 20_000;

fn subscribe(updates: &Sub, counts: &Push) -> oxmq::Result<()> {
    let mut count = 0;
    while updates.recv()? != ["end"] {
        count += 1;
    }
    counts.send(count.to_string())?;
    Ok(())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let context = Context::new();
    let publisher = Pub::with_options(&context, |o| o.send_hwm(UPDATES + 1))?;
    let counts = Pull::new(&context)?;
    let updates_at = publisher.bind("tcp://127.0.0.1:*")?;
    counts.bind("inproc://counts")?;

    let mut threads = Vec::new();
    for _ in 0..SUBSCRIBERS {
        let updates = Sub::new(&context)?;
        updates.subscribe("")?;
        updates.connect(&updates_at)?;
        let counts = Push::new(&context)?;
        counts.connect("inproc://counts")?;
        threads.push(thread::spawn(move || subscribe(&updates, &counts)));
    }

    publisher.wait_subscribed(SUBSCRIBERS)?;
    for number in 0..UPDATES {
        publisher.send(number.to_string())?;
    }
    publisher.send("end")?;

    for _ in 0..SUBSCRIBERS {
        assert_eq!(counts.recv()?, [UPDATES.to_string()]);
    }
    assert_eq!(publisher.snapshot().drops.high_water_mark, 0);
    for thread in threads {
        thread.join().map_err(|_| "a subscriber panicked")??;
    }
    Ok(())
}
