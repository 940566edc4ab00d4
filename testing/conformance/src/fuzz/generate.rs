//! Makes a case: contexts, sockets of the stable types, endpoints of three transports, options,
//! messages, polling and the small functions, with some arguments that are none.
//!
//! The generator keeps a model of what it has made, so that it calls nothing that libzmq itself
//! does not survive: closed sockets, terminated contexts, messages that were never initialised.
//! After anything that the background has to act on, a pause comes before the next look.

use crate::driver::Case;
use crate::random::Random;

/// Sockets of one case at most.
const SOCKETS: usize = 6;

/// Pause after what happens in the background, in milliseconds, by transport.
const PAUSE_MS: [usize; 3] = [4, 25, 25];

/// Calls of one case, at least and less than that many more.
const CALLS: (usize, usize) = (12, 50);

/// Options that are set and read, with values that are right for some types and wrong for others.
const OPTIONS: [(i32, &[i32]); 26] = [
    (17, &[0, 10]),
    (23, &[0, 1, 2, 5, -1]),
    (24, &[0, 1, 2, 5, -1]),
    (33, &[0, 1, -1]),
    (40, &[0, 1]),
    (51, &[0, 1]),
    (53, &[0, 1]),
    (54, &[0, 1, 2]),
    (56, &[0, 1]),
    (39, &[0, 1]),
    (69, &[0, 1]),
    (71, &[0, 1]),
    (73, &[0, 1]),
    (74, &[0, 1]),
    (78, &[0, 1]),
    (18, &[1, 10, -1, -2]),
    (21, &[0, 5, -1]),
    (19, &[1, 100, -1]),
    (42, &[0, 1, 2]),
    (66, &[0, 100, -1]),
    (75, &[0, 100, -1]),
    (76, &[0, 1000, 6553600]),
    (77, &[0, 100]),
    (11, &[-1, 65536]),
    (12, &[-1, 65536]),
    (79, &[0, 100, -1]),
];

/// Options that are read only, or whose value is not a number.
const READ: [i32; 12] = [13, 15, 16, 32, 4, 5, 22, 43, 44, 45, 55, 81];

/// Pairs of types that talk to each other.
const PARTNERS: [(i32, i32); 14] = [
    (0, 0),
    (1, 2),
    (3, 4),
    (5, 6),
    (8, 7),
    (9, 10),
    (3, 6),
    (5, 4),
    (5, 5),
    (6, 6),
    (9, 2),
    (1, 10),
    (6, 3),
    (11, 11),
];

#[derive(Debug, Clone, Default)]
struct Socket {
    open: bool,
    kind: i32,
    bound: Vec<String>,
    connected: Vec<String>,
    tcp: bool,
}

struct Generator {
    random: Random,
    lines: Case,
    sockets: Vec<Socket>,
    /// Messages of the slots that are initialised.
    messages: [bool; 4],
    /// The pause that is due before the next look.
    pause: usize,
    inproc: usize,
}

/// The case of this number in the run of this seed.
pub(crate) fn case(seed: u64, number: usize) -> Case {
    let random = Random::new(seed, u64::try_from(number).unwrap_or(0));
    let mut generator = Generator {
        random,
        lines: vec!["call C0= zmq_ctx_new".to_owned()],
        sockets: Vec::new(),
        messages: [false; 4],
        pause: 0,
        inproc: 0,
    };
    generator.open_partners();
    let calls = CALLS.0 + generator.random.below(CALLS.1);
    for _ in 0..calls {
        generator.step();
    }
    generator.finish();
    generator.lines
}

/// The same case with each pause `factor` times as long.
pub(super) fn with_patience(case: &Case, factor: usize) -> Case {
    case.iter()
        .map(|line| match line.strip_prefix("settle ").and_then(|ms| ms.parse::<usize>().ok()) {
            Some(ms) => format!("settle {}", ms * factor),
            None => line.clone(),
        })
        .collect()
}

impl Generator {
    fn push(&mut self, line: String) {
        self.lines.push(line);
    }

    /// What happens next is seen by both libraries only after a pause.
    fn settle(&mut self) {
        if self.pause > 0 {
            let pause = std::mem::take(&mut self.pause);
            self.push(format!("settle {pause}"));
        }
    }

    fn disturb(&mut self, transport: usize) {
        self.pause = self.pause.max(PAUSE_MS[transport]);
    }

    fn open(&mut self, kind: i32) -> usize {
        let at = self.sockets.len();
        self.push(format!("call S{at}= zmq_socket C0 i{kind}"));
        self.sockets.push(Socket { open: (0..=11).contains(&kind), kind, ..Socket::default() });
        if self.sockets[at].open {
            for option in [27, 28] {
                // A call without DONTWAIT ends all the same.
                self.push(format!("call zmq_setsockopt S{at} i{option} x14000000 i4"));
            }
        }
        at
    }

    /// Two sockets that talk to each other, joined.
    fn open_partners(&mut self) {
        let (first, second) = PARTNERS[self.random.below(PARTNERS.len())];
        let (a, b) = (self.open(first), self.open(second));
        if self.random.chance(40) {
            for at in [a, b] {
                self.set_option(at);
            }
        }
        self.bind(a);
        if matches!(second, 2) && self.random.chance(80) {
            self.push(format!("call zmq_setsockopt S{b} i6 x61 i{}", self.random.clone().below(2)));
        }
        self.connect(b);
        self.settle();
    }

    fn socket(&mut self) -> Option<usize> {
        let open: Vec<usize> =
            (0..self.sockets.len()).filter(|at| self.sockets[*at].open).collect();
        (!open.is_empty()).then(|| open[self.random.below(open.len())])
    }

    fn step(&mut self) {
        let Some(at) = self.socket() else {
            self.open_partners();
            return;
        };
        match self.random.below(100) {
            0..=23 => self.send(at),
            24..=47 => self.receive(at),
            48..=55 => self.poll(),
            56..=63 => self.set_option(at),
            64..=71 => self.get_option(at),
            72..=75 => self.bind(at),
            76..=80 => self.connect(at),
            81..=83 => self.unbind_or_disconnect(at),
            84..=86 => self.subscribe(at),
            87..=91 => self.message(at),
            92..=94 if self.sockets.len() < SOCKETS => {
                let kind = if self.random.chance(5) { 99 } else { self.kind() };
                self.open(kind);
            }
            95 => self.close(at),
            _ => self.small(),
        }
    }

    fn kind(&mut self) -> i32 {
        i32::try_from(self.random.below(12)).unwrap_or(0)
    }

    fn bind(&mut self, at: usize) {
        let raw = self.sockets[at].kind == 11;
        let transport = if raw { 2 } else { self.random.below(3) };
        let endpoint = match (transport, self.random.chance(6)) {
            (_, true) => self.bad_endpoint(),
            (0, _) => {
                self.inproc += 1;
                format!("inproc://{}", self.inproc)
            }
            (1, _) => {
                self.inproc += 1;
                format!("ipc://p{}", self.inproc)
            }
            _ => "tcp://127.0.0.1:*".to_owned(),
        };
        self.settle();
        self.push(format!("call zmq_bind S{at} s{endpoint}"));
        self.disturb(transport);
        let socket = &mut self.sockets[at];
        socket.tcp |= transport == 2;
        // A wildcard is told apart by the socket that bound it last.
        let name = if transport == 2 { format!("@{at}") } else { endpoint };
        socket.bound.push(name);
    }

    fn bad_endpoint(&mut self) -> String {
        let bad = [
            "",
            "tcp",
            "tcp://",
            "tcp://127.0.0.1",
            "tcp://127.0.0.1:",
            "tcp://no such host:1",
            "inproc://",
            "ipc://",
            "foo://bar",
            "tcp:127.0.0.1:5",
            "tcp://*",
            "udp://127.0.0.1:5555",
            "://",
            "tcp://[::1",
            "tcp://256.1.1.1:5",
            "ipc:///no/such/folder/x",
            "inproc",
        ];
        self.random.of(&bad).replace(' ', "_")
    }

    fn connect(&mut self, at: usize) {
        let bound: Vec<(String, bool)> = self
            .sockets
            .iter()
            .enumerate()
            .filter(|(other, socket)| *other != at && socket.open)
            .flat_map(|(_, s)| s.bound.iter().map(|name| (name.clone(), s.kind == 11)))
            .collect();
        let raw = self.sockets[at].kind == 11;
        let fitting: Vec<&(String, bool)> =
            bound.iter().filter(|(_, is_raw)| *is_raw == raw).collect();
        let endpoint = match self.random.below(20) {
            0 => self.bad_endpoint(),
            1 if !raw => "inproc://nobody".to_owned(),
            _ if fitting.is_empty() => return,
            _ => fitting[self.random.below(fitting.len())].0.clone(),
        };
        let transport = if endpoint.starts_with("inproc") { 0 } else { 2 };
        self.settle();
        self.push(format!("call zmq_connect S{at} s{endpoint}"));
        self.disturb(transport);
        self.sockets[at].connected.push(endpoint);
    }

    fn unbind_or_disconnect(&mut self, at: usize) {
        let unbind = self.random.chance(50);
        let known = if unbind { &self.sockets[at].bound } else { &self.sockets[at].connected };
        let endpoint = match known.len() {
            0 => self.bad_endpoint(),
            len => {
                let known = known.clone();
                known[self.random.below(len)].clone()
            }
        };
        let function = if unbind { "zmq_unbind" } else { "zmq_disconnect" };
        self.settle();
        self.push(format!("call {function} S{at} s{endpoint}"));
        self.disturb(2);
        self.settle();
    }

    fn close(&mut self, at: usize) {
        self.settle();
        // What it has not sent must not hold up the end of the context.
        self.push(format!("call zmq_setsockopt S{at} i17 x00000000 i4"));
        self.push(format!("call zmq_close S{at}"));
        self.sockets[at].open = false;
        self.disturb(2);
        self.settle();
    }

    fn flags(&mut self) -> i32 {
        *[1, 1, 1, 3, 3, 0, 2, 4].get(self.random.below(8)).unwrap_or(&1)
    }

    fn send(&mut self, at: usize) {
        self.settle();
        let flags = self.flags();
        let body = self.random.of(&["61", "616263", "62", "0161", "0061", ""]);
        let size = body.len() / 2;
        match (self.sockets[at].kind, self.random.below(20)) {
            // A peer that the ROUTER or STREAM knows, if it has heard of one.
            (6 | 11, 0..=9) => {
                self.push(format!("call zmq_send S{at} R{at} i5 i{}", flags | 2));
                self.push(format!("call zmq_send S{at} x{body} i{size} i{}", flags & 1));
            }
            (_, 0) => self.push(format!("call zmq_send S{at} n i0 i{flags}")),
            (_, 1) => self.push(format!("call zmq_send S{at} x{} i300 i{flags}", "63".repeat(300))),
            (_, 2) => self.push(format!("call zmq_send_const S{at} x{body} i{size} i{flags}")),
            (_, 3) => self.push("call zmq_send n x61 i1 i0".to_owned()),
            _ => self.push(format!("call zmq_send S{at} x{body} i{size} i{flags}")),
        }
        let transport = self.transport();
        self.disturb(transport);
    }

    /// The slowest transport that is in use.
    fn transport(&self) -> usize {
        let slow = |name: &String| !name.starts_with("inproc");
        let is_slow =
            self.sockets.iter().any(|s| s.bound.iter().any(slow) || s.connected.iter().any(slow));
        if is_slow { 2 } else { 0 }
    }

    fn receive(&mut self, at: usize) {
        self.settle();
        let flags = if self.random.chance(15) { 0 } else { 1 };
        let room = *[512, 512, 512, 2, 0].get(self.random.below(5)).unwrap_or(&512);
        self.push(format!("call zmq_recv S{at} o{room} i{room} i{flags}"));
        if self.random.chance(40) {
            self.push(format!("call zmq_getsockopt S{at} i13 o4 l4"));
        }
        // Whoever waited for room has it a moment later.
        self.disturb(0);
    }

    fn poll(&mut self) {
        self.settle();
        let open: Vec<String> = self
            .sockets
            .iter()
            .enumerate()
            .filter(|(_, socket)| socket.open)
            .map(|(at, _)| format!("{at}:{}", [1, 2, 3][at % 3]))
            .collect();
        let count = open.len();
        self.push(format!(
            "call zmq_poll q{} i{count} i{}",
            open.join(","),
            self.random.clone().below(5)
        ));
    }

    fn set_option(&mut self, at: usize) {
        let (option, values) = OPTIONS[self.random.below(OPTIONS.len())];
        let value = values[self.random.below(values.len())];
        let hex: String = value.to_ne_bytes().iter().map(|b| format!("{b:02x}")).collect();
        let size = if self.random.chance(5) { 3 } else { 4 };
        self.settle();
        self.push(format!("call zmq_setsockopt S{at} i{option} x{hex} i{size}"));
        self.disturb(0);
        if self.random.chance(30) {
            self.push(format!("call zmq_getsockopt S{at} i{option} o8 l4"));
        }
    }

    fn get_option(&mut self, at: usize) {
        self.settle();
        let option = READ[self.random.below(READ.len())];
        let room = match option {
            4 | 22 => 8,
            5 | 32 | 45 | 55 => 256,
            _ => 4,
        };
        let room = if self.random.chance(5) { 3 } else { room };
        self.push(format!("call zmq_getsockopt S{at} i{option} o256 l{room}"));
    }

    fn subscribe(&mut self, at: usize) {
        self.settle();
        let option = if self.random.chance(70) { 6 } else { 7 };
        let topic = self.random.of(&["", "61", "62", "6162"]);
        self.push(format!("call zmq_setsockopt S{at} i{option} x{topic} i{}", topic.len() / 2));
        let transport = self.transport();
        self.disturb(transport);
    }

    fn message(&mut self, at: usize) {
        self.settle();
        let m = self.random.below(4);
        let other = self.random.below(4);
        let line = match (self.messages[m], self.random.below(12)) {
            (false, 0..=3) => format!("call zmq_msg_init M{m}"),
            (false, 4..=6) => {
                format!("call zmq_msg_init_size M{m} i{}", [0, 5, 33, 34, 1000][other])
            }
            (false, 7..=9) => format!("call zmq_msg_init_data M{m} b40 i40 F n"),
            // Zeros are no message.
            (false, 10) => format!("call zmq_msg_close M{m}"),
            (false, _) => format!("call zmq_msg_recv M{m} S{at} i1"),
            (true, 0..=2) => format!("call zmq_msg_recv M{m} S{at} i1"),
            (true, 3..=4) => format!("call zmq_msg_send M{m} S{at} i1"),
            (true, 5) => format!("call zmq_msg_get M{m} i{}", [1, 3, 1, 3][other]),
            (true, 6) => format!("call zmq_msg_set M{m} i{} i1", [1, 3, 1, 3][other]),
            (true, 7) => {
                let names = ["Socket-Type", "Routing-Id", "Identity", "User-Id"];
                format!("call zmq_msg_gets M{m} s{}", names[other])
            }
            (true, 8..=9) if self.messages[other] && m != other => {
                let call = if self.random.chance(50) { "copy" } else { "move" };
                format!("call zmq_msg_{call} M{m} M{other}")
            }
            (true, _) => format!("call zmq_msg_close M{m}"),
        };
        // What a call with random content leaves is not looked at: the memory is not ours.
        let is_random = line.contains("init_size");
        if line.contains("zmq_msg_init") {
            self.messages[m] = true;
        } else if line.contains("close") {
            self.messages[m] = false;
        }
        self.push(line);
        if self.messages[m] && !is_random && self.random.chance(40) {
            self.push(format!("call zmq_msg_size M{m}"));
        }
        let transport = self.transport();
        self.disturb(transport);
    }

    /// The functions that need no socket, and hostile arguments that libzmq survives.
    fn small(&mut self) {
        let lines = [
            "call zmq_ctx_get C0 i1",
            "call zmq_ctx_get C0 i2",
            "call zmq_ctx_get C0 i3",
            "call zmq_ctx_get C0 i5",
            "call zmq_ctx_get C0 i6",
            "call zmq_ctx_get C0 i42",
            "call zmq_ctx_get C0 i70",
            "call zmq_ctx_get C0 i99",
            "call zmq_ctx_get n i1",
            "call zmq_ctx_set C0 i2 i-1",
            "call zmq_ctx_set C0 i2 i100",
            "call zmq_ctx_set C0 i1 i-1",
            "call zmq_ctx_set C0 i42 i1",
            "call zmq_ctx_set C0 i42 i2",
            "call zmq_ctx_set n i1 i1",
            "call zmq_ctx_set C0 i70 i0",
            "call zmq_ctx_set C0 i8 i3",
            "call zmq_ctx_set C0 i99 i1",
            "call zmq_socket n i0",
            "call zmq_close n",
            "call zmq_bind n stcp://127.0.0.1:*",
            "call zmq_connect n sinproc://x",
            "call zmq_setsockopt n i17 x00000000 i4",
            "call zmq_getsockopt n i17 o4 l4",
            "call zmq_recv n o4 i4 i1",
            "call zmq_ctx_term n",
            "call zmq_ctx_shutdown n",
            "call zmq_poll n i0 i0",
            "call zmq_poll n i1 i0",
            "call zmq_poll n i-1 i0",
            "call zmq_has scurve",
            "call zmq_has sipc",
            "call zmq_has snonsense",
            "call zmq_z85_encode o20 x864fd26fb559f75b i8",
            "call zmq_z85_encode o20 x864fd26fb559 i6",
            "call zmq_z85_decode o20 sHelloWorld",
            "call zmq_z85_decode o20 sHello",
            "call zmq_z85_decode o20 sHell~World",
            "call zmq_strerror i11",
            "call zmq_strerror i156384763",
            "call zmq_strerror i156384764",
            "call zmq_strerror i156384765",
            "call zmq_strerror i156384766",
            "call zmq_strerror i0",
            "call zmq_curve_public o41 sD:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs",
            "call zmq_curve_public o41 sshort",
            "call A0= zmq_atomic_counter_new",
            "call zmq_socket_monitor n sinproc://m i1",
            "call zmq_unbind n sinproc://x",
            "call zmq_disconnect n sinproc://x",
            "call zmq_proxy n n n",
            "call zmq_timers_execute n",
            "call zmq_timers_timeout n",
            "call zmq_timers_cancel n i1",
            "call zmq_msg_init_size M9 i0",
            "call zmq_init i0",
        ];
        let line = (*self.random.of(&lines)).to_owned();
        self.push(line);
    }

    fn finish(&mut self) {
        self.settle();
        for at in 0..self.sockets.len() {
            if self.sockets[at].open {
                self.push(format!("call zmq_setsockopt S{at} i17 x00000000 i4"));
            }
        }
        if self.random.chance(30) {
            self.push("call zmq_ctx_shutdown C0".to_owned());
            if let Some(at) = self.socket() {
                self.push(format!("call zmq_send S{at} x61 i1 i1"));
                self.push(format!("call zmq_recv S{at} o9 i9 i0"));
                self.push("call zmq_socket C0 i0".to_owned());
            }
        }
        for at in 0..self.sockets.len() {
            if self.sockets[at].open {
                self.push(format!("call zmq_close S{at}"));
            }
        }
        self.push("call zmq_ctx_term C0".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_can_be_made_again() {
        assert_eq!(case(5, 17), case(5, 17));
        assert_ne!(case(5, 17), case(5, 18));
    }

    #[test]
    fn patience_lengthens_the_pauses_only() {
        let case = vec!["settle 8".to_owned(), "call zmq_close n".to_owned()];
        assert_eq!(with_patience(&case, 3), ["settle 24", "call zmq_close n"]);
    }
}
