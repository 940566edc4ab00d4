//! The socket: one generic type, with the methods that its kind allows.
//!
//! A `Socket<K>` owns an engine socket, which it may share with the other half after a split. All
//! methods take `&self` and may be called from any thread; the engine has the lock.

mod any;
mod datagrams;
mod durable;
mod groups;
mod numbered;
mod peers;
mod recv;
mod request;
mod routed;
mod send;
mod subscribe;

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use oxmq_engine::options::SocketOptions;
use oxmq_engine::{Endpoints, Monitor, Readiness, Result, SocketSnapshot, SocketType};

use crate::kind::{self, Kind, Receiving, Sending, Splits, Typed};
use crate::{Context, Options};

/// A ZeroMQ socket; `K` is its [`kind`], and decides which methods it has.
///
/// Programs write the names of the types: [`Push`](crate::Push), [`Pull`](crate::Pull) and so on,
/// or [`AnySocket`](crate::AnySocket) where the type is known at run time only.
///
/// A socket may be bound and connected many times, in any order, and before or after its peers.
///
/// **Blocking.** Only the methods that say so block: those that send, receive and wait. Each has
/// an async twin, whose name ends in `_async`, for any executor; both can be used on one socket.
/// Dropping a socket never blocks: what was sent and is not with the peer yet is delivered in the
/// background, for as long as the [`linger`](Options::linger) option says; dropping the context
/// waits for that.
///
/// **Threads.** A socket is `Send` and `Sync`: share it by reference, in an
/// [`Arc`], or [`split`](Socket::split) it. A message is sent and received as
/// a whole, so that threads do not come between each other's parts.
///
/// **Memory.** Up to [`send_hwm`](Options::send_hwm) messages for each peer on the way out, and
/// [`recv_hwm`](Options::recv_hwm) on the way in.
pub struct Socket<K: Kind> {
    engine: Arc<oxmq_engine::Socket>,
    kind: PhantomData<fn() -> K>,
}

impl<K: Typed> Socket<K> {
    /// A new socket. Does not block.
    ///
    /// # Errors
    /// [`TooManySockets`](crate::Error::TooManySockets) at the context's limit,
    /// [`Terminated`](crate::Error::Terminated) after its shutdown.
    pub fn new(context: &Context) -> Result<Socket<K>> {
        let Some(socket_type) = K::TYPE else {
            return Err(crate::Error::NotSupported { operation: "making a socket of no type" });
        };
        context.engine().socket(socket_type).map(Socket::from_engine)
    }

    /// A new socket with other options than the defaults. Does not block.
    ///
    /// # Errors
    /// As [`Socket::new`], and [`Option`](crate::Error::Option) for a value out of its range.
    ///
    /// ```
    /// use std::time::Duration;
    /// use oxmq::{Context, Push};
    ///
    /// let context = Context::new();
    /// let push = Push::with_options(&context, |o| o.send_hwm(10).linger(Duration::ZERO))?;
    /// assert_eq!(push.options().snd_hwm, 10);
    /// # Ok::<(), oxmq::Error>(())
    /// ```
    pub fn with_options(
        context: &Context,
        options: impl FnOnce(&mut Options<K>) -> &mut Options<K>,
    ) -> Result<Socket<K>> {
        let socket = Socket::<K>::new(context)?;
        socket.configure(options)?;
        Ok(socket)
    }
}

impl<K: Kind> Socket<K> {
    pub(crate) fn from_engine(engine: oxmq_engine::Socket) -> Socket<K> {
        Socket { engine: Arc::new(engine), kind: PhantomData }
    }

    fn cast<L: Kind>(self) -> Socket<L> {
        Socket { engine: self.engine, kind: PhantomData }
    }

    #[inline]
    pub(crate) fn engine(&self) -> &oxmq_engine::Socket {
        &self.engine
    }

    /// Accepts peers at an endpoint, and returns it with its wildcards resolved.
    ///
    /// | endpoint | means |
    /// |---|---|
    /// | `tcp://127.0.0.1:5555` | that address and port |
    /// | `tcp://*:*` | every address, IPv6 too, and a port that is free |
    /// | `tcp://eth0:5555` | the address of that interface |
    /// | `ipc:///run/app/queue` | a path; a file that a dead process left is replaced |
    /// | `ipc://@name` | an abstract name (Linux) |
    /// | `ipc://*` | a path that is free |
    /// | `ws://*:8080/path` | a WebSocket; `wss://` within TLS, which needs a certificate |
    /// | `tipc://{5560, 0, 9}`, `vsock://*:1024` | where the kernel has them |
    /// | `inproc://name` | a name within the context |
    /// | `udp://eth0;239.0.0.1:5555` | a multicast group on that interface (DISH, DGRAM) |
    ///
    /// Blocks only to look a host name up. When it returns, peers can connect.
    ///
    /// # Errors
    /// [`Endpoint`](crate::Error::Endpoint) if it is not well formed,
    /// [`AddressInUse`](crate::Error::AddressInUse),
    /// [`IncompatibleTransport`](crate::Error::IncompatibleTransport) (STREAM over inproc, PUB
    /// over udp), [`NoIoThread`](crate::Error::NoIoThread), [`Io`](crate::Error::Io) with the
    /// system's reason, [`Terminated`](crate::Error::Terminated),
    /// [`Closed`](crate::Error::Closed).
    pub fn bind(&self, endpoint: &str) -> Result<String> {
        self.engine.bind(endpoint)
    }

    /// Begins to connect to an endpoint, and goes on doing so whenever the connection is lost,
    /// until [`Socket::disconnect`]. The peer may be started later.
    ///
    /// Never blocks: names are resolved and connections made in the background. Messages can be
    /// sent at once (unless [`immediate`](Options::immediate) is set); they wait for the peer, up
    /// to the high-water mark. A source address may come first: `tcp://10.0.0.2:0;10.0.0.1:5555`.
    ///
    /// # Errors
    /// As [`Socket::bind`], but for those of the system. That nobody listens there is no error.
    pub fn connect(&self, endpoint: &str) -> Result<()> {
        self.engine.connect(endpoint)
    }

    /// Stops accepting peers at an endpoint, given as it was bound or as `bind` returned it.
    /// Peers that are connected stay. Does not block; when it returns, the endpoint is free.
    ///
    /// # Errors
    /// [`NoSuchEndpoint`](crate::Error::NoSuchEndpoint) if the socket is not bound to it,
    /// [`Terminated`](crate::Error::Terminated), [`Closed`](crate::Error::Closed).
    pub fn unbind(&self, endpoint: &str) -> Result<()> {
        self.engine.unbind(endpoint)
    }

    /// Gives up one connect to an endpoint. What was received from there and not yet taken is
    /// dropped; what was sent is still delivered for as long as the linger option says. Does not
    /// block.
    ///
    /// # Errors
    /// [`NoSuchEndpoint`](crate::Error::NoSuchEndpoint) if the socket is not connected to it,
    /// [`Terminated`](crate::Error::Terminated), [`Closed`](crate::Error::Closed).
    pub fn disconnect(&self, endpoint: &str) -> Result<()> {
        self.engine.disconnect(endpoint)
    }

    /// What the socket is bound and connected to. Does not block.
    pub fn endpoints(&self) -> Endpoints {
        self.engine.endpoints()
    }

    /// The endpoint of the last bind or connect, wildcards resolved; empty before the first.
    pub fn last_endpoint(&self) -> String {
        self.engine.last_endpoint()
    }

    /// The socket's type.
    pub fn socket_type(&self) -> SocketType {
        self.engine.socket_type()
    }

    /// The context that the socket belongs to.
    pub fn context(&self) -> Context {
        Context::from_engine(self.engine.context())
    }

    /// Changes options of a socket that is in use. [`Options`] tells for each whether it counts
    /// at once or for later binds and connects. Does not block.
    ///
    /// # Errors
    /// [`Option`](crate::Error::Option) for a value out of its range, or, on an
    /// [`AnySocket`](crate::AnySocket), an option that its type does not have: nothing is changed
    /// then. [`Terminated`](crate::Error::Terminated), [`Closed`](crate::Error::Closed).
    pub fn configure(
        &self,
        options: impl FnOnce(&mut Options<K>) -> &mut Options<K>,
    ) -> Result<()> {
        // The closure runs without the socket's lock, as it may do anything.
        let mut changed = Options::new(self.engine.options());
        let _ = options(&mut changed);
        let apply = changed.finish()?;
        self.engine.configure(|values| {
            apply.into_iter().for_each(|change| change(values));
            Ok(())
        })
    }

    /// A copy of the socket's options, to be read. Does not block.
    pub fn options(&self) -> SocketOptions {
        self.engine.options()
    }

    /// Whether a message can be received, and sent, without waiting. Does not block.
    ///
    /// # Errors
    /// [`Terminated`](crate::Error::Terminated), [`Closed`](crate::Error::Closed).
    pub fn readiness(&self) -> Result<Readiness> {
        self.engine.readiness()
    }

    /// Begins to report what happens to the socket's endpoints and connections; an earlier
    /// monitor of this socket ends. Does not block.
    ///
    /// Memory cost: up to 4096 events that are not read; then the oldest go, and are counted.
    ///
    /// # Errors
    /// [`Terminated`](crate::Error::Terminated), [`Closed`](crate::Error::Closed).
    pub fn monitor(&self) -> Result<Monitor> {
        self.engine.monitor()
    }

    /// The socket's peers, queues, drops, reconnects, and its message and byte counts, at this
    /// moment. Holds the socket's lock while it copies, a time in proportion to the peers.
    pub fn snapshot(&self) -> SocketSnapshot {
        self.engine.snapshot()
    }

    /// Closes the socket: as dropping it does, but an infinite linger is meant, where a drop gives
    /// up after 30 s. Does not block. Calls that wait in other threads end with
    /// [`Closed`](crate::Error::Closed), and those made on the other half.
    pub fn close(self) {
        self.engine.close();
    }
}

impl<K: Splits> Socket<K> {
    /// Splits the socket in a half that sends and a half that receives, which share it. It is
    /// closed when both are dropped. Costs nothing: either half does what the whole would do,
    /// from another thread.
    ///
    /// ```
    /// use oxmq::{Context, Dealer, Error, Rep};
    ///
    /// let context = Context::new();
    /// let rep = Rep::new(&context)?;
    /// rep.bind("inproc://split")?;
    /// let dealer = Dealer::new(&context)?;
    /// dealer.connect("inproc://split")?;
    ///
    /// let (requests, replies) = dealer.split();
    /// std::thread::scope(|scope| {
    ///     scope.spawn(|| (0..3u8).try_for_each(|n| requests.send(["", &n.to_string()])));
    ///     for n in 0..3u8 {
    ///         assert_eq!(rep.recv()?, [n.to_string()]);
    ///         rep.send("done")?;
    ///         assert_eq!(replies.recv()?, ["", "done"]);
    ///     }
    ///     Ok::<(), Error>(())
    /// })?;
    /// # Ok::<(), Error>(())
    /// ```
    pub fn split(self) -> (Socket<Sending<K>>, Socket<Receiving<K>>) {
        let receiving = Socket { engine: self.engine.clone(), kind: PhantomData };
        (self.cast(), receiving)
    }
}

impl<K: Kind> fmt::Debug for Socket<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.engine.fmt(f)
    }
}

// The kind is only a name: whatever it is, sockets go to other threads and are shared by them.
const _: () = {
    const fn shared_by_threads<T: Send + Sync>() {}
    shared_by_threads::<Socket<kind::Push>>();
    shared_by_threads::<Socket<kind::Any>>();
    shared_by_threads::<Socket<Sending<kind::Router>>>();
};
