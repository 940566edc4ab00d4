//! Options of security: mechanisms, keys, and who may come in.

use std::time::Duration;

use oxmq_engine::options::code;

use super::Options;
use crate::kind::Kind;
use crate::{AllowList, CurveKeyPair, PublicKey};

impl<K: Kind> Options<K> {
    /// Serves CURVE with these keys: all traffic is encrypted, and each client has shown its
    /// public key before it comes in. Whom to let in says an [`AllowList`], or a
    /// [`ZapHandler`](crate::ZapHandler); without either, nobody comes in. Source: RFC 26.
    ///
    /// ```
    /// use oxmq::{AllowList, Context, Pull, Push, curve_keypair};
    ///
    /// let (server_keys, client_keys) = (curve_keypair()?, curve_keypair()?);
    /// let list = AllowList::new();
    /// list.allow_key(client_keys.public, "ada");
    /// let context = Context::new();
    /// let pull = Pull::with_options(&context, |o| {
    ///     o.curve_server(&server_keys).allow_list(&list)
    /// })?;
    /// let push = Push::with_options(&context, |o| {
    ///     o.curve_client(&client_keys, server_keys.public)
    /// })?;
    /// push.connect(&pull.bind("tcp://127.0.0.1:*")?)?;
    /// push.send("for your eyes only")?;
    /// let message = pull.recv()?;
    /// assert_eq!(message, ["for your eyes only"]);
    /// assert_eq!(message[0].meta().and_then(|meta| meta.user_id.as_deref()), Some("ada"));
    /// # Ok::<(), oxmq::Error>(())
    /// ```
    pub fn curve_server(&mut self, keys: &CurveKeyPair) -> &mut Self {
        self.flag(code::CURVE_SERVER, true).raw(code::CURVE_SECRETKEY, keys.secret.as_bytes())
    }

    /// Connects with CURVE, to servers that have this public key and to no others. Source: RFC 26.
    ///
    /// A server that refuses our key for good makes calls that would wait for it fail with
    /// [`Error::Refused`](crate::Error::Refused).
    pub fn curve_client(&mut self, keys: &CurveKeyPair, server: PublicKey) -> &mut Self {
        self.raw(code::CURVE_SERVERKEY, server.as_bytes())
            .raw(code::CURVE_PUBLICKEY, keys.public.as_bytes())
            .raw(code::CURVE_SECRETKEY, keys.secret.as_bytes())
    }

    /// Serves PLAIN: each client has shown a user name and a password before it comes in. Nothing
    /// is encrypted. Whom to let in says an [`AllowList`], or a
    /// [`ZapHandler`](crate::ZapHandler); without either, nobody comes in. Source: RFC 24.
    pub fn plain_server(&mut self) -> &mut Self {
        self.flag(code::PLAIN_SERVER, true)
    }

    /// Connects with PLAIN, and shows this user name and password, of 1 to 255 bytes each, to
    /// whoever is at the endpoint. Source: RFC 24.
    pub fn plain_client(&mut self, username: &str, password: &str) -> &mut Self {
        self.raw(code::PLAIN_USERNAME, username).raw(code::PLAIN_PASSWORD, password)
    }

    /// Who may come in, in place of a ZAP handler. Sockets may share a list, and it may be changed
    /// at any time. Over NULL, which shows nothing, it lets nobody in.
    pub fn allow_list(&mut self, list: &AllowList) -> &mut Self {
        let list = list.clone();
        self.field("AUTHORITY_REQUIRED", move |o| o.security.allow_list = Some(list))
    }

    /// What the ZAP handler is told of this socket: 1 to 255 bytes. Default: nothing. With it, the
    /// handler is asked about peers that use no mechanism, too.
    pub fn zap_domain(&mut self, domain: &str) -> &mut Self {
        self.raw(code::ZAP_DOMAIN, domain)
    }

    /// How long the ZAP handler may take before the peer is refused. Default 5 s; `None` is as
    /// long as [`handshake_ivl`](Options::handshake_ivl).
    pub fn zap_timeout(&mut self, timeout: impl Into<Option<Duration>>) -> &mut Self {
        self.time("ZAP_TIMEOUT", timeout.into(), |o, time| {
            o.security.zap_timeout = super::positive(time);
        })
    }

    /// Whether peers that ask to come in are refused as long as there is neither a list nor a
    /// handler. Default true; libzmq lets CURVE clients in then.
    pub fn authority_required(&mut self, on: bool) -> &mut Self {
        self.field("AUTHORITY_REQUIRED", move |o| o.security.authority_required = on)
    }
}
