//! Sockets in a simulation: in one thread, in simulated time, on connections and stores that the
//! simulator makes. Behind the feature `simulation`, for tests.
//!
//! What runs is the engine: sockets, patterns, pipes, handshakes and everything durable. The
//! simulator stands in the place of the I/O thread and of the kernel: it makes connections out of
//! [`Conduit`]s, says what happened on them as epoll would ([`Driver::happened`]), looks at the
//! timers, and lets a socket carry out what was posted to it. A socket that is driven has no I/O
//! thread and no descriptor; nothing of it runs by itself.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use oxmq_journal::Store;

use crate::clock::Clock;
use crate::context::{Context, Profile};
use crate::error::Result;
use crate::io::SessionId;
use crate::io::greeter::{Greeter, Opening, Outcome};
use crate::pipe::{Link, PipeId};
use crate::socket::state::{Arrival, State};
use crate::socket::{Socket, SocketCore};
use crate::transport::Stream;

/// Simulated time, which stands still until it is told. Clones are the same time.
#[derive(Clone, Debug, Default)]
pub struct Time(Arc<AtomicU64>);

impl Time {
    /// Microseconds since the simulation began.
    #[must_use]
    pub fn micros(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// It is so many microseconds since the simulation began.
    pub fn set(&self, micros: u64) {
        self.0.store(micros, Ordering::Relaxed);
    }

    pub(crate) fn now(&self) -> Instant {
        beginning() + Duration::from_micros(self.micros())
    }

    pub(crate) fn unix_micros(&self) -> u64 {
        UNIX_MICROS + self.micros()
    }
}

/// What every simulation takes for its beginning, since 1970.
const UNIX_MICROS: u64 = 1_700_000_000_000_000;

fn beginning() -> Instant {
    static BEGINNING: OnceLock<Instant> = OnceLock::new();
    *BEGINNING.get_or_init(Instant::now)
}

/// Draws what the engine draws at random in this thread from a seed.
pub fn seed(seed: u64) {
    crate::random::seed(seed);
}

/// A context whose sockets go by a simulated time.
#[must_use]
pub fn context(time: &Time) -> Context {
    Context::with_clock(Profile::Safe, Clock::simulated(time.clone()))
}

/// One end of a simulated connection, as a socket reads and writes it; dropping it closes the end.
pub trait Conduit: fmt::Debug + Send + Sync {
    /// Tells it from all others of the simulation.
    fn id(&self) -> u64;

    /// Takes what has arrived, as `read(2)` without blocking.
    ///
    /// # Errors
    /// `WouldBlock` when nothing has; else the connection is lost.
    fn read(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// Takes bytes to be sent, as `write(2)` without blocking.
    ///
    /// # Errors
    /// `WouldBlock` when there is no room; else the connection is lost.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Nothing more will be written.
    ///
    /// # Errors
    /// When the connection is gone.
    fn shutdown_write(&self) -> io::Result<()>;

    /// Bytes written that the other end's kernel does not have yet.
    fn unsent_bytes(&self) -> usize;

    /// The socket wants to be told again of what it can read already.
    fn look_again(&self);
}

/// A connection during its handshake.
pub struct Greeting {
    greeter: Box<Greeter>,
    session: Option<u64>,
}

impl fmt::Debug for Greeting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Greeting").field("session", &self.session).finish_non_exhaustive()
    }
}

/// What became of a handshake.
#[derive(Debug)]
pub enum Greeted {
    /// It goes on.
    Going(Greeting),
    /// The socket has the connection.
    Done,
    /// The connection is given up, by the handshake or by the socket.
    Failed,
}

/// Does for a socket what its I/O thread would do.
#[derive(Clone)]
pub struct Driver {
    core: Arc<SocketCore>,
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver").field("socket", &self.core.id).finish()
    }
}

impl Driver {
    /// The driver of a socket that was neither bound nor connected.
    #[must_use]
    pub fn new(socket: &Socket) -> Driver {
        Driver { core: socket.core().clone() }
    }

    /// Makes the socket durable, by its options, in this store.
    ///
    /// # Errors
    /// `Store` with the journal's reason.
    pub fn begin_in(&self, store: Store) -> Result<()> {
        self.core.begin_in(store)
    }

    /// Begins to connect: the socket has a pipe for the peer from now on.
    pub fn connect(&self, session: u64, endpoint: &str) {
        let mut state = self.core.lock();
        state.open_session_pipe(SessionId(session), endpoint.into());
        let _ = self.core.leave_io(state);
    }

    /// The socket still wants connections of a session.
    #[must_use]
    pub fn wants(&self, session: u64) -> bool {
        self.core.lock().session_pipe(SessionId(session)).is_some()
    }

    /// Begins the handshake of a connection: of a session, or one that was accepted. `None` when
    /// the system has no descriptor for it.
    #[must_use]
    pub fn greet(&self, conduit: Arc<dyn Conduit>, session: Option<u64>) -> Option<Greeting> {
        let stream = Stream::simulated(conduit).ok()?;
        let options = self.core.lock().pipes.options.clone();
        let socket_type = self.core.socket_type;
        let greeter = Greeter::new(stream, socket_type, &options, &Opening::Zmtp).ok()?;
        Some(Greeting { greeter: Box::new(greeter), session })
    }

    /// Lets a handshake read and write what it can.
    #[must_use]
    pub fn drive(&self, mut greeting: Greeting) -> Greeted {
        match greeting.greeter.drive() {
            Ok(Outcome::Going) => Greeted::Going(greeting),
            Ok(Outcome::Done { established, rest }) => {
                let arrival = Arrival {
                    stream: greeting.greeter.into_stream(),
                    established,
                    rest,
                    endpoint: "simulated".into(),
                    session: greeting.session.map(SessionId),
                    order: 0,
                };
                let mut state = self.core.lock();
                let arrived = state.arrive(arrival);
                let _ = self.core.leave_io(state);
                if arrived.is_ok() { Greeted::Done } else { Greeted::Failed }
            }
            // Nobody is asked about a peer: the simulation has no mechanism but NULL, and no ZAP.
            Ok(Outcome::Ask(_) | Outcome::Silenced { .. }) | Err(_) => Greeted::Failed,
        }
    }

    /// Says what happened on the connection of the conduit with this id: there may be bytes to
    /// read, the other end has ended its side, there is room for bytes again.
    pub fn happened(&self, conduit: u64, readable: bool, ended: bool, room: bool) {
        let mut state = self.core.lock();
        if let Some(id) = pipe_of(&state, conduit) {
            state.happened(id, readable || ended, ended, room);
            state.settle();
        }
        let _ = self.core.leave_io(state);
    }

    /// When something is due for the socket, in microseconds of the simulated time.
    #[must_use]
    pub fn due_micros(&self) -> Option<u64> {
        let due = self.core.lock().pipes.due?;
        let micros = due.saturating_duration_since(beginning()).as_micros();
        Some(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    /// Does what is due.
    pub fn on_timer(&self) {
        let mut state = self.core.lock();
        let now = state.pipes.clock.now();
        let _ = state.on_timer(now);
        let _ = self.core.leave_io(state);
    }

    /// Bytes are buffered that [`Driver::tick`] shall write.
    #[must_use]
    pub fn is_ticking(&self) -> bool {
        self.core.lock().pipes.is_ticking()
    }

    /// Writes what calls have left in the buffers.
    pub fn tick(&self) {
        let mut state = self.core.lock();
        let _ = state.tick();
        let _ = self.core.leave_io(state);
    }

    /// Something was posted to the socket: its store has synced, or a message has its verdict.
    #[must_use]
    pub fn has_news(&self) -> bool {
        self.core.has_news()
    }

    /// The socket carries out what was posted to it.
    pub fn obey(&self) {
        self.core.obey_now();
    }

    /// Messages that wait to be written, and messages that wait to be received, in the fullest pipe
    /// of each kind.
    #[must_use]
    pub fn fullest(&self) -> (usize, usize) {
        let state = self.core.lock();
        let nets = state.pipes.iter().filter_map(|(_, pipe)| match &pipe.link {
            Link::Net(net) => Some((net.out.messages(), net.inq.ready())),
            Link::Inproc(_) | Link::Udp(_) => None,
        });
        nets.fold((0, 0), |most, pipe| (most.0.max(pipe.0), most.1.max(pipe.1)))
    }
}

/// The pipe whose connection this is.
fn pipe_of(state: &State, conduit: u64) -> Option<PipeId> {
    let is_it = |link: &Link| match link {
        Link::Net(net) => net.connection.as_ref().is_some_and(|connection| {
            connection.stream.conduit().is_some_and(|own| own.id() == conduit)
        }),
        Link::Inproc(_) | Link::Udp(_) => false,
    };
    state.pipes.iter().find(|(_, pipe)| is_it(&pipe.link)).map(|(id, _)| id)
}
