//! Commands: their octets, each field wrong once, and the numbers that monitors report.
use oxmq_zmtp::{Command, Metadata, MetadataFault, ProtocolError};

fn encoded(command: &Command<'_>) -> Vec<u8> {
    let mut out = b"before".to_vec();
    command.encode(&mut out);
    out.split_off(6)
}

#[test]
fn commands_have_the_octets_of_rfc_37() {
    let mut metadata = Metadata::new();
    assert_eq!(metadata.push("Socket-Type", b"PUB"), Ok(()));
    // RFC 37 §The NULL Security Mechanism: READY and ERROR.
    // RFC 37 §The Publish-Subscribe Pattern: a SUB or XSUB peer SHALL send SUBSCRIBE and CANCEL.
    // RFC 37 §Connection Heartbeating: PING and PONG, the ttl in network order.
    // RFC 37 §The Radio-Dish Pattern: the DISH peer SHALL send JOIN and LEAVE.
    for (command, octets) in [
        (Command::Ready(metadata), &b"\x04\x19\x05READY\x0BSocket-Type\x00\x00\x00\x03PUB"[..]),
        (Command::Ready(Metadata::new()), b"\x04\x06\x05READY"),
        (Command::Error { reason: b"400" }, b"\x04\x0A\x05ERROR\x03400"),
        (Command::Error { reason: b"" }, b"\x04\x07\x05ERROR\x00"),
        (Command::Subscribe(b"A"), b"\x04\x0B\x09SUBSCRIBEA"),
        (Command::Subscribe(b""), b"\x04\x0A\x09SUBSCRIBE"),
        (Command::Cancel(b"A\0"), b"\x04\x09\x06CANCELA\0"),
        (Command::Ping { ttl_deciseconds: 0x0102, context: b"" }, b"\x04\x07\x04PING\x01\x02"),
        (
            Command::Ping { ttl_deciseconds: 0, context: b"0123456789abcdef" },
            b"\x04\x17\x04PING\x00\x000123456789abcdef",
        ),
        (Command::Pong { context: b"" }, b"\x04\x05\x04PONG"),
        (Command::Pong { context: b"xy" }, b"\x04\x07\x04PONGxy"),
        (Command::Join(b"g"), b"\x04\x06\x04JOINg"),
        (Command::Leave(b"g"), b"\x04\x07\x05LEAVEg"),
        (Command::Unknown { name: b"Hello", body: b"\0" }, b"\x04\x07\x05Hello\0"),
    ] {
        assert_eq!(encoded(&command), octets);
        assert_eq!(Command::parse(&octets[2..]), Ok(command.clone()));
        let name_len = usize::from(octets[2]);
        assert_eq!(command.name(), &octets[3..3 + name_len]);
    }
}

#[test]
fn a_body_over_255_octets_gets_a_long_size() {
    // RFC 37 §Authentication and Confidentiality: 0 to 255 octets SHOULD use the short size, 256
    // and more the long one.
    let topic = [b't'; 246];
    assert_eq!(encoded(&Command::Subscribe(&topic[..245]))[..2], [4, 255]);
    let long = encoded(&Command::Subscribe(&topic));
    assert_eq!(long[..9], [6, 0, 0, 0, 0, 0, 0, 1, 0]);
    assert_eq!(Command::parse(&long[9..]), Ok(Command::Subscribe(&topic)));
}

#[test]
fn every_wrong_field_has_its_error() {
    let context_of_17 = b"\x04PONG0123456789abcdefg";
    let ping_with_17 = b"\x04PING\0\x000123456789abcdefg";
    let group_of_256 = [b"\x04JOIN".to_vec(), vec![b'g'; 256]].concat();
    // RFC 37 §Formal Grammar: command-name = short-size 1*255command-name-char, which is ALPHA.
    // RFC 37 §Wire Analysis of the Connection: command names SHALL be printable.
    // RFC 37 §Connection Heartbeating: a ttl of two octets, a context that MUST not exceed 16.
    // RFC 37 §The Radio-Dish Pattern: a group of up to 255 octets 1 to 255.
    // RFC 37 §The NULL Security Mechanism: the sizes of reasons, names and values.
    for (body, fault) in [
        (&b""[..], ProtocolError::CommandNameEmpty),
        (b"\0", ProtocolError::CommandNameEmpty),
        (b"\x05PING", ProtocolError::CommandNameTruncated),
        (b"\xFF", ProtocolError::CommandNameTruncated),
        (b"\x04P NG", ProtocolError::CommandNameInvalid),
        (b"\x04PIN\xC9", ProtocolError::CommandNameInvalid),
        (b"\x04PING", ProtocolError::PingTooShort),
        (b"\x04PING\0", ProtocolError::PingTooShort),
        (ping_with_17, ProtocolError::PingContextTooLong),
        (context_of_17, ProtocolError::PongContextTooLong),
        (&group_of_256, ProtocolError::GroupTooLong),
        (b"\x05LEAVEa\0", ProtocolError::GroupHasZero),
        (b"\x05ERROR", ProtocolError::ErrorReasonLength),
        (b"\x05ERROR\x02a", ProtocolError::ErrorReasonLength),
        (b"\x05ERROR\x00a", ProtocolError::ErrorReasonLength),
        (b"\x05READY\x01", ProtocolError::Metadata(MetadataFault::Truncated)),
    ] {
        assert_eq!(Command::parse(body), Err(fault), "{}", body.escape_ascii());
    }
    assert_eq!(Command::parse(&group_of_256[..260]), Ok(Command::Join(&[b'g'; 255])));
    assert_eq!(Command::parse(&ping_with_17[..23]).map(|ping| ping.name().len()), Ok(4));
}

#[test]
fn names_are_exact() {
    // Any other spelling is another command (RFC 37 §Commands).
    for name in [&b"ping"[..], b"PINGS", b"PIN", b"Ready"] {
        let body = [&[u8::try_from(name.len()).unwrap_or(0)][..], name, b"\0"].concat();
        assert_eq!(Command::parse(&body), Ok(Command::Unknown { name, body: b"\0" }));
    }
}

#[test]
fn what_is_encoded_is_always_a_valid_frame() {
    let long = [b'x'; 300];
    for (command, body_len) in [
        (Command::Ping { ttl_deciseconds: 1, context: &long }, 5 + 2 + 16),
        (Command::Pong { context: &long }, 5 + 16),
        (Command::Join(&long), 5 + 255),
        (Command::Leave(&long), 6 + 255),
        (Command::Error { reason: &long }, 6 + 1 + 255),
        (Command::Unknown { name: &long, body: b"" }, 256),
    ] {
        let octets = encoded(&command);
        let header_len = if body_len > 255 { 9 } else { 2 };
        assert_eq!(octets.len(), header_len + body_len);
        assert!(Command::parse(&octets[header_len..]).is_ok());
    }
}

#[test]
fn monitors_get_the_numbers_of_the_c_api() {
    for (fault, code) in [
        (ProtocolError::ReservedFrameFlags { flags: 8 }, 0x1000_0000),
        (ProtocolError::CommandWithMore, 0x1000_0000),
        (ProtocolError::FrameTooLong { length: 1 << 63 }, 0x1000_0000),
        (ProtocolError::ZeroLengthFrame, 0x1000_0000),
        (ProtocolError::IdentityWithMore, 0x1000_0000),
        (ProtocolError::MessageInHandshake, 0x1000_0001),
        (ProtocolError::UnexpectedCommand { state: "x" }, 0x1000_0001),
        (ProtocolError::HandshakeCommandTooLarge { size: 9 }, 0x1000_0011),
        (ProtocolError::CommandNameEmpty, 0x1000_0011),
        (ProtocolError::PingTooShort, 0x1000_0011),
        (ProtocolError::GroupHasZero, 0x1000_0011),
        (ProtocolError::ErrorReasonLength, 0x1000_0015),
        (ProtocolError::Metadata(MetadataFault::NameEmpty), 0x1000_0018),
        (ProtocolError::SocketTypeUnknown, 0x1000_0018),
        (ProtocolError::RoutingIdTooLong, 0x1000_0018),
        (ProtocolError::ResourceInvalid, 0x1000_0018),
    ] {
        assert_eq!(fault.zmq_code(), code, "{fault}");
        assert!(fault.to_string().starts_with("peer broke the protocol: "));
    }
}
