//! Durable sockets end to end: a PUSH and a PULL of two processes over loopback, with their stores
//! in one directory. Rates are of messages that the receiver has acknowledged and the sender has
//! settled. The main thread drives; the receiver is this program again.

use std::error::Error;
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::task::{Context as Task, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use oxmq_engine::options::SyncPolicy;
use oxmq_engine::{Context, Error as EngineError, Message, Profile, Socket, SocketType, Wait};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Sends under way at once.
const UNDER_WAY: [usize; 5] = [1, 256, 1024, 4096, 16_384];

/// Bytes of the backlog whose delivery is measured.
const BACKLOG_BYTES: usize = 1 << 30;

/// Many sends under way at once, in a directory of its own.
pub(crate) fn measure_many(directory: &Path, time: Duration) -> Outcome<()> {
    println!("\nend to end, messages/s of 100 bytes, acknowledged; two processes");
    println!("sends under way        always   interval         os");
    for under_way in UNDER_WAY {
        let mut rates = String::new();
        for policy in [SyncPolicy::Always, SyncPolicy::Interval, SyncPolicy::Os] {
            let rate = many(directory, policy, under_way, time)?;
            rates += &format!(" {rate:>10.0}");
        }
        println!("{under_way:>15} {rates}");
    }
    Ok(())
}

/// One send after the other.
pub(crate) fn measure_turns(directory: &Path, time: Duration) -> Outcome<()> {
    println!("\none thread that sends, one that receives; messages/s");
    println!("bytes            plain         os    of plain");
    for bytes in [100, 1024, 10 * 1024] {
        let plain = in_turn(directory, None, bytes, time)?;
        let durable = in_turn(directory, Some(SyncPolicy::Os), bytes, time)?;
        println!("{bytes:>5} {plain:>16.0} {durable:>10.0} {:>10.0}%", 100.0 * durable / plain);
    }
    Ok(())
}

/// A backlog that a receiver catches up with.
pub(crate) fn measure_backlog(directory: &Path) -> Outcome<()> {
    println!("\na backlog of 1 GiB that a receiver catches up with; GB/s");
    for bytes in [1024, 10 * 1024, 100 * 1024] {
        println!("{bytes:>7} {:>10.2}", catch_up(directory, bytes)? / 1e9);
    }
    Ok(())
}

/// The receiving process: `receive ENDPOINT STORE SYNC`, without a store for a plain socket.
pub(crate) fn receive(words: &[String]) -> Outcome<()> {
    let [endpoint, store, sync] = words else { return Err("three words".into()) };
    let context = Context::new(Profile::Safe);
    let policy = match sync.as_str() {
        "1" => SyncPolicy::Os,
        "2" => SyncPolicy::Interval,
        _ => SyncPolicy::Always,
    };
    let durable = (!store.is_empty()).then_some((Path::new(store.as_str()), policy));
    let pull = socket(&context, SocketType::Pull, durable)?;
    pull.connect(endpoint)?;
    println!("up");
    let mut message = Message::new();
    loop {
        match pull.recv_into(&mut message, Wait::For(Duration::from_millis(20))) {
            Ok(()) => {}
            // Nobody asks for the next one: the last is settled all the same.
            Err(EngineError::TimedOut) if durable.is_some() => pull.acknowledge()?,
            Err(EngineError::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn socket(
    context: &Context,
    socket_type: SocketType,
    durable: Option<(&Path, SyncPolicy)>,
) -> Outcome<Socket> {
    let socket = context.socket(socket_type)?;
    if let Some((store, policy)) = durable {
        let path = store.to_str().ok_or("a path that is no text")?.to_owned();
        socket.configure(|options| {
            options.durable.store = path;
            options.durable.name = b"bench".to_vec();
            options.durable.sync = policy;
            Ok(())
        })?;
    }
    Ok(socket)
}

/// Both ends, whose stores go with them.
struct Ends {
    push: Socket,
    receiver: Option<Child>,
    folder: PathBuf,
    endpoint: String,
    policy: Option<SyncPolicy>,
    _context: Context,
}

impl Ends {
    fn new(directory: &Path, policy: Option<SyncPolicy>) -> Outcome<Ends> {
        let folder = directory.join("ends");
        std::fs::create_dir_all(&folder)?;
        let context = Context::new(Profile::Safe);
        let store = folder.join("out");
        let durable = policy.map(|policy| (store.as_path(), policy));
        let push = socket(&context, SocketType::Push, durable)?;
        let endpoint = push.bind("tcp://127.0.0.1:*")?;
        Ok(Ends { push, receiver: None, folder, endpoint, policy, _context: context })
    }

    fn start_receiver(&mut self) -> Outcome<()> {
        let store = match self.policy {
            Some(_) => self.folder.join("in").to_string_lossy().into_owned(),
            None => String::new(),
        };
        let sync = match self.policy {
            Some(SyncPolicy::Os) => "1",
            Some(SyncPolicy::Interval) => "2",
            _ => "3",
        };
        let mut child = Command::new(std::env::current_exe()?)
            .args(["receive", &self.endpoint, &store, sync])
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("no output")?;
        self.receiver = Some(child);
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        if line.trim() == "up" { Ok(()) } else { Err(format!("the receiver says {line:?}").into()) }
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        if let Some(receiver) = &mut self.receiver {
            // Neither can fail for a child that has not been waited for.
            let _ = receiver.kill();
            let _ = receiver.wait();
        }
        // What stays is removed with the directory.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Messages a second with so many sends under way, from the first send to the last settlement.
fn many(directory: &Path, policy: SyncPolicy, under_way: usize, time: Duration) -> Outcome<f64> {
    let mut ends = Ends::new(directory, Some(policy))?;
    ends.start_receiver()?;
    let mut sends: Vec<Pin<Box<dyn Future<Output = _> + Send>>> = Vec::new();
    let wake = Arc::new(Unpark(std::thread::current()));
    let waker = Waker::from(wake);
    let mut task = Task::from_waker(&waker);
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < time || !sends.is_empty() {
        while sends.len() < under_way && start.elapsed() < time {
            let push = &ends.push;
            sends.push(Box::pin(async move {
                let mut message = Message::from(&[7; 100][..]);
                push.send_async(&mut message).await
            }));
        }
        let mut failed = None;
        let before = sends.len();
        sends.retain_mut(|send| match send.as_mut().poll(&mut task) {
            Poll::Ready(Ok(())) => {
                count += 1;
                false
            }
            Poll::Ready(Err(error)) => {
                failed = Some(error);
                false
            }
            Poll::Pending => true,
        });
        if let Some(error) = failed {
            return Err(error.into());
        }
        if sends.len() == before {
            std::thread::park();
        }
    }
    ends.push.flush(Wait::Forever)?;
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// Wakes the thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Messages a second from one thread that sends one after the other.
fn in_turn(
    directory: &Path,
    policy: Option<SyncPolicy>,
    bytes: usize,
    time: Duration,
) -> Outcome<f64> {
    let mut ends = Ends::new(directory, policy)?;
    ends.start_receiver()?;
    let body = vec![7; bytes];
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < time {
        for _ in 0..64 {
            ends.push.send_message(&mut Message::from(&body[..]), Wait::Forever)?;
        }
        count += 64;
    }
    if policy.is_some() {
        ends.push.flush(Wait::Forever)?;
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// Bytes a second at which a receiver gets what was recorded before it came.
fn catch_up(directory: &Path, bytes: usize) -> Outcome<f64> {
    let mut ends = Ends::new(directory, Some(SyncPolicy::Os))?;
    let body = vec![7; bytes];
    let count = BACKLOG_BYTES / bytes;
    for _ in 0..count {
        ends.push.send_message(&mut Message::from(&body[..]), Wait::Forever)?;
    }
    ends.start_receiver()?;
    let start = Instant::now();
    ends.push.flush(Wait::Forever)?;
    Ok((count * bytes) as f64 / start.elapsed().as_secs_f64())
}
