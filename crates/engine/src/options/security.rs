//! What a socket does about security: its mechanism, its credentials and keys, and who decides
//! which peers may come in. A plain value within the socket's options; what connects or is
//! accepted later starts from a copy. Secrets are wiped when they are dropped, and never shown.

use std::sync::Arc;
use std::time::Duration;

use oxmq_zmtp::{
    CookieKeys, CurveConfig, CurveKeyPair, CurvePublicKey, CurveSecretKey, MechanismConfig,
    Password, PlainConfig,
};

use crate::security::AllowList;

/// A security mechanism, as the MECHANISM option numbers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mechanism {
    /// No authentication and no encryption. RFC 37.
    #[default]
    Null,
    /// User name and password, without encryption. RFC 24.
    Plain,
    /// Authentication by keys, and encryption. RFC 25 and 26.
    Curve,
}

/// The security options of a socket. The option set last chooses the mechanism and the role.
#[derive(Clone, Debug)]
pub struct SecurityOptions {
    mechanism: Mechanism,
    as_server: bool,
    username: Vec<u8>,
    password: Password,
    public_key: CurvePublicKey,
    secret_key: CurveSecretKey,
    server_key: CurvePublicKey,
    /// Seals the cookies of all connections of this socket.
    cookies: Arc<CookieKeys>,
    /// ZAP_DOMAIN: what the ZAP handler is told of the socket; empty is none.
    pub zap_domain: Vec<u8>,
    /// ZAP_ENFORCE_DOMAIN: peers come in only by the ZAP handler's word, once there is a domain.
    pub zap_enforce_domain: bool,
    /// ZAP_TIMEOUT: how long a ZAP handler may take; `None` is as long as the handshake may.
    pub zap_timeout: Option<Duration>,
    /// AUTHORITY_REQUIRED: with PLAIN or CURVE, nobody comes in without an authority's word.
    pub authority_required: bool,
    /// Who may come in; asked in place of the ZAP handler.
    pub allow_list: Option<AllowList>,
}

impl SecurityOptions {
    pub(super) fn blank() -> SecurityOptions {
        SecurityOptions {
            mechanism: Mechanism::Null,
            as_server: false,
            username: Vec::new(),
            password: Password::default(),
            public_key: CurvePublicKey::from_bytes([0; 32]),
            secret_key: CurveSecretKey::from_bytes([0; 32]),
            server_key: CurvePublicKey::from_bytes([0; 32]),
            cookies: Arc::default(),
            zap_domain: Vec::new(),
            zap_enforce_domain: false,
            zap_timeout: None,
            authority_required: false,
            allow_list: None,
        }
    }

    /// The mechanism that the options come to.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism {
        self.mechanism
    }

    /// Whether the socket is the server of its mechanism.
    #[must_use]
    pub fn is_server(&self) -> bool {
        self.as_server && self.mechanism != Mechanism::Null
    }

    /// Goes back to NULL.
    pub fn set_null(&mut self) {
        self.mechanism = Mechanism::Null;
        self.as_server = false;
    }

    /// Serves PLAIN, or goes back to NULL.
    pub fn set_plain_server(&mut self, on: bool) {
        self.mechanism = if on { Mechanism::Plain } else { Mechanism::Null };
        self.as_server = on;
    }

    /// Shows this user name to PLAIN servers. At most 255 bytes.
    pub fn set_plain_username(&mut self, username: &[u8]) {
        self.mechanism = Mechanism::Plain;
        self.as_server = false;
        self.username = username.to_vec();
    }

    /// Shows this password to PLAIN servers. At most 255 bytes.
    pub fn set_plain_password(&mut self, password: &[u8]) {
        self.mechanism = Mechanism::Plain;
        self.as_server = false;
        self.password = Password::from(password);
    }

    /// Serves CURVE, or goes back to NULL.
    pub fn set_curve_server(&mut self, on: bool) {
        self.mechanism = if on { Mechanism::Curve } else { Mechanism::Null };
        self.as_server = on;
    }

    /// The socket's own public key. A server's follows from its secret key.
    pub fn set_curve_public_key(&mut self, key: CurvePublicKey) {
        self.mechanism = Mechanism::Curve;
        self.public_key = key;
    }

    /// The socket's own secret key.
    pub fn set_curve_secret_key(&mut self, key: CurveSecretKey) {
        self.mechanism = Mechanism::Curve;
        self.secret_key = key;
    }

    /// The key of the server to connect to; makes the socket a client.
    pub fn set_curve_server_key(&mut self, key: CurvePublicKey) {
        self.mechanism = Mechanism::Curve;
        self.as_server = false;
        self.server_key = key;
    }

    pub(super) fn username(&self) -> &[u8] {
        &self.username
    }

    pub(super) fn password(&self) -> &[u8] {
        self.password.as_bytes()
    }

    pub(super) fn public_key(&self) -> &[u8; 32] {
        self.public_key.as_bytes()
    }

    pub(super) fn secret_key(&self) -> &[u8; 32] {
        self.secret_key.as_bytes()
    }

    pub(super) fn server_key(&self) -> &[u8; 32] {
        self.server_key.as_bytes()
    }

    /// The role and what it needs, for one connection's handshake.
    pub(crate) fn handshake(&self) -> MechanismConfig {
        match (self.mechanism, self.as_server) {
            (Mechanism::Null, _) => MechanismConfig::Null,
            (Mechanism::Plain, true) => MechanismConfig::Plain(PlainConfig::Server),
            (Mechanism::Plain, false) => MechanismConfig::Plain(PlainConfig::Client {
                username: self.username.clone(),
                password: self.password.clone(),
            }),
            (Mechanism::Curve, true) => MechanismConfig::Curve(CurveConfig::Server {
                keys: CurveKeyPair::from_secret(self.secret_key.clone()),
                cookies: self.cookies.clone(),
            }),
            (Mechanism::Curve, false) => MechanismConfig::Curve(CurveConfig::Client {
                keys: CurveKeyPair { public: self.public_key, secret: self.secret_key.clone() },
                server: self.server_key,
            }),
        }
    }
}

/// Options are equal when they say the same; cookie keys and lists count as what they are shared
/// as.
impl PartialEq for SecurityOptions {
    fn eq(&self, other: &SecurityOptions) -> bool {
        self.mechanism == other.mechanism
            && self.as_server == other.as_server
            && self.username == other.username
            && self.password == other.password
            && self.public_key == other.public_key
            && self.secret_key == other.secret_key
            && self.server_key == other.server_key
            && self.zap_domain == other.zap_domain
            && self.zap_enforce_domain == other.zap_enforce_domain
            && self.zap_timeout == other.zap_timeout
            && self.authority_required == other.authority_required
            && self.allow_list == other.allow_list
    }
}

impl Eq for SecurityOptions {}
