//! Options of wss and of the SOCKS5 proxy: who is trusted, and who is asked to connect.

use oxmq_engine::options::code;

use super::Options;
use crate::kind::Kind;

impl<K: Kind> Options<K> {
    /// The certificate of a wss listener, followed by those that lead to its authority, and its
    /// private key: both as PEM text of up to 1 MiB. Default: none, and wss cannot be bound.
    pub fn wss_certificate(&mut self, certificate_pem: &str, key_pem: &str) -> &mut Self {
        self.raw(code::WSS_CERT_PEM, certificate_pem).raw(code::WSS_KEY_PEM, key_pem)
    }

    /// The authorities, as PEM text of up to 1 MiB, whose certificates a connect over wss trusts.
    /// Default: none. A server that nobody vouches for is refused; there is no way to turn that
    /// off.
    pub fn wss_trust(&mut self, authorities_pem: &str) -> &mut Self {
        self.raw(code::WSS_TRUST_PEM, authorities_pem)
    }

    /// Whether a connect over wss trusts the authorities that the system trusts, too. Default
    /// false. The call to `connect` then reads the system's files.
    pub fn wss_trust_system(&mut self, on: bool) -> &mut Self {
        self.flag(code::WSS_TRUST_SYSTEM, on)
    }

    /// The name that the certificate of a wss server must have, up to 255 bytes; empty, the
    /// default, is the host of the endpoint.
    pub fn wss_hostname(&mut self, name: &str) -> &mut Self {
        self.raw(code::WSS_HOSTNAME, name)
    }

    /// The SOCKS5 proxy, as `host:port`, that connects over tcp, ws and wss go through; empty, the
    /// default, is none. The proxy resolves host names. What it refuses is a monitor event, and is
    /// tried again.
    pub fn socks_proxy(&mut self, proxy: &str) -> &mut Self {
        self.raw(code::SOCKS_PROXY, proxy)
    }

    /// The user name and the password at the proxy, up to 255 bytes each, sent to it unencrypted
    /// (RFC 1929). Default: empty, and the proxy is asked without.
    pub fn socks_login(&mut self, username: &str, password: &str) -> &mut Self {
        self.raw(code::SOCKS_USERNAME, username).raw(code::SOCKS_PASSWORD, password)
    }
}
