//! A backlog many times larger than memory: a PUSH that spills takes it with nobody there, and a
//! PULL that comes later gets it in order; the PUSH's process stays small, and the disk is as free
//! afterwards as before. The sizes are measured from outside. The main thread drives.

use std::fs;
use std::process::{Command, ExitCode};
use std::time::Instant;

use oxmq_engine::{Context, Message, Profile, SocketType, Wait};
use oxmq_testing::{Doing, Result, reserve_tcp};

use crate::folder::Folder;
use crate::process::Worker;
use crate::{Rounds, Run};

/// Bytes of a message's body.
const BODY_BYTES: u64 = 1024;

/// What the socket may keep in memory.
const MEMORY_BYTES: u64 = 64 << 20;

/// The largest that the process may become.
const RESIDENT_KIB_MAX: u64 = 96 << 10;

/// Messages after which it is told that things go on.
const PROGRESS: u64 = 100_000;

/// Megabytes of the backlog unless the command line says.
const MEGABYTES: u64 = 300;

/// Runs the scenario; the rounds of the command line are megabytes.
pub(crate) fn run(run: &mut Run) {
    run.scenario("a backlog larger than memory", MEGABYTES, |rounds| backlog(rounds));
}

fn backlog(rounds: &Rounds<'_>) -> Result<String> {
    let megabytes = rounds.count;
    let folder = Folder::new()?;
    let endpoint = reserve_tcp()?;
    let count = megabytes * 1_000_000 / BODY_BYTES;
    fs::create_dir_all(folder.at("spill")).doing("making a folder")?;
    let mut command = Command::new(std::env::current_exe().doing("finding this program")?);
    command.args(["spill-worker", &endpoint, &folder.at("spill"), &count.to_string()]);
    let mut push = Worker::start_as("the PUSH", &mut command)?;
    let start = Instant::now();
    loop {
        match push.line()?.as_str() {
            "up" => break,
            "more" => rounds.done(),
            other => return Err(other.to_owned()),
        }
    }
    push.is_up = true;
    let taken = start.elapsed().as_secs_f64();
    let spilled = push.call("disk")?;
    let context = Context::new(Profile::Safe);
    let pull = context.socket(SocketType::Pull).doing("a socket")?;
    pull.connect(&endpoint).doing("connecting")?;
    let start = Instant::now();
    let mut message = Message::new();
    for expected in 0..count {
        pull.recv_into(&mut message, Wait::For(crate::process::NEVER)).doing("receiving")?;
        let body = message.iter().next().ok_or("an empty message")?;
        let number = body.first_chunk().map(|number| u64::from_be_bytes(*number));
        if number != Some(expected) || body.len() as u64 != BODY_BYTES {
            return Err(format!("{number:?} of {} bytes came for {expected}", body.len()));
        }
        if expected % PROGRESS == 0 {
            rounds.done();
        }
    }
    let drained = start.elapsed().as_secs_f64();
    let left = push.call("disk")?;
    let resident = push.call("resident")?;
    push.finish()?;
    let kib: u64 = resident.parse().doing("a size")?;
    if kib > RESIDENT_KIB_MAX {
        return Err(format!("the process had {kib} KiB"));
    }
    let (spilled, left): (u64, u64) = (spilled.parse().doing("")?, left.parse().doing("")?);
    // Some idle blocks keep their room.
    if spilled < megabytes * 500_000 || left > 16 << 20 {
        return Err(format!("{spilled} bytes were on disk, and {left} at the end"));
    }
    Ok(format!(
        "{megabytes} MB in {count} messages: taken in {taken:.1} s, drained in {drained:.1} s, \
         {spilled} bytes on disk at most, {left} at the end, {kib} KiB resident at most"
    ))
}

/// The process with the PUSH: `spill-worker ENDPOINT FOLDER COUNT`.
pub(crate) fn worker(words: &[String]) -> ExitCode {
    match push(words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn push(words: &[String]) -> Result<()> {
    let [endpoint, folder, count] = words else { return Err("three words".to_owned()) };
    let count: u64 = count.parse().doing("the count")?;
    let context = Context::new(Profile::Safe);
    let push = context.socket(SocketType::Push).doing("a socket")?;
    push.configure(|options| {
        options.durable.spill_dir.clone_from(folder);
        options.durable.spill_memory = Some(MEMORY_BYTES);
        Ok(())
    })
    .doing("options")?;
    push.bind(endpoint).doing("binding")?;
    let mut body = vec![0; BODY_BYTES as usize];
    for number in 0..count {
        body[..8].copy_from_slice(&number.to_be_bytes());
        push.send_message(&mut Message::from(&body[..]), Wait::No).doing("sending")?;
        if number % PROGRESS == 0 {
            println!("more");
        }
    }
    println!("up");
    for line in std::io::stdin().lines() {
        match line.doing("reading")?.as_str() {
            "disk" => println!("ok {}", bytes_on_disk()?),
            "resident" => println!("ok {}", resident_kib()?),
            other => println!("what is {other}?"),
        }
    }
    Ok(())
}

/// Bytes that files without a name, which this process has open, take on disk.
fn bytes_on_disk() -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    let mut sum = 0;
    for entry in fs::read_dir("/proc/self/fd").doing("descriptors")?.flatten() {
        let Ok(data) = fs::metadata(entry.path()) else { continue };
        if data.is_file() && data.nlink() == 0 {
            sum += data.blocks() * 512;
        }
    }
    Ok(sum)
}

/// The most memory that this process ever had.
fn resident_kib() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status").doing("status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmHWM")?;
    number.parse().doing("VmHWM")
}
