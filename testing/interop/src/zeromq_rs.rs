//! A ZeroMQ peer on the zeromq crate that is told what to do, one line at a time; the words are
//! those of `peers/peer.py`. It runs in a process of its own, which is this program started as
//! `oxmq-interop zeromq-rs`. The main thread reads lines and drives one socket; the runtime's own
//! thread does the rest.

use std::io::{BufRead, Write};

use bytes::Bytes;
use zeromq::{
    DealerSocket, PubSocket, PullSocket, PushSocket, RepSocket, ReqSocket, RouterSocket, Socket,
    SocketRecv, SocketSend, SubSocket, XPubSocket, XSubSocket, ZmqError, ZmqMessage,
};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Length of the block that repeats in the parts of a message.
const BLOCK: usize = 1021;

/// A socket of any type that the crate has.
enum Any {
    Dealer(DealerSocket),
    Pub(PubSocket),
    Pull(PullSocket),
    Push(PushSocket),
    Rep(RepSocket),
    Req(ReqSocket),
    Router(RouterSocket),
    Sub(SubSocket),
    XPub(XPubSocket),
    XSub(XSubSocket),
}

/// Does the same with a socket of any of the types named.
macro_rules! with {
    ($any:expr, [$($kind:ident),*], $socket:ident => $do:expr) => {
        match $any {
            $(Any::$kind($socket) => $do,)*
            #[expect(clippy::allow_attributes, reason = "only some calls name every type")]
            #[allow(unreachable_patterns, reason = "some calls name every type")]
            _ => return Err("the socket type cannot do this".into()),
        }
    };
}

impl Any {
    fn open(kind: &str) -> Result<Any> {
        Ok(match kind {
            "DEALER" => Any::Dealer(DealerSocket::new()),
            "PUB" => Any::Pub(PubSocket::new()),
            "PULL" => Any::Pull(PullSocket::new()),
            "PUSH" => Any::Push(PushSocket::new()),
            "REP" => Any::Rep(RepSocket::new()),
            "REQ" => Any::Req(ReqSocket::new()),
            "ROUTER" => Any::Router(RouterSocket::new()),
            "SUB" => Any::Sub(SubSocket::new()),
            "XPUB" => Any::XPub(XPubSocket::new()),
            "XSUB" => Any::XSub(XSubSocket::new()),
            _ => return Err(format!("no socket type {kind}").into()),
        })
    }

    async fn bind(&mut self, endpoint: &str) -> Result<String> {
        let bound = with!(self, [Dealer, Pub, Pull, Push, Rep, Req, Router, Sub, XPub, XSub],
            socket => socket.bind(endpoint).await?);
        Ok(bound.to_string())
    }

    async fn connect(&mut self, endpoint: &str) -> Result<()> {
        with!(self, [Dealer, Pub, Pull, Push, Rep, Req, Router, Sub, XPub, XSub],
            socket => socket.connect(endpoint).await?);
        Ok(())
    }

    /// Sends a message, again and again while there is no peer yet.
    async fn send(&mut self, parts: Vec<Bytes>) -> Result<()> {
        loop {
            let message = ZmqMessage::try_from(parts.clone()).map_err(|_| "no parts")?;
            let sent = with!(self, [Dealer, Pub, Push, Rep, Req, Router, XPub, XSub],
                socket => socket.send(message).await);
            match sent {
                Err(ZmqError::ReturnToSender { .. }) => tokio::task::yield_now().await,
                other => return Ok(other?),
            }
        }
    }

    async fn recv(&mut self) -> Result<Vec<Bytes>> {
        let message = with!(self, [Dealer, Pull, Rep, Req, Router, Sub, XPub, XSub],
            socket => socket.recv().await?);
        Ok(message.into_vec())
    }
}

/// The socket and the routing id that came with the last message of a ROUTER.
struct Peer {
    socket: Option<Any>,
    routing_id: Option<Bytes>,
}

impl Peer {
    fn socket(&mut self) -> Result<&mut Any> {
        self.socket.as_mut().ok_or_else(|| "no socket is open".into())
    }

    async fn send(&mut self, mut parts: Vec<Bytes>) -> Result<()> {
        if let Some(id) = &self.routing_id {
            parts.insert(0, id.clone());
        }
        self.socket()?.send(parts).await
    }

    async fn recv(&mut self) -> Result<Vec<Bytes>> {
        let mut parts = self.socket()?.recv().await?;
        if matches!(self.socket, Some(Any::Router(_))) {
            self.routing_id = Some(parts.remove(0));
        }
        Ok(parts)
    }

    async fn topic(&mut self, hex: &str, add: bool) -> Result<()> {
        let topic = String::from_utf8(unhex(hex)?)?;
        match self.socket()? {
            Any::Sub(socket) if add => socket.subscribe(&topic).await?,
            Any::Sub(socket) => socket.unsubscribe(&topic).await?,
            _ => return Err("only SUB subscribes".into()),
        }
        Ok(())
    }

    async fn obey(&mut self, word: &str, rest: &[&str]) -> Result<String> {
        let first = rest.first().copied().unwrap_or("");
        let second = rest.get(1).copied().unwrap_or("");
        match word {
            "open" => self.socket = Some(Any::open(first)?),
            "bind" => return self.socket()?.bind(first).await,
            "connect" => self.socket()?.connect(first).await?,
            "subscribe" => self.topic(first, true).await?,
            "unsubscribe" => self.topic(first, false).await?,
            "send" => self.send(message(first, 0)?).await?,
            "recv" => check(&self.recv().await?, first, 0)?,
            "give" => {
                for plus in 0..first.parse()? {
                    self.send(message(second, plus)?).await?;
                }
            }
            "take" => {
                for plus in 0..first.parse()? {
                    check(&self.recv().await?, second, plus)?;
                }
            }
            "echo" => {
                for _ in 0..first.parse::<u32>()? {
                    let parts = self.recv().await?;
                    self.send(parts).await?;
                }
            }
            "until" => {
                let wanted = message(first, 0)?;
                while self.recv().await? != wanted {}
            }
            "poll" => {}
            "close" => self.socket = None,
            _ => return Err(format!("unknown word {word}").into()),
        }
        Ok(String::new())
    }
}

fn unhex(text: &str) -> Result<Vec<u8>> {
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Ok(u8::from_str_radix(std::str::from_utf8(pair)?, 16)?)).collect()
}

fn made(seed: u32, index: u32, length: usize) -> Vec<u8> {
    let mut state = seed
        .wrapping_mul(2_654_435_761)
        .wrapping_add(index.wrapping_mul(40_503))
        .wrapping_add(12_345);
    let block: Vec<u8> = (0..BLOCK.min(length))
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect();
    block.iter().copied().cycle().take(length).collect()
}

fn message(spec: &str, plus: u32) -> Result<Vec<Bytes>> {
    let (seed, parts) = spec.split_once(':').ok_or("no colon in the spec")?;
    let seed = seed.parse::<u32>()? + plus;
    let parts = parts.split(',').zip(0..).map(|(part, index)| match part.strip_prefix('=') {
        Some(hex) => Ok(unhex(hex)?.into()),
        None => Ok(made(seed, index, part.parse()?).into()),
    });
    parts.collect()
}

fn check(got: &[Bytes], spec: &str, plus: u32) -> Result<()> {
    if got == message(spec, plus)? {
        return Ok(());
    }
    let lengths: Vec<usize> = got.iter().map(Bytes::len).collect();
    Err(format!("{lengths:?} differs from {spec} (+{plus})").into())
}

/// Obeys the lines of the standard input until it ends.
///
/// # Errors
/// The runtime does not start, or the lines cannot be read or answered.
pub(crate) fn run() -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut peer = Peer { socket: None, routing_id: None };
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let mut words = line.split_whitespace();
        let word = words.next().unwrap_or("");
        let rest: Vec<&str> = words.collect();
        let answer = match runtime.block_on(peer.obey(word, &rest)) {
            Ok(answer) => format!("ok {answer}"),
            Err(error) => format!("error in {line}: {error}"),
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}
