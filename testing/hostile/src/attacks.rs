//! The attacks: what bad peers send. Each is made from RFC 37, with one thing wrong, or is not
//! ZMTP at all. Plain values.

use oxmq_engine::SocketType;

use crate::healthy::peer_of;

/// How an attack has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The peer is dropped and an event names its fault.
    Fault,
    /// The peer is dropped; that it ended the connection itself is all there is to say.
    Dropped,
}

/// What one bad peer sends.
#[derive(Clone, Debug, Default)]
pub(crate) struct Input {
    /// Pieces, each written at once.
    pub(crate) bytes: Vec<Vec<u8>>,
    /// Whether it ends its side of the connection then.
    pub(crate) half_close: bool,
    /// What it goes on to repeat.
    pub(crate) endless: Vec<u8>,
}

/// An attack, by one or more peers at the same time.
#[derive(Debug)]
pub(crate) struct Attack {
    pub(crate) name: &'static str,
    pub(crate) inputs: Vec<Input>,
    pub(crate) end: End,
}

/// Every attack on a socket of this type.
pub(crate) fn attacks(kind: SocketType) -> Vec<Attack> {
    let mut attacks = strangers();
    attacks.extend(handshakes(kind));
    // An exclusive pair is taken by the healthy peer: others do not get that far.
    if kind != SocketType::Pair {
        attacks.extend(sessions(kind));
    }
    attacks
}

fn attack(name: &'static str, inputs: Vec<Input>) -> Attack {
    Attack { name, inputs, end: End::Fault }
}

fn bytes(pieces: &[&[u8]]) -> Input {
    let bytes = pieces.iter().map(|piece| piece.to_vec()).collect();
    Input { bytes, ..Input::default() }
}

/// Peers that do not speak ZMTP.
fn strangers() -> Vec<Attack> {
    let http = b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n";
    // A TLS 1.2 record with a ClientHello of 512 octets.
    let mut tls = vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
    tls.extend((0..505).map(|at: u32| (at * 37) as u8));
    let random = |seed: u64, length: usize| bytes(&[&noise(seed, length)]);
    vec![
        attack("random bytes, short", (1..20).map(|seed| random(seed, 70)).collect()),
        attack("random bytes, long", (20..40).map(|seed| random(seed, 20_000)).collect()),
        attack("HTTP", vec![bytes(&[http])]),
        attack("TLS", vec![bytes(&[&tls])]),
        attack("zeros", vec![bytes(&[&[0; 5000]])]),
        attack("silence", vec![bytes(&[])]),
    ]
}

/// Peers that go wrong before the session begins.
fn handshakes(kind: SocketType) -> Vec<Attack> {
    let theirs = peer_of(kind).name();
    let valid = [greeting("NULL"), ready(theirs), frame(0, b"hello")].concat();
    let handshake = greeting("NULL").len() + ready(theirs).len();
    let cut = |half_close| {
        (0..handshake).map(move |end| (half_close, end)).collect::<Vec<(bool, usize)>>()
    };
    let cuts = |cuts: Vec<(bool, usize)>| -> Vec<Input> {
        cuts.into_iter()
            .map(|(half_close, end)| Input { half_close, ..bytes(&[&valid[..end]]) })
            .collect()
    };
    let closed: Vec<(bool, usize)> = (0..=valid.len()).map(|end| (true, end)).collect();
    let with = |body: Vec<u8>| bytes(&[&greeting("NULL"), &body]);
    let wrong: Vec<Input> = SocketType::ALL
        .into_iter()
        .filter(|theirs| !kind.accepts(*theirs))
        .map(|theirs| with(ready(theirs.name())))
        .collect();
    let mut long_value = b"\x05READY".to_vec();
    long_value.extend(property("Socket-Type", theirs.as_bytes()));
    long_value.extend(property("X-Long", &vec![7; 1 << 20]));
    let mut many = b"\x05READY".to_vec();
    for number in 0..20_000 {
        many.extend(property(&format!("X-{number}"), b"v"));
    }
    let lie = [b"\x05READY\x0bSocket-Type".as_slice(), &[0x7f, 0xff, 0xff, 0xff], b"SUB"].concat();
    let mut attacks = vec![
        attack("a handshake cut anywhere, then silence", cuts(cut(false))),
        attack("wrong socket types", wrong),
        attack("an unknown socket type", vec![with(ready("QUEUE")), with(ready(""))]),
        attack("a metadata value of 1 MiB", vec![with(command(&long_value))]),
        attack("20,000 properties", vec![with(command(&many))]),
        attack("a metadata length beyond the command", vec![with(command(&lie))]),
        attack(
            "a READY of 2^62 octets",
            vec![with([&[6], &(1u64 << 62).to_be_bytes()[..]].concat())],
        ),
        attack("a message in place of READY", vec![with(frame(0, b"hello"))]),
        attack("an unknown command in place of READY", vec![with(command(b"\x05HOWDY"))]),
        attack("an ERROR", vec![with(command(b"\x05ERROR\x03400"))]),
        attack(
            "a mechanism that we do not ask for",
            vec![
                bytes(&[&greeting("PLAIN")]),
                bytes(&[&greeting("CURVE")]),
                bytes(&[&greeting("")]),
                bytes(&[&greeting("X".repeat(20).as_str())]),
            ],
        ),
    ];
    attacks.push(Attack {
        name: "a session cut anywhere, then the end",
        inputs: cuts(closed),
        end: End::Dropped,
    });
    attacks
}

/// Peers that go wrong in the session.
fn sessions(kind: SocketType) -> Vec<Attack> {
    let opening = [greeting("NULL"), ready(peer_of(kind).name())].concat();
    let with = |body: &[u8]| bytes(&[&opening, body]);
    let long = |flags: u8, length: u64| with(&[&[flags], &length.to_be_bytes()[..]].concat());
    let mut part = Vec::new();
    for _ in 0..64 {
        part.extend(frame(1, &[7; 1000]));
    }
    let endless = |part: Vec<u8>| vec![Input { endless: part, ..with(b"") }];
    let mut attacks = vec![
        attack("a frame of 2^63 octets", vec![long(2, 1 << 63), long(2, u64::MAX)]),
        attack("a frame of 2^62 octets", vec![long(2, 1 << 62), long(3, 1 << 62)]),
        attack("a command of 2^63 octets", vec![long(6, 1 << 63)]),
        attack("a command of 2^40 octets", vec![long(6, 1 << 40)]),
        attack("reserved flags", vec![with(&[0x80, 1, 0]), with(&[8, 0])]),
        attack("a command that has more", vec![with(&[5, 6, 5, b'H', b'O', b'W', b'D', b'Y'])]),
        attack("a command without a name", vec![with(&[4, 0])]),
        attack(
            "a PING without a time to live",
            vec![with(&command(b"\x04PING")), with(&command(b"\x04PING\x00"))],
        ),
        attack(
            "a PING with a context too long",
            vec![with(&command(&[b"\x04PING\x00\x00".as_slice(), &[1; 17]].concat()))],
        ),
    ];
    if !matches!(kind, SocketType::Pub) {
        attacks.push(attack("an endless message", endless(part)));
        attacks
            .push(attack("an endless message of empty parts", endless(frame(1, b"").repeat(500))));
    } else {
        let mut topics = Vec::new();
        for number in 0..2_000_000u32 {
            topics.extend(command(&[b"\x09SUBSCRIBE".as_slice(), &number.to_be_bytes()].concat()));
        }
        attacks.push(attack("two million subscriptions", vec![with(&topics)]));
    }
    attacks
}

/// RFC 37 §3.2 (greeting): signature, version 3.1, mechanism, as-server, filler.
fn greeting(mechanism: &str) -> Vec<u8> {
    let mut greeting = vec![0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 1];
    greeting.extend_from_slice(mechanism.as_bytes());
    greeting.resize(64, 0);
    greeting
}

fn ready(socket_type: &str) -> Vec<u8> {
    let properties = property("Socket-Type", socket_type.as_bytes());
    command(&[b"\x05READY", &properties[..]].concat())
}

fn property(name: &str, value: &[u8]) -> Vec<u8> {
    let length = (value.len() as u32).to_be_bytes();
    [&[name.len() as u8], name.as_bytes(), &length, value].concat()
}

fn command(body: &[u8]) -> Vec<u8> {
    frame(4, body)
}

/// A frame of these flags; bit 1 (long) is set as needed.
fn frame(flags: u8, body: &[u8]) -> Vec<u8> {
    match u8::try_from(body.len()) {
        Ok(length) => [&[flags, length], body].concat(),
        Err(_) => [&[flags | 2], &(body.len() as u64).to_be_bytes()[..], body].concat(),
    }
}

/// Bytes that look random, the same for the same seed (splitmix64).
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    (0..length)
        .map(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            (mixed >> 56) as u8
        })
        .collect()
}
