//! What every row of the tables promises, checked for every row, and what single options mean.

#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use oxmq_zmtp::SocketType;

use super::row::{Field, MAX};
use super::*;

fn all_types() -> impl Iterator<Item = SocketType> {
    SocketType::ALL.into_iter()
}

fn built() -> impl Iterator<Item = &'static OptionRow> {
    rows().filter(|row| row.state == State::Built && row.code != 0)
}

/// A socket type that has the option.
fn owner(row: &OptionRow) -> SocketType {
    // XPUB takes topics only in manual mode; SUB is the plain case.
    let plain = |found: &SocketType| row.belongs_to(*found) && *found != SocketType::XPub;
    all_types().find(plain).unwrap_or(SocketType::XPub)
}

fn fault<T: std::fmt::Debug>(result: Result<T, OptionError>) -> OptionFault {
    result.unwrap_err().fault
}

#[test]
fn the_table_has_every_option_of_libzmq_once() {
    let count = |stability| rows().filter(|row| row.stability == stability).count();
    // 76 stable ones of which BLOCKY belongs to the context.
    assert_eq!(count(Stability::Stable), 75);
    assert_eq!(count(Stability::Deprecated), 5);
    assert_eq!(count(Stability::Draft), 32);
    let names: BTreeSet<_> = rows().map(|row| row.name).collect();
    assert_eq!(names.len(), rows().count(), "each name once");
    let codes: BTreeSet<_> = rows().map(|row| row.code).filter(|&code| code != 0).collect();
    let of_libzmq = codes.iter().filter(|&&code| code < 10_000).count();
    assert_eq!((of_libzmq, codes.len()), (112, 112 + 16), "each number once");
    for row in rows() {
        assert!(row.doc.ends_with('.') && !row.doc.contains("  "), "{}", row.name);
        assert_eq!(row_named(row.name).unwrap().code, row.code);
        assert_eq!(matches!(row.field, Field::Absent), row.state != State::Built, "{}", row.name);
        let ours = row.code == 0 || row.code > 10_000;
        assert_eq!(ours, row.stability == Stability::OxmqOnly, "{}", row.name);
    }
}

#[test]
fn a_number_without_an_option_is_unknown() {
    for code in (-5..300).chain([i32::MIN, i32::MAX]).filter(|&code| row(code).is_none()) {
        let mut options = SocketOptions::libzmq_defaults(SocketType::Dealer);
        assert_eq!(fault(options.set(code, &[0; 4])), OptionFault::Unknown);
        assert_eq!(fault(options.value(code)), OptionFault::Unknown);
    }
}

#[test]
fn an_option_without_its_feature_fails_both_ways() {
    for row in rows() {
        let State::NotBuilt(feature) = row.state else { continue };
        let mut options = SocketOptions::libzmq_defaults(SocketType::Dealer);
        let before = options.clone();
        for value in [&b""[..], &[0; 4], &[1, 0, 0, 0], &[0; 8], &[0; 32]] {
            assert_eq!(fault(options.set(row.code, value)), OptionFault::NotBuilt { feature });
        }
        assert_eq!(fault(options.value(row.code)), OptionFault::NotBuilt { feature });
        assert_eq!(options, before);
    }
}

#[test]
fn every_socket_starts_with_the_defaults_of_the_table() {
    for socket_type in all_types() {
        let libzmq = SocketOptions::libzmq_defaults(socket_type);
        let safe = SocketOptions::safe_defaults(socket_type);
        for row in rows().filter(|row| row.state == State::Built) {
            let sends_nothing =
                matches!(socket_type, SocketType::Sub | SocketType::XSub | SocketType::Dish);
            let linger = row.name == "LINGER" && sends_nothing;
            for (options, default) in [(&libzmq, row.libzmq), (&safe, row.safe_default())] {
                let default = if linger { Some(0) } else { default };
                let found = match row.field {
                    Field::Int(read, _) => Some(i64::from(read(options))),
                    Field::I64(read, _) => Some(read(options)),
                    Field::U64(read, _) => i64::try_from(read(options)).ok(),
                    Field::Bytes(read, _) => {
                        assert!(read(options).is_empty());
                        None
                    }
                    Field::Text(read, _) => {
                        assert_eq!(read(options), "");
                        None
                    }
                    _ => None,
                };
                assert_eq!(found, default, "{} of {}", row.name, socket_type.name());
            }
        }
    }
}

#[test]
fn an_option_belongs_to_its_sockets_and_to_no_other() {
    for row in built() {
        for socket_type in all_types() {
            let mut options = SocketOptions::libzmq_defaults(socket_type);
            let refused = OptionFault::WrongSocketType { found: socket_type };
            let belongs = row.belongs_to(socket_type);
            // No option has this length, but for those of any length, which take it.
            let value = vec![0xff; 70_000];
            let set = options.set(row.code, &value).err().map(|error| error.fault);
            let refused = Some(refused);
            assert_eq!(set == refused, !belongs, "{} on {}", row.name, socket_type.name());
            let read = options.value(row.code).err().map(|error| error.fault);
            let reads = belongs || row.reads_everywhere;
            assert_eq!(read == refused, !reads, "{} on {}", row.name, socket_type.name());
        }
    }
}

#[test]
fn access_is_as_the_table_says() {
    for row in built() {
        let mut options = SocketOptions::libzmq_defaults(owner(row));
        let set = options.set(row.code, &[1; 300]).err().map(|error| error.fault);
        assert_eq!(set == Some(OptionFault::ReadOnly), row.access == Access::Get, "{}", row.name);
        let read = options.value(row.code).err().map(|error| error.fault);
        assert_eq!(read == Some(OptionFault::WriteOnly), row.access == Access::Set, "{}", row.name);
        if row.access == Access::Get {
            assert_eq!(options.value(row.code), Ok(OptionValue::Engine), "{}", row.name);
        }
    }
}

#[test]
fn lengths_are_strict() {
    for row in built().filter(|row| row.access != Access::Get) {
        for len in 0..300 {
            let fits = match row.kind {
                Kind::Int { .. }
                | Kind::SystemOrPositive
                | Kind::Bool
                | Kind::Flag
                | Kind::Truth => len == 4,
                Kind::I64 { .. } | Kind::U64 => len == 8,
                Kind::Bytes { min, max } => (min..=max).contains(&len),
                Kind::Text { max } => len <= max,
                Kind::String { min, max } => (min..=max).contains(&len),
                Kind::Key => matches!(len, 32 | 40 | 41),
                Kind::IdList => len == 0 || len == 4,
            };
            let mut options = SocketOptions::libzmq_defaults(owner(row));
            let before = options.clone();
            let fault = options.set(row.code, &vec![0; len]).err().map(|error| error.fault);
            let refused = Some(OptionFault::Length { expected: row.kind, found: len });
            assert_eq!(fault == refused, !fits, "{} with {len} bytes: {fault:?}", row.name);
            if fault.is_some() {
                assert_eq!(options, before, "{}: a refused value changes nothing", row.name);
            }
        }
    }
}

#[test]
fn numbers_are_kept_within_their_range_and_come_back() {
    for row in built().filter(|row| row.access != Access::Get) {
        let Field::Int(read, _) = row.field else { continue };
        let numbers =
            [i32::MIN, -2, -1, 0, 1, 2, 3, 4, 7, 8, 100, 255, 256, 6_553_500, 6_553_600, MAX];
        for number in numbers {
            let kept = match row.kind {
                Kind::Int { min, max } => (min..=max).contains(&number).then_some(number),
                Kind::SystemOrPositive => (number == -1 || number >= 1).then_some(number),
                Kind::Bool => (number == 0 || number == 1).then_some(number),
                Kind::Flag => (number >= 0).then_some(number.min(1)),
                Kind::Truth => Some(i32::from(number != 0)),
                _ => None,
            };
            // The wire has tenths of a second for it.
            let kept =
                kept.map(|kept| if row.name == "HEARTBEAT_TTL" { kept / 100 * 100 } else { kept });
            let mut options = SocketOptions::libzmq_defaults(owner(row));
            let before = options.clone();
            let set = options.set(row.code, &number.to_ne_bytes()).map(|_| ());
            match kept {
                Some(kept) => {
                    assert_eq!(set, Ok(()), "{} = {number}", row.name);
                    assert_eq!(read(&options), kept, "{} = {number}", row.name);
                    if row.access == Access::Both {
                        assert_eq!(options.value(row.code), Ok(OptionValue::Int(kept)));
                    }
                }
                None => {
                    let expected = OptionFault::Range { expected: row.kind, found: number.into() };
                    assert_eq!(fault(set), expected, "{} = {number}", row.name);
                    assert_eq!(options, before);
                }
            }
        }
    }
}

#[test]
fn bytes_and_text_come_back() {
    for row in built().filter(|row| row.access != Access::Get) {
        let mut options = SocketOptions::libzmq_defaults(owner(row));
        match row.field {
            Field::Bytes(read, _) => {
                options.set(row.code, b"\0\xffabc").unwrap();
                assert_eq!(read(&options), b"\0\xffabc");
            }
            Field::Text(read, _) => {
                options.set(row.code, b"eth0").unwrap();
                if row.access != Access::Set {
                    assert_eq!(options.value(row.code), Ok(OptionValue::Str("eth0")));
                }
                let bad = fault(options.set(row.code, b"\xff\xfe"));
                assert!(matches!(bad, OptionFault::Form { .. }), "{bad:?}");
                assert_eq!(read(&options), "eth0");
                options.set(row.code, b"").unwrap();
                assert_eq!(read(&options), "");
            }
            Field::Octets(read, _) => {
                options.set(row.code, b"\xffabc").unwrap();
                assert_eq!(read(&options), b"\xffabc");
                assert_eq!(options.value(row.code), Ok(OptionValue::String(b"\xffabc")));
            }
            Field::Key(read, _) => {
                options.set(row.code, &[7; 32]).unwrap();
                assert_eq!(read(&options), &[7; 32]);
                // RFC 26 §Test Cases writes this key in both forms.
                let text = b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7";
                for value in [&text[..], &[&text[..], &[0]].concat()] {
                    options.set(row.code, &[0; 32]).unwrap();
                    options.set(row.code, value).unwrap();
                    assert_eq!(read(&options)[..4], [0x54, 0xfc, 0xba, 0x24]);
                    assert_eq!(crate::key_to_z85(read(&options))[..40], text[..]);
                }
                for value in [[b'~'; 40], [b'#'; 40]] {
                    let bad = fault(options.set(row.code, &value));
                    assert!(matches!(bad, OptionFault::Form { .. }), "{bad:?}");
                }
                let bad = fault(options.set(row.code, &[&text[..], b"x"].concat()));
                assert!(matches!(bad, OptionFault::Form { .. }), "{bad:?}");
            }
            _ => {}
        }
    }
}

/// The security option set last chooses the mechanism and the role, as `zmq_setsockopt(3)` and
/// libzmq 4.3.4 have it.
#[test]
fn the_last_security_option_chooses_the_mechanism() {
    let on = 1_i32.to_ne_bytes();
    let off = 0_i32.to_ne_bytes();
    let key = [1; 32];
    let steps: &[(i32, &[u8], Mechanism, bool)] = &[
        (code::PLAIN_SERVER, &on, Mechanism::Plain, true),
        (code::CURVE_SERVER, &on, Mechanism::Curve, true),
        (code::CURVE_SECRETKEY, &key, Mechanism::Curve, true),
        (code::CURVE_SERVERKEY, &key, Mechanism::Curve, false),
        (code::PLAIN_USERNAME, b"ada", Mechanism::Plain, false),
        (code::PLAIN_SERVER, &on, Mechanism::Plain, true),
        (code::PLAIN_PASSWORD, b"secret", Mechanism::Plain, false),
        (code::PLAIN_USERNAME, b"", Mechanism::Null, false),
        (code::CURVE_PUBLICKEY, &key, Mechanism::Curve, false),
        (code::PLAIN_SERVER, &off, Mechanism::Null, false),
    ];
    let mut options = SocketOptions::libzmq_defaults(SocketType::Dealer);
    for (number, value, mechanism, server) in steps {
        options.set(*number, value).unwrap();
        let name = row(*number).unwrap().name;
        assert_eq!(options.security.mechanism(), *mechanism, "{name}");
        assert_eq!(options.security.is_server(), *server, "{name}");
        let plain = *mechanism == Mechanism::Plain && *server;
        let read = options.value(code::PLAIN_SERVER);
        assert_eq!(read, Ok(OptionValue::Int(plain.into())), "{name}");
    }
    // Giving the mechanism up forgets no credentials.
    assert_eq!(options.value(code::PLAIN_USERNAME), Ok(OptionValue::String(b"ada")));
}

#[test]
fn secrets_are_not_shown() {
    let mut options = SocketOptions::libzmq_defaults(SocketType::Dealer);
    options.set(code::PLAIN_PASSWORD, b"hunter2").unwrap();
    options.set(code::CURVE_SECRETKEY, &[0xAB; 32]).unwrap();
    let list = crate::AllowList::new();
    list.allow_user("ada", "lovelace");
    options.security.allow_list = Some(list);
    let shown = format!("{options:?}").to_lowercase();
    for secret in ["hunter2", "104, 117", "171, 171", "abab", "lovelace"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn the_effect_says_what_the_engine_has_to_do() {
    let int = 5_i32.to_ne_bytes();
    let mut options = SocketOptions::libzmq_defaults(SocketType::Sub);
    assert_eq!(options.set(code::SNDHWM, &int), Ok(SetEffect::SendHwm));
    assert_eq!(options.set(code::RCVHWM, &int), Ok(SetEffect::ReceiveHwm));
    assert_eq!((options.snd_hwm, options.rcv_hwm), (5, 5));
    assert_eq!(options.set(code::LINGER, &int), Ok(SetEffect::Live));
    assert_eq!(options.set(code::BACKLOG, &int), Ok(SetEffect::Stored));
    assert_eq!(options.set(code::SUBSCRIBE, b"a"), Ok(SetEffect::Subscribe(b"a")));
    assert_eq!(options.set(code::UNSUBSCRIBE, b""), Ok(SetEffect::Unsubscribe(b"")));
}

#[test]
fn an_xpub_takes_topics_in_manual_mode_only() {
    let mut options = SocketOptions::libzmq_defaults(SocketType::XPub);
    let refused = OptionFault::Requires { option: "XPUB_MANUAL" };
    assert_eq!(fault(options.set(code::SUBSCRIBE, b"a")), refused);
    options.set(code::XPUB_MANUAL, &1_i32.to_ne_bytes()).unwrap();
    assert_eq!(options.set(code::SUBSCRIBE, b"a"), Ok(SetEffect::Subscribe(b"a")));
}

#[test]
fn times_counts_and_limits_have_their_typed_meaning() {
    let mut options = SocketOptions::libzmq_defaults(SocketType::Dealer);
    assert_eq!((options.linger, options.snd_timeout, options.max_msg_size), (None, None, None));
    assert_eq!(options.reconnect_ivl, Some(Duration::from_millis(100)));
    assert_eq!((options.reconnect_ivl_max, options.connect_timeout), (None, None));
    assert_eq!(options.handshake_ivl, Some(Duration::from_secs(30)));
    assert_eq!((options.heartbeat_ivl, options.heartbeat_timeout_effective()), (None, None));
    assert_eq!((options.max_parts, options.unfinished_bytes_max), (None, None));
    assert_eq!((options.subscriptions_max, options.subscription_bytes_max), (None, None));
    assert!(options.transport.ipc_takeover && !options.transport.ipv6);
    let mut set = |code, value: i32| options.set(code, &value.to_ne_bytes()).map(|_| ()).unwrap();
    set(code::RECONNECT_IVL, -1);
    set(code::HEARTBEAT_IVL, 500);
    set(code::LINGER, 0);
    set(code::RECONNECT_STOP, 5);
    set(code::TCP_KEEPALIVE, 0);
    assert_eq!((options.reconnect_ivl, options.linger), (None, Some(Duration::ZERO)));
    assert_eq!(options.heartbeat_timeout_effective(), Some(Duration::from_millis(500)));
    let stop = options.reconnect_stop;
    assert_eq!(
        (stop.conn_refused, stop.handshake_failed, stop.after_disconnect),
        (true, false, true)
    );
    assert_eq!(options.transport.tcp_keepalive, Some(false));
    options.set(code::HEARTBEAT_TIMEOUT, &0_i32.to_ne_bytes()).unwrap();
    assert_eq!(options.heartbeat_timeout_effective(), None, "zero never gives up");
    options.set(code::MAXMSGSIZE, &7_i64.to_ne_bytes()).unwrap();
    assert_eq!(options.max_msg_size, Some(7));
    let refused = fault(options.set(code::MAXMSGSIZE, &(-2_i64).to_ne_bytes()));
    assert!(matches!(refused, OptionFault::Range { found: -2, .. }));
    assert_eq!(options.max_msg_size, Some(7));
}

#[test]
fn the_rust_api_starts_without_the_traps() {
    let options = SocketOptions::safe_defaults(SocketType::Pub);
    assert_eq!(options.linger, Some(Duration::from_secs(5)));
    assert_eq!(options.heartbeat_ivl, Some(Duration::from_secs(10)));
    assert_eq!(options.heartbeat_timeout_effective(), Some(Duration::from_secs(30)));
    assert_eq!(options.max_msg_size, Some(1 << 30));
    assert_eq!((options.max_parts, options.unfinished_bytes_max), (Some(65_536), Some(64 << 20)));
    assert_eq!(options.subscriptions_max, Some(100_000));
    assert_eq!(options.subscription_bytes_max, Some(16 << 20));
    assert!(options.transport.ipv6 && !options.transport.ipc_takeover);
}

#[test]
fn verbose_and_verboser_follow_each_other() {
    let mut options = SocketOptions::libzmq_defaults(SocketType::XPub);
    options.set(code::XPUB_VERBOSER, &1_i32.to_ne_bytes()).unwrap();
    assert!(options.xpub_verbose && options.xpub_verboser);
    options.set(code::XPUB_VERBOSE, &1_i32.to_ne_bytes()).unwrap();
    assert!(options.xpub_verbose && !options.xpub_verboser);
}

#[test]
fn metadata_is_of_the_form_that_a_handshake_can_carry() {
    let mut options = SocketOptions::libzmq_defaults(SocketType::Dealer);
    options.set(code::METADATA, b"X-Colour:red").unwrap();
    options.set(code::METADATA, b"X-Empty-ok:a:b\0").unwrap();
    options.set(code::METADATA, b"x-colour:blue").unwrap();
    let expected =
        [("X-Colour".into(), b"blue".to_vec()), ("X-Empty-ok".into(), b"a:b\0".to_vec())];
    assert_eq!(options.metadata, expected);
    for bad in
        [&b"Colour:red"[..], b"X-:red!", b"X-A red", b"X-A b:red", b"X-AB:", b"X-\xc3\xa9:re"]
    {
        let refused = fault(options.set(code::METADATA, bad));
        assert!(matches!(refused, OptionFault::Form { .. }), "{refused:?}");
    }
    let mut taken = 0;
    while options.set(code::METADATA, format!("X-{taken}:{taken:0200}").as_bytes()).is_ok() {
        taken += 1;
        assert!(taken < 64, "the properties have a limit");
    }
    let bytes: usize = options.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(bytes <= 6 * 1024 && options.metadata.len() <= 48);
}

#[test]
fn accept_filters_are_added_and_cleared() {
    let mut options = SocketOptions::libzmq_defaults(SocketType::Pull);
    options.set(code::TCP_ACCEPT_FILTER, b"192.168.0.0/16\0").unwrap();
    options.set(code::TCP_ACCEPT_FILTER, b"::1").unwrap();
    assert_eq!(options.transport.tcp_accept_filters.len(), 2);
    let refused = fault(options.set(code::TCP_ACCEPT_FILTER, b"192.168.0.0/33"));
    assert!(matches!(refused, OptionFault::Form { .. }));
    options.set(code::TCP_ACCEPT_FILTER, b"").unwrap();
    assert!(options.transport.tcp_accept_filters.is_empty());
    options.set(code::IPC_FILTER_UID, &7_u32.to_ne_bytes()).unwrap();
    options.set(code::IPC_FILTER_GID, &8_u32.to_ne_bytes()).unwrap();
    options.set(code::IPC_FILTER_PID, &9_i32.to_ne_bytes()).unwrap();
    let filters = &options.transport.ipc_filters;
    assert_eq!((&*filters.uids, &*filters.gids, &*filters.pids), (&[7][..], &[8][..], &[9][..]));
    options.set(code::IPC_FILTER_UID, b"").unwrap();
    assert!(options.transport.ipc_filters.uids.is_empty());
    assert!(!options.transport.ipc_filters.is_empty());
}

#[test]
fn the_name_for_the_next_peer_is_there_to_be_taken_once() {
    let mut options = SocketOptions::libzmq_defaults(SocketType::Router);
    options.set(code::CONNECT_ROUTING_ID, b"peer").unwrap();
    assert_eq!(options.connect_routing_id.take(), Some(b"peer".to_vec()));
    assert_eq!(options.connect_routing_id, None);
}

#[test]
fn a_refusal_says_which_option_what_it_takes_and_what_came() {
    let mut options = SocketOptions::libzmq_defaults(SocketType::Push);
    let mut text = |code, value: &[u8]| options.set(code, value).unwrap_err().to_string();
    assert_eq!(
        text(code::LINGER, &[0; 3]),
        "option LINGER: expected an int (4 bytes) of -1.., found 3 bytes"
    );
    assert_eq!(
        text(code::IPV6, &2_i32.to_ne_bytes()),
        "option IPV6: expected an int (4 bytes) of 0, 1, found 2"
    );
    assert_eq!(text(code::SUBSCRIBE, b""), "option SUBSCRIBE: not an option of PUSH sockets");
    assert_eq!(text(code::TYPE, &[0; 4]), "option TYPE: can only be read");
    assert_eq!(text(1, &[0; 4]), "option 1: there is no option of this number");
    assert_eq!(
        text(code::GSSAPI_SERVER, &[0; 4]),
        "option GSSAPI_SERVER: not supported, because this version has no GSSAPI mechanism"
    );
}

#[test]
fn context_options_keep_to_their_rows() {
    for mut options in [ContextOptions::libzmq_defaults(), ContextOptions::safe_defaults()] {
        for row in CONTEXT_ROWS {
            let (min, max) = match row.kind {
                Kind::Int { min, max } => (min, max),
                Kind::Flag => {
                    options.set(row.code, MAX).unwrap();
                    assert_eq!(options.value(row.code), Ok(1), "{}", row.name);
                    assert!(options.set(row.code, -1).is_err(), "{}", row.name);
                    continue;
                }
                _ => panic!("{} is no int", row.name),
            };
            // Some start unset, which cannot be set.
            let unset = row.libzmq == Some(-1);
            assert!(unset || row.libzmq.is_some_and(|at| (min.into()..=max.into()).contains(&at)));
            for value in [min, max].into_iter().filter(|_| row.access == Access::Both) {
                options.set(row.code, value).unwrap();
                assert_eq!(options.value(row.code), Ok(value), "{}", row.name);
            }
            if row.access == Access::Get {
                continue;
            }
            for value in [min.checked_sub(1), max.checked_add(1)].into_iter().flatten() {
                let before = options.clone();
                assert!(options.set(row.code, value).is_err(), "{} = {value}", row.name);
                assert_eq!(options, before);
            }
        }
    }
    for row in CONTEXT_ROWS.iter().filter(|row| row.access == Access::Both) {
        let value = |options: ContextOptions| options.value(row.code).map(i64::from).ok();
        assert_eq!(value(ContextOptions::libzmq_defaults()), row.libzmq, "{}", row.name);
        let safe = row.safe.map(|safe| safe.0).or(row.libzmq);
        assert_eq!(value(ContextOptions::safe_defaults()), safe, "{}", row.name);
    }
}

#[test]
fn context_numbers_that_differ_by_direction_do() {
    let mut options = ContextOptions::libzmq_defaults();
    options.set(3, 10).unwrap();
    assert_eq!(options.thread_priority, Some(10));
    assert_eq!(options.value(3), Ok(65_535), "3 is SOCKET_LIMIT when read");
    assert_eq!(fault(options.set(6, 64)), OptionFault::ReadOnly);
    assert_eq!(fault(options.value(7)), OptionFault::WriteOnly);
    assert_eq!(fault(options.set(11, 1)), OptionFault::Unknown);
    assert_eq!(fault(options.value(0)), OptionFault::Unknown);
    assert!(matches!(fault(options.set(8, 5)), OptionFault::Form { .. }), "CPU 5 was not added");
    options.set(7, 5).unwrap();
    options.set(8, 5).unwrap();
    assert!(options.thread_affinity_cpus.is_empty());
}

#[test]
fn thread_names_begin_with_a_number_or_with_text() {
    let mut options = ContextOptions::libzmq_defaults();
    options.set(9, 12).unwrap();
    assert_eq!(options.thread_name_prefix, "12");
    options.set_bytes(9, b"worker").unwrap();
    assert_eq!((options.thread_name_prefix.as_str(), options.value(9)), ("worker", Ok(0)));
    options.set_bytes(9, &3_i32.to_ne_bytes()).unwrap();
    assert_eq!(options.thread_name_prefix, "3");
    for bad in [&[b'a'; 17][..], b"\xff\xfe\xfd", b"a\0b"] {
        assert!(options.set_bytes(9, bad).is_err());
    }
    assert!(matches!(fault(options.set_bytes(1, b"six")), OptionFault::Length { .. }));
    options.set_bytes(1, &2_i32.to_ne_bytes()).unwrap();
    assert_eq!((options.io_threads, options.thread_name_prefix.as_str()), (2, "3"));
}

#[test]
fn a_context_says_what_its_sockets_start_with() {
    let mut context = ContextOptions::libzmq_defaults();
    let mut socket = SocketOptions::libzmq_defaults(SocketType::Push);
    context.apply_to(&mut socket);
    assert_eq!(socket, SocketOptions::libzmq_defaults(SocketType::Push));
    context.set(42, 1).unwrap();
    context.set(70, 0).unwrap();
    context.apply_to(&mut socket);
    assert!(socket.transport.ipv6);
    assert_eq!(socket.linger, Some(Duration::ZERO));
}

#[test]
fn options_md_is_what_the_tables_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../doc/options.md");
    let page = page::page();
    if std::env::var_os("OXMQ_BLESS").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == page,
        "doc/options.md is out of date; run OXMQ_BLESS=1 cargo test -p oxmq-engine options_md"
    );
}
