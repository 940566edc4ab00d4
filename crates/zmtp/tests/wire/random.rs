//! Random octets and random traffic. A failure prints its seed and the smallest case;
//! `PROPTEST_RNG_SEED` sets the seed and `PROPTEST_CASES` the number of cases.

use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use oxmq_zmtp::{
    Command, Endpoint, FRAME_HEADER_MAX, Framing, Handshake, HandshakeConfig, Metadata, Progress,
    SocketType, limits, parse_subscription_message,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::support::*;

fn socket_types() -> impl Strategy<Value = SocketType> {
    let types: Vec<_> = SocketType::ALL.into_iter().filter(|kind| kind.speaks_zmtp()).collect();
    prop::sample::select(types)
}

/// Octets that get past the first checks more often than noise does.
fn plausible_octets() -> impl Strategy<Value = Vec<u8>> {
    let opening = prop_oneof![
        Just(vec![]),
        Just(greeting(3, 1, b"NULL")),
        Just(greeting(3, 0, b"NULL")),
        Just(v3_peer(1, "ROUTER")),
        Just(v2_peer(1, 6, b"them")[..12].to_vec()),
        Just(v1_peer_long(b"them", 0)[..9].to_vec()),
        Just([greeting(3, 1, b"NULL"), b"\x04\x20\x05READY".to_vec()].concat()),
        Just([greeting(3, 1, b"NULL"), b"\x04\x20\x05ERROR".to_vec()].concat()),
    ];
    (opening, vec(any::<u8>(), 0..200)).prop_map(|(opening, noise)| [opening, noise].concat())
}

fn mutated_session() -> impl Strategy<Value = Vec<u8>> {
    let session = [
        greeting(3, 1, b"NULL"),
        ready(&[("Socket-Type", b"ROUTER"), ("Identity", b"id"), ("Resource", b"a/b")]),
    ]
    .concat();
    let edits = vec((any::<prop::sample::Index>(), any::<u8>()), 0..4);
    edits.prop_map(move |edits| {
        let mut octets = session.clone();
        for (index, value) in edits {
            let at = index.index(octets.len());
            octets[at] = value;
        }
        octets
    })
}

/// 2,000 cases unless `PROPTEST_CASES` says otherwise, from a seed that is printed.
fn cases() -> ProptestConfig {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seed = number("PROPTEST_RNG_SEED").unwrap_or_else(|| RandomState::new().hash_one(()));
    println!("PROPTEST_RNG_SEED={seed}");
    ProptestConfig {
        cases: number("PROPTEST_CASES").and_then(|cases| cases.try_into().ok()).unwrap_or(2000),
        rng_seed: RngSeed::Fixed(seed),
        failure_persistence: None,
        ..Default::default()
    }
}

/// Splits `octets` at the given places.
fn pieces<'a>(octets: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut ends: Vec<usize> = cuts.iter().map(|cut| cut.index(octets.len() + 1)).collect();
    ends.extend([0, octets.len()]);
    ends.sort_unstable();
    ends.windows(2).map(|ends| &octets[ends[0]..ends[1]]).collect()
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_handshake_ends_the_same_however_its_octets_arrive(
        octets in prop_oneof![plausible_octets(), mutated_session(), vec(any::<u8>(), 0..100)],
        cuts in vec(any::<prop::sample::Index>(), 0..6),
        socket_type in socket_types(),
        allow_downgrade in any::<bool>(),
    ) {
        let config = HandshakeConfig { allow_downgrade, ..HandshakeConfig::new(socket_type) };
        let whole = feed(&config, [&*octets]);
        let split = feed(&config, pieces(&octets, &cuts));
        prop_assert!(whole.consumed <= octets.len());
        prop_assert_eq!(&whole.sent, &split.sent);
        prop_assert!(whole.sent.len() <= 64 + 2 * 64);
        if let Some(Ok(_)) = whole.end {
            prop_assert_eq!(whole.consumed, split.consumed);
        }
        prop_assert_eq!(format!("{:?}", whole.end), format!("{:?}", split.end));
    }

    #[test]
    fn two_of_ours_always_meet(
        (ours, theirs) in (socket_types(), socket_types()),
        ids in (vec(1..=u8::MAX, 0..=255), vec(1..=u8::MAX, 0..=255)),
        downgrade in any::<(bool, bool)>(),
        step in 1..80_usize,
    ) {
        let mut a = start(HandshakeConfig { allow_downgrade: downgrade.0, ..config(ours, &ids.0) });
        let mut b =
            start(HandshakeConfig { allow_downgrade: downgrade.1, ..config(theirs, &ids.1) });
        let (at_a, at_b) = converse(&mut a, &mut b, step);
        if ours.accepts(theirs) {
            let (at_a, at_b) = (at_a.established(), at_b.established());
            prop_assert_eq!((at_a.version, at_b.version), ((3, 1), (3, 1)));
            prop_assert_eq!((at_a.peer_type, at_b.peer_type), (Some(theirs), Some(ours)));
            let seen = |kind: SocketType, id: &[u8]| {
                if kind.sends_routing_id() { id.to_vec() } else { Vec::new() }
            };
            prop_assert_eq!(at_a.routing_id, seen(theirs, &ids.1));
            prop_assert_eq!(at_b.routing_id, seen(ours, &ids.0));
        } else {
            prop_assert!(at_a.end.is_some_and(|end| end.is_err()));
            prop_assert!(at_b.end.is_some_and(|end| end.is_err()));
        }
    }

    #[test]
    fn frame_headers_never_panic_and_read_back(
        octets in vec(any::<u8>(), 0..12),
        framing in prop::sample::select(vec![Framing::V1, Framing::V2, Framing::V3]),
    ) {
        match framing.decode(&octets) {
            Ok(Some(header)) => {
                prop_assert!(header.header_len <= octets.len().min(FRAME_HEADER_MAX));
                prop_assert!(header.body_len <= limits::BODY_BYTES_MAX);
                let mut out = [0; FRAME_HEADER_MAX];
                let length = framing.encode(header.more, header.command, header.body_len, &mut out);
                let again = framing.decode(&out[..length]).unwrap_or(None);
                let canonical = again.map(|again| (again.more, again.command, again.body_len));
                prop_assert_eq!(canonical, Some((header.more, header.command, header.body_len)));
                prop_assert!(length <= header.header_len);
            }
            Ok(None) => prop_assert!(octets.len() < FRAME_HEADER_MAX),
            // A fault does not go away when more octets arrive.
            Err(fault) => {
                let longer = [octets, vec![0; 10]].concat();
                prop_assert_eq!(framing.decode(&longer), Err(fault));
            }
        }
    }

    #[test]
    fn commands_never_panic_and_read_back(
        name in prop::sample::select(vec![
            &b"READY"[..], b"ERROR", b"SUBSCRIBE", b"CANCEL", b"PING", b"PONG", b"JOIN", b"LEAVE",
            b"HELLO", b"",
        ]),
        data in vec(any::<u8>(), 0..300),
        raw in any::<bool>(),
    ) {
        let name_len = u8::try_from(name.len()).unwrap_or(0);
        let body = if raw { data } else { [&[name_len][..], name, &data].concat() };
        if let Ok(command) = Command::parse(&body) {
            let mut frame = Vec::new();
            command.encode(&mut frame);
            let header = Framing::V3.decode(&frame).unwrap_or(None);
            let header_len = header.map_or(0, |header| header.header_len);
            prop_assert_eq!(header.map(|header| header.body_len), Some(body.len() as u64));
            prop_assert_eq!(&frame[header_len..], &body[..]);
        }
        if let Some((subscribe, topic)) = parse_subscription_message(&body) {
            prop_assert_eq!(body[0], u8::from(subscribe));
            prop_assert_eq!(topic, &body[1..]);
        }
    }

    #[test]
    fn metadata_reads_back(
        properties in vec(("[A-Za-z0-9_.+-]{1,20}", vec(any::<u8>(), 0..50)), 0..70),
        noise in vec(any::<u8>(), 0..100),
    ) {
        let mut metadata = Metadata::new();
        let mut kept = Vec::new();
        for (name, value) in &properties {
            let known = kept.iter().any(|(seen, _): &(&str, _)| seen.eq_ignore_ascii_case(name));
            let added = metadata.push(name, value).is_ok();
            prop_assert_eq!(added, !known && kept.len() < limits::METADATA_PROPERTIES_MAX);
            if added {
                kept.push((name, value));
            }
        }
        prop_assert_eq!(Metadata::parse(metadata.as_bytes()), Ok(metadata.clone()));
        prop_assert_eq!(metadata.len(), kept.len());
        prop_assert_eq!(metadata.is_empty(), kept.is_empty());
        prop_assert!(metadata.iter().eq(kept.iter().map(|(name, value)| (*name, &value[..]))));
        for (name, value) in kept {
            prop_assert_eq!(metadata.get(&name.to_uppercase()), Some(&value[..]));
        }
        if let Ok(accepted) = Metadata::parse(&noise) {
            prop_assert_eq!(accepted.as_bytes(), &noise[..]);
        }
    }

    #[test]
    fn endpoints_never_panic_and_read_back(
        transport in prop::sample::select(vec!["tcp://", "ipc://", "inproc://", "x://", ""]),
        address in "[\\[\\]a-f0-9:.%*;@/ -]{0,40}|\\PC{0,40}",
    ) {
        if let Ok(endpoint) = Endpoint::parse(&format!("{transport}{address}")) {
            let printed = endpoint.to_string();
            prop_assert_eq!(Endpoint::parse(&printed), Ok(endpoint), "{}", printed);
        }
    }
}

/// Lets two handshakes talk, at most `step` octets at a time, until neither has more to say.
fn converse(a: &mut Handshake, b: &mut Handshake, step: usize) -> (Outcome, Outcome) {
    let mut ends = [None, None];
    let mut wires = [Vec::new(), Vec::new()];
    loop {
        a.transmit(&mut wires[0]);
        b.transmit(&mut wires[1]);
        let moved = deliver(b, &mut wires[0], step, &mut ends[1])
            | deliver(a, &mut wires[1], step, &mut ends[0]);
        if !moved {
            let [a, b] = ends;
            let outcome = |end| Outcome { end, consumed: 0, sent: Vec::new() };
            return (outcome(a), outcome(b));
        }
    }
}

fn deliver(
    to: &mut Handshake,
    wire: &mut Vec<u8>,
    step: usize,
    end: &mut Option<Result<oxmq_zmtp::Established, oxmq_zmtp::HandshakeError>>,
) -> bool {
    let some = wire.len().min(step);
    if some == 0 || end.is_some() {
        return false;
    }
    match to.receive(&wire[..some], Instant::now()) {
        Ok(Progress::NeedMore { .. }) => {}
        Ok(other @ (Progress::Authenticate { .. } | Progress::Silent { .. })) => {
            panic!("nobody asked for authentication: {other:?}")
        }
        Ok(Progress::Done { established, .. }) => *end = Some(Ok(established)),
        Err(error) => *end = Some(Err(error)),
    }
    wire.drain(..some);
    true
}
