//! A process with one of our sockets: the engine's socket, its store, the calls its application has
//! under way, and the handshakes of its connections.
//!
//! Owned by the world, which decides when each of them goes on.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context as TaskContext, Poll, Wake, Waker};
use std::time::Duration;

use oxmq_engine::simulation::{self, Driver, Greeted, Greeting, Time};
use oxmq_engine::{Context, DurableStart, Error, Message, Monitor, Socket, SocketType};
use oxmq_journal::{OpenOptions, Store};

use crate::disk::Mounted;
use crate::history::Place;
use crate::message::MessageId;
use crate::network::Tube;
use crate::plan::{Kind, NodePlan};

type Call<T> = Pin<Box<dyn Future<Output = Result<T, Error>>>>;

/// Says that a call may go on.
#[derive(Debug, Default)]
pub(crate) struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Woken {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A message that the application holds.
pub(crate) struct Held {
    pub(crate) id: MessageId,
    pub(crate) place: Option<Place>,
    pub(crate) message: Message,
}

/// What the world has planned for a process already, so that it is planned once.
#[derive(Debug, Default)]
pub(crate) struct Planned {
    pub(crate) obey: bool,
    pub(crate) tick: bool,
    pub(crate) syncs: bool,
    pub(crate) segments: bool,
    pub(crate) poll: bool,
    pub(crate) timer: Option<u64>,
}

/// See the file's first paragraph. Fields are dropped in this order.
pub(crate) struct Process {
    pub(crate) sending: Option<(MessageId, Call<()>)>,
    /// A copy of the reply that is being sent.
    pub(crate) reply: Option<Message>,
    pub(crate) receiving: Option<Call<Message>>,
    /// Messages to be sent, with the address and what they are a reply to.
    pub(crate) to_send: VecDeque<(MessageId, Message)>,
    pub(crate) held: Vec<Held>,
    pub(crate) greetings: BTreeMap<u64, Greeting>,
    pub(crate) driver: Driver,
    pub(crate) monitor: Option<Monitor>,
    pub(crate) socket: Arc<Socket>,
    pub(crate) store: Option<Store>,
    pub(crate) disk: Option<Mounted>,
    _context: Context,
    pub(crate) woken: Arc<Woken>,
    pub(crate) planned: Planned,
    /// Its application takes no message before this time.
    pub(crate) busy_until: u64,
}

thread_local! {
    static NOW: std::cell::RefCell<Time> = std::cell::RefCell::default();
    static DRAWS: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

/// Stores of this thread go by this time, and draw from this seed.
pub(crate) fn begin(time: &Time, seed: u64) {
    NOW.with(|now| *now.borrow_mut() = time.clone());
    DRAWS.set(seed);
    simulation::seed(seed);
}

fn clock_ms() -> u64 {
    NOW.with(|now| 1_700_000_000_000 + now.borrow().micros() / 1000)
}

fn draw() -> oxmq_journal::Result<[u8; 16]> {
    let mut random = oxmq_disk::Random::new(DRAWS.get());
    let (first, second) = (random.draw(), random.draw());
    DRAWS.set(random.draw());
    let mut id = [0; 16];
    id[..8].copy_from_slice(&first.to_le_bytes());
    id[8..].copy_from_slice(&second.to_le_bytes());
    Ok(id)
}

/// How stores are opened here.
pub(crate) fn store_options(tail: usize) -> OpenOptions {
    OpenOptions {
        segment_bytes: 16 * 1024,
        tail_bytes: tail,
        driven: true,
        clock_ms,
        draw,
        ..OpenOptions::default()
    }
}

impl Process {
    /// Begins a process. A durable one opens its store on the disk.
    pub(crate) fn begin(
        plan: &NodePlan,
        time: &Time,
        tail: usize,
        disk: Option<Mounted>,
    ) -> Result<Self, String> {
        let failed = |error: Error| error.to_string();
        let context = simulation::context(time);
        let socket = Arc::new(context.socket(plan.socket_type).map_err(failed)?);
        let is_durable = plan.kind == Kind::Durable;
        let configured = socket.configure(|options| {
            options.linger = Some(Duration::ZERO);
            options.snd_hwm = plan.send_hwm;
            options.rcv_hwm = plan.receive_hwm;
            options.router_mandatory = true;
            if is_durable {
                options.durable.store = "simulated".to_owned();
                options.durable.name = plan.name.clone().into_bytes();
                options.durable.sync = plan.sync;
                options.durable.sync_ivl = Duration::from_millis(10);
                options.durable.ack = plan.ack;
                options.durable.attempts_max = plan.attempts_max;
                options.durable.start = DurableStart::Latest;
                options.durable.log_messages_max = plan.log_max;
            }
            Ok(())
        });
        configured.map_err(failed)?;
        let driver = Driver::new(&socket);
        let monitor = is_durable.then(|| socket.monitor()).transpose().map_err(failed)?;
        let store = match &disk {
            Some(disk) if is_durable => {
                let store = Store::open_on(Arc::new(disk.clone()), store_options(tail))
                    .map_err(|error| error.to_string())?;
                driver.begin_in(store.clone()).map_err(failed)?;
                Some(store)
            }
            _ => None,
        };
        if plan.socket_type == SocketType::Sub {
            let all = plan.topics.iter().try_for_each(|topic| socket.subscribe(topic));
            all.map_err(failed)?;
        }
        plan.dials.iter().for_each(|to| driver.connect(*to as u64 + 1, &format!("node{to}")));
        Ok(Self {
            sending: None,
            reply: None,
            receiving: None,
            to_send: VecDeque::new(),
            held: Vec::new(),
            greetings: BTreeMap::new(),
            driver,
            monitor,
            socket,
            store,
            disk,
            _context: context,
            woken: Arc::default(),
            planned: Planned::default(),
            busy_until: 0,
        })
    }

    /// Begins to send a message.
    pub(crate) fn send(&mut self, id: MessageId, message: Message) {
        let socket = Arc::clone(&self.socket);
        self.reply = Some(message.clone());
        let mut message = message;
        self.sending = Some((id, Box::pin(async move { socket.send_async(&mut message).await })));
    }

    /// Begins to receive.
    pub(crate) fn receive(&mut self) {
        let socket = Arc::clone(&self.socket);
        self.receiving = Some(Box::pin(async move { socket.recv_async().await }));
    }

    /// Lets the send go on; how it ended, if it did.
    pub(crate) fn poll_send(&mut self) -> Option<(MessageId, Result<(), Error>)> {
        let waker = Waker::from(Arc::clone(&self.woken));
        let (id, call) = self.sending.as_mut()?;
        let Poll::Ready(done) = call.as_mut().poll(&mut TaskContext::from_waker(&waker)) else {
            return None;
        };
        let id = *id;
        self.sending = None;
        Some((id, done))
    }

    /// Lets the receive go on.
    pub(crate) fn poll_receive(&mut self) -> Option<Result<Message, Error>> {
        let waker = Waker::from(Arc::clone(&self.woken));
        let call = self.receiving.as_mut()?;
        let Poll::Ready(done) = call.as_mut().poll(&mut TaskContext::from_waker(&waker)) else {
            return None;
        };
        self.receiving = None;
        Some(done)
    }

    /// Takes note that the calls were looked at.
    pub(crate) fn looked(&self) {
        self.woken.0.store(false, Ordering::Relaxed);
    }

    /// Begins the handshake of a connection.
    pub(crate) fn greet(&mut self, id: u64, tube: Arc<Tube>, session: Option<u64>) {
        if let Some(greeting) = self.driver.greet(tube, session) {
            self.greetings.insert(id, greeting);
            self.look(id, true, false, false);
        }
    }

    /// Something happened on a connection.
    pub(crate) fn look(&mut self, id: u64, readable: bool, ended: bool, room: bool) {
        match self.greetings.remove(&id) {
            Some(greeting) => {
                if let Greeted::Going(greeting) = self.driver.drive(greeting) {
                    self.greetings.insert(id, greeting);
                }
            }
            None => self.driver.happened(id, readable, ended, room),
        }
    }
}
