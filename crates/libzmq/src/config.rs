//! The file that the environment variable OXMQ_CONFIG names: options of durability for the sockets
//! of programs that know nothing of them. See doc/durable.md.
//!
//! It is read once, when the first context is made, and kept for the life of the process; any
//! thread may ask. A program without the variable pays one load of a pointer for a bind or connect.
//! There is no lock, so that a child forked meanwhile cannot wait for one that nobody holds.

mod rules;

use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use oxmq_engine::Socket;

use self::rules::Rule;
pub(crate) use self::rules::Side;
use crate::boundary::Result;
use crate::errno::Errno;
use crate::limits::CONFIG_BYTES_MAX;

/// The name of the variable.
const VARIABLE: &str = "OXMQ_CONFIG";

/// What the variable has led to.
enum Loaded {
    /// It is not set.
    Absent,
    /// It names a file that cannot be used; that was told.
    Refused,
    Rules(Vec<Rule>),
}

static ABSENT: Loaded = Loaded::Absent;

/// NULL before the first context; then `ABSENT` or a box that is never freed.
static LOADED: AtomicPtr<Loaded> = AtomicPtr::new(ptr::null_mut());

fn loaded() -> Option<&'static Loaded> {
    // SAFETY: NULL, or `ABSENT`, or a box that was leaked and is only read.
    unsafe { LOADED.load(Ordering::Acquire).as_ref() }
}

/// Reads the file if this is the first context of the process. `EINVAL` if it is wrong, and what is
/// wrong goes to standard error, once.
pub(crate) fn check() -> Result<()> {
    let loaded = match loaded() {
        Some(loaded) => loaded,
        None => load(),
    };
    match loaded {
        Loaded::Absent | Loaded::Rules(_) => Ok(()),
        Loaded::Refused => Err(Errno(libc::EINVAL)),
    }
}

#[cold]
fn load() -> &'static Loaded {
    let (made, fault) = match path() {
        None => (ptr::from_ref(&ABSENT).cast_mut(), None),
        Some(path) => {
            let (loaded, fault) = match read(&path) {
                Ok(rules) => (Loaded::Rules(rules), None),
                Err(fault) => (Loaded::Refused, Some(fault)),
            };
            (Box::into_raw(Box::new(loaded)), fault)
        }
    };
    let first = LOADED.compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire);
    match first {
        Ok(_) => {
            if let Some(fault) = fault {
                tell(&fault);
            }
            // SAFETY: `ABSENT` or a box that is never freed from here on.
            unsafe { &*made }
        }
        Err(theirs) => {
            if !ptr::eq(made, &ABSENT) {
                // SAFETY: the box from above, which nobody else has seen.
                drop(unsafe { Box::from_raw(made) });
            }
            // SAFETY: not NULL, and what another thread has put there is never freed.
            unsafe { &*theirs }
        }
    }
}

fn tell(fault: &str) {
    use std::io::Write;
    // Not `eprintln`, which panics when nobody can read it.
    let _ = writeln!(io::stderr(), "libzmq: {VARIABLE}: {fault}");
}

/// The file, if the variable is set and not empty. A program with more rights than its caller does
/// not let itself be told where to write.
fn path() -> Option<std::ffi::OsString> {
    let path = std::env::var_os(VARIABLE).filter(|path| !path.is_empty())?;
    // SAFETY: the function takes any number and reads a table that the kernel has given.
    let is_privileged = unsafe { libc::getauxval(libc::AT_SECURE) } != 0;
    (!is_privileged).then_some(path)
}

fn read(path: &OsStr) -> std::result::Result<Vec<Rule>, String> {
    let shown = path.to_string_lossy();
    let text = text(path).map_err(|error| format!("{shown}: {error}"))?;
    rules::parse(&text).map_err(|fault| fault.at(&shown, &text))
}

/// The text of a file. Does not wait for what is no file, such as a pipe.
fn text(path: &OsStr) -> io::Result<String> {
    let file: File = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut text = String::new();
    let read = file.take(CONFIG_BYTES_MAX + 1).read_to_string(&mut text)?;
    if read as u64 > CONFIG_BYTES_MAX {
        return Err(io::Error::other(format!("it has more than {CONFIG_BYTES_MAX} bytes")));
    }
    Ok(text)
}

/// Gives a socket the options of the first rule that chooses it, at its first bind or connect.
#[inline]
pub(crate) fn apply(socket: &Socket, side: Side, endpoint: &str) -> oxmq_engine::Result<()> {
    match loaded() {
        Some(Loaded::Rules(rules)) => apply_first(rules, socket, side, endpoint),
        _ => Ok(()),
    }
}

#[cold]
fn apply_first(
    rules: &[Rule],
    socket: &Socket,
    side: Side,
    endpoint: &str,
) -> oxmq_engine::Result<()> {
    if socket.has_begun() {
        return Ok(());
    }
    match rules.iter().find(|rule| rule.chooses(socket.socket_type(), side, endpoint)) {
        Some(rule) => socket.configure(|options| Ok(rule.set(options)?)),
        None => Ok(()),
    }
}
