//! Binding, connecting and their reverse.
//!
//! Binding listens before it returns. Connecting only begins: names are resolved and connections
//! made and made again in the background, and what is sent meanwhile waits in the pipe.

use std::sync::Arc;
use std::time::Duration;

use oxmq_zmtp::{
    AddressFault, Endpoint, EndpointError, Host, HostPort, IpcEndpoint, Port, SocketType,
    TipcEndpoint, VsockCid, VsockEndpoint, WsEndpoint,
};

use super::state::{EndpointKind, EndpointRecord, State};
use super::{Socket, SocketCore};
use crate::error::{Error, Result};
use crate::io::{IoCommand, Listening, SessionId};
use crate::monitor::EventKind;
use crate::pipe::{Link, Pipe, PipeId};
use crate::transport::{self, BindFault, Listener, TlsClient};

/// Reads an endpoint for a socket of this type.
pub(super) fn parse(text: &str, socket_type: SocketType) -> Result<Endpoint> {
    let endpoint = Endpoint::parse(text).map_err(|error| Error::Endpoint {
        endpoint: text.to_owned(),
        reason: error.to_string(),
        errno: endpoint_errno(&error),
    })?;
    // Datagrams are for three types, and DGRAM is for them alone.
    let takes_udp = matches!(socket_type, SocketType::Radio | SocketType::Dish | SocketType::Dgram);
    let is_udp = matches!(endpoint, Endpoint::Udp(_));
    if (is_udp && !takes_udp) || (!is_udp && socket_type == SocketType::Dgram) {
        return Err(Error::IncompatibleTransport { endpoint: text.to_owned() });
    }
    // STREAM hands on the octets of a byte stream; an inproc or WebSocket peer sends messages.
    if socket_type == SocketType::Stream
        && matches!(endpoint, Endpoint::Inproc(_) | Endpoint::Ws(_))
    {
        return Err(Error::IncompatibleTransport { endpoint: text.to_owned() });
    }
    Ok(endpoint)
}

fn endpoint_errno(error: &EndpointError) -> i32 {
    use rustix::io::Errno;
    let errno = match error {
        EndpointError::UnknownTransport => Errno::PROTONOSUPPORT,
        EndpointError::NameTooLong { .. } => Errno::NAMETOOLONG,
        _ => Errno::INVAL,
    };
    errno.raw_os_error()
}

/// A bind of it is known by what the system made of it only.
fn is_wildcard(endpoint: &Endpoint) -> bool {
    match endpoint {
        Endpoint::Tcp(tcp) => tcp.port == Port::Wildcard,
        Endpoint::Ws(ws) => ws.port == Port::Wildcard,
        Endpoint::Ipc(ipc) => *ipc == IpcEndpoint::Wildcard,
        Endpoint::Tipc(tipc) => *tipc == TipcEndpoint::Wildcard,
        Endpoint::Vsock(vsock) => vsock.port.is_none(),
        Endpoint::Inproc(_) | Endpoint::Udp(_) => false,
    }
}

/// What can be bound but not connected to.
fn check_destination(text: &str, endpoint: &Endpoint) -> Result<()> {
    let fault = match endpoint {
        Endpoint::Tcp(tcp) => match tcp.destination() {
            HostPort { host: Host::Wildcard, .. } => Some(AddressFault::Host),
            HostPort { port: Port::Wildcard, .. } => Some(AddressFault::Port),
            HostPort { .. } => None,
        },
        Endpoint::Ws(WsEndpoint { host: Host::Wildcard, .. }) => Some(AddressFault::Host),
        Endpoint::Ws(WsEndpoint { port: Port::Wildcard, .. }) => Some(AddressFault::Port),
        Endpoint::Tipc(TipcEndpoint::Wildcard) => Some(AddressFault::Tipc),
        Endpoint::Tipc(TipcEndpoint::Range { lower, upper, .. }) if lower != upper => {
            Some(AddressFault::Tipc)
        }
        Endpoint::Vsock(VsockEndpoint { cid: VsockCid::Wildcard, .. }) => Some(AddressFault::Cid),
        Endpoint::Vsock(VsockEndpoint { port: None, .. }) => Some(AddressFault::Port),
        Endpoint::Ipc(IpcEndpoint::Wildcard) => Some(AddressFault::EmptyName),
        _ => None,
    };
    match fault {
        None => Ok(()),
        Some(_) => Err(Error::Endpoint {
            endpoint: text.to_owned(),
            reason: "a wildcard can be bound but not connected to".to_owned(),
            errno: endpoint_errno(&EndpointError::NoTransport),
        }),
    }
}

impl Socket {
    /// Accepts peers at an endpoint; returns it with its wildcards resolved. Blocks only to look
    /// a host name up. A socket may be bound and connected many times, in any order.
    ///
    /// # Errors
    /// `Endpoint`, `AddressInUse`, `IncompatibleTransport`, `NoIoThread`, `Io` with the system's
    /// reason; `Terminated`, `Closed`.
    pub fn bind(&self, endpoint: &str) -> Result<String> {
        let core = self.core();
        let parsed = parse(endpoint, core.socket_type)?;
        core.begin()?;
        if let Endpoint::Inproc(name) = parsed {
            return core.bind_inproc(endpoint, &name);
        }
        if let Endpoint::Udp(udp) = &parsed {
            return core.bind_udp(endpoint, udp);
        }
        let options = core.enter()?.pipes.options.clone();
        let io = core.choose_io(options.affinity)?;
        let listener = Listener::bind(&parsed, &options.transport)
            .map_err(|fault| core.bind_failed(endpoint, fault))?;
        let resolved: Arc<str> = listener.endpoint().into();
        let token = io.next_token();
        let mut state = core.enter()?;
        state.attend_with(core)?;
        state.last_endpoint = resolved.to_string();
        state.endpoints.push(EndpointRecord {
            given: endpoint.to_owned(),
            resolved: resolved.clone(),
            kind: EndpointKind::Bound { listener: token },
            routing_id: Vec::new(),
        });
        let fd = {
            use std::os::fd::{AsFd, AsRawFd};
            listener.as_fd().as_raw_fd()
        };
        state.report(EventKind::Listening { fd }, &resolved, "");
        // Asked for under the lock, so that an `unbind` of another thread is asked for later.
        io.post(IoCommand::Listen(Box::new(Listening {
            token,
            socket: core.clone(),
            listener,
            endpoint: resolved.clone(),
            options,
        })));
        core.leave(state);
        Ok(resolved.to_string())
    }

    /// Begins to connect to an endpoint, and goes on doing so whenever the connection is lost,
    /// until [`Socket::disconnect`]. Never blocks. Messages can be sent at once; they wait for
    /// the connection, up to the high-water mark (unless `immediate` is set).
    ///
    /// # Errors
    /// `Endpoint`, `IncompatibleTransport`, `NoIoThread`; `Terminated`, `Closed`. That nobody
    /// listens there is no error.
    pub fn connect(&self, endpoint: &str) -> Result<()> {
        self.begin_connect(endpoint).map(|_| ())
    }

    /// As [`Socket::connect`]; returns the number of the peer's pipe, 0 if it has none.
    pub(super) fn begin_connect(&self, endpoint: &str) -> Result<u32> {
        let core = self.core();
        let parsed = parse(endpoint, core.socket_type)?;
        check_destination(endpoint, &parsed)?;
        core.begin()?;
        if let Endpoint::Udp(udp) = &parsed {
            return core.connect_udp(endpoint, udp).map(|()| 0);
        }
        if let Endpoint::Inproc(name) = parsed {
            return core.connect_inproc(endpoint, &name);
        }
        let tls = core.tls_for(endpoint, &parsed)?;
        let mut state = core.enter()?;
        if connects_once(core.socket_type) && state.is_connected_to(endpoint) {
            core.leave(state);
            return Ok(0);
        }
        let io = core.choose_io(state.pipes.options.affinity)?;
        state.attend_with(core)?;
        let session = SessionId(io.next_token());
        let options = state.pipes.options.clone();
        let name: Arc<str> = endpoint.into();
        let resolved: Arc<str> = match &parsed {
            Endpoint::Tcp(_) | Endpoint::Ipc(_) | Endpoint::Inproc(_) => name.clone(),
            // libzmq gives these in their canonical form, a ws endpoint with its path.
            other => other.to_string().into(),
        };
        state.last_endpoint = resolved.to_string();
        // Without `immediate`, the pipe is made now and takes the routing id.
        let routing_id = match options.immediate {
            true => state.take_connect_routing_id(),
            false => Vec::new(),
        };
        state.endpoints.push(EndpointRecord {
            given: endpoint.to_owned(),
            resolved,
            kind: EndpointKind::Connected { session },
            routing_id,
        });
        // RFC 37 §Socket Semantics: all sockets SHALL establish connections opportunistically.
        // RFC 30 §The PUSH Socket Type: SHALL create this queue when initiating an outgoing
        // connection to a peer. RFC 28, 29 and 31 say the same of their types; `immediate` is the
        // option to have it otherwise.
        let mut number = 0;
        if !options.immediate {
            let id = state.open_session_pipe(session, name.clone());
            number = state.number(id);
        }
        io.post(IoCommand::Connect {
            session,
            socket: core.clone(),
            endpoint: parsed,
            name,
            options,
            tls,
        });
        core.leave(state);
        Ok(number)
    }

    /// Stops accepting peers at an endpoint; returns when it is free again. Peers that are
    /// connected stay.
    ///
    /// # Errors
    /// `NoSuchEndpoint` if the socket is not bound to it; `Terminated`, `Closed`.
    pub fn unbind(&self, endpoint: &str) -> Result<()> {
        let core = self.core();
        let mut state = core.enter()?;
        let record = state.take_bound(endpoint)?;
        core.leave(state);
        core.release_bound(&record);
        Ok(())
    }

    /// As [`Socket::unbind`], and gives up the peers that came through the endpoint, as
    /// `zmq_unbind(3)` does: what was received from them and not yet taken is dropped; what was
    /// sent may still go for as long as the linger option says. An endpoint bound with a wildcard
    /// port or name is known by what it was resolved to only.
    ///
    /// # Errors
    /// As [`Socket::unbind`].
    pub fn unbind_with_peers(&self, endpoint: &str) -> Result<()> {
        let core = self.core();
        if is_wildcard(&parse(endpoint, core.socket_type)?) {
            return Err(Error::NoSuchEndpoint { endpoint: endpoint.to_owned() });
        }
        let mut state = core.enter()?;
        let record = state.take_bound(endpoint)?;
        core.leave(state);
        // Waits for the I/O thread, so that no peer arrives later.
        core.release_bound(&record);
        let mut state = core.enter()?;
        let linger = state.pipes.options.linger;
        for id in state.accepted_at(&record.resolved) {
            state.release_pipe(id, linger);
        }
        core.leave(state);
        Ok(())
    }

    /// Gives up one connect to an endpoint. What was received from there and not yet taken is
    /// dropped; what was sent may still go for as long as the linger option says.
    ///
    /// # Errors
    /// `NoSuchEndpoint` if the socket is not connected to it; `Terminated`, `Closed`.
    pub fn disconnect(&self, endpoint: &str) -> Result<()> {
        let core = self.core();
        let mut state = core.enter()?;
        let record = state.take_endpoint(endpoint, |kind| {
            matches!(
                kind,
                EndpointKind::Connected { .. }
                    | EndpointKind::ConnectedInproc { .. }
                    | EndpointKind::ConnectedUdp { .. }
            )
        })?;
        let linger = state.pipes.options.linger;
        core.release_connected(&mut state, &record, linger);
        core.leave(state);
        Ok(())
    }

    /// Ends every bind and every connect of this name, as `zmq_unbind(3)` and `zmq_disconnect(3)`
    /// do, each of which takes either.
    ///
    /// # Errors
    /// `Endpoint` for what is none; `NoSuchEndpoint` if the socket is neither bound nor connected
    /// to it; `Terminated`, `Closed`.
    pub fn release_endpoint(&self, endpoint: &str) -> Result<()> {
        let core = self.core();
        core.leave(core.enter()?);
        parse(endpoint, core.socket_type)?;
        let mut found = false;
        for end in [Socket::unbind_with_peers, Socket::disconnect] {
            loop {
                match end(self, endpoint) {
                    Ok(()) => found = true,
                    Err(Error::NoSuchEndpoint { .. }) => break,
                    Err(error) => return Err(error),
                }
            }
        }
        if found { Ok(()) } else { Err(Error::NoSuchEndpoint { endpoint: endpoint.to_owned() }) }
    }

    /// The endpoints the socket is bound to, resolved, and those it connects to.
    pub fn endpoints(&self) -> Endpoints {
        let state = self.core().lock();
        let mut endpoints = Endpoints::default();
        for record in &state.endpoints {
            let list = match record.kind {
                EndpointKind::Bound { .. }
                | EndpointKind::BoundInproc
                | EndpointKind::BoundUdp { .. } => &mut endpoints.bound,
                _ => &mut endpoints.connected,
            };
            list.push(record.resolved.to_string());
        }
        endpoints
    }
}

/// What a socket is bound and connected to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoints {
    /// Bound, with wildcards resolved.
    pub bound: Vec<String>,
    /// Connected to, or being connected to.
    pub connected: Vec<String>,
}

/// Types on which a second connect to the same endpoint does nothing. `zmq_connect(3)`.
fn connects_once(socket_type: SocketType) -> bool {
    matches!(socket_type, SocketType::Dealer | SocketType::Sub | SocketType::Pub | SocketType::Req)
}

impl State {
    /// The number by which a SERVER or PEER knows the peer of a pipe.
    fn number(&self, id: PipeId) -> u32 {
        self.pipes.peek(id).map_or(0, |pipe| pipe.number)
    }

    fn is_connected_to(&self, endpoint: &str) -> bool {
        self.endpoints.iter().any(|record| {
            record.given == endpoint && matches!(record.kind, EndpointKind::Connected { .. })
        })
    }

    /// The network pipes that were accepted at an endpoint.
    fn accepted_at(&self, endpoint: &str) -> Vec<PipeId> {
        let accepted = |pipe: &Pipe| match &pipe.link {
            Link::Net(net) => net.session.is_none() && *pipe.endpoint == *endpoint,
            Link::Inproc(_) | Link::Udp(_) => false,
        };
        self.pipes.iter().filter(|(_, pipe)| accepted(pipe)).map(|(id, _)| id).collect()
    }

    /// Takes the record of the newest bind of this name. What has no listener ends here.
    fn take_bound(&mut self, endpoint: &str) -> Result<EndpointRecord> {
        let record = self.take_endpoint(endpoint, |kind| {
            matches!(
                kind,
                EndpointKind::Bound { .. }
                    | EndpointKind::BoundInproc
                    | EndpointKind::BoundUdp { .. }
            )
        })?;
        if let EndpointKind::BoundUdp { pipe } = record.kind {
            self.release_pipe(pipe, None);
        }
        Ok(record)
    }

    /// Takes the record of the newest endpoint of this name.
    fn take_endpoint(
        &mut self,
        endpoint: &str,
        wanted: impl Fn(&EndpointKind) -> bool,
    ) -> Result<EndpointRecord> {
        let at = self.endpoints.iter().rposition(|record| {
            (record.given == endpoint || *record.resolved == *endpoint) && wanted(&record.kind)
        });
        match at {
            Some(at) => Ok(self.endpoints.remove(at)),
            // One that could not have been taken is told as bind and connect would.
            None => parse(endpoint, self.pipes.socket_type)
                .and(Err(Error::NoSuchEndpoint { endpoint: endpoint.to_owned() })),
        }
    }

    /// Makes the socket's epoll set at its first network endpoint.
    pub(crate) fn attend_with(&mut self, core: &Arc<SocketCore>) -> Result<()> {
        if self.pipes.attendance.is_some() {
            return Ok(());
        }
        let attendance = super::attendance::Attendance::new()
            .map_err(|error| Error::io("making the socket's epoll set", error))?;
        let attendance = Arc::new(attendance);
        self.pipes.attendance = Some(attendance.clone());
        if let Some(io) = core.io() {
            io.post(IoCommand::Watch { socket: core.clone(), attendance });
        }
        Ok(())
    }
}

impl SocketCore {
    /// Tells the monitor of a bind in vain, and of the socket that was made for it, as libzmq does.
    fn bind_failed(&self, endpoint: &str, BindFault { error, closed }: BindFault) -> Error {
        let errno = transport::errno(&error);
        let state = self.lock();
        if let Some(fd) = closed {
            state.report(EventKind::Closed { fd }, endpoint, "");
        }
        state.report(EventKind::BindFailed { errno }, endpoint, "");
        drop(state);
        if errno == rustix::io::Errno::ADDRINUSE.raw_os_error() {
            Error::AddressInUse { endpoint: endpoint.to_owned() }
        } else {
            Error::io(format!("binding to {endpoint}"), error)
        }
    }

    /// The I/O thread of this socket, chosen now if it is the first time.
    pub(super) fn choose_io(&self, affinity: u64) -> Result<crate::io::IoHandle> {
        if let Some(io) = self.io.get() {
            return Ok(io.clone());
        }
        let io = self.context.choose_io(affinity)?;
        Ok(self.io.get_or_init(|| io).clone())
    }

    /// How a connect does TLS; `None` if it does not. Reads files if the options say so.
    fn tls_for(&self, text: &str, endpoint: &Endpoint) -> Result<Option<TlsClient>> {
        let Endpoint::Ws(WsEndpoint { tls: true, host, .. }) = endpoint else { return Ok(None) };
        let options = self.enter()?.pipes.options.transport.wss.clone();
        let client = TlsClient::new(&options, host);
        client.map(Some).map_err(|error| Error::io(format!("connecting to {text}"), error))
    }

    pub(super) fn bind_inproc(
        self: &Arc<SocketCore>,
        endpoint: &str,
        name: &str,
    ) -> Result<String> {
        let mut state = self.enter()?;
        let info = state.peer_info();
        let greeting = self.context.bind_inproc(name, self.weak(), info, |command| {
            let _ = self.mailbox.send(command);
        })?;
        state.last_endpoint = endpoint.to_owned();
        state.endpoints.push(EndpointRecord {
            given: endpoint.to_owned(),
            resolved: endpoint.into(),
            kind: EndpointKind::BoundInproc,
            routing_id: Vec::new(),
        });
        state.obey(&self.mailbox);
        self.leave(state);
        greeting.iter().for_each(|peer| peer.obey_now());
        Ok(endpoint.to_owned())
    }

    fn connect_inproc(self: &Arc<SocketCore>, endpoint: &str, name: &str) -> Result<u32> {
        let mut state = self.enter()?;
        let info = state.peer_info();
        let result = self
            .context
            .connect_inproc(name, info, |link, peer| state.connect_inproc(link, peer, endpoint));
        let (pipe, greeting) = match result {
            Ok(made) => made,
            Err(error) => {
                self.leave(state);
                return Err(error);
            }
        };
        state.last_endpoint = endpoint.to_owned();
        state.endpoints.push(EndpointRecord {
            given: endpoint.to_owned(),
            resolved: endpoint.into(),
            kind: EndpointKind::ConnectedInproc { pipe },
            routing_id: Vec::new(),
        });
        let number = state.number(pipe);
        self.leave(state);
        if let Some(peer) = greeting {
            peer.obey_now();
        }
        Ok(number)
    }

    /// Connects to a name if a socket of one of these types is bound to it now; whether one was.
    pub(crate) fn connect_bound(&self, endpoint: &str, name: &str, types: &[SocketType]) -> bool {
        let Ok(mut state) = self.enter() else { return false };
        let info = state.peer_info();
        let connected = self.context.connect_bound(name, types, info, |link, peer| {
            state.connect_inproc(link, Some(peer), endpoint);
        });
        self.leave(state);
        connected
    }

    fn release_bound(&self, record: &EndpointRecord) {
        match record.kind {
            EndpointKind::Bound { listener } => {
                if let Some(io) = self.io() {
                    io.close_listener(listener);
                }
            }
            EndpointKind::BoundInproc => {
                let name = record.given.strip_prefix("inproc://").unwrap_or(&record.given);
                self.context.unbind_inproc(name, self.id);
            }
            _ => {}
        }
    }

    pub(super) fn release_connected(
        &self,
        state: &mut State,
        record: &EndpointRecord,
        linger: Option<Duration>,
    ) {
        match record.kind {
            EndpointKind::Connected { session } => {
                let pipe = state.session_pipe(session);
                if let Some(pipe) = pipe {
                    state.release_pipe(pipe, linger);
                }
                if let Some(io) = self.io() {
                    let lingers = pipe.is_some_and(|id| state.pipes.peek(id).is_some());
                    io.post(IoCommand::Disconnect { session, lingers });
                }
            }
            EndpointKind::ConnectedInproc { pipe }
            | EndpointKind::ConnectedUdp { pipe }
            | EndpointKind::BoundUdp { pipe } => state.release_pipe(pipe, linger),
            _ => {}
        }
    }

    /// Ends the listeners and inproc names of a socket that is being closed. Waits for the I/O
    /// thread, so the socket's lock must not be held.
    pub(crate) fn close_bound(&self) {
        let (bound, connected): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.lock().endpoints).into_iter().partition(|record| {
                matches!(record.kind, EndpointKind::Bound { .. } | EndpointKind::BoundInproc)
            });
        self.lock().endpoints = connected;
        for record in bound {
            self.release_bound(&record);
        }
    }

    /// Ends the connects of a socket that is being closed.
    pub(crate) fn close_connected(&self, state: &mut State, linger: Option<Duration>) {
        for record in std::mem::take(&mut state.endpoints) {
            self.release_connected(state, &record, linger);
        }
    }
}
