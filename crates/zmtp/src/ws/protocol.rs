//! The sub-protocols of RFC 45: how peers name the mechanism they speak. Plain values.

use crate::mechanism::MechanismConfig;

/// A sub-protocol of RFC 45.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WsProtocol {
    /// `ZWS2.0`: no mechanism. Each end's first message is its routing id; there are no commands.
    Bare,
    /// `ZWS2.0/NULL`: RFC 23's NULL.
    Null,
    /// `ZWS2.0/PLAIN`: RFC 24.
    Plain,
    /// `ZWS2.0/CURVE`: RFC 26. RFC 45 does not name it, libzmq speaks it.
    Curve,
}

/// The sub-protocols that one end speaks, best first; at least one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WsProtocols(&'static [WsProtocol]);

impl WsProtocol {
    /// As it stands in `Sec-WebSocket-Protocol`.
    pub const fn name(self) -> &'static str {
        match self {
            WsProtocol::Bare => "ZWS2.0",
            WsProtocol::Null => "ZWS2.0/NULL",
            WsProtocol::Plain => "ZWS2.0/PLAIN",
            WsProtocol::Curve => "ZWS2.0/CURVE",
        }
    }
}

impl WsProtocols {
    /// What a socket with this mechanism speaks; `zap` says that peers have to be authenticated.
    pub const fn of(mechanism: &MechanismConfig, zap: bool) -> WsProtocols {
        WsProtocols(match mechanism {
            // RFC 45 §No Mechanism: all implementations must implement it. It cannot carry the
            // refusal of an authentication, so it is not spoken where one is wanted.
            MechanismConfig::Null if zap => &[WsProtocol::Null],
            MechanismConfig::Null => &[WsProtocol::Null, WsProtocol::Bare],
            MechanismConfig::Plain(_) => &[WsProtocol::Plain],
            MechanismConfig::Curve(_) => &[WsProtocol::Curve],
        })
    }

    /// The one of this name, if it is spoken. RFC 6455 §11.3.4 compares names as they are.
    pub(super) fn find(self, name: &[u8]) -> Option<WsProtocol> {
        self.0.iter().copied().find(|protocol| protocol.name().as_bytes() == name)
    }

    pub(super) const fn list(self) -> &'static [WsProtocol] {
        self.0
    }
}
