//! What a socket brings to its handshakes, checked before any octet is sent.
//!
//! A `HandshakeConfig` is a plain value; a socket keeps one and clones it for each connection.

use crate::entropy::Entropy;
use crate::error::ConfigError;
use crate::limits::ROUTING_ID_BYTES_MAX;
use crate::mechanism::MechanismConfig;
use crate::metadata::Metadata;
use crate::socket_type::SocketType;

pub(super) const SOCKET_TYPE: &str = "Socket-Type";
pub(super) const IDENTITY: &str = "Identity";
pub(super) const RESOURCE: &str = "Resource";

/// What a socket brings to a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandshakeConfig {
    /// Our socket type.
    pub socket_type: SocketType,
    /// Our routing id, at most 255 octets. To a 3.x peer only REQ, DEALER and
    /// ROUTER announce it; to older peers every type does, because theirs key durable queues by
    /// it. Default: empty.
    pub routing_id: Vec<u8>,
    /// The security mechanism. Default: NULL.
    pub mechanism: MechanismConfig,
    /// Application properties for the peer; names start with `X-`. Default: none. Together with
    /// our own properties at most 64 and 8 KiB.
    pub metadata: Vec<(String, Vec<u8>)>,
    /// The resource that we ask the peer for (RFC 37 §The Resource Property). Default: none.
    pub resource: Option<String>,
    /// Whether the ZAP handler decides which peers may come in. Under NULL either side may ask,
    /// otherwise only the server does. Default: false, and everybody comes in whom the mechanism
    /// permits. Peers older than 3.0 are refused when it is set.
    pub zap: bool,
    /// Where CURVE has its keys and nonces from. Default: the operating system.
    pub entropy: Entropy,
    /// Whether peers of ZMTP 1.0 and 2.0 are accepted. Default: true. Only NULL permits it, and
    /// only the socket types those versions know; otherwise such a peer is refused all the same.
    pub allow_downgrade: bool,
}

impl HandshakeConfig {
    /// The defaults for a socket of this type.
    pub fn new(socket_type: SocketType) -> HandshakeConfig {
        HandshakeConfig {
            socket_type,
            routing_id: Vec::new(),
            mechanism: MechanismConfig::Null,
            metadata: Vec::new(),
            resource: None,
            zap: false,
            entropy: Entropy::system(),
            allow_downgrade: true,
        }
    }

    /// The metadata of our READY.
    pub(super) fn properties(&self) -> Result<Metadata, ConfigError> {
        if !self.socket_type.speaks_zmtp() {
            return Err(ConfigError::NotZmtp);
        }
        // RFC 37 §The Identity Property: 0 to 255 octets. That the first SHALL NOT be zero is left
        // to the application: libzmq does not check it, and a program with random binary ids would
        // fail to connect one time in 256.
        if self.routing_id.len() > ROUTING_ID_BYTES_MAX {
            return Err(ConfigError::RoutingIdTooLong);
        }
        let mut properties = Metadata::new();
        let mut push =
            |name: &str, value: &[u8]| properties.push(name, value).map_err(ConfigError::Metadata);
        // RFC 37 §Connection Metadata: the sender SHOULD specify the Socket-Type.
        push(SOCKET_TYPE, self.socket_type.name().as_bytes())?;
        // The worked example of RFC 37 has a DEALER announce an empty Identity and a ROUTER none.
        if self.socket_type.sends_routing_id()
            && (self.socket_type != SocketType::Router || !self.routing_id.is_empty())
        {
            push(IDENTITY, &self.routing_id)?;
        }
        if let Some(resource) = &self.resource {
            if !is_resource(resource.as_bytes()) {
                return Err(ConfigError::ResourceInvalid);
            }
            push(RESOURCE, resource.as_bytes())?;
        }
        for (name, value) in &self.metadata {
            // RFC 37 §Connection Metadata: names starting with "X-" SHALL be reserved for
            // application use, so the application gets no others.
            if !name.get(..2).is_some_and(|prefix| prefix.eq_ignore_ascii_case("X-")) {
                return Err(ConfigError::NotApplicationProperty);
            }
            push(name, value)?;
        }
        Ok(properties)
    }
}

/// RFC 37 §The Resource Property: names of one or more permitted characters, joined by slashes.
pub(super) fn is_resource(resource: &[u8]) -> bool {
    let permitted = |c: &u8| {
        c.is_ascii_alphanumeric() || matches!(c, b'$' | b'-' | b'_' | b'@' | b'.' | b'&' | b'+')
    };
    resource.split(|&c| c == b'/').all(|name| !name.is_empty() && name.iter().all(permitted))
}
