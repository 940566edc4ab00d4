//! Endpoints of udp: a host or a multicast group, and the interface that a group is joined on.
//! Parsing and printing only. `zmq_udp(7)`.

use std::fmt;

use super::{AddressFault, Host, HostPort, Port, host, host_port};

/// A UDP address: `udp://host:port` or, on a certain interface, `udp://interface;group:port`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UdpEndpoint {
    /// The interface, by name or by one of its addresses, that multicast goes through.
    pub interface: Option<Host>,
    /// The host, the interface or the multicast group.
    pub host: Host,
    /// The port. A connect needs a number.
    pub port: Port,
}

impl UdpEndpoint {
    pub(super) fn parse(address: &str) -> Result<Self, AddressFault> {
        let (interface, destination) = match address.split_once(';') {
            Some((interface, destination)) => (Some(host(interface)?), destination),
            None => (None, address),
        };
        let HostPort { host, port } = host_port(destination)?;
        Ok(Self { interface, host, port })
    }

    /// The host is a multicast group.
    pub const fn is_multicast(&self) -> bool {
        match &self.host {
            Host::V4(address) => address.is_multicast(),
            Host::V6 { addr, .. } => addr.is_multicast(),
            Host::Wildcard | Host::Name(_) => false,
        }
    }
}

impl fmt::Display for UdpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("udp://")?;
        if let Some(interface) = &self.interface {
            write!(f, "{interface};")?;
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::{Endpoint, EndpointError};

    #[test]
    fn addresses_of_every_form_are_read_and_printed() {
        for (text, multicast, interface) in [
            ("udp://*:5555", false, None),
            ("udp://127.0.0.1:5555", false, None),
            ("udp://eth1:5555", false, None),
            ("udp://[::1]:*", false, None),
            ("udp://239.0.0.1:5555", true, None),
            ("udp://eth0;239.0.0.1:5555", true, Some("eth0")),
            ("udp://192.0.2.1;239.0.0.1:5555", true, Some("192.0.2.1")),
            ("udp://eth0;[ff02::1]:5555", true, Some("eth0")),
            ("udp://*;[ff02::1%eth0]:5555", true, Some("*")),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!(endpoint.to_string(), text);
            assert_eq!(endpoint.transport(), "udp");
            let Endpoint::Udp(udp) = endpoint else { panic!("{text} is not udp") };
            assert_eq!(udp.is_multicast(), multicast, "{text}");
            assert_eq!(udp.interface.map(|host| host.to_string()).as_deref(), interface);
        }
    }

    #[test]
    fn faults_have_their_names() {
        for (text, fault) in [
            ("udp://127.0.0.1", AddressFault::NoPort),
            ("udp://127.0.0.1:", AddressFault::Port),
            ("udp://127.0.0.1:65536", AddressFault::Port),
            ("udp://:5555", AddressFault::Host),
            ("udp://;239.0.0.1:5555", AddressFault::Host),
            ("udp://eth0;:5555", AddressFault::Host),
            ("udp://[::1:5555", AddressFault::Ipv6),
            ("udp://a;b;239.0.0.1:5555", AddressFault::Host),
        ] {
            assert_eq!(text.parse::<Endpoint>(), Err(EndpointError::BadAddress(fault)), "{text}");
        }
    }
}
