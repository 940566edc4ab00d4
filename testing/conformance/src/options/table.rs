//! Ours beside its own table: for each row that is a number, on each of the twenty-one types, the
//! default, whether a value is taken or refused, and that a get gives back what was set.

use oxmq_engine::SocketType;
use oxmq_engine::options::{Access, Kind, OptionRow, Scope, Stability, State, rows};
use oxmq_testing::Result;

use super::matrix::numbers;
use crate::driver::{Case, Driver, run_in_parallel};
use crate::prefix::Prefix;

/// Every type of socket, the draft ones included.
const TYPES: std::ops::RangeInclusive<i32> = 0..=20;

/// Failures that are printed before only their number is said.
const SHOWN_MAX: usize = 30;

const HEARTBEAT_TTL: i32 = 76;
const ROUTER_NOTIFY: i32 = 97;

/// A call, and what it has to answer.
struct Expected {
    call: String,
    answer: String,
}

/// Runs every row on every type; the error lists what came out otherwise.
pub(super) fn check(driver: &Driver, prefix: &Prefix, jobs: usize) -> Result<String> {
    let expected: Vec<Vec<Expected>> = TYPES.map(of_type).collect();
    let cases: Vec<Case> = expected
        .iter()
        .map(|calls| calls.iter().map(|expected| expected.call.clone()).collect())
        .collect();
    let answers = run_in_parallel(driver, &prefix.library(), &cases, jobs)?;
    let mut failures = Vec::new();
    for (socket_type, (calls, answers)) in expected.iter().zip(&answers).enumerate() {
        for (at, expected) in calls.iter().enumerate() {
            let said = answers.lines.get(at).map_or("nothing", String::as_str);
            if said != expected.answer {
                let (call, want) = (&expected.call, &expected.answer);
                failures.push(format!("type {socket_type}: {call}: {said}, not {want}"));
            }
        }
    }
    if failures.is_empty() {
        return Ok(format!("{} calls", cases.iter().map(Vec::len).sum::<usize>()));
    }
    let count = failures.len();
    failures.truncate(SHOWN_MAX);
    Err(format!("{count} answers are not as the table has them\n    {}", failures.join("\n    ")))
}

fn of_type(socket_type: i32) -> Vec<Expected> {
    let mut calls =
        vec![Expected { call: "call C0= zmq_ctx_new".to_owned(), answer: "object".to_owned() }];
    for row in rows().filter(|row| row.stability != Stability::OxmqOnly && row.code != 0) {
        let size = match row.kind {
            Kind::Int { .. } | Kind::SystemOrPositive | Kind::Bool | Kind::Flag | Kind::Truth => 4,
            Kind::I64 { .. } | Kind::U64 => 8,
            _ => continue,
        };
        calls.push(Expected {
            call: format!("call S0= zmq_socket C0 i{socket_type}"),
            answer: "object".to_owned(),
        });
        row_calls(row, socket_type, size, &mut calls);
        calls.push(Expected { call: "call zmq_close S0".to_owned(), answer: "0".to_owned() });
    }
    calls
}

fn row_calls(row: &OptionRow, socket_type: i32, size: usize, calls: &mut Vec<Expected>) {
    let code = row.code;
    let kind = SocketType::from_code(socket_type);
    let exists = row.state == State::Built && kind.is_some_and(|kind| row.belongs_to(kind));
    let refused = "-1 errno=22".to_owned();
    let get = |answer: String| Expected {
        call: format!("call zmq_getsockopt S0 i{code} o{size} l{size}"),
        answer,
    };
    let value_of = |number: i64| format!("0 o={} l={size}", hex(number, size));
    // Every type gives it back, only a ROUTER takes it.
    let given_back = code == ROUTER_NOTIFY;
    if !(exists || given_back) || row.access == Access::Set {
        let answer = format!("{refused} l={size}");
        calls.push(get(answer));
    } else if let Some(default) = default_of(row, socket_type) {
        calls.push(get(value_of(default)));
    }
    for number in numbers(Some(row)) {
        if size == 4 && i32::try_from(number).is_err() {
            continue;
        }
        let taken = exists && row.access != Access::Get && in_range(row.kind, number);
        calls.push(Expected {
            call: format!("call zmq_setsockopt S0 i{code} x{} i{size}", hex(number, size)),
            answer: if taken { "0".to_owned() } else { refused.clone() },
        });
        if taken && row.access == Access::Both {
            // Kept in tenths of a second, as it travels.
            let number = if code == HEARTBEAT_TTL { number / 100 * 100 } else { number };
            let number = match row.kind {
                Kind::Truth | Kind::Flag => i64::from(number != 0),
                _ => number,
            };
            calls.push(get(value_of(number)));
        }
    }
}

/// What a get has to give on a new socket, where the table says it.
fn default_of(row: &OptionRow, socket_type: i32) -> Option<i64> {
    // The sockets that only subscribe do not linger.
    const LINGER: i32 = 17;
    if row.code == LINGER && [2, 10, 15].contains(&socket_type) {
        return Some(0);
    }
    // What a row that is only for some types starts with may differ by type; `Only` says enough.
    if matches!(row.scope, Scope::Only(_)) { None } else { row.libzmq }
}

fn in_range(kind: Kind, number: i64) -> bool {
    match kind {
        Kind::Int { min, max } => (i64::from(min)..=i64::from(max)).contains(&number),
        Kind::SystemOrPositive => number == -1 || number > 0,
        Kind::Bool => number == 0 || number == 1,
        Kind::Flag => number >= 0,
        Kind::I64 { min } => number >= min,
        Kind::U64 | Kind::Truth => true,
        _ => false,
    }
}

/// The first bytes of a number as the machine stores it.
fn hex(number: i64, size: usize) -> String {
    // The low bytes stand first on every machine that the driver runs on.
    number.to_le_bytes().iter().take(size).map(|byte| format!("{byte:02x}")).collect()
}
