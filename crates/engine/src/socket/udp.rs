//! Binding and connecting over udp: no connections, no sessions, no events; a pipe is there as long
//! as its endpoint. `zmq_udp(7)`.

use std::sync::Arc;

use oxmq_zmtp::{SocketType, UdpEndpoint};

use super::SocketCore;
use super::state::{EndpointKind, EndpointRecord};
use crate::error::{Error, Result};
use crate::pipe::Link;
use crate::pipe::udp::{Addresses, UdpLink};
use crate::transport::{self, udp};

impl SocketCore {
    /// Receives at an endpoint; DISH and DGRAM only. A host name is looked up at once.
    pub(super) fn bind_udp(
        self: &Arc<SocketCore>,
        given: &str,
        endpoint: &UdpEndpoint,
    ) -> Result<String> {
        let addresses = match self.socket_type {
            SocketType::Dish => Addresses::None,
            SocketType::Dgram => self.context.datagram_addresses(),
            _ => return Err(Error::IncompatibleTransport { endpoint: given.to_owned() }),
        };
        let options = self.enter()?.pipes.options.clone();
        self.choose_io(options.affinity)?;
        let (socket, resolved) = udp::bind(endpoint, &options.transport, &options.multicast)
            .map_err(|error| failed(given, error))?;
        let mut state = self.enter()?;
        state.attend_with(self)?;
        let link = Box::new(UdpLink::new(socket, None, addresses));
        let pipe = state.insert(Link::Udp(link), resolved.as_str().into(), Vec::new());
        if let Err(error) = state.pipes.watch_datagrams(pipe) {
            state.remove(pipe);
            self.leave(state);
            return Err(Error::io(format!("watching {given}"), error));
        }
        state.last_endpoint.clone_from(&resolved);
        state.endpoints.push(EndpointRecord {
            given: given.to_owned(),
            resolved: resolved.as_str().into(),
            kind: EndpointKind::BoundUdp { pipe },
            routing_id: Vec::new(),
        });
        self.leave(state);
        Ok(resolved)
    }

    /// Sends to an endpoint; RADIO only. A host name is looked up at once.
    pub(super) fn connect_udp(
        self: &Arc<SocketCore>,
        given: &str,
        endpoint: &UdpEndpoint,
    ) -> Result<()> {
        if self.socket_type != SocketType::Radio {
            return Err(Error::IncompatibleTransport { endpoint: given.to_owned() });
        }
        let options = self.enter()?.pipes.options.clone();
        let (socket, target) = udp::connect(endpoint, &options.transport, &options.multicast)
            .map_err(|error| failed(given, error))?;
        let mut state = self.enter()?;
        let link = Box::new(UdpLink::new(socket, Some(target), Addresses::None));
        let pipe = state.insert(Link::Udp(link), given.into(), Vec::new());
        given.clone_into(&mut state.last_endpoint);
        state.endpoints.push(EndpointRecord {
            given: given.to_owned(),
            resolved: given.into(),
            kind: EndpointKind::ConnectedUdp { pipe },
            routing_id: Vec::new(),
        });
        self.leave(state);
        Ok(())
    }
}

fn failed(given: &str, error: std::io::Error) -> Error {
    let errno = transport::errno(&error);
    if errno == rustix::io::Errno::ADDRINUSE.raw_os_error() {
        return Error::AddressInUse { endpoint: given.to_owned() };
    }
    if error.raw_os_error().is_none() || errno == rustix::io::Errno::INVAL.raw_os_error() {
        let reason = error.to_string();
        return Error::Endpoint { endpoint: given.to_owned(), reason, errno };
    }
    Error::io(format!("opening {given}"), error)
}
