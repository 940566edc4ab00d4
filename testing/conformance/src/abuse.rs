//! Random calls of every function with handles and arguments that are none, on our library alone:
//! closed, foreign and invented handles, NULL, wrong numbers. Whatever the calls answer, the
//! process has to live and to end: a signal or a hang is a failure, printed with its seed.
//!
//! Memory that a caller promises to own is always really there; a library cannot check that. A
//! call that blocks by contract gets an argument that ends it.

use oxmq_testing::Result;

use crate::Run;
use crate::driver::{Case, Driver, run_in_parallel};
use crate::random::Random;

/// Cases when the command line says no number.
const CASES: usize = 1500;

/// Calls of one case.
const CALLS: usize = 120;

/// Failures that are printed.
const SHOWN_MAX: usize = 10;

/// The functions that take a handle or content from outside, with the kinds of their arguments:
/// S socket, C context, M message, T timers, P poller, E endpoint, I any int, F flags without
/// blocking, N small count, B bytes, O room, L its length, Z z85 text, G name of a property,
/// X text, H any handle, Q one of no context, J one of no socket; the rest as the driver has it.
const CALLS_OF: [&str; 88] = [
    "zmq_errno",
    "zmq_strerror I",
    "zmq_ctx_get C I",
    "zmq_ctx_set C I I",
    "zmq_ctx_shutdown C",
    "zmq_ctx_get_ext C I O L",
    "zmq_ctx_set_ext C I B N",
    "zmq_socket C I",
    "zmq_close S",
    "zmq_setsockopt S I B N",
    "zmq_getsockopt S I O L",
    "zmq_bind S E",
    "zmq_connect S E",
    "zmq_unbind S E",
    "zmq_disconnect S E",
    "zmq_send S B N F",
    "zmq_send_const S B N F",
    "zmq_recv S O N F",
    "zmq_socket_monitor S E I",
    "zmq_socket_monitor_versioned S E I I I",
    "zmq_socket_monitor_pipes_stats S",
    "zmq_join S X",
    "zmq_leave S X",
    "zmq_connect_peer S E",
    "zmq_disconnect_peer S I",
    "zmq_socket_get_peer_state S B N",
    "zmq_msg_init M",
    "zmq_msg_init_size M N",
    "zmq_msg_init_buffer M B N",
    "zmq_msg_close M",
    "zmq_msg_send M S F",
    "zmq_msg_recv M S F",
    "zmq_msg_copy M M",
    "zmq_msg_move M M",
    "zmq_msg_get M I",
    "zmq_msg_set M I I",
    "zmq_msg_gets M G",
    "zmq_msg_more M",
    "zmq_msg_size M",
    "zmq_msg_data M",
    "zmq_msg_routing_id M",
    "zmq_msg_set_routing_id M I",
    "zmq_msg_group M",
    "zmq_msg_set_group M X",
    "zmq_sendmsg S M F",
    "zmq_recvmsg S M F",
    "zmq_sendiov S V i2 F",
    "zmq_has X",
    "zmq_z85_encode o400 B i8",
    "zmq_z85_decode o400 Z",
    "zmq_curve_keypair o41 o41",
    "zmq_curve_public o41 Z",
    "zmq_timers_execute T",
    "zmq_timers_timeout T",
    "zmq_timers_add T N K n",
    "zmq_timers_cancel T I",
    "zmq_timers_set_interval T I N",
    "zmq_timers_reset T I",
    "zmq_poller_size P",
    "zmq_poller_add P S I I",
    "zmq_poller_modify P S I",
    "zmq_poller_remove P S",
    "zmq_poller_add_fd P I I I",
    "zmq_poller_modify_fd P I I",
    "zmq_poller_remove_fd P I",
    "zmq_poller_wait P e1 i2",
    "zmq_poller_wait_all P e4 i4 i2",
    "zmq_poller_fd P O",
    "zmq_poll q0:1,1:3,2:7,40:1 i4 i2",
    "zmq_poll n I i0",
    "zmq_poll q0:1 i1 i0",
    "zmq_ppoll q0:1,1:3 i2 i1 n",
    "zmq_version o4 o4 o4",
    "zmq_proxy J S S",
    "zmq_proxy S J n",
    "zmq_proxy_steerable J S S S",
    "zmq_device I J S",
    "zmq_ctx_term Q",
    "zmq_term Q",
    "zmq_ctx_destroy Q",
    "zmq_stopwatch_intermediate H",
    "zmq_threadclose n",
    "zmq_sleep i0",
    "zmq_poller_destroy y",
    "zmq_timers_destroy y",
    "zmq_atomic_counter_destroy y",
    "zmq_recviov S w3 l3 F",
    "zmq_init I",
];

/// Runs the cases on our library.
pub(crate) fn run(run: &mut Run) {
    let (seed, cases) = (run.settings.seed, run.settings.cases.unwrap_or(CASES));
    let (prefix, jobs, folder) = (run.prefix.clone(), run.settings.jobs, run.folder.clone());
    run.score.check(&format!("abuse: {cases} cases with seed {seed}"), || {
        let driver = Driver::build(&folder)?;
        check(&driver, &prefix.library(), seed, cases, jobs)
    });
}

/// Runs the cases with a driver.
///
/// # Errors
/// The cases that died, with the call that did it.
pub(crate) fn check(
    driver: &Driver,
    library: &std::path::Path,
    seed: u64,
    count: usize,
    jobs: usize,
) -> Result<String> {
    let cases: Vec<Case> = (0..count).map(|number| case(seed, number)).collect();
    let answers = run_in_parallel(driver, library, &cases, jobs)?;
    let failures: Vec<String> = cases
        .iter()
        .zip(&answers)
        .enumerate()
        .filter_map(|(number, (case, answers))| {
            let how = answers.died.as_ref()?;
            let call = case.get(answers.lines.len()).map_or("the end", String::as_str);
            Some(format!("seed {seed} case {number}: signal {how} at {call}"))
        })
        .collect();
    if failures.is_empty() {
        return Ok(format!("{} calls", cases.iter().map(Vec::len).sum::<usize>()));
    }
    let shown: Vec<&str> = failures.iter().take(SHOWN_MAX).map(String::as_str).collect();
    Err(format!("{} cases died\n    {}", failures.len(), shown.join("\n    ")))
}

/// The case of this number in the run of this seed.
pub(crate) fn case(seed: u64, number: usize) -> Case {
    let mut random = Random::new(seed ^ 0x00ab_05e0, u64::try_from(number).unwrap_or(0));
    let mut lines = vec!["call C0= zmq_ctx_new".to_owned(), "call C1= zmq_ctx_new".to_owned()];
    for slot in 0..6 {
        let (context, kind) = (random.below(2), random.below(21));
        lines.push(format!("call S{slot}= zmq_socket C{context} i{kind}"));
        for option in [27, 28, 17] {
            lines.push(format!("call zmq_setsockopt S{slot} i{option} x05000000 i4"));
        }
    }
    for message in 0..4 {
        lines.push(format!("call zmq_msg_init M{message}"));
    }
    lines.push("call P0= zmq_poller_new".to_owned());
    lines.push("call T0= zmq_timers_new".to_owned());
    lines.push("call S0= zmq_socket C0 i5".to_owned());
    lines.push("call zmq_bind S0 stcp://127.0.0.1:*".to_owned());
    for _ in 0..CALLS {
        let call = random.of(&CALLS_OF);
        let mut words = call.split(' ');
        let mut line = format!("call {}", words.next().unwrap_or_default());
        for kind in words {
            line.push(' ');
            line.push_str(&argument(kind, &mut random));
        }
        lines.push(line);
    }
    lines
}

fn argument(kind: &str, random: &mut Random) -> String {
    const INTS: [&str; 16] = [
        "i0",
        "i1",
        "i2",
        "i3",
        "i4",
        "i6",
        "i17",
        "i23",
        "i33",
        "i54",
        "i90",
        "i110",
        "i-1",
        "i255",
        "i2147483647",
        "i-2147483648",
    ];
    match kind {
        "S" if random.chance(75) => format!("S{}", random.below(8)),
        "C" if random.chance(75) => format!("C{}", random.below(3)),
        "P" if random.chance(75) => "P0".to_owned(),
        "T" if random.chance(75) => "T0".to_owned(),
        "M" if random.chance(85) => format!("M{}", random.below(5)),
        "M" => random.of(&["n", "M9"]).to_owned(),
        "S" | "C" | "P" | "T" | "H" => handle(random),
        "Q" => bad(random, &["S0", "P0", "T0", "S9"]),
        "J" => bad(random, &["C0", "P0", "T0", "S9"]),
        "E" => {
            let known = [
                "s@0",
                "sinproc://a",
                "sinproc://b",
                "sipc://x",
                "stcp://127.0.0.1:*",
                "s",
                "n",
                "stcp://",
                "sinproc://",
                "sfoo",
                "stcp://127.0.0.1:99999",
                "sudp://127.0.0.1:5555",
                "sws://127.0.0.1:*/x",
                "stcp://[::1]:*",
                "s%s%n%x",
            ];
            random.of(&known).to_owned()
        }
        "I" => random.of(&INTS).to_owned(),
        "F" => random.of(&["i1", "i3", "i1", "i5", "i-1"]).to_owned(),
        "N" => random.of(&["i0", "i1", "i4", "i8", "i32", "i40", "i255", "i512"]).to_owned(),
        "B" => random.of(&["x61", "x00000000", "x01000000", "xffffffff", "x6162636465"]).to_owned(),
        "O" => "o512".to_owned(),
        "L" => random.of(&["l0", "l4", "l8", "l256", "l512"]).to_owned(),
        "V" => "v61,6263".to_owned(),
        "Z" => random.of(&["s", "sabcde", "sabcd", "s~~~~~", "s#####"]).to_owned(),
        "G" => random.of(&["sSocket-Type", "sRouting-Id", "s", "sX"]).to_owned(),
        "X" => random.of(&["s", "sa", "scurve", "sgroup", "s%n%n"]).to_owned(),
        // By address, as the functions that destroy take it: of a handle that is none.
        "y" => random.of(&["n", "x0000000000000000", "x0100000000000000"]).to_owned(),
        other => other.to_owned(),
    }
}

/// A value that is no handle of the kind that is asked for, or one by chance.
fn handle(random: &mut Random) -> String {
    bad(random, &["S0", "C0", "P0", "T0", "S9"])
}

/// A value that is no handle at all, or one of `others`.
fn bad(random: &mut Random, others: &[&str]) -> String {
    let none = [
        "n",
        "g1",
        "g8",
        "gdeadbeef",
        "g7fffffffffff",
        "gffffffffffffffff",
        "g8000000000000000",
        "&",
    ];
    if random.chance(30) { random.of(others) } else { random.of(&none) }.to_owned()
}
