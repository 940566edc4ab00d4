//! PAIR: two threads that have only each other. The main thread hands work to a second one, which
//! signals that it is ready, answers, and ends when it is told to.

use oxmq::{Context, Pair};

fn compute(pair: &Pair) -> oxmq::Result<()> {
    pair.send("ready")?;
    loop {
        let order = pair.recv()?;
        if order == ["stop"] {
            return Ok(());
        }
        let reversed: String = order.str().unwrap_or_default().chars().rev().collect();
        pair.send(reversed)?;
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let context = Context::new();
    let (ours, theirs) = (Pair::new(&context)?, Pair::new(&context)?);
    ours.bind("inproc://pair")?;
    theirs.connect("inproc://pair")?;

    let thread = std::thread::spawn(move || compute(&theirs));
    assert_eq!(ours.recv()?, ["ready"]);
    ours.send("drawer")?;
    assert_eq!(ours.recv()?, ["reward"]);
    ours.send("stop")?;
    thread.join().map_err(|_| "the thread panicked")??;
    Ok(())
}
