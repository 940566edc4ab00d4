//! The matrix of versions, mechanisms and roles: who meets whom, and what comes of it.

use oxmq_zmtp::{HandshakeConfig, HandshakeError, SocketType, ZapVerdict, limits};

use crate::pair::*;
use crate::support::*;

/// A configuration of ours, by mechanism and role.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Side {
    Null,
    NullWithZap,
    PlainClient,
    PlainServer,
    CurveClient,
    CurveServer,
}

use Side::{CurveClient, CurveServer, Null, NullWithZap, PlainClient, PlainServer};

const SIDES: [Side; 6] = [Null, NullWithZap, PlainClient, PlainServer, CurveClient, CurveServer];

fn config_of(side: Side) -> HandshakeConfig {
    match side {
        Null => config(SocketType::Dealer, b"me"),
        NullWithZap => HandshakeConfig { zap: true, ..config(SocketType::Router, b"them") },
        PlainClient => plain_client(),
        PlainServer => plain_server(),
        CurveClient => curve_client(),
        CurveServer => curve_server(),
    }
}

/// Whether two sides come to an agreement.
fn agree(one: Side, two: Side) -> bool {
    matches!(
        (one, two),
        (Null | NullWithZap, Null | NullWithZap)
            | (PlainClient, PlainServer)
            | (PlainServer, PlainClient)
            | (CurveClient, CurveServer)
            | (CurveServer, CurveClient)
    )
}

#[test]
fn every_pair_of_sides_agrees_or_is_refused_by_both() {
    for one in SIDES {
        for two in SIDES {
            let [ours, theirs] = introduce(config_of(one), config_of(two), &ZapVerdict::granted());
            if agree(one, two) {
                ours.established();
                theirs.established();
                continue;
            }
            // RFC 37 §Authentication and Confidentiality: mechanisms that do not match MUST close
            // the connection. Equal roles are refused by the first that notices.
            let errors = [&ours, &theirs].map(|end| match &end.end {
                Some(Err(error)) => Some(error.clone()),
                None => None,
                Some(Ok(_)) => panic!("{one:?} and {two:?} agree"),
            });
            assert!(errors.iter().any(Option::is_some), "{one:?} and {two:?} wait for each other");
            if config_of(one).mechanism.name() != config_of(two).mechanism.name() {
                for error in errors {
                    let mismatch = matches!(error, Some(HandshakeError::MechanismMismatch { .. }));
                    assert!(mismatch, "{one:?} {two:?}");
                }
            }
        }
    }
}

/// What a peer of every kind sends first: version 1.0, every 2.0 revision, every 3.x and later.
fn openings() -> Vec<(Vec<u8>, Option<&'static [u8]>)> {
    let mut all = vec![(v1_peer(b""), None), (v1_peer(b"id"), None), (v1_peer_long(b"", 0), None)];
    for revision in 0..=2 {
        for socket_type in 0..12 {
            all.push((v2_peer(revision, socket_type, b"id"), None));
        }
    }
    let names: [&'static [u8]; 12] = [
        b"NULL",
        b"PLAIN",
        b"CURVE",
        b"GSSAPI",
        b"",
        b"null",
        b"NULLX",
        b"PLAINX",
        b"CURVE\0X",
        b"XCURVE",
        b"CURVE ",
        b"\0CURVE",
    ];
    for major in 3..=u8::MAX {
        for minor in [0, 1, 2, 255] {
            for name in names {
                all.push((greeting(major, minor, name), Some(name)));
            }
        }
    }
    all
}

#[test]
fn no_opening_talks_a_side_out_of_its_mechanism() {
    // RFC 37 §Security Considerations: an implementation MUST guard against downgrade attacks.
    for side in SIDES {
        let ours = config_of(side);
        for (octets, name) in openings() {
            let outcome = feed_asking(&ours, &octets);
            let matches = name == Some(ours.mechanism.name().as_bytes());
            match name {
                _ if matches => {
                    assert!(outcome.end.is_none(), "{side:?} {}", octets.escape_ascii());
                }
                None if side == Null => {
                    let end = outcome.end;
                    let refused = matches!(end, Some(Err(HandshakeError::VersionRefused { .. })));
                    assert!(!refused, "{}", octets.escape_ascii());
                }
                None => {
                    let error = outcome.error();
                    assert!(matches!(error, HandshakeError::VersionRefused { .. }), "{error:?}");
                }
                Some(_) => {
                    let error = outcome.error();
                    assert!(matches!(error, HandshakeError::MechanismMismatch { .. }), "{error:?}");
                    // Refused with nothing said but the greeting.
                    assert!(outcome_sent(&ours, &octets) <= limits::GREETING_BYTES);
                }
            }
        }
    }
}

/// As `feed`; a question to the ZAP handler is an end without a result.
fn feed_asking(ours: &HandshakeConfig, octets: &[u8]) -> Outcome {
    if ours.zap {
        let mut end = End::new(ours.clone());
        end.feed(octets, &ZapVerdict::granted());
        return Outcome { end: end.end, consumed: octets.len(), sent: end.sent };
    }
    feed(ours, [octets])
}

fn outcome_sent(ours: &HandshakeConfig, octets: &[u8]) -> usize {
    feed_asking(ours, octets).sent.len()
}
