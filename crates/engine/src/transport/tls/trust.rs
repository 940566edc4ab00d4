//! Which servers a TLS client believes: those whose certificate an authority has signed that is
//! trusted, and those whose very certificate is trusted. Shared by the connections of a
//! configuration; any thread may ask.
//!
//! The certificate that one makes for a server with a single command is its own authority and has
//! its name as the common name only. As an authority's it would not do for a server; but whoever
//! puts it into `WSS_TRUST_PEM` means it, so it counts as long as its time and its name fit.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::certificate::Facts;

/// See the file's first paragraph.
#[derive(Debug)]
pub(super) struct Trust {
    authorities: Arc<WebPkiServerVerifier>,
    /// Certificates that are believed as they are.
    itself: Vec<CertificateDer<'static>>,
}

impl Trust {
    /// Believes the authorities in `roots`, which is not empty, and who has one of `itself`.
    pub(super) fn new(
        roots: RootCertStore,
        itself: Vec<CertificateDer<'static>>,
        provider: Arc<CryptoProvider>,
    ) -> Result<Self, rustls::client::VerifierBuilderError> {
        let authorities =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
        Ok(Self { authorities, itself })
    }
}

/// Whether a certificate that is believed as it is stands for this name now.
fn stands_for(
    certificate: &CertificateDer<'_>,
    name: &ServerName<'_>,
    now: UnixTime,
) -> Result<(), Error> {
    let facts = Facts::read(certificate).ok_or(CertificateError::BadEncoding)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < facts.not_before {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > facts.not_after {
        return Err(CertificateError::Expired.into());
    }
    // RFC 6125 §Checking of Common Names: only if there are no other identifiers.
    if !facts.has_alternative_names && facts.common_names.iter().any(|common| is(common, name)) {
        return Ok(());
    }
    verify_server_name(&ParsedCertificate::try_from(certificate)?, name)
}

/// Whether a common name is this name, or has an asterisk for its first label.
fn is(common: &str, name: &ServerName<'_>) -> bool {
    match name {
        ServerName::DnsName(name) => {
            let name = name.as_ref();
            let behind_first = name.split_once('.').map(|(_, rest)| rest);
            let wildcard = common.strip_prefix("*.").filter(|rest| rest.contains('.'));
            common.eq_ignore_ascii_case(name)
                || wildcard.zip(behind_first).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
        }
        ServerName::IpAddress(name) => common.parse::<IpAddr>() == Ok(IpAddr::from(*name)),
        _ => false,
    }
}

impl ServerCertVerifier for Trust {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.authorities.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        if verified.is_err() && self.itself.contains(end_entity) {
            stands_for(end_entity, server_name, now)?;
            return Ok(ServerCertVerified::assertion());
        }
        verified
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.authorities.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_common_name_is_a_host_with_an_asterisk_at_most_an_address_or_nothing() {
        for (common, name, fits) in [
            ("example.org", "example.org", true),
            ("Example.ORG", "example.org", true),
            ("*.example.org", "www.example.org", true),
            ("*.example.org", "example.org", false),
            ("*.example.org", "a.b.example.org", false),
            ("*.org", "example.org", false),
            ("*", "example", false),
            ("example.org", "www.example.org", false),
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("::1", "::1", true),
        ] {
            let name = ServerName::try_from(name).unwrap();
            assert_eq!(is(common, &name), fits, "{common} {name:?}");
        }
    }
}
