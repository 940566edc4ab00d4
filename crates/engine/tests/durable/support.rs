//! Stores in folders that go away with the test, and durable sockets in them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use oxmq_engine::options::{AckMode, SocketOptions, SyncPolicy};
use oxmq_engine::{Context, Message, Profile, Result, Socket, SocketType, Wait};

/// A folder for stores.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("oxmq-durable-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A durable socket, not yet bound or connected.
pub(crate) fn durable(
    context: &Context,
    socket_type: SocketType,
    folder: &Folder,
    store: &str,
    name: &str,
) -> Socket {
    let socket = context.socket(socket_type).unwrap();
    let path = folder.path().join(store).to_str().unwrap().to_owned();
    socket
        .configure(|options: &mut SocketOptions| {
            options.durable.store = path;
            options.durable.name = name.into();
            options.durable.sync = SyncPolicy::Always;
            Ok(())
        })
        .unwrap();
    socket
}

pub(crate) fn explicit(socket: &Socket) {
    socket
        .configure(|options| {
            options.durable.ack = AckMode::Explicit;
            Ok(())
        })
        .unwrap();
}

pub(crate) fn context() -> Context {
    Context::new(Profile::Safe)
}

pub(crate) fn send(socket: &Socket, text: &str) -> Result<()> {
    socket.send_message(&mut Message::from(text), Wait::For(WATCHDOG))
}

pub(crate) fn recv(socket: &Socket) -> String {
    let message = socket.recv_message(Wait::For(WATCHDOG)).unwrap();
    let parts: Vec<String> =
        message.iter().map(|part| String::from_utf8_lossy(part).into_owned()).collect();
    parts.join("|")
}

/// No test gets near it.
pub(crate) const WATCHDOG: Duration = Duration::from_secs(60);
