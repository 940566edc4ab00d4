//! Tests of the text forms: what they write, that they read it back, and what they refuse. They
//! own all they use and run in any thread.

#![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

use super::*;

fn codec(form: Form) -> Codec {
    Codec { form, join: b"\t".to_vec(), split: Some(b"\t".to_vec()), routing_id: false }
}

fn encode(codec: &Codec, parts: &[&[u8]]) -> String {
    let mut out = Vec::new();
    codec.encode(parts, &About::default(), &mut out);
    String::from_utf8(out).unwrap()
}

fn round_trip(codec: &Codec, parts: &[&[u8]]) {
    let line = encode(codec, parts);
    let line = line.strip_suffix('\n').unwrap();
    assert!(!line.contains('\n'), "{line:?}");
    assert_eq!(codec.decode(line.as_bytes()).unwrap(), parts, "{line:?}");
}

/// Every octet, in parts of several lengths.
fn all_octets() -> Vec<u8> {
    (0..=255).collect()
}

#[test]
fn hex_and_json_carry_every_octet() {
    let octets = all_octets();
    for form in [Form::Hex, Form::Json] {
        let codec = codec(form);
        round_trip(&codec, &[&octets]);
        round_trip(&codec, &[b"", &octets, b"", b"text \"quoted\"\n"]);
        round_trip(&codec, &[b""]);
        round_trip(&codec, &["gr\u{fc}\u{df}e \u{1F980}".as_bytes()]);
    }
}

#[test]
fn text_lines_join_and_split_at_the_delimiter() {
    let mut text = codec(Form::Text);
    round_trip(&text, &[b"one"]);
    round_trip(&text, &[b"one", b"", b"three"]);
    assert_eq!(encode(&text, &[b"a", b"b"]), "a\tb\n");
    text.split = None;
    assert_eq!(text.decode(b"a\tb").unwrap(), [b"a\tb"]);
    text.split = Some(b", ".to_vec());
    assert_eq!(text.decode(b"a, b,c, ").unwrap(), [&b"a"[..], b"b,c", b""]);
}

#[test]
fn routing_ids_that_are_not_text_are_shown_in_hexadecimal() {
    let mut text = codec(Form::Text);
    text.routing_id = true;
    assert_eq!(encode(&text, &[b"\x00\x01\xfe", b"hi"]), "0x0001fe\thi\n");
    assert_eq!(encode(&text, &[b"worker-1", b"hi"]), "worker-1\thi\n");
    for id in [&b"\x00\x01\xfe"[..], b"worker-1", b"0x12", b"\t"] {
        round_trip(&text, &[id, b"hi"]);
    }
}

#[test]
fn json_shows_the_peer_and_its_metadata() {
    let about = About {
        peer: "tcp://127.0.0.1:4711".to_owned(),
        metadata: vec![("X-Name".to_owned(), "a".to_owned())],
    };
    let mut out = Vec::new();
    codec(Form::Json).encode(&[b"hi", b"\xff"], &about, &mut out);
    let value: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(value["parts"], serde_json::json!(["hi", {"hex": "ff"}]));
    assert_eq!(value["peer"], "tcp://127.0.0.1:4711");
    assert_eq!(value["metadata"]["X-Name"], "a");
    assert_eq!(codec(Form::Json).decode(&out).unwrap(), [&b"hi"[..], b"\xff"]);
}

#[test]
fn json_is_read_in_its_short_forms_too() {
    let json = codec(Form::Json);
    assert_eq!(json.decode(br#""hi""#).unwrap(), [b"hi"]);
    assert_eq!(json.decode(br#"["a",{"hex":"00"}]"#).unwrap(), [b"a", b"\0"]);
}

#[test]
fn what_cannot_be_read_is_named() {
    let error = |form, line: &[u8]| codec(form).decode(line).unwrap_err();
    assert!(error(Form::Hex, b"abc").contains("3 hexadecimal digits"));
    assert!(error(Form::Hex, b"zz").contains("'z'"));
    assert!(error(Form::Json, b"{").contains("not JSON"));
    assert!(error(Form::Json, b"{}").contains("no parts"));
    assert!(error(Form::Json, b"[]").contains("a message has a part"));
    assert!(error(Form::Json, b"[1]").contains("neither string nor object"));
    assert!(error(Form::Json, br#"[{"hex":1}]"#).contains("without \"hex\""));
    // serde_json bounds the depth itself; the input must not be able to exhaust the stack.
    let deep = vec![b'['; 1_000_000];
    assert!(error(Form::Json, &deep).contains("recursion limit"));
}

#[test]
fn arguments_are_text_unless_hexadecimal_is_asked_for() {
    let argument = |form, text: &str| codec(form).decode_argument(text);
    assert_eq!(argument(Form::Text, "a\tb").unwrap(), [b"a", b"b"]);
    assert_eq!(argument(Form::Json, "a\tb").unwrap(), [b"a\tb"]);
    assert_eq!(argument(Form::Hex, "6869").unwrap(), [b"hi"]);
    assert!(argument(Form::Hex, "hi").is_err());
}
