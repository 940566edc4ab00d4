//! The SOCKS5 client (RFC 1928, RFC 1929): what is said to a proxy before a tcp connection is one
//! to the peer. Sans-I/O: the pending connection writes and reads.
//!
//! ```text
//! Method ── no password wanted ─────────────────────▶ Request ── granted ──▶ done
//!    └───── wanted ──▶ Password ── accepted ───────────▲
//! ```
//!
//! The proxy resolves host names, so a name that only its network knows can be connected to.

use std::fmt;
use std::io;

use oxmq_zmtp::{Endpoint, Host, HostPort, Port, TcpEndpoint};

use super::connect::Target;
use super::options::SocksOptions;
use super::web::Web;

/// Why a proxy did not connect us. It is the inner error of an `io::Error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocksFault {
    /// The answer is not one of SOCKS5.
    Malformed,
    /// The proxy takes neither no authentication nor ours.
    NoMethod,
    /// The proxy refused the user name or the password.
    Password,
    /// The proxy could not connect; its reply code (RFC 1928 §6).
    Refused(u8),
    /// The proxy closed the connection in the middle.
    Closed,
}

/// What is to be done next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Write what [`SocksClient::output`] has, and read so many octets more.
    Read(usize),
    /// The connection leads to the peer.
    Done,
}

/// How an endpoint is reached by way of a proxy: what to resolve in its place, and what to say.
#[derive(Debug)]
pub struct SocksRoute {
    proxy: Endpoint,
    client: SocksClient,
    web: Option<Web>,
}

impl SocksRoute {
    /// The route to a tcp, ws or wss endpoint; `None` for others, and without a proxy. A source
    /// address is where the connection to the proxy comes from.
    ///
    /// # Errors
    /// EINVAL for a proxy that is not `host:port`, or a user name or password that is too long.
    pub fn new(endpoint: &Endpoint, options: &SocksOptions) -> io::Result<Option<Self>> {
        let (source, destination, web) = match endpoint {
            _ if options.proxy.is_empty() => return Ok(None),
            Endpoint::Tcp(tcp) => (tcp.source.clone(), tcp.destination(), None),
            Endpoint::Ws(ws) => {
                let destination = HostPort { host: ws.host.clone(), port: ws.port };
                (None, destination, Some(Web::new(ws)))
            }
            _ => return Ok(None),
        };
        let Ok(Endpoint::Tcp(TcpEndpoint { source: None, host, port })) =
            Endpoint::parse(&format!("tcp://{}", options.proxy))
        else {
            return Err(super::os_error(libc::EINVAL));
        };
        let client = SocksClient::new(options, &destination)?;
        Ok(Some(Self { proxy: Endpoint::Tcp(TcpEndpoint { source, host, port }), client, web }))
    }

    /// The endpoint to resolve: the proxy's.
    #[must_use]
    pub const fn proxy(&self) -> &Endpoint {
        &self.proxy
    }

    /// The proxy's address as a way to the peer.
    #[must_use]
    pub fn target(&self, target: Target) -> Target {
        let target = target.of_proxy(&self.client);
        match &self.web {
            None => target,
            Some(web) => target.of_web(web),
        }
    }
}

/// One exchange with a proxy.
#[derive(Clone, Debug)]
pub(super) struct SocksClient {
    state: State,
    request: Vec<u8>,
    /// User name and password as RFC 1929 §2 sends them; empty for none.
    password: Vec<u8>,
    output: Vec<u8>,
    input: Vec<u8>,
    /// Octets that the state waits for in all.
    wanted: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Method,
    Password,
    Request,
}

impl SocksClient {
    /// More than any answer of a proxy has.
    pub(super) const READ_BYTES: usize = 4 + 1 + 255 + 2;

    /// An exchange that asks for `destination`, whose port is a number.
    ///
    /// # Errors
    /// EINVAL for a name over 255 octets, and for a wildcard.
    pub(super) fn new(options: &SocksOptions, destination: &HostPort) -> io::Result<Self> {
        // RFC 1928 §3: version, and the methods that we offer.
        let (output, password) = if options.username.is_empty() {
            (vec![VERSION, 1, NO_AUTHENTICATION], Vec::new())
        } else {
            let mut password = vec![1];
            push_counted(&mut password, options.username.as_bytes())?;
            push_counted(&mut password, options.password.as_bytes())?;
            (vec![VERSION, 2, NO_AUTHENTICATION, USERNAME_PASSWORD], password)
        };
        let request = request(destination)?;
        Ok(Self { state: State::Method, request, password, output, input: Vec::new(), wanted: 2 })
    }

    /// Octets to write, oldest first.
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// How many octets may be read now; those of the peer, which may follow at once, must not be.
    pub(super) fn wanted(&self) -> usize {
        self.wanted - self.input.len()
    }

    /// Takes octets, at most as many as are wanted.
    ///
    /// # Errors
    /// [`SocksFault`]: the attempt has failed.
    pub(super) fn receive(&mut self, octets: &[u8]) -> Result<Step, SocksFault> {
        self.input.extend_from_slice(octets);
        if self.input.len() < self.wanted {
            return Ok(Step::Read(self.wanted()));
        }
        match (self.state, &self.input[..]) {
            (State::Method, [VERSION, NO_AUTHENTICATION]) => self.ask(),
            (State::Method, [VERSION, USERNAME_PASSWORD]) if !self.password.is_empty() => {
                self.output.append(&mut self.password);
                self.go_to(State::Password, 2)
            }
            (State::Method, [VERSION, _]) => Err(SocksFault::NoMethod),
            // RFC 1929 §2: a status of 0 is success, and on another the client MUST close.
            (State::Password, [1, 0]) => self.ask(),
            (State::Password, [1, _]) => Err(SocksFault::Password),
            (State::Request, reply) => self.reply(reply.len()),
            _ => Err(SocksFault::Malformed),
        }
    }

    fn go_to(&mut self, state: State, wanted: usize) -> Result<Step, SocksFault> {
        self.state = state;
        self.input.clear();
        self.wanted = wanted;
        Ok(Step::Read(wanted))
    }

    fn ask(&mut self) -> Result<Step, SocksFault> {
        self.output.append(&mut self.request);
        // Up to the first octet of the address, which tells its length.
        self.go_to(State::Request, REPLY_HEAD_BYTES)
    }

    // RFC 1928 §6: version, reply, reserved, address type, address, port.
    fn reply(&mut self, have: usize) -> Result<Step, SocksFault> {
        let reply = &self.input;
        if reply[0] != VERSION {
            return Err(SocksFault::Malformed);
        }
        if reply[1] != 0 {
            return Err(SocksFault::Refused(reply[1]));
        }
        let address_bytes = match reply[3] {
            IPV4 => 4,
            DOMAIN => 1 + usize::from(reply[4]),
            IPV6 => 16,
            _ => return Err(SocksFault::Malformed),
        };
        let whole = 4 + address_bytes + 2;
        if have < whole {
            self.wanted = whole;
            return Ok(Step::Read(self.wanted()));
        }
        Ok(Step::Done)
    }
}

// RFC 1928 §4: version, CONNECT, reserved, address type, address, port.
fn request(destination: &HostPort) -> io::Result<Vec<u8>> {
    let mut request = vec![VERSION, CONNECT, 0];
    match &destination.host {
        Host::V4(ip) => {
            request.push(IPV4);
            request.extend_from_slice(&ip.octets());
        }
        Host::V6 { addr, .. } => {
            request.push(IPV6);
            request.extend_from_slice(&addr.octets());
        }
        Host::Name(name) => {
            request.push(DOMAIN);
            push_counted(&mut request, name.as_bytes())?;
        }
        Host::Wildcard => return Err(super::os_error(libc::EINVAL)),
    }
    let Port::Number(port) = destination.port else { return Err(super::os_error(libc::EINVAL)) };
    request.extend_from_slice(&port.to_be_bytes());
    Ok(request)
}

fn push_counted(out: &mut Vec<u8>, octets: &[u8]) -> io::Result<()> {
    let count = u8::try_from(octets.len()).map_err(|_| super::os_error(libc::EINVAL))?;
    out.push(count);
    out.extend_from_slice(octets);
    Ok(())
}

impl SocksFault {
    /// The number that monitor events report.
    #[must_use]
    pub const fn errno(self) -> i32 {
        match self {
            Self::Malformed => libc::EPROTO,
            Self::NoMethod | Self::Password => libc::EACCES,
            Self::Closed => libc::ECONNRESET,
            // RFC 1928 §6.
            Self::Refused(code) => match code {
                2 => libc::EACCES,
                3 => libc::ENETUNREACH,
                4 => libc::EHOSTUNREACH,
                5 => libc::ECONNREFUSED,
                6 => libc::ETIMEDOUT,
                7 => libc::EOPNOTSUPP,
                8 => libc::EAFNOSUPPORT,
                _ => libc::EIO,
            },
        }
    }
}

impl From<SocksFault> for io::Error {
    fn from(fault: SocksFault) -> Self {
        let kind = io::Error::from_raw_os_error(fault.errno()).kind();
        io::Error::new(kind, fault)
    }
}

impl fmt::Display for SocksFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("the SOCKS proxy's answer is not one of SOCKS5"),
            Self::NoMethod => f.write_str("the SOCKS proxy wants another authentication"),
            Self::Password => f.write_str("the SOCKS proxy refused the user name or password"),
            Self::Refused(code) => {
                write!(f, "the SOCKS proxy could not connect, reply {code}: ")?;
                io::Error::from_raw_os_error(self.errno()).fmt(f)
            }
            Self::Closed => f.write_str("the SOCKS proxy closed the connection"),
        }
    }
}

impl std::error::Error for SocksFault {}

const VERSION: u8 = 5;
const NO_AUTHENTICATION: u8 = 0;
const USERNAME_PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
const IPV4: u8 = 1;
const DOMAIN: u8 = 3;
const IPV6: u8 = 4;

/// The shortest reply has more.
const REPLY_HEAD_BYTES: usize = 5;

#[cfg(test)]
mod tests;
