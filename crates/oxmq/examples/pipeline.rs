//! PUSH and PULL: a ventilator hands out tasks, workers carry them out, a sink gathers results.
//! Add workers, here or on other machines, and it goes faster; nobody else is changed.

use std::thread;

use oxmq::{Context, Error, Pull, Push};

const WORKERS: usize = 3;
const TASKS: u64 = 300;

fn work(tasks: &Pull, results: &Push) -> oxmq::Result<()> {
    loop {
        let task = tasks.recv()?;
        let number: u64 = task.str().unwrap_or_default().parse().unwrap_or_default();
        results.send((number * number).to_string())?;
    }
}

/// A shutdown of the context is how these threads are told to end.
fn until_shutdown(end: oxmq::Result<()>) -> oxmq::Result<()> {
    match end {
        Err(Error::Terminated) => Ok(()),
        end => end,
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let context = Context::new();
    let (ventilator, sink) = (Push::new(&context)?, Pull::new(&context)?);
    let tasks_at = ventilator.bind("ipc://*")?;
    let results_at = sink.bind("tcp://127.0.0.1:*")?;

    // A context of its own for the workers, as they would have in another process.
    let others = Context::new();
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        let (tasks, results) = (Pull::new(&others)?, Push::new(&others)?);
        tasks.connect(&tasks_at)?;
        results.connect(&results_at)?;
        workers.push(thread::spawn(move || until_shutdown(work(&tasks, &results))));
    }

    // Without this the first worker to connect would get the most.
    ventilator.wait_connected(WORKERS)?;
    for task in 1..=TASKS {
        ventilator.send(task.to_string())?;
    }
    let mut sum = 0;
    for _ in 0..TASKS {
        sum += sink.recv()?.str()?.parse::<u64>()?;
    }
    assert_eq!(sum, TASKS * (TASKS + 1) * (2 * TASKS + 1) / 6);

    others.shutdown();
    for worker in workers {
        worker.join().map_err(|_| "a worker panicked")??;
    }
    Ok(())
}
