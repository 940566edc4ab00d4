//! Proxies: devices that pass messages on between two sockets. A proxy runs in the thread that
//! calls `run`; its handle works from any.

use oxmq_engine::{ProxyEnd, ProxyHandle, Result};

use crate::Socket;
use crate::kind::{Kind, Receives, Sends};

/// Passes messages on between a frontend and a backend socket, in each direction that their types
/// can go.
///
/// | frontend | backend | is called | passes on |
/// |---|---|---|---|
/// | ROUTER | DEALER | queue | requests one way, replies the other |
/// | XSUB | XPUB | forwarder | messages one way, subscriptions the other |
/// | PULL | PUSH | streamer | tasks |
///
/// It drops nothing by itself: a message is taken from one side only when the other side, and the
/// capture socket, have room for it, so that high-water marks press back on the senders. Parts are
/// not copied. Both directions are served in turn, 256 messages or 1 MiB at a time. The sockets
/// stay the caller's; while the proxy runs nobody else should send or receive on them.
///
/// ```
/// use oxmq::{Context, Proxy, ProxyEnd, Pull, Push};
///
/// let context = Context::new();
/// let (frontend, backend) = (Pull::new(&context)?, Push::new(&context)?);
/// frontend.bind("inproc://front")?;
/// backend.bind("inproc://back")?;
/// let proxy = Proxy::new(&frontend, &backend)?;
/// let handle = proxy.handle();
/// let thread = std::thread::spawn(move || proxy.run());
///
/// let (source, worker) = (Push::new(&context)?, Pull::new(&context)?);
/// source.connect("inproc://front")?;
/// worker.connect("inproc://back")?;
/// source.send("task")?;
/// assert_eq!(worker.recv()?, ["task"]);
///
/// handle.terminate();
/// assert_eq!(thread.join().unwrap()?, ProxyEnd::Terminated);
/// assert_eq!(handle.statistics().frontend.messages_in, 1);
/// # Ok::<(), oxmq::Error>(())
/// ```
#[derive(Debug)]
pub struct Proxy {
    engine: oxmq_engine::Proxy,
}

impl Proxy {
    /// A proxy between two sockets, or of one with itself, which sends back what it gets.
    ///
    /// # Errors
    /// [`NotSupported`](crate::Error::NotSupported) if no message can go either way, as between
    /// two PUSH sockets; [`Io`](crate::Error::Io) when the process is out of descriptors.
    pub fn new<F: Kind, B: Kind>(frontend: &Socket<F>, backend: &Socket<B>) -> Result<Proxy> {
        oxmq_engine::Proxy::new(frontend.engine(), backend.engine()).map(|engine| Proxy { engine })
    }

    /// Sends a copy of every message that is passed on, in either direction, to a PUB, XPUB, PUSH,
    /// DEALER or PAIR socket. A capture socket without room holds the proxy up.
    ///
    /// # Errors
    /// [`NotSupported`](crate::Error::NotSupported) on other types;
    /// [`Io`](crate::Error::Io) (`EEXIST`) if it is one of the proxy's other sockets, or the proxy
    /// has a capture socket.
    pub fn capture<K: Sends>(self, capture: &Socket<K>) -> Result<Proxy> {
        self.engine.capture(capture.engine()).map(|engine| Proxy { engine })
    }

    /// Takes the commands `PAUSE`, `RESUME`, `TERMINATE` and `STATISTICS` from a socket, as
    /// `zmq_proxy_steerable(3)` does: each is a message of one part. `STATISTICS` is answered by
    /// eight parts of 8 bytes in the machine's order: messages and bytes received, then messages
    /// and bytes sent, on the frontend and on the backend. A REP socket answers every other
    /// command with an empty message. Within a program, [`Proxy::handle`] is simpler.
    ///
    /// # Errors
    /// [`Io`](crate::Error::Io) (`EEXIST`) if it is one of the proxy's other sockets, or the proxy
    /// has a control socket.
    pub fn control<K: Receives>(self, control: &Socket<K>) -> Result<Proxy> {
        self.engine.control(control.engine()).map(|engine| Proxy { engine })
    }

    /// A handle by which other threads pause, resume and end the proxy, and read its counts, while
    /// it runs and after.
    pub fn handle(&self) -> ProxyHandle {
        self.engine.handle()
    }

    /// Passes messages on. Blocks until the proxy is told to end or the context goes.
    ///
    /// # Errors
    /// [`Closed`](crate::Error::Closed) when one of the sockets was dropped;
    /// [`Io`](crate::Error::Io) when the system refuses to wait.
    pub fn run(self) -> Result<ProxyEnd> {
        self.engine.run()
    }
}

/// Passes messages on between two sockets until their context goes: [`Proxy`] in one call.
///
/// # Errors
/// As [`Proxy::new`] and [`Proxy::run`].
pub fn proxy<F: Kind, B: Kind>(frontend: &Socket<F>, backend: &Socket<B>) -> Result<ProxyEnd> {
    Proxy::new(frontend, backend)?.run()
}
