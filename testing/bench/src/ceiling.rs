//! `ceiling`: what the machine can do at best, without sockets of ZeroMQ. `-M bulk` streams frames
//! of ZMTP, packed into large writes and taken apart on the other side; `-M serial` sends one
//! message there and back at a time. Over tcp and ipc the ends are processes with a blocking
//! socket; inproc passes buffers of frames between threads. Each end owns its side.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use oxmq_testing::{Doing, Result, cpu_seconds};

use crate::content::Content;
use crate::flags::{End, Flags};
use crate::lat::summary;
use crate::peer;

/// Octets of a write, and room of a read.
const WRITE_BYTES: usize = 128 * 1024;
const READ_BYTES: usize = 256 * 1024;
/// Buffers under way between two threads.
const BUFFERS: usize = 4;

/// One side of the link.
trait Link: Read + Write + Send {}
impl<T: Read + Write + Send> Link for T {}

/// The program: the end that receives, or asks.
pub(crate) fn run(flags: &Flags) -> Result<()> {
    if flags.inproc() {
        return with_thread(flags);
    }
    let mut far = peer::start("ceiling", flags)?;
    flags.place(End::Near)?;
    let mut link: Box<dyn Link> = match flags.transport.as_str() {
        "tcp" => {
            let listener = TcpListener::bind("127.0.0.1:0").doing("binding")?;
            far.begin(listener.local_addr().doing("the address")?)?;
            let (stream, _) = listener.accept().doing("accepting")?;
            stream.set_nodelay(true).doing("nodelay")?;
            Box::new(stream)
        }
        _ => {
            let path = std::env::temp_dir().join(format!("oxmq-ceiling-{}", std::process::id()));
            let listener = UnixListener::bind(&path).doing(path.display())?;
            far.begin(path.display())?;
            let accepted = listener.accept();
            // Nobody else connects.
            let _ = std::fs::remove_file(&path);
            Box::new(accepted.doing("accepting")?.0)
        }
    };
    near(flags, &mut link, || peer::number(&far.finish()?, 0))
}

/// The end that sends, or answers: told where; says its processor time at the end.
pub(crate) fn peer(flags: &Flags) -> Result<()> {
    let place = peer::told()?;
    flags.place(End::Far)?;
    if flags.transport == "tcp" {
        let stream = TcpStream::connect(place).doing("connecting")?;
        stream.set_nodelay(true).doing("nodelay")?;
        far(flags, stream)?;
    } else {
        far(flags, UnixStream::connect(place).doing("connecting")?)?;
    }
    peer::answer(cpu_seconds());
    Ok(())
}

fn with_thread(flags: &Flags) -> Result<()> {
    let (there, from_there) = sync_channel(BUFFERS);
    let (back, from_back) = sync_channel(BUFFERS);
    let mut near_link = Channel { to: back, from: from_there, rest: Vec::new(), at: 0 };
    let far_link = Channel { to: there, from: from_back, rest: Vec::new(), at: 0 };
    thread::scope(|scope| {
        let sending = scope.spawn(|| {
            flags.place(End::Far)?;
            far(flags, far_link)
        });
        flags.place(End::Near)?;
        near(flags, &mut near_link, || {
            sending.join().map_err(|_| "the other end panicked")??;
            // The process is one.
            Ok(0.0)
        })
    })
}

fn near(flags: &Flags, link: &mut dyn Link, other_cpu: impl FnOnce() -> Result<f64>) -> Result<()> {
    let total = flags.count + flags.warmup;
    if flags.serial {
        let times = ask(flags, link)?;
        let cpu = cpu_seconds() + other_cpu()?;
        let cpu_us = cpu / total as f64 * 1e6;
        println!("{} {} cpu_us={cpu_us:.3} ok=1", flags.line("ceiling"), summary(times));
        return Ok(());
    }
    let nanoseconds = receive(flags, link)?;
    let cpu = cpu_seconds() + other_cpu()?;
    println!(
        "{} msgs_per_s={:.0} cpu_us={:.4} ok=1",
        flags.line("ceiling"),
        flags.count as f64 / (nanoseconds as f64 * 1e-9),
        cpu / total as f64 * 1e6,
    );
    Ok(())
}

fn far(flags: &Flags, mut link: impl Link) -> Result<()> {
    let total = flags.count + flags.warmup;
    let mut content = Content::new(flags.size);
    if flags.serial {
        let mut buffer = vec![0; flags.size];
        for number in 0..total {
            link.read_exact(&mut buffer).doing("reading")?;
            content.check(&buffer, 0, number)?;
            link.write_all(&buffer).doing("writing")?;
        }
        return Ok(());
    }
    let mut frames = Vec::with_capacity(WRITE_BYTES + flags.size + 9);
    for number in 0..total {
        match u8::try_from(flags.size) {
            Ok(length) => frames.extend_from_slice(&[0, length]),
            Err(_) => {
                frames.push(2);
                frames.extend_from_slice(&(flags.size as u64).to_be_bytes());
            }
        }
        frames.extend_from_slice(content.fill(0, number));
        if frames.len() >= WRITE_BYTES || number + 1 == total {
            link.write_all(&frames).doing("writing")?;
            frames.clear();
        }
    }
    Ok(())
}

/// Takes every frame; the time from the last of the warm-up to the last of all.
fn receive(flags: &Flags, link: &mut dyn Link) -> Result<u64> {
    let head = if flags.size > 255 { 9 } else { 2 };
    let whole = head + flags.size;
    let content = Content::new(flags.size);
    let mut buffer = vec![0; READ_BYTES.max(2 * whole)];
    let (mut have, mut number, mut start) = (0, 0, peer::now_ns());
    let total = flags.count + flags.warmup;
    while number < total {
        let read = link.read(&mut buffer[have..]).doing("reading")?;
        if read == 0 {
            return Err("the sender has gone".to_owned());
        }
        have += read;
        let mut at = 0;
        while have - at >= whole {
            content.check(&buffer[at + head..at + whole], 0, number)?;
            at += whole;
            number += 1;
            if number == flags.warmup {
                start = peer::now_ns();
            }
        }
        buffer.copy_within(at..have, 0);
        have -= at;
    }
    Ok(peer::now_ns() - start)
}

/// The time of each round trip after the warm-up, in nanoseconds.
fn ask(flags: &Flags, link: &mut dyn Link) -> Result<Vec<u64>> {
    let mut content = Content::new(flags.size);
    let mut buffer = vec![0; flags.size];
    let mut times = Vec::with_capacity(flags.count as usize);
    for number in 0..flags.count + flags.warmup {
        let start = peer::now_ns();
        link.write_all(content.fill(0, number)).doing("writing")?;
        link.read_exact(&mut buffer).doing("reading")?;
        if number >= flags.warmup {
            times.push(peer::now_ns() - start);
        }
        content.check(&buffer, 0, number)?;
    }
    Ok(times)
}

/// Buffers that go between two threads.
struct Channel {
    to: SyncSender<Vec<u8>>,
    from: Receiver<Vec<u8>>,
    rest: Vec<u8>,
    at: usize,
}

impl Read for Channel {
    fn read(&mut self, place: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.rest.len() {
            let Ok(next) = self.from.recv() else { return Ok(0) };
            (self.rest, self.at) = (next, 0);
        }
        let bytes = place.len().min(self.rest.len() - self.at);
        place[..bytes].copy_from_slice(&self.rest[self.at..self.at + bytes]);
        self.at += bytes;
        Ok(bytes)
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let gone = |_| std::io::ErrorKind::BrokenPipe.into();
        self.to.send(bytes.to_vec()).map(|()| bytes.len()).map_err(gone)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
