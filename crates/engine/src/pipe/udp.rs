//! A pipe over udp: datagrams go to the kernel at once or are dropped, and come from it into a
//! queue. RADIO and DISH put the group in front of the body; DGRAM's datagrams are the body alone.
//! `zmq_udp(7)`. The socket's lock protects it.
//!
//! ```text
//! datagram of a RADIO = group-length (1 octet) group body
//! ```

use std::collections::{HashSet, VecDeque};
use std::io;
use std::net::{SocketAddr, UdpSocket};

use oxmq_message::Msg;

use crate::limits::{DATAGRAM_BYTES_MAX, DATAGRAMS_PER_TURN};
use crate::transport::udp::address_text;

/// See the file's first paragraph.
pub(crate) struct UdpLink {
    socket: UdpSocket,
    /// Where a RADIO sends to.
    target: Option<SocketAddr>,
    addresses: Addresses,
    /// The kernel may hold datagrams for us.
    pub(crate) readable: bool,
    /// What was received: the address, empty but on DGRAM, and the body.
    queue: VecDeque<(Msg, Msg)>,
    /// The body whose address was taken.
    body: Option<Msg>,
}

/// What stands before the body of a datagram that is received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Addresses {
    /// Nothing: the message has a group.
    None,
    /// The sender's address.
    Text,
    /// The sender's address and a zero, so that C takes it for a string, as libzmq has it.
    ZeroEnded,
}

/// What became of a datagram that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Yes,
    /// The kernel has no room now.
    Full,
    /// It does not fit a datagram, or the network refused it.
    Refused,
}

/// What a turn of reading came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Turn {
    /// Datagrams of the wrong form, which are dropped.
    pub(crate) malformed: u64,
    /// The kernel may have more, though nothing was received that can be delivered.
    pub(crate) again: bool,
}

impl UdpLink {
    pub(crate) fn new(socket: UdpSocket, target: Option<SocketAddr>, addresses: Addresses) -> Self {
        UdpLink { socket, target, addresses, readable: false, queue: VecDeque::new(), body: None }
    }

    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Where a RADIO sends to.
    pub(crate) fn target(&self) -> Option<SocketAddr> {
        self.target
    }

    /// Whether addresses of IPv6, and of IPv4 within them, can be sent to.
    pub(crate) fn is_ipv6(&self) -> bool {
        self.socket.local_addr().is_ok_and(|local| local.is_ipv6())
    }

    /// Whole messages that can be taken.
    pub(crate) fn ready(&self) -> usize {
        self.queue.len() + usize::from(self.body.is_some())
    }

    /// Takes the next part.
    pub(crate) fn pop(&mut self) -> Option<Msg> {
        if let Some(body) = self.body.take() {
            return Some(body);
        }
        let (mut address, body) = self.queue.pop_front()?;
        if self.addresses == Addresses::None {
            return Some(body);
        }
        address.set_more(true);
        self.body = Some(body);
        Some(address)
    }

    /// Sends a message to its group's address.
    pub(crate) fn send_group(&self, msg: &Msg) -> Sent {
        let Some(target) = self.target else { return Sent::Refused };
        let group = msg.group();
        let Ok(length) = u8::try_from(group.len()) else { return Sent::Refused };
        let mut datagram = Vec::with_capacity(1 + group.len() + msg.len().min(DATAGRAM_BYTES_MAX));
        if 1 + group.len() + msg.len() > DATAGRAM_BYTES_MAX {
            return Sent::Refused;
        }
        datagram.push(length);
        datagram.extend_from_slice(group);
        datagram.extend_from_slice(msg);
        self.send(target, &datagram)
    }

    /// Sends a body to an address.
    pub(crate) fn send_to(&self, to: SocketAddr, body: &Msg) -> Sent {
        if body.len() > DATAGRAM_BYTES_MAX {
            return Sent::Refused;
        }
        self.send(to, body)
    }

    fn send(&self, to: SocketAddr, datagram: &[u8]) -> Sent {
        for _ in 0..2 {
            match self.socket.send_to(datagram, to) {
                Ok(_) => return Sent::Yes,
                Err(error) => match error.raw_os_error() {
                    Some(libc::EAGAIN | libc::ENOBUFS | libc::ENOMEM) => return Sent::Full,
                    // An earlier datagram was answered with an error; this one was not sent yet.
                    Some(libc::EINTR | libc::ECONNREFUSED) => {}
                    _ => return Sent::Refused,
                },
            }
        }
        Sent::Refused
    }

    /// Reads until the kernel has no more, `ready_max` messages wait (0: no limit), or the turn is
    /// over. A RADIO's datagrams count if their group is joined.
    pub(crate) fn read(&mut self, ready_max: usize, joined: &HashSet<Vec<u8>>) -> Turn {
        let mut turn = Turn::default();
        // One byte more than a datagram may have, to tell those that are too long.
        let mut buffer = [0u8; DATAGRAM_BYTES_MAX + 1];
        for _ in 0..DATAGRAMS_PER_TURN {
            if ready_max > 0 && self.ready() >= ready_max {
                return turn;
            }
            match self.socket.recv_from(&mut buffer) {
                Ok((len, from)) => match self.message(&buffer[..len], from) {
                    Some((address, body)) => {
                        if self.addresses != Addresses::None || joined.contains(body.group()) {
                            self.queue.push_back((address, body));
                        }
                    }
                    None => turn.malformed += 1,
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                    return turn;
                }
                // What is told here of one peer, such as that it refuses datagrams, says nothing of
                // the others.
                Err(_) => {}
            }
        }
        turn.again = self.queue.is_empty();
        turn
    }

    /// The message in a datagram, if it has the right form.
    fn message(&self, datagram: &[u8], from: SocketAddr) -> Option<(Msg, Msg)> {
        if datagram.len() > DATAGRAM_BYTES_MAX {
            return None;
        }
        if self.addresses != Addresses::None {
            let mut address = address_text(from);
            if self.addresses == Addresses::ZeroEnded {
                address.push('\0');
            }
            return Some((Msg::from(address), Msg::try_from_slice(datagram).ok()?));
        }
        let (length, rest) = datagram.split_first()?;
        let (group, body) = rest.split_at_checked(usize::from(*length))?;
        let mut msg = Msg::try_from_slice(body).ok()?;
        msg.set_group(group).ok()?;
        Some((Msg::new(), msg))
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// A receiving link, and a plain socket that sends to it.
    fn link(addresses: Addresses) -> (UdpLink, UdpSocket) {
        let ours = UdpSocket::bind("127.0.0.1:0").unwrap();
        let theirs = UdpSocket::bind("127.0.0.1:0").unwrap();
        theirs.connect(ours.local_addr().unwrap()).unwrap();
        ours.set_nonblocking(true).unwrap();
        (UdpLink::new(ours, None, addresses), theirs)
    }

    fn read(link: &mut UdpLink, joined: &[&[u8]]) -> Turn {
        let joined = joined.iter().map(|group| group.to_vec()).collect();
        // Loopback datagrams are there when the send returns.
        link.readable = true;
        link.read(0, &joined)
    }

    #[test]
    fn datagrams_of_the_wrong_form_are_dropped_and_counted() {
        let (mut link, theirs) = link(Addresses::None);
        let too_long = [1; DATAGRAM_BYTES_MAX + 1];
        let hostile: [&[u8]; 6] = [b"", b"\x01", b"\x05abcd", b"\xFF", b"\x02a\0body", &too_long];
        for datagram in hostile {
            theirs.send(datagram).unwrap();
        }
        let turn = read(&mut link, &[b"", b"a"]);
        assert_eq!((turn.malformed, turn.again, link.ready()), (6, false, 0));
        assert!(!link.readable);
    }

    #[test]
    fn only_groups_that_are_joined_are_kept() {
        let (mut link, theirs) = link(Addresses::None);
        let longest = [b"\x01a".to_vec(), vec![b'x'; DATAGRAM_BYTES_MAX - 2]].concat();
        for datagram in [&b"\x01abody"[..], b"\x02aabody", b"\x00none", b"\x01A", &longest] {
            theirs.send(datagram).unwrap();
        }
        assert_eq!(read(&mut link, &[b"a", b""]).malformed, 0);
        let mut next = || link.pop().map(|msg| (msg.group().to_vec(), msg.to_vec()));
        assert_eq!(next(), Some((b"a".to_vec(), b"body".to_vec())));
        assert_eq!(next(), Some((Vec::new(), b"none".to_vec())));
        assert_eq!(next().unwrap().1.len(), DATAGRAM_BYTES_MAX - 2);
        assert_eq!(next(), None);
    }

    #[test]
    fn a_turn_of_unwanted_datagrams_asks_to_come_back() {
        let (mut link, theirs) = link(Addresses::None);
        let mut sent = 0;
        while sent < DATAGRAMS_PER_TURN && theirs.send(b"\x01x").is_ok() {
            sent += 1;
        }
        let turn = read(&mut link, &[]);
        // The kernel may have dropped some; if not, the turn ended before it was empty.
        assert_eq!(turn.again, link.readable);
    }

    #[test]
    fn a_datagram_socket_sees_the_address_first_and_stops_at_its_high_water_mark() {
        let (mut link, theirs) = link(Addresses::Text);
        for body in [&b""[..], b"one", b"two"] {
            theirs.send(body).unwrap();
        }
        link.readable = true;
        assert_eq!(link.read(2, &HashSet::new()), Turn::default());
        assert!(link.readable);
        assert_eq!(link.ready(), 2);
        for body in [&b""[..], b"one"] {
            let address = link.pop().unwrap();
            assert!(address.more());
            assert_eq!(address, theirs.local_addr().unwrap().to_string().as_bytes());
            assert!(link.ready() > 0);
            let part = link.pop().unwrap();
            assert_eq!((&part[..], part.more()), (body, false));
        }
        assert!(link.pop().is_none());
    }
}
