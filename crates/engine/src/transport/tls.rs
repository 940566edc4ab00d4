//! TLS within a stream, for wss. Configurations are made once, by the thread that binds or
//! connects; a [`Tls`] is one connection's state, driven by the reads and writes of its stream.
//!
//! What the stream promises of the kernel holds with TLS too. A read is short only when neither
//! the kernel nor TLS holds more. A write is reported when its last ciphertext is with the kernel:
//! until then it would block, and the caller comes back with the same bytes.

mod certificate;
mod trust;

use std::fmt;
use std::io::{self, Read, Write};
use std::sync::Arc;

use oxmq_zmtp::Host;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, Connection, RootCertStore, ServerConfig, ServerConnection,
};

use self::trust::Trust;
use super::options::WssOptions;

/// What a TLS peer did wrong, or what is wrong with our own certificates. It is the inner error of
/// an `io::Error`.
#[derive(Debug)]
pub struct TlsFault(String);

/// How a connecting end does TLS: whom it trusts, and the name it wants to see.
#[derive(Clone, Debug)]
pub struct TlsClient {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// How a listening end does TLS: its certificate and key.
#[derive(Clone, Debug)]
pub(super) struct TlsServer(Arc<ServerConfig>);

impl TlsClient {
    /// Reads whom to trust: authorities and servers from the options and, if they say so, the
    /// system's authorities. Without any, no server is trusted.
    ///
    /// # Errors
    /// A [`TlsFault`] when the PEM text holds no certificate, or the name is none; what reading
    /// the system's files gives.
    pub fn new(options: &WssOptions, host: &Host) -> io::Result<Self> {
        let mut roots = RootCertStore::empty();
        let mut itself = Vec::new();
        if !options.trust_pem.is_empty() {
            itself = certificates(&options.trust_pem, "WSS_TRUST_PEM")?;
            for certificate in &itself {
                let added = roots.add(certificate.clone());
                added.map_err(|error| fault("WSS_TRUST_PEM", &error))?;
            }
        }
        if options.trust_system {
            let found = rustls_native_certs::load_native_certs();
            // Systems have a few that nobody can read; those are not trusted.
            roots.add_parsable_certificates(found.certs);
        }
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| fault("TLS", &error))?;
        let config = if roots.is_empty() {
            config.with_root_certificates(roots)
        } else {
            let trust = Trust::new(roots, itself, provider);
            let trust = trust.map_err(|error| fault("WSS_TRUST_PEM", &error))?;
            config.dangerous().with_custom_certificate_verifier(Arc::new(trust))
        }
        .with_no_client_auth();
        let name = match (options.hostname.as_str(), host) {
            ("", Host::V4(ip)) => ServerName::from(std::net::IpAddr::from(*ip)),
            ("", Host::V6 { addr, .. }) => ServerName::from(std::net::IpAddr::from(*addr)),
            ("", host) => server_name(&host.to_string())?,
            (name, _) => server_name(name)?,
        };
        Ok(Self { config: Arc::new(config), name })
    }
}

impl TlsServer {
    /// Reads the certificate and its key.
    ///
    /// # Errors
    /// A [`TlsFault`] when either is missing or they do not belong together.
    pub(super) fn new(options: &WssOptions) -> io::Result<Self> {
        let chain = certificates(&options.cert_pem, "WSS_CERT_PEM")?;
        let key = PrivateKeyDer::from_pem_slice(options.key_pem.as_bytes())
            .map_err(|error| fault("WSS_KEY_PEM", &error))?;
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| fault("TLS", &error))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| fault("WSS_CERT_PEM and WSS_KEY_PEM", &error))?;
        Ok(Self(Arc::new(config)))
    }
}

fn server_name(name: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(name.to_owned()).map_err(|error| fault("host name of wss", &error))
}

fn certificates(pem: &str, option: &str) -> io::Result<Vec<CertificateDer<'static>>> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    let found = found.map_err(|error| fault(option, &error))?;
    if found.is_empty() { Err(fault(option, &"no certificate")) } else { Ok(found) }
}

fn fault(what: &str, why: &dyn fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, TlsFault(format!("{what}: {why}")))
}

impl fmt::Display for TlsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsFault {}

/// The TLS state of one connection.
pub(super) struct Tls {
    connection: Connection,
    /// Plaintext that TLS holds for us.
    unread: usize,
    /// Bytes of the last write whose ciphertext is not with the kernel.
    accepted: usize,
}

impl Tls {
    pub(super) fn client(client: &TlsClient) -> io::Result<Self> {
        let connection = ClientConnection::new(client.config.clone(), client.name.clone());
        connection.map(|connection| Self::new(connection.into())).map_err(|e| fault("TLS", &e))
    }

    pub(super) fn server(server: &TlsServer) -> io::Result<Self> {
        let connection = ServerConnection::new(server.0.clone());
        connection.map(|connection| Self::new(connection.into())).map_err(|e| fault("TLS", &e))
    }

    fn new(connection: Connection) -> Self {
        Self { connection, unread: 0, accepted: 0 }
    }

    /// TLS holds plaintext, of which the kernel knows nothing.
    pub(super) const fn has_unread(&self) -> bool {
        self.unread > 0
    }

    /// Reads as much as there is and fits. `Interrupted` says that the handshake has just ended:
    /// what could not be written before can be now.
    pub(super) fn read<T: Read + Write>(
        &mut self,
        kernel: &mut T,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        let mut filled = 0;
        let got = |filled: usize, otherwise: io::Result<usize>| match filled {
            0 => otherwise,
            filled => Ok(filled),
        };
        loop {
            match self.connection.reader().read(&mut buffer[filled..]) {
                // The peer has said that nothing more comes.
                Ok(0) => return Ok(filled),
                Ok(n) => {
                    filled += n;
                    self.unread -= n;
                    if filled == buffer.len() {
                        return Ok(filled);
                    }
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // An end without a word: frames have lengths, so nothing is cut unnoticed.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(filled),
                Err(error) => return got(filled, Err(error)),
            }
            let began_handshaking = self.connection.is_handshaking();
            match self.connection.read_tls(kernel) {
                Ok(0) if began_handshaking => return got(filled, Ok(0)),
                Ok(_) => {}
                Err(error) => {
                    // The handshake's answers go out with the next event at the latest.
                    self.flush_for_now(kernel)?;
                    return got(filled, Err(error));
                }
            }
            match self.connection.process_new_packets() {
                Ok(state) => self.unread = state.plaintext_bytes_to_read(),
                Err(error) => {
                    // The alert that tells the peer why.
                    let _ = self.flush(kernel);
                    let fault = TlsFault(format!("TLS: {error}"));
                    return Err(io::Error::new(io::ErrorKind::InvalidData, fault));
                }
            }
            self.flush_for_now(kernel)?;
            if began_handshaking && !self.connection.is_handshaking() {
                return got(filled, Err(io::ErrorKind::Interrupted.into()));
            }
        }
    }

    /// Encrypts and writes; see the file's first paragraph.
    pub(super) fn write<T: Read + Write>(
        &mut self,
        kernel: &mut T,
        bytes: &[u8],
    ) -> io::Result<usize> {
        self.flush(kernel)?;
        if self.connection.is_handshaking() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if self.accepted == 0 {
            self.accepted =
                self.connection.writer().write(&bytes[..bytes.len().min(CHUNK_BYTES)])?;
            self.flush(kernel)?;
        }
        Ok(std::mem::take(&mut self.accepted))
    }

    /// Says that nothing more will be written, as far as the kernel takes it.
    pub(super) fn end<T: Read + Write>(&mut self, kernel: &mut T) {
        self.connection.send_close_notify();
        let _ = self.flush(kernel);
    }

    fn flush_for_now<T: Read + Write>(&mut self, kernel: &mut T) -> io::Result<()> {
        match self.flush(kernel) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            result => result,
        }
    }

    fn flush<T: Read + Write>(&mut self, kernel: &mut T) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(kernel)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("unread", &self.unread).finish_non_exhaustive()
    }
}

/// Most bytes that one write encrypts: what TLS buffers, and what a loaded connection holds on top
/// of its queues.
const CHUNK_BYTES: usize = 64 * 1024;
