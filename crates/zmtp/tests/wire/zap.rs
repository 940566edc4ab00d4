//! ZAP (RFC 27): requests as frames, and replies of every kind.

use oxmq_zmtp::{
    Metadata, ZapFault, ZapRequest, ZapStatus, ZapVerdict, code, limits, parse_zap_reply,
};

use crate::support::*;

fn request(mechanism: &'static str, credentials: Vec<Vec<u8>>) -> ZapRequest {
    ZapRequest { mechanism, credentials, routing_id: b"BOB".to_vec() }
}

#[test]
fn requests_have_the_frames_of_the_rfc() {
    // RFC 27 §Message Format: version, request id, domain, address, identity, mechanism,
    // credentials; the version frame SHALL contain "1.0".
    let credentials = vec![b"admin".to_vec(), b"secret".to_vec()];
    let frames = request("PLAIN", credentials).frames(b"test", b"192.168.55.1");
    let expected: [&[u8]; 8] =
        [b"1.0", b"1", b"test", b"192.168.55.1", b"BOB", b"PLAIN", b"admin", b"secret"];
    assert_eq!(frames, expected);
    assert_eq!(request("NULL", vec![]).frames(b"", b"").len(), 6);
}

#[test]
fn good_replies_become_verdicts() {
    let properties = property("X-Role", b"admin");
    let reply: [&[u8]; 6] = [b"1.0", b"1", b"200", b"OK", b"joe", &properties];
    let metadata = metadata(&[("X-Role", b"admin")]);
    let granted = ZapVerdict::Granted { user_id: b"joe".to_vec(), metadata };
    assert_eq!(parse_zap_reply(&reply), granted);
    let bare: [&[u8]; 6] = [b"1.0", b"1", b"200", b"", b"", b""];
    assert_eq!(parse_zap_reply(&bare), ZapVerdict::granted());
    // RFC 27 §Message Format: 300 temporary, 400 failure, 500 internal error.
    for (digits, status) in [
        (&b"300"[..], ZapStatus::Temporary),
        (b"400", ZapStatus::Denied),
        (b"500", ZapStatus::Internal),
    ] {
        let reply: [&[u8]; 6] = [b"1.0", b"1", digits, b"no", b"joe", b""];
        assert_eq!(parse_zap_reply(&reply), ZapVerdict::Denied(status));
        assert_eq!(status.code().to_string().as_bytes(), digits);
    }
}

#[test]
fn every_fault_denies_with_its_number() {
    let good: [&[u8]; 6] = [b"1.0", b"1", b"200", b"OK", b"joe", b""];
    let large = vec![b'x'; limits::ZAP_USER_ID_BYTES_MAX + 1];
    let metadata = vec![0; limits::METADATA_BYTES_MAX + 1];
    for (at, frame, fault, number) in [
        (0, &b""[..], ZapFault::Version, code::ZAP_BAD_VERSION),
        (0, b"1.1", ZapFault::Version, code::ZAP_BAD_VERSION),
        (0, b"1.0\0", ZapFault::Version, code::ZAP_BAD_VERSION),
        (1, b"", ZapFault::RequestId, code::ZAP_BAD_REQUEST_ID),
        (1, b"2", ZapFault::RequestId, code::ZAP_BAD_REQUEST_ID),
        (1, b"11", ZapFault::RequestId, code::ZAP_BAD_REQUEST_ID),
        (2, b"", ZapFault::Status, code::ZAP_INVALID_STATUS_CODE),
        (2, b"201", ZapFault::Status, code::ZAP_INVALID_STATUS_CODE),
        (2, b"100", ZapFault::Status, code::ZAP_INVALID_STATUS_CODE),
        (2, b"0200", ZapFault::Status, code::ZAP_INVALID_STATUS_CODE),
        (2, b"200\0", ZapFault::Status, code::ZAP_INVALID_STATUS_CODE),
        (3, &large, ZapFault::Malformed, code::ZAP_MALFORMED_REPLY),
        (4, &large, ZapFault::Malformed, code::ZAP_MALFORMED_REPLY),
        (5, b"x", ZapFault::Metadata, code::ZAP_INVALID_METADATA),
        (5, &metadata, ZapFault::Metadata, code::ZAP_INVALID_METADATA),
    ] {
        let mut reply = good;
        reply[at] = frame;
        assert_eq!(parse_zap_reply(&reply), ZapVerdict::Faulty(fault));
        assert_eq!(fault.zmq_code(), number);
    }
    for count in (0..100).filter(|count| *count != 6) {
        let reply: Vec<&[u8]> = good.iter().copied().cycle().take(count).collect();
        assert_eq!(parse_zap_reply(&reply), ZapVerdict::Faulty(ZapFault::Malformed), "{count}");
    }
    assert_eq!(ZapFault::NoReply.zmq_code(), code::ZAP_UNSPECIFIED);
    assert_eq!(Metadata::new(), metadata_of_granted());
}

fn metadata_of_granted() -> Metadata {
    match ZapVerdict::granted() {
        ZapVerdict::Granted { metadata, .. } => metadata,
        other => panic!("{other:?}"),
    }
}
