//! `lat`: a client sends a message and waits for the same to come back, again and again. The server
//! binds; over tcp and ipc it is a process, over inproc a thread. Each end owns its socket.

use std::thread;
use std::time::Instant;

use oxmq::{AnySocket, Context, SocketType};
use oxmq_testing::{Child, Doing, Result, cpu_seconds};

use crate::content::Content;
use crate::flags::{End, Flags};
use crate::peer;

/// The program.
pub(crate) fn run(flags: &Flags) -> Result<()> {
    let far = if flags.inproc() { None } else { Some(peer::start("lat", flags)?) };
    flags.place(End::Near)?;
    let context = flags.context()?;
    let (times, peer_cpu) = match far {
        None => (with_thread(flags, &context)?, 0.0),
        Some(far) => with_process(flags, &context, far)?,
    };
    drop(context);
    let cpu = cpu_seconds() + peer_cpu;
    println!(
        "{} pattern={} {} cpu_us={:.3} ok=1",
        flags.line("lat"),
        flags.pattern.as_deref().unwrap_or("REQREP"),
        summary(times),
        cpu / (flags.count + flags.warmup) as f64 * 1e6,
    );
    Ok(())
}

/// Mean and percentiles of times in nanoseconds.
pub(crate) fn summary(mut times: Vec<u64>) -> String {
    times.sort_unstable();
    let at = |share: f64| times[(share * (times.len() - 1) as f64) as usize] as f64 * 1e-3;
    let sum: u64 = times.iter().sum();
    format!(
        "mean_us={:.3} min_us={:.3} p50_us={:.3} p90_us={:.3} p99_us={:.3} p999_us={:.3} \
         max_us={:.3}",
        sum as f64 / times.len() as f64 * 1e-3,
        at(0.0),
        at(0.5),
        at(0.9),
        at(0.99),
        at(0.999),
        at(1.0),
    )
}

/// The server's process: answers with its endpoint, and with its processor time at the end.
pub(crate) fn peer(flags: &Flags) -> Result<()> {
    flags.place(End::Far)?;
    let context = flags.context()?;
    let server = flags.socket(&context, flags.types("REQREP")?.1)?;
    peer::answer(server.bind(flags.wildcard()).doing("binding")?);
    serve(flags, &server)?;
    drop(server);
    drop(context);
    peer::answer(cpu_seconds());
    Ok(())
}

fn with_process(flags: &Flags, context: &Context, mut far: Child) -> Result<(Vec<u64>, f64)> {
    let endpoint = far.finish()?;
    let times = ask(flags, context, &endpoint)?;
    Ok((times, peer::number(&far.finish()?, 0)?))
}

fn with_thread(flags: &Flags, context: &Context) -> Result<Vec<u64>> {
    let server = flags.socket(context, flags.types("REQREP")?.1)?;
    let endpoint = server.bind(flags.wildcard()).doing("binding")?;
    thread::scope(|scope| {
        let serving = scope.spawn(|| {
            flags.place(End::Far)?;
            serve(flags, &server)
        });
        let times = ask(flags, context, &endpoint);
        serving.join().map_err(|_| "the server panicked")??;
        times
    })
}

fn serve(flags: &Flags, socket: &AnySocket) -> Result<()> {
    let content = Content::new(flags.size);
    let check = |message: &oxmq::Message, sequence| {
        let routed = socket.socket_type() == SocketType::Router;
        if message.len() != 1 + usize::from(routed) {
            return Err(format!("{} parts", message.len()));
        }
        content.check(&message[message.len() - 1], 0, sequence)
    };
    if flags.futures {
        return pollster::block_on(async {
            for sequence in 0..flags.count + flags.warmup {
                let message = socket.recv_async().await.doing("receiving")?;
                check(&message, sequence)?;
                socket.send_async(message).await.doing("sending")?;
            }
            Ok(())
        });
    }
    for sequence in 0..flags.count + flags.warmup {
        let message = socket.recv().doing("receiving")?;
        check(&message, sequence)?;
        socket.send(message).doing("sending")?;
    }
    Ok(())
}

/// The client: the time of each round trip after the warm-up, in nanoseconds.
fn ask(flags: &Flags, context: &Context, endpoint: &str) -> Result<Vec<u64>> {
    let socket = flags.socket(context, flags.types("REQREP")?.0)?;
    socket.connect(endpoint).doing("connecting")?;
    let mut content = Content::new(flags.size);
    let mut times = Vec::with_capacity(flags.count as usize);
    let mut note = |sequence, start: Instant| {
        if sequence >= flags.warmup {
            times.push(start.elapsed().as_nanos() as u64);
        }
    };
    if flags.futures {
        pollster::block_on(async {
            for sequence in 0..flags.count + flags.warmup {
                let start = Instant::now();
                socket.send_async(content.message(0, sequence)).await.doing("sending")?;
                let message = socket.recv_async().await.doing("receiving")?;
                note(sequence, start);
                content.check(&message[0], 0, sequence)?;
            }
            Ok::<(), String>(())
        })?;
    } else {
        for sequence in 0..flags.count + flags.warmup {
            let start = Instant::now();
            socket.send(content.message(0, sequence)).doing("sending")?;
            let message = socket.recv().doing("receiving")?;
            note(sequence, start);
            content.check(&message[0], 0, sequence)?;
        }
    }
    Ok(times)
}
