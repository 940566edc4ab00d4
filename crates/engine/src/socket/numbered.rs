//! Peers by number, on SERVER and PEER sockets: connecting to one and learning its number in one
//! step, and disconnecting one. `zmq_connect_peer(3)`, `zmq_disconnect_peer(3)`.

use oxmq_zmtp::SocketType;

use super::Socket;
use super::state::{EndpointKind, State};
use crate::error::{Error, Result};
use crate::pipe::PipeId;

impl Socket {
    /// PEER: begins to connect, as [`Socket::connect`] does, and returns the number of the peer, by
    /// which messages can be sent to it at once. It stays the same when the connection is lost and
    /// made again. Never zero. Does not block.
    ///
    /// # Errors
    /// `NotSupported` on other types; `Immediate` with that option; what [`Socket::connect`]
    /// returns.
    // RFC 51 §The PEER Socket Type: SHALL provide the application with an API to connect and
    // retrieve the "routing id" of the double queue in atomic manner.
    pub fn connect_peer(&self, endpoint: &str) -> Result<u32> {
        if self.socket_type() != SocketType::Peer {
            return Err(Error::NotSupported { operation: "connecting to a peer by its number" });
        }
        if self.options().immediate {
            return Err(Error::Immediate);
        }
        match self.begin_connect(endpoint)? {
            // Another thread has set `immediate` in between.
            0 => Err(Error::Immediate),
            number => Ok(number),
        }
    }

    /// SERVER and PEER: disconnects the peer with this number. Sending to it fails from now on; if
    /// this socket connected to it, it does not connect again. What was received from it and not
    /// yet taken is dropped; what was sent may still go for as long as the linger option says.
    /// Does not block.
    ///
    /// # Errors
    /// `HostUnreachable` if there is no such peer; `NotSupported` on other types; `Terminated`,
    /// `Closed`.
    pub fn disconnect_peer(&self, number: u32) -> Result<()> {
        let core = self.core();
        let mut state = core.enter()?;
        let id = match state.pattern.peer(number) {
            Ok(id) => id,
            Err(error) => {
                core.leave(state);
                return Err(error);
            }
        };
        let linger = state.pipes.options.linger;
        match state.endpoint_of(id) {
            Some(at) => {
                let record = state.endpoints.remove(at);
                core.release_connected(&mut state, &record, linger);
            }
            None => state.release_pipe(id, linger),
        }
        core.leave(state);
        Ok(())
    }
}

impl State {
    /// The place of the connect that made a pipe; none for an accepted one.
    fn endpoint_of(&self, id: PipeId) -> Option<usize> {
        self.endpoints.iter().position(|record| match record.kind {
            EndpointKind::Connected { session } => self.session_pipe(session) == Some(id),
            EndpointKind::ConnectedInproc { pipe } => pipe == id,
            _ => false,
        })
    }
}
