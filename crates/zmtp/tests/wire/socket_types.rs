//! Socket types against the numbers of the C API and the tables of RFC 37 and RFC 15.
use oxmq_zmtp::SocketType;

/// RFC 37 §The Socket-Type Property: the table of legal combinations, a row a type.
const LEGAL: [(&str, &[&str]); 19] = [
    ("REQ", &["REP", "ROUTER"]),
    ("REP", &["REQ", "DEALER"]),
    ("DEALER", &["REP", "DEALER", "ROUTER"]),
    ("ROUTER", &["REQ", "DEALER", "ROUTER"]),
    ("PUB", &["SUB", "XSUB"]),
    ("XPUB", &["SUB", "XSUB"]),
    ("SUB", &["PUB", "XPUB"]),
    ("XSUB", &["PUB", "XPUB"]),
    ("PUSH", &["PULL"]),
    ("PULL", &["PUSH"]),
    ("PAIR", &["PAIR"]),
    ("CLIENT", &["SERVER"]),
    ("SERVER", &["CLIENT"]),
    ("RADIO", &["DISH"]),
    ("DISH", &["RADIO"]),
    ("SCATTER", &["GATHER"]),
    ("GATHER", &["SCATTER"]),
    ("PEER", &["PEER"]),
    ("CHANNEL", &["CHANNEL"]),
];

#[test]
fn the_legal_combinations_are_those_of_the_table() {
    for ours in SocketType::ALL {
        let row = LEGAL.iter().find(|(name, _)| *name == ours.name()).map(|(_, peers)| *peers);
        assert_eq!(row.is_some(), ours.speaks_zmtp());
        for theirs in SocketType::ALL {
            let legal = row.is_some_and(|peers| peers.contains(&theirs.name()));
            assert_eq!(ours.accepts(theirs), legal, "{ours} {theirs}");
            assert_eq!(theirs.accepts(ours), legal, "{theirs} {ours}");
        }
    }
}

#[test]
fn names_and_numbers_are_those_of_the_c_api() {
    let names = "PAIR PUB SUB REQ REP DEALER ROUTER PULL PUSH XPUB XSUB STREAM SERVER CLIENT RADIO \
                 DISH GATHER SCATTER DGRAM PEER CHANNEL";
    for (code, name) in (0..).zip(names.split(' ')) {
        let Some(kind) = SocketType::from_code(code) else { panic!("{code}") };
        assert_eq!(kind.name(), name);
        assert_eq!(i32::from(kind.code()), code);
        assert_eq!(kind.to_string(), name);
        let on_the_wire = !matches!(name, "STREAM" | "DGRAM");
        // RFC 37 §The Socket-Type Property: the Socket-Type SHALL match the grammar.
        assert_eq!(SocketType::from_name(name.as_bytes()), on_the_wire.then_some(kind));
        assert_eq!(SocketType::from_name(name.to_lowercase().as_bytes()), None);
    }
    for code in [-1, 21, i32::MIN, i32::MAX] {
        assert_eq!(SocketType::from_code(code), None);
    }
    assert_eq!(SocketType::from_name(b"PUB\0"), None);
    assert_eq!(SocketType::from_name(b""), None);
}

#[test]
fn req_dealer_and_router_send_their_routing_id() {
    // RFC 37 §The Identity Property: these three MAY announce one.
    let senders: Vec<&str> = SocketType::ALL
        .into_iter()
        .filter(|kind| kind.sends_routing_id())
        .map(SocketType::name)
        .collect();
    assert_eq!(senders, ["REQ", "DEALER", "ROUTER"]);
}
