//! The SOCKS5 exchange, octet by octet, with proxies that are honest and others.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use super::*;

fn options(username: &str, password: &str) -> SocksOptions {
    let proxy = "127.0.0.1:1080".to_owned();
    SocksOptions { proxy, username: username.to_owned(), password: password.to_owned() }
}

fn destination(text: &str) -> HostPort {
    match Endpoint::parse(&format!("tcp://{text}")).unwrap() {
        Endpoint::Tcp(tcp) => tcp.destination(),
        other => panic!("{other:?}"),
    }
}

fn client(username: &str, password: &str, to: &str) -> SocksClient {
    SocksClient::new(&options(username, password), &destination(to)).unwrap()
}

fn said(client: &mut SocksClient) -> Vec<u8> {
    std::mem::take(client.output())
}

/// Feeds octets one by one.
fn feed(client: &mut SocksClient, octets: &[u8]) -> Result<Step, SocksFault> {
    let mut last = Step::Read(client.wanted());
    for octet in octets {
        assert_eq!(last, Step::Read(client.wanted()), "the exchange is over");
        last = client.receive(&[*octet])?;
    }
    Ok(last)
}

// RFC 1928 §3, §4 and §6.
#[test]
fn without_a_user_name_the_proxy_is_asked_at_once() {
    for (to, address) in [
        ("10.1.2.3:5555", &[1, 10, 1, 2, 3][..]),
        ("example.org:5555", b"\x03\x0bexample.org"),
        ("[::1]:5555", &[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
    ] {
        let mut client = client("", "", to);
        assert_eq!(said(&mut client), [5, 1, 0]);
        feed(&mut client, &[5, 0]).unwrap();
        assert_eq!(said(&mut client), [&[5, 1, 0], address, &[0x15, 0xb3]].concat(), "{to}");
        assert_eq!(feed(&mut client, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]), Ok(Step::Done));
    }
}

// RFC 1929 §2.
#[test]
fn a_proxy_that_wants_a_password_gets_it() {
    let mut client = client("user", "secret", "10.1.2.3:80");
    assert_eq!(said(&mut client), [5, 2, 0, 2]);
    feed(&mut client, &[5, 2]).unwrap();
    assert_eq!(said(&mut client), b"\x01\x04user\x06secret");
    feed(&mut client, &[1, 0]).unwrap();
    assert_eq!(said(&mut client), [5, 1, 0, 1, 10, 1, 2, 3, 0, 80]);
}

#[test]
fn the_reply_is_read_to_its_last_octet_and_no_further() {
    let replies: [&[u8]; 3] = [&[1, 0, 0, 0, 0, 0, 0], b"\x03\x04host\0\x50", &[4; 1 + 16 + 2]];
    for address in replies {
        let mut client = client("", "", "h:1");
        feed(&mut client, &[5, 0]).unwrap();
        let reply = [&[5, 0, 0], address].concat();
        assert_eq!(feed(&mut client, &reply), Ok(Step::Done), "{address:?}");
    }
    let mut empty_name = client("", "", "h:1");
    feed(&mut empty_name, &[5, 0]).unwrap();
    assert_eq!(feed(&mut empty_name, &[5, 0, 0, 3, 0, 0, 80]), Ok(Step::Done));
}

#[test]
fn what_a_proxy_refuses_or_breaks_has_a_name() {
    let after = |greeting: &[u8], username: &str, octets: &[u8]| {
        let mut client = client(username, "p", "h:1");
        feed(&mut client, greeting).and_then(|_| feed(&mut client, octets))
    };
    assert_eq!(after(&[5, 0xff], "", &[]), Err(SocksFault::NoMethod));
    // A password that we do not have, and a method that we did not offer.
    assert_eq!(after(&[5, 2], "", &[]), Err(SocksFault::NoMethod));
    assert_eq!(after(&[5, 1], "u", &[]), Err(SocksFault::NoMethod));
    assert_eq!(after(&[4, 0], "", &[]), Err(SocksFault::Malformed));
    assert_eq!(after(&[5, 2], "u", &[1, 1]), Err(SocksFault::Password));
    assert_eq!(after(&[5, 2], "u", &[5, 0]), Err(SocksFault::Malformed));
    assert_eq!(after(&[5, 0], "", &[4, 0, 0, 1, 0]), Err(SocksFault::Malformed));
    assert_eq!(after(&[5, 0], "", &[5, 0, 0, 2, 0]), Err(SocksFault::Malformed));
    for code in 1..=255 {
        assert_eq!(after(&[5, 0], "", &[5, code, 0, 1, 0]), Err(SocksFault::Refused(code)));
    }
    assert_eq!(SocksFault::Refused(5).errno(), libc::ECONNREFUSED);
}

#[test]
fn what_cannot_be_said_is_refused_before() {
    let long = "n".repeat(256);
    let to = destination("h:1");
    assert!(SocksClient::new(&options(&long, ""), &to).is_err());
    assert!(SocksClient::new(&options("u", &long), &to).is_err());
    assert!(SocksClient::new(&options("", ""), &destination("*:1")).is_err());
    let endpoint = Endpoint::parse("tcp://h:1").unwrap();
    for proxy in ["no port", "a:1;b:2", "h:x"] {
        let options = SocksOptions { proxy: proxy.to_owned(), ..SocksOptions::default() };
        let error = SocksRoute::new(&endpoint, &options).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EINVAL), "{proxy}");
    }
}
