//! The calls of the matrix: a case for each option and type, with a socket that is fresh, one that
//! is bound and one that is connected. Pure: from the table to lines, from answers to differences.

use std::collections::BTreeMap;

use oxmq_engine::options::{Kind, OptionRow, row};

use crate::driver::Case;
use crate::lockstep::{Pair, same};

/// Largest number that is tried as an option; beyond the last one of the table.
const OPTION_MAX: i32 = 130;

/// The types of socket that the stock library has.
pub(super) const STABLE_TYPES: std::ops::RangeInclusive<i32> = 0..=11;

/// Bytes for the options that take some: hexadecimal, and the length that is passed.
const BYTES: [&str; 14] = [
    "",
    "61",
    "0061",
    // X-a:b
    "582d613a62",
    "582d613a6263646566",
    // 127.0.0.1
    "3132372e302e302e31",
    // 192.168.0.0/16
    "3139322e3136382e302e302f3136",
    // 10.0.0.0/33
    "31302e302e302e302f3333",
    // ::1/64
    "3a3a312f3634",
    // lo
    "6c6f",
    // 127.0.0.1:1080
    "3132372e302e302e313a31303830",
    // A key as Z85, then with a zero byte, then with a character that is none of Z85.
    "725a7b526c6f59516c78496e7857614c5a5a4d45253a6a7e61754d424d7a3a67532b26735e30504a",
    "725a7b526c6f59516c78496e7857614c5a5a4d45253a6a7e61754d424d7a3a67532b26735e30504a00",
    "205a7b526c6f59516c78496e7857614c5a5a4d45253a6a7e61754d424d7a3a67532b26735e30504a",
];

/// Lengths of bytes that are only long.
const LENGTHS: [usize; 7] = [16, 17, 32, 33, 40, 255, 256];

/// Lengths that a get is tried with.
const ROOMS: [usize; 12] = [0, 1, 3, 4, 5, 8, 9, 32, 40, 41, 255, 256];

/// The whole matrix.
pub(super) struct Matrix {
    /// One for each option and type.
    pub(super) cases: Vec<Case>,
    keys: Vec<(i32, i32)>,
}

/// Where the two libraries part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Difference {
    /// The number of the option.
    pub(super) option: i32,
    /// The number of the type.
    pub(super) socket_type: i32,
    /// `fresh`, `bound` or `connected`.
    pub(super) phase: &'static str,
    /// `set` or `get`.
    pub(super) call: &'static str,
    /// The line of the case.
    pub(super) line: String,
    pub(super) stock: String,
    pub(super) ours: String,
}

impl Matrix {
    /// The cases of the options whose number or name has `filter` in it; all of them without one.
    pub(super) fn new(filter: &str) -> Matrix {
        let mut matrix = Matrix { cases: Vec::new(), keys: Vec::new() };
        for option in (0..=OPTION_MAX).filter(|option| is_wanted(*option, filter)) {
            for socket_type in STABLE_TYPES {
                matrix.cases.push(case(option, socket_type));
                matrix.keys.push((option, socket_type));
            }
        }
        matrix
    }

    /// How many calls it makes on each library.
    pub(super) fn calls(&self) -> usize {
        self.cases.iter().map(Vec::len).sum()
    }

    /// Every line at which the answers differ.
    pub(super) fn differences(&self, pairs: &[Pair]) -> Vec<Difference> {
        let mut differences = Vec::new();
        for ((case, pair), (option, socket_type)) in self.cases.iter().zip(pairs).zip(&self.keys) {
            for (at, line) in case.iter().enumerate() {
                let said = |answers: &crate::driver::Answers| {
                    let died = || {
                        answers.died.clone().map_or("nothing".to_owned(), |d| format!("died {d}"))
                    };
                    answers.lines.get(at).map_or_else(died, |answer| same(line, answer))
                };
                let (stock, ours) = (said(&pair.stock), said(&pair.ours));
                if stock != ours {
                    let (option, socket_type) = (*option, *socket_type);
                    let phase = phase(line);
                    let call = if line.contains("zmq_set") { "set" } else { "get" };
                    let line = line.clone();
                    let difference =
                        Difference { option, socket_type, phase, call, line, stock, ours };
                    differences.push(difference);
                }
            }
        }
        differences
    }
}

/// The name of an option, or `?` and its number.
pub(super) fn name(option: i32) -> String {
    row(option).map_or_else(|| format!("?{option}"), |row| row.name.to_owned())
}

fn is_wanted(option: i32, filter: &str) -> bool {
    filter.is_empty() || name(option).contains(filter) || option.to_string() == filter
}

fn phase(line: &str) -> &'static str {
    match line {
        _ if line.contains(" S0 ") => "fresh",
        _ if line.contains(" S1 ") => "bound",
        _ => "connected",
    }
}

fn case(option: i32, socket_type: i32) -> Case {
    let mut lines = vec![
        "call C0= zmq_ctx_new".to_owned(),
        format!("call S0= zmq_socket C0 i{socket_type}"),
        format!("call S1= zmq_socket C0 i{socket_type}"),
        "call zmq_bind S1 stcp://127.0.0.1:*".to_owned(),
        format!("call S2= zmq_socket C0 i{socket_type}"),
        // Nobody listens there, so nothing happens behind the scenes that time would decide.
        "call zmq_connect S2 stcp://127.0.0.1:9".to_owned(),
    ];
    for socket in 0..3 {
        socket_lines(option, socket, &mut lines);
    }
    lines
}

fn socket_lines(option: i32, socket: i32, lines: &mut Vec<String>) {
    let row = row(option);
    for room in ROOMS {
        lines.push(format!("call zmq_getsockopt S{socket} i{option} o512 l{room}"));
    }
    let room = natural_room(row);
    let get = format!("call zmq_getsockopt S{socket} i{option} o512 l{room}");
    let mut set = |value: &str, length: usize| {
        lines.push(format!("call zmq_setsockopt S{socket} i{option} {value} i{length}"));
        lines.push(get.clone());
    };
    for number in numbers(row) {
        let bytes: String = number.to_ne_bytes().iter().map(|b| format!("{b:02x}")).collect();
        if let Some(short) = i32::try_from(number).ok().and(bytes.get(..8)) {
            set(&format!("x{short}"), 4);
        }
        set(&format!("x{bytes}"), 8);
    }
    for length in [0, 1, 2, 3, 5, 7, 9] {
        set("x01", length);
    }
    set("n", 0);
    for bytes in BYTES {
        set(&format!("x{bytes}"), bytes.len() / 2);
    }
    for length in LENGTHS {
        set(&format!("x{}", "61".repeat(length)), length);
    }
}

/// The length that a get of this option needs.
fn natural_room(row: Option<&OptionRow>) -> usize {
    match row.map(|row| row.kind) {
        Some(Kind::Bytes { .. } | Kind::Text { .. } | Kind::String { .. }) => 256,
        Some(Kind::Key) => 41,
        Some(Kind::I64 { .. } | Kind::U64) => 8,
        _ => 4,
    }
}

/// Numbers that say something about any option, and those around the bounds of this one.
pub(super) fn numbers(row: Option<&OptionRow>) -> Vec<i64> {
    let general = [-2, -1, 0, 1, 2, 3, 4, 7, 8, 100, 254, 255, 256, 1000, 65535, 65536];
    let (low, high) = (i64::from(i32::MIN), i64::from(i32::MAX));
    let mut numbers: BTreeMap<i64, ()> =
        general.into_iter().chain([low, high, i64::MIN, i64::MAX]).map(|n| (n, ())).collect();
    if let Some(Kind::Int { min, max }) = row.map(|row| row.kind) {
        for bound in [i64::from(min), i64::from(max)] {
            numbers.extend([bound - 1, bound, bound + 1].map(|number| (number, ())));
        }
    }
    numbers.into_keys().collect()
}
