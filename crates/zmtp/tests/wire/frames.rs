//! Frame headers in the three framings: every flags octet, every edge of every length, every split.

use oxmq_zmtp::{
    FRAME_HEADER_MAX, FrameHeader, Framing, ProtocolError, encode_subscription,
    parse_subscription_message, subscription_message,
};

const FRAMINGS: [Framing; 3] = [Framing::V1, Framing::V2, Framing::V3];
const BODY_MAX: u64 = i64::MAX as u64;

fn encoded(framing: Framing, more: bool, command: bool, body_len: u64) -> Vec<u8> {
    let mut out = [0xEE; FRAME_HEADER_MAX];
    let length = framing.encode(more, command, body_len, &mut out);
    assert!(out[length..].iter().all(|&octet| octet == 0xEE));
    out[..length].to_vec()
}

/// The header of octets that hold a whole valid one.
fn header(framing: Framing, octets: &[u8]) -> FrameHeader {
    match framing.decode(octets) {
        Ok(Some(header)) => header,
        other => panic!("{octets:?}: {other:?}"),
    }
}

#[test]
fn headers_have_the_octets_of_the_rfcs() {
    // RFC 37 §Framing and RFC 15 §Framing: flags, then one or eight octets of size.
    for framing in [Framing::V2, Framing::V3] {
        assert_eq!(encoded(framing, false, false, 0), b"\x00\x00");
        assert_eq!(encoded(framing, true, false, 255), b"\x01\xFF");
        assert_eq!(encoded(framing, false, false, 256), b"\x02\0\0\0\0\0\0\x01\0");
        let longest = b"\x03\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF";
        assert_eq!(encoded(framing, true, false, BODY_MAX), longest);
    }
    assert_eq!(encoded(Framing::V3, false, true, 255), b"\x04\xFF");
    assert_eq!(encoded(Framing::V3, false, true, 256), b"\x06\0\0\0\0\0\0\x01\0");
    // RFC 13 §The Framing Layer: the length counts the flags octet; from 255 on it SHALL BE FF and
    // eight octets.
    assert_eq!(encoded(Framing::V1, false, false, 0), b"\x01\x00");
    assert_eq!(encoded(Framing::V1, true, false, 253), b"\xFE\x01");
    assert_eq!(encoded(Framing::V1, false, false, 254), b"\xFF\0\0\0\0\0\0\0\xFF\0");
    assert_eq!(encoded(Framing::V1, true, false, 255), b"\xFF\0\0\0\0\0\0\x01\0\x01");
}

#[test]
fn a_flag_that_the_framing_lacks_is_left_out() {
    // RFC 37 §Framing: MORE SHALL be zero on command frames.
    assert_eq!(encoded(Framing::V3, true, true, 1), b"\x04\x01");
    assert_eq!(encoded(Framing::V2, true, true, 1), b"\x01\x01");
    assert_eq!(encoded(Framing::V1, true, true, 1), b"\x02\x01");
    assert_eq!(encoded(Framing::V3, false, false, u64::MAX)[1..], BODY_MAX.to_be_bytes());
    assert_eq!(encoded(Framing::V1, false, false, u64::MAX)[1..9], BODY_MAX.to_be_bytes());
}

#[test]
fn what_is_encoded_decodes_to_the_same_header_and_every_prefix_waits() {
    let lengths = [0, 1, 252, 253, 254, 255, 256, 65_536, u64::from(u32::MAX), BODY_MAX - 1];
    for framing in FRAMINGS {
        for body_len in lengths {
            for (more, command) in [(false, false), (true, false), (false, true)] {
                if command && framing != Framing::V3 {
                    continue;
                }
                let octets = encoded(framing, more, command, body_len);
                let header_len = octets.len();
                let expected = FrameHeader { more, command, header_len, body_len };
                assert_eq!(header(framing, &octets), expected);
                let with_body = [&octets[..], b"body"].concat();
                assert_eq!(header(framing, &with_body), expected);
                for end in 0..header_len {
                    assert_eq!(framing.decode(&octets[..end]), Ok(None));
                }
            }
        }
    }
}

#[test]
fn every_flags_octet_is_accepted_or_named() {
    // RFC 37 §Framing: bits 7-3 MUST be zero; MORE SHALL be zero on commands.
    // RFC 15 §Framing: bits 2-7 MUST be zero.
    for flags in 0..=u8::MAX {
        let octets = [flags, 0, 0, 0, 0, 0, 0, 0, 5];
        let long = flags & 2 != 0;
        let accepted = |command| {
            let (header_len, body_len) = if long { (9, 5) } else { (2, 0) };
            Ok(Some(FrameHeader { more: flags & 1 != 0, command, header_len, body_len }))
        };
        let reserved = Err(ProtocolError::ReservedFrameFlags { flags });
        let v2 = if flags < 4 { accepted(false) } else { reserved };
        let v3 = match flags {
            0..4 => accepted(false),
            4 | 6 => accepted(true),
            5 | 7 => Err(ProtocolError::CommandWithMore),
            _ => reserved,
        };
        assert_eq!(Framing::V2.decode(&octets), v2);
        assert_eq!(Framing::V3.decode(&octets), v3);
        // A fault shows with the first octet, before a size has arrived.
        if v3.is_err() {
            assert_eq!(Framing::V3.decode(&octets[..1]), v3);
        }
        // RFC 13 §The Framing Layer: bits 1-7 SHOULD be zero.
        let v1 = if flags < 2 {
            Ok(Some(FrameHeader { more: flags == 1, command: false, header_len: 2, body_len: 2 }))
        } else {
            reserved
        };
        assert_eq!(Framing::V1.decode(&[3, flags, 0, 0]), v1);
    }
}

#[test]
fn sizes_of_2_to_the_63_are_refused() {
    // RFC 37 §Framing: a long frame has a body of 0 to 2^63 - 1 octets.
    for length in [1 << 63, u64::MAX] {
        let fault = Err(ProtocolError::FrameTooLong { length });
        for flags in [2, 3, 6] {
            let octets = [&[flags][..], &length.to_be_bytes()].concat();
            assert_eq!(Framing::V3.decode(&octets), fault);
        }
        let octets = [&[0xFF][..], &length.to_be_bytes(), &[0]].concat();
        assert_eq!(Framing::V1.decode(&octets), fault);
    }
    let longest = [&[2][..], &BODY_MAX.to_be_bytes()].concat();
    assert_eq!(header(Framing::V2, &longest).body_len, BODY_MAX);
}

#[test]
fn a_1_0_length_of_zero_is_refused_and_a_long_form_of_a_short_length_is_not() {
    // RFC 13 §The Framing Layer: a length of 0 is invalid; 1 to 254 MAY use the long form.
    assert_eq!(Framing::V1.decode(b"\0"), Err(ProtocolError::ZeroLengthFrame));
    let zero = b"\xFF\0\0\0\0\0\0\0\0";
    assert_eq!(Framing::V1.decode(zero), Err(ProtocolError::ZeroLengthFrame));
    let padded = header(Framing::V1, b"\xFF\0\0\0\0\0\0\0\x01\x01");
    assert_eq!((padded.header_len, padded.body_len, padded.more), (10, 0, true));
    let short = header(Framing::V3, b"\x02\0\0\0\0\0\0\0\x01");
    assert_eq!((short.header_len, short.body_len), (9, 1));
}

#[test]
fn subscriptions_have_a_message_form_and_a_command_form() {
    // RFC 23 §The Publish-Subscribe Pattern: %d1 or %d0, then the subscription.
    // RFC 15 §Publish-Subscribe: the same, as a message.
    // RFC 37 §The Publish-Subscribe Pattern: SUBSCRIBE and CANCEL commands.
    let encoded = |framing, by_command, subscribe| {
        let mut out = Vec::new();
        encode_subscription(framing, by_command, subscribe, b"ab", &mut out);
        out
    };
    assert_eq!(encoded(Framing::V3, true, true), b"\x04\x0C\x09SUBSCRIBEab");
    assert_eq!(encoded(Framing::V3, true, false), b"\x04\x09\x06CANCELab");
    assert_eq!(encoded(Framing::V3, false, true), b"\x00\x03\x01ab");
    assert_eq!(encoded(Framing::V2, false, false), b"\x00\x03\x00ab");
    assert_eq!(encoded(Framing::V1, false, true), b"\x04\x00\x01ab");

    for (subscribe, topic) in [(true, &b""[..]), (false, b""), (true, b"\0\x01"), (false, b"t")] {
        let mut body = Vec::new();
        subscription_message(subscribe, topic, &mut body);
        assert_eq!(parse_subscription_message(&body), Some((subscribe, topic)));
    }
    for body in [&b""[..], b"\x02", b"x", b"\xFFtopic"] {
        assert_eq!(parse_subscription_message(body), None);
    }
}
