//! The same cases on two libraries: runs them, makes the answers comparable, and finds the first
//! line at which they part.
//!
//! The normaliser is `same`: it blots out what differs between two runs of one library, and only
//! that: descriptors, ports, temporary names, and routing ids that a ROUTER has made up.

use std::thread;

use oxmq_testing::Result;

use crate::driver::{Answers, Case, Driver, run_in_parallel};
use crate::prefix::Prefix;

/// What the two libraries made of one case.
#[derive(Debug)]
pub(crate) struct Pair {
    /// Debian's.
    pub(crate) stock: Answers,
    /// Ours.
    pub(crate) ours: Answers,
}

/// Runs the cases on both, at the same time.
///
/// # Errors
/// Those of the driver.
pub(crate) fn run(
    driver: &Driver,
    prefix: &Prefix,
    cases: &[Case],
    jobs: usize,
) -> Result<Vec<Pair>> {
    let ours = prefix.library();
    let (stock, ours) = thread::scope(|scope| {
        let stock = scope.spawn(|| run_in_parallel(driver, &prefix.stock, cases, jobs));
        let ours = run_in_parallel(driver, &ours, cases, jobs);
        (stock.join(), ours)
    });
    let stock = stock.map_err(|_| "the thread of the stock library panicked".to_owned())??;
    Ok(stock.into_iter().zip(ours?).map(|(stock, ours)| Pair { stock, ours }).collect())
}

/// An answer as it is compared.
pub(crate) fn same(call: &str, answer: &str) -> String {
    let ok = answer.starts_with('0');
    if ok && call.starts_with("call zmq_getsockopt") && call.contains(" i14 ") {
        return "0 o=descriptor l=4".to_owned();
    }
    let mut answer = answer.to_owned();
    // The beginning of a routing id, which is all that there was room for.
    if call.starts_with("call zmq_recv") && answer.starts_with("5 o=00") {
        return "5 o=routing-id".to_owned();
    }
    if let Some(at) = answer.find(" o=") {
        let value: String = answer[at + 3..].chars().take_while(char::is_ascii_hexdigit).collect();
        let blotted = blot(&value);
        if blotted != value {
            answer.replace_range(at + 3..at + 3 + value.len(), &blotted);
            // The length follows the value, and is that of the name that was blotted out.
            if let Some(length) = answer.find(" l=") {
                answer.truncate(length);
            }
        }
    }
    answer
}

/// The hexadecimal bytes with what two runs differ in left out.
fn blot(value: &str) -> String {
    let bytes: Vec<u8> = (0..value.len() / 2)
        .filter_map(|i| u8::from_str_radix(value.get(2 * i..2 * i + 2)?, 16).ok())
        .collect();
    if bytes.len() == 5 && bytes.first() == Some(&0) {
        return "routing-id".to_owned();
    }
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_end_matches('\0');
    if let Some((address, port)) = text.rsplit_once(':')
        && address.starts_with("tcp://")
        && port.parse::<u16>().is_ok_and(|port| port > 1024)
    {
        return format!("{address}:port");
    }
    if text.starts_with("ipc:///tmp/") {
        return "ipc:temporary".to_owned();
    }
    value.to_owned()
}

/// The first line at which the answers differ: its number, what the stock library said, what ours.
pub(crate) fn first_difference(case: &Case, pair: &Pair) -> Option<(usize, String, String)> {
    let said = |answers: &Answers, at: usize, call: &str| match answers.lines.get(at) {
        Some(line) => same(call, line),
        None => answers.died.as_ref().map_or("nothing".to_owned(), |how| format!("died {how}")),
    };
    case.iter().enumerate().find_map(|(at, call)| {
        let (stock, ours) = (said(&pair.stock, at, call), said(&pair.ours, at, call));
        (stock != ours).then_some((at, stock, ours))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_two_runs_differ_in_is_blotted_out() {
        let get = "call zmq_getsockopt S0 i32 o64 l64";
        let endpoint = |text: &str| {
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            format!("0 o={hex}00 l={}", text.len() + 1)
        };
        assert_eq!(
            same(get, &endpoint("tcp://127.0.0.1:40001")),
            same(get, &endpoint("tcp://127.0.0.1:3999"))
        );
        assert_ne!(
            same(get, &endpoint("tcp://127.0.0.1:40001")),
            same(get, &endpoint("tcp://0.0.0.0:40001"))
        );
        assert_eq!(same(get, "-1 errno=22 l=3"), "-1 errno=22 l=3");
        assert_eq!(same("call zmq_getsockopt S0 i14 o4 l4", "0 o=07000000 l=4").len(), 18);
        assert_eq!(same("call zmq_recv S0 o9 i9 i1", "5 o=0012345678"), "5 o=routing-id");
        assert_eq!(same("call zmq_recv S0 o9 i9 i1", "5 o=0112345678"), "5 o=0112345678");
    }
}
