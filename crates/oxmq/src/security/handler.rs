//! A ZAP handler: what the servers of a context ask who may come in. It owns a socket; answers may
//! be given from any thread, in any order. Source: RFC 27.

use std::fmt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use oxmq_engine::{Message, Msg, Result};

use crate::{Context, Error, PublicKey, Router};

/// Where the servers of a context look for it.
const ENDPOINT: &str = "inproc://zeromq.zap.01";

/// Answers the servers of a context that use PLAIN or CURVE, or have a
/// [`zap_domain`](crate::Options::zap_domain), about each client that wants to come in. A context
/// has one at most.
///
/// [`ZapHandler::spawn`] calls a closure on a thread of its own. A handler made by
/// [`ZapHandler::bind`] is asked for questions by the program itself, blocking or async, and given
/// the answers when they are known.
///
/// ```
/// use oxmq::{Context, Error, Rep, Req, Verdict, ZapHandler};
///
/// let context = Context::new();
/// let _handler = ZapHandler::spawn(&context, |question| match question.user() {
///     Some((b"ada", b"lovelace")) => Verdict::allow("ada"),
///     _ => Verdict::Deny,
/// })?;
/// let server = Rep::with_options(&context, |o| o.plain_server())?;
/// let endpoint = server.bind("tcp://127.0.0.1:*")?;
/// let client = Req::with_options(&context, |o| o.plain_client("ada", "lovelace"))?;
/// client.connect(&endpoint)?;
/// client.send("who am I?")?;
/// let request = server.recv()?;
/// assert_eq!(request[0].meta().and_then(|meta| meta.user_id.as_deref()), Some("ada"));
///
/// let stranger = Req::with_options(&context, |o| o.plain_client("ada", "guess"))?;
/// stranger.connect(&endpoint)?;
/// assert!(matches!(stranger.wait_connected(1), Err(Error::Refused { status: 400, .. })));
/// # Ok::<(), Error>(())
/// ```
pub struct ZapHandler {
    socket: Arc<Router>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for ZapHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZapHandler").finish_non_exhaustive()
    }
}

impl ZapHandler {
    /// A handler whose questions this program takes itself.
    ///
    /// # Errors
    /// [`AddressInUse`](Error::AddressInUse) if the context has one already, and what making a
    /// socket can fail with.
    pub fn bind(context: &Context) -> Result<ZapHandler> {
        let socket = Router::new(context)?;
        socket.bind(ENDPOINT)?;
        Ok(ZapHandler { socket: Arc::new(socket), thread: None })
    }

    /// A handler that calls `judge` for each client, on a thread of its own, one after another.
    /// Dropping it waits for a call that is going on.
    ///
    /// # Errors
    /// As [`ZapHandler::bind`], and `Io` if no thread can be started.
    pub fn spawn(
        context: &Context,
        mut judge: impl FnMut(&ZapQuestion) -> Verdict + Send + 'static,
    ) -> Result<ZapHandler> {
        let mut handler = ZapHandler::bind(context)?;
        let socket = handler.socket.clone();
        let work = move || {
            while let Ok(question) = next(&socket) {
                let verdict = judge(&question);
                if send(&socket, question, &verdict).is_err() {
                    return;
                }
            }
        };
        let spawned = thread::Builder::new().name("zap".to_owned()).spawn(work);
        let doing = || "starting the thread of a ZAP handler".to_owned();
        handler.thread = Some(spawned.map_err(|source| Error::Io { doing: doing(), source })?);
        Ok(handler)
    }

    /// The next question. Blocks until there is one.
    ///
    /// # Errors
    /// [`Terminated`](Error::Terminated), [`Closed`](Error::Closed).
    pub fn recv(&self) -> Result<ZapQuestion> {
        next(&self.socket)
    }

    /// The next question. Cancel-safe; runs on any executor.
    ///
    /// # Errors
    /// As [`ZapHandler::recv`].
    pub async fn recv_async(&self) -> Result<ZapQuestion> {
        loop {
            let (routing_id, message) = self.socket.recv_from_async().await?;
            if let Some(question) = ZapQuestion::read(routing_id, &message) {
                return Ok(question);
            }
        }
    }

    /// Answers a question. Does not block. A question that is never answered counts as a refusal
    /// when the server's [`zap_timeout`](crate::Options::zap_timeout) is over.
    ///
    /// # Errors
    /// [`Terminated`](Error::Terminated), [`Closed`](Error::Closed).
    pub fn answer(&self, question: ZapQuestion, verdict: &Verdict) -> Result<()> {
        send(&self.socket, question, verdict)
    }
}

impl Drop for ZapHandler {
    fn drop(&mut self) {
        self.socket.engine().close();
        if let Some(thread) = self.thread.take() {
            // A panic of the closure has been reported by the panic hook already.
            let _ = thread.join();
        }
    }
}

/// Requests that no server of ours would send are passed over.
fn next(socket: &Router) -> Result<ZapQuestion> {
    loop {
        let (routing_id, message) = socket.recv_from()?;
        if let Some(question) = ZapQuestion::read(routing_id, &message) {
            return Ok(question);
        }
    }
}

fn send(socket: &Router, question: ZapQuestion, verdict: &Verdict) -> Result<()> {
    let mut reply = Message::new();
    reply.push(Msg::new());
    // RFC 27 §The ZAP Protocol (reply): version, request id, status, text, user id, metadata.
    let (status, text) = verdict.status();
    let (user_id, metadata) = verdict.details();
    for part in [b"1.0", &question.request_id[..], status, text, user_id, &metadata] {
        reply.push(Msg::from(part));
    }
    match socket.try_send_to(question.asker, reply).map_err(Error::from) {
        Err(error @ (Error::Terminated | Error::Closed)) => Err(error),
        // A server that has given the question up is no fault of ours.
        _ => Ok(()),
    }
}

/// A client that wants to come in.
#[derive(Clone)]
pub struct ZapQuestion {
    asker: crate::RoutingId,
    request_id: Vec<u8>,
    domain: Vec<u8>,
    address: String,
    mechanism: String,
    credentials: Vec<Vec<u8>>,
}

impl ZapQuestion {
    fn read(asker: crate::RoutingId, message: &Message) -> Option<ZapQuestion> {
        let parts: Vec<&[u8]> = message.iter().map(|part| &part[..]).collect();
        let [b"", b"1.0", request_id, domain, address, _, mechanism, credentials @ ..] = &parts[..]
        else {
            return None;
        };
        Some(ZapQuestion {
            asker,
            request_id: request_id.to_vec(),
            domain: domain.to_vec(),
            address: String::from_utf8_lossy(address).into_owned(),
            mechanism: String::from_utf8_lossy(mechanism).into_owned(),
            credentials: credentials.iter().map(|part| part.to_vec()).collect(),
        })
    }

    /// The [`zap_domain`](crate::Options::zap_domain) of the server.
    pub fn domain(&self) -> &[u8] {
        &self.domain
    }

    /// The address of the client: an IP address, or `localhost:` with its user, group and process
    /// over ipc.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// `NULL`, `PLAIN` or `CURVE`.
    pub fn mechanism(&self) -> &str {
        &self.mechanism
    }

    /// The public key that a CURVE client has proved to have.
    pub fn key(&self) -> Option<PublicKey> {
        match (self.mechanism.as_str(), &self.credentials[..]) {
            ("CURVE", [key]) => key[..].try_into().ok().map(PublicKey::from_bytes),
            _ => None,
        }
    }

    /// The user name and the password that a PLAIN client has shown.
    pub fn user(&self) -> Option<(&[u8], &[u8])> {
        match (self.mechanism.as_str(), &self.credentials[..]) {
            ("PLAIN", [name, password]) => Some((name, password)),
            _ => None,
        }
    }
}

/// Credentials are not shown.
impl fmt::Debug for ZapQuestion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ZapQuestion")
            .field("mechanism", &self.mechanism)
            .field("domain", &String::from_utf8_lossy(&self.domain))
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What is said of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It may come in. Its messages carry the user id, of at most 255 bytes, and the properties,
    /// whose names are letters, digits and `-_.+`.
    Allow {
        /// The property `User-Id` of each message.
        user_id: String,
        /// More properties, of at most 8 KiB together.
        properties: Vec<(String, Vec<u8>)>,
    },
    /// Its credentials are wrong: it is told, and does not come again. Status 400.
    Deny,
    /// Not now: it is told nothing, and comes again. Status 300.
    Later,
    /// The handler cannot say, for a fault of its own: the client is told, and does not come again.
    /// Status 500.
    Fail,
}

impl Verdict {
    /// Lets a client in under this user id.
    pub fn allow(user_id: impl Into<String>) -> Verdict {
        Verdict::Allow { user_id: user_id.into(), properties: Vec::new() }
    }

    fn status(&self) -> (&'static [u8], &'static [u8]) {
        match self {
            Verdict::Allow { .. } => (b"200", b"OK"),
            Verdict::Deny => (b"400", b"denied"),
            Verdict::Later => (b"300", b"later"),
            Verdict::Fail => (b"500", b"failed"),
        }
    }

    /// User id and metadata as they go into the reply.
    fn details(&self) -> (&[u8], Vec<u8>) {
        let Verdict::Allow { user_id, properties } = self else { return (b"", Vec::new()) };
        let mut metadata = Vec::new();
        for (name, value) in properties {
            // RFC 37 §The NULL Security Mechanism: a property is a name after its length of one
            // octet and a value after its length of four. A longer name makes the reply invalid,
            // and the server refuses the client.
            metadata.push(u8::try_from(name.len()).unwrap_or(0));
            metadata.extend_from_slice(name.as_bytes());
            let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
            metadata.extend_from_slice(&length.to_be_bytes());
            metadata.extend_from_slice(value);
        }
        (user_id.as_bytes(), metadata)
    }
}
