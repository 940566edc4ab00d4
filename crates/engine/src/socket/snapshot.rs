//! What can be seen of a socket at a moment. Runs under the socket's lock.

use super::state::State;
use crate::pipe::{Link, Phase, Pipe};
use crate::stats::{PeerSnapshot, PeerState, SocketSnapshot};

impl State {
    /// What can be seen of the socket now.
    pub(crate) fn snapshot(&self) -> SocketSnapshot {
        let mut total = self.gone;
        let mut peers = Vec::with_capacity(self.pipes.len());
        for (_, pipe) in self.pipes.iter() {
            let c = pipe.counters;
            total.messages_in += c.messages_in;
            total.bytes_in += c.bytes_in;
            total.messages_out += c.messages_out;
            total.bytes_out += c.bytes_out;
            total.reconnects += c.reconnects;
            if let Some(peer) = peer_snapshot(pipe) {
                peers.push(peer);
            }
        }
        SocketSnapshot {
            socket_type: self.pipes.socket_type,
            peers,
            drops: self.pipes.drops,
            messages_in: total.messages_in,
            bytes_in: total.bytes_in,
            messages_out: total.messages_out,
            bytes_out: total.bytes_out,
            reconnects: total.reconnects,
        }
    }
}

fn peer_snapshot(pipe: &Pipe) -> Option<PeerSnapshot> {
    let (remote, connected, queued_out, queued_out_bytes, queued_in) = match &pipe.link {
        Link::Net(net) => (
            net.connection.as_ref().map(|c| c.remote.clone()).unwrap_or_default(),
            net.connection.is_some(),
            net.out.messages(),
            net.out.backlog_bytes(),
            net.inq.ready(),
        ),
        Link::Inproc(link) => (String::new(), true, link.tx.len(), 0, link.rx.len()),
        Link::Udp(udp) => {
            let target = udp.target().map(|target| format!("udp://{target}")).unwrap_or_default();
            (target, true, 0, 0, udp.ready())
        }
    };
    let state = match pipe.phase {
        Phase::Open if connected => PeerState::Connected,
        Phase::Open => PeerState::Connecting,
        Phase::Draining => PeerState::Draining,
        Phase::Replaced | Phase::Lingering { .. } | Phase::Farewell { .. } => return None,
    };
    let c = pipe.counters;
    Some(PeerSnapshot {
        endpoint: pipe.endpoint.to_string(),
        remote,
        state,
        socket_type: pipe.peer_type,
        routing_id: pipe.routing_id.clone(),
        queued_out,
        queued_out_bytes,
        queued_in,
        messages_in: c.messages_in,
        bytes_in: c.bytes_in,
        messages_out: c.messages_out,
        bytes_out: c.bytes_out,
        dropped: c.dropped,
        reconnects: c.reconnects,
    })
}
