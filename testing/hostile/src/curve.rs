//! Bad CURVE handshakes: over four thousand, each made of a good one with one thing wrong, against
//! a server that a healthy client talks to all the time. Nobody comes in, and the healthy client
//! notices nothing. A good handshake made in the same way does come in, so that the others are
//! refused for what is wrong with them.
//!
//! The client is the protocol crate's, whose octets are changed on their way. One thread.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use oxmq_engine::{AllowList, Context, Message, Msg, Profile, Socket, SocketType, Wait};
use oxmq_testing::{Doing, Result, Score, Watchdog};
use oxmq_zmtp::{
    CurveConfig, CurveKeyPair, CurveSecretKey, Handshake, HandshakeConfig, MechanismConfig,
    SocketType as ZmtpType,
};

use crate::NEVER;

/// Octets of a greeting.
const GREETING: usize = 64;
/// Bad handshakes between two looks at the healthy client.
const BETWEEN_ROUNDS: usize = 25;
/// Fewest bad handshakes that have to come together.
const CASES_MIN: usize = 4000;
/// Where C', the client's transient key, stands in a HELLO with its frame header.
const TRANSIENT_KEY_AT: usize = 2 + 6 + 2 + 72;

/// Which command of the client is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Target {
    Hello,
    Initiate,
}

/// What is wrong with it.
#[derive(Clone, Debug)]
enum Wrong {
    /// One bit of this octet.
    Bit(usize, u8),
    /// Only so many octets of the body.
    Cut(usize),
    /// So many octets more.
    Extended(usize),
    /// It is one of an earlier session.
    Replayed,
    /// It is another command, that belongs elsewhere.
    Reordered,
    /// It is the one of another connection that is open.
    Crossed,
    /// C' is this point of small order.
    SmallOrder([u8; 32]),
}

/// Runs every case and adds the score of each kind.
pub(crate) fn run(score: &mut Score, watchdog: &Watchdog, filter: &str) {
    const NAME: &str = "bad CURVE handshakes";
    if !NAME.contains(filter) {
        return;
    }
    watchdog.feed(NAME);
    score.check(NAME, || {
        let attacked = Attacked::start()?;
        let good = attacked.good_session()?;
        let cases = cases(good.len());
        for (number, (target, wrong)) in cases.iter().enumerate() {
            if number % BETWEEN_ROUNDS == 0 {
                watchdog.feed(NAME);
                attacked.round().map_err(|error| format!("the healthy client: {error}"))?;
            }
            attacked
                .refuses(&good, *target, wrong)
                .map_err(|error| format!("{target:?} {wrong:?}: {error}"))?;
        }
        attacked.round()?;
        // The healthy client and nobody else.
        let peers = attacked.server.snapshot().peers.len();
        if peers != 1 || cases.len() < CASES_MIN {
            return Err(format!("{peers} peers after {} cases", cases.len()));
        }
        Ok(format!("{} refused", cases.len()))
    });
}

fn cases(initiate_length: usize) -> Vec<(Target, Wrong)> {
    let mut cases = Vec::new();
    // HELLO has a frame header of two octets, INITIATE one of nine.
    let commands = [(Target::Hello, 2, 202), (Target::Initiate, 9, initiate_length)];
    for (target, header, length) in commands {
        let bits = if target == Target::Hello { 0..8 } else { 2..6 };
        for octet in header..length {
            for bit in bits.clone() {
                // The highest bit of C' has no meaning.
                if target == Target::Initiate || octet != TRANSIENT_KEY_AT + 31 || bit != 7 {
                    cases.push((target, Wrong::Bit(octet, bit)));
                }
            }
        }
        cases.extend((0..length - header).map(|cut| (target, Wrong::Cut(cut))));
        cases.extend((1..=200).map(|more| (target, Wrong::Extended(more))));
        cases.extend((0..80).map(|_| (target, Wrong::Reordered)));
    }
    cases.extend((0..200).map(|_| (Target::Initiate, Wrong::Replayed)));
    cases.extend((0..100).map(|_| (Target::Initiate, Wrong::Crossed)));
    cases.extend(small_points().map(|point| (Target::Hello, Wrong::SmallOrder(point))));
    cases
}

/// The points of small order, as RFC 7748 would have a receiver find them: all give the secret
/// that is no secret.
fn small_points() -> impl Iterator<Item = [u8; 32]> {
    let ends = |first: u8, middle: u8, last: u8| {
        let mut point = [middle; 32];
        (point[0], point[31]) = (first, last);
        point
    };
    let points = [
        ends(0, 0, 0),
        ends(1, 0, 0),
        ends(0xec, 0xff, 0x7f),
        ends(0xed, 0xff, 0x7f),
        ends(0xee, 0xff, 0x7f),
        ends(0, 0, 0x80),
        ends(1, 0, 0x80),
    ];
    points.into_iter()
}

fn keys(seed: u8) -> CurveKeyPair {
    CurveKeyPair::from_secret(CurveSecretKey::from_bytes([seed; 32]))
}

/// The server and its healthy client.
struct Attacked {
    server: Socket,
    client: Socket,
    address: String,
}

impl Attacked {
    fn start() -> Result<Attacked> {
        let server = Context::new(Profile::Safe).socket(SocketType::Dealer).doing("opening")?;
        let list = AllowList::new();
        list.allow_key(keys(2).public, "healthy");
        // The bad clients would be let in, were it not for what is wrong.
        list.allow_key(keys(3).public, "bad");
        let secured = server.configure(|options| {
            options.linger = Some(Duration::ZERO);
            options.security.set_curve_server(true);
            options.security.set_curve_secret_key(keys(1).secret);
            options.security.allow_list = Some(list);
            Ok(())
        });
        secured.doing("securing the server")?;
        let endpoint = server.bind("tcp://127.0.0.1:*").doing("binding")?;
        let client = Context::new(Profile::Safe).socket(SocketType::Dealer).doing("opening")?;
        let secured = client.configure(|options| {
            options.linger = Some(Duration::ZERO);
            options.security.set_curve_server_key(keys(1).public);
            options.security.set_curve_public_key(keys(2).public);
            options.security.set_curve_secret_key(keys(2).secret);
            Ok(())
        });
        secured.doing("securing the client")?;
        client.connect(&endpoint).doing("connecting")?;
        let address = endpoint.trim_start_matches("tcp://").to_owned();
        Ok(Attacked { server, client, address })
    }

    /// A message each way between the healthy two.
    fn round(&self) -> Result<()> {
        let wait = Wait::For(NEVER);
        let from_to = [(&self.client, &self.server), (&self.server, &self.client)];
        for (from, to) in from_to {
            let mut message: Message = std::iter::once(Msg::from_slice(b"round")).collect();
            from.send_message(&mut message, wait).doing("sending")?;
            to.recv_message(wait).doing("receiving")?;
        }
        Ok(())
    }

    /// A session with nothing wrong, which has to come in; its INITIATE.
    fn good_session(&self) -> Result<Vec<u8>> {
        let mut client = Client::connect(&self.address)?;
        let hello = client.hello()?;
        client.write(&hello)?;
        let initiate = client.initiate()?;
        client.write(&initiate)?;
        let answer = client.frame()?;
        if !answer.windows(6).any(|octets| octets == b"\x05READY") {
            return Err("a good handshake was not answered with READY".to_owned());
        }
        Ok(initiate)
    }

    /// Makes a handshake with one thing wrong and waits for its end.
    fn refuses(&self, good: &[u8], target: Target, wrong: &Wrong) -> Result<()> {
        let mut client = Client::connect(&self.address)?;
        let hello = client.hello()?;
        if target == Target::Hello {
            let forged = match wrong {
                Wrong::Reordered => good.to_vec(),
                wrong => forge(&hello, wrong),
            };
            client.write(&forged)?;
            return client.ended();
        }
        client.write(&hello)?;
        let initiate = client.initiate()?;
        let forged = match wrong {
            Wrong::Replayed => good.to_vec(),
            Wrong::Reordered => hello,
            Wrong::Crossed => {
                let mut other = Client::connect(&self.address)?;
                let hello = other.hello()?;
                other.write(&hello)?;
                let theirs = other.initiate()?;
                other.write(&initiate)?;
                other.ended()?;
                theirs
            }
            wrong => forge(&initiate, wrong),
        };
        client.write(&forged)?;
        client.ended()
    }
}

/// A command with one thing wrong, in a frame of the right length.
fn forge(command: &[u8], wrong: &Wrong) -> Vec<u8> {
    let header = if command[0] & 2 == 0 { 2 } else { 9 };
    let mut body = command[header..].to_vec();
    match wrong {
        Wrong::Bit(octet, bit) => body[octet - header] ^= 1 << bit,
        Wrong::Cut(length) => body.truncate(*length),
        Wrong::Extended(more) => body.resize(body.len() + more, 7),
        Wrong::SmallOrder(point) => {
            let at = TRANSIENT_KEY_AT - header;
            body[at..at + 32].copy_from_slice(point);
        }
        Wrong::Replayed | Wrong::Reordered | Wrong::Crossed => {}
    }
    let mut frame = match u8::try_from(body.len()) {
        Ok(length) => vec![4, length],
        Err(_) => [&[6][..], &(body.len() as u64).to_be_bytes()].concat(),
    };
    frame.extend(body);
    frame
}

/// A client that has exchanged greetings.
struct Client {
    stream: TcpStream,
    handshake: Handshake,
    now: Instant,
}

impl Client {
    fn connect(address: &str) -> Result<Client> {
        let stream = TcpStream::connect(address).doing("connecting")?;
        stream.set_nodelay(true).doing("setting TCP_NODELAY")?;
        stream.set_read_timeout(Some(NEVER)).doing("setting a time limit")?;
        let mut config = HandshakeConfig::new(ZmtpType::Dealer);
        config.mechanism =
            MechanismConfig::Curve(CurveConfig::Client { keys: keys(3), server: keys(1).public });
        let handshake = Handshake::new(config).doing("a handshake")?;
        Ok(Client { stream, handshake, now: Instant::now() })
    }

    fn transmit(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        self.handshake.transmit(&mut out);
        out
    }

    fn receive(&mut self, octets: &[u8]) -> Result<()> {
        self.handshake.receive(octets, self.now).map(drop).doing("the server's octets")
    }

    /// The greetings; then the HELLO, which is not sent yet.
    fn hello(&mut self) -> Result<Vec<u8>> {
        let mut sent = Vec::new();
        let mut written = 0;
        let mut octets = [0; GREETING];
        let mut read = 0;
        while read < GREETING || sent.len() <= GREETING {
            sent.extend(self.transmit());
            let greeting = sent.len().min(GREETING);
            self.stream.write_all(&sent[written..greeting]).doing("our greeting")?;
            written = greeting;
            if read < GREETING {
                let count = self.stream.read(&mut octets[read..]).doing("their greeting")?;
                if count == 0 {
                    return Err("no greeting came".to_owned());
                }
                self.receive(&octets[read..read + count])?;
                read += count;
            }
        }
        Ok(sent.split_off(GREETING))
    }

    /// Takes the WELCOME; the INITIATE, which is not sent yet.
    fn initiate(&mut self) -> Result<Vec<u8>> {
        let welcome = self.frame()?;
        self.receive(&welcome)?;
        Ok(self.transmit())
    }

    fn frame(&mut self) -> Result<Vec<u8>> {
        let mut head = [0; 2];
        self.stream.read_exact(&mut head).doing("a frame")?;
        let mut frame = vec![0; 2 + usize::from(head[1])];
        frame[..2].copy_from_slice(&head);
        self.stream.read_exact(&mut frame[2..]).doing("a frame")?;
        Ok(frame)
    }

    fn write(&mut self, octets: &[u8]) -> Result<()> {
        self.stream.write_all(octets).doing("sending")
    }

    /// Waits for the end of the connection, before which nothing may come.
    fn ended(&mut self) -> Result<()> {
        let mut octets = [0; 512];
        match self.stream.read(&mut octets) {
            Ok(0) => Ok(()),
            Ok(count) => Err(format!("{count} octets came: {:?}", &octets[..count.min(16)])),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => Ok(()),
            Err(error) => Err(format!("it is not dropped: {error}")),
        }
    }
}
