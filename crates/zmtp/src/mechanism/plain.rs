//! The PLAIN mechanism (RFC 24): the client shows user name and password, the server judges them.
//!
//! Owned by the handshake of one connection.
//!
//! ```text
//!   client: send HELLO ──▶ AwaitWelcome ── WELCOME: send INITIATE ──▶ AwaitReady ── READY ──▶ done
//!   server: AwaitHello ── HELLO ──▶ (Asked ──▶) send WELCOME ──▶ AwaitInitiate
//!                                          AwaitInitiate ── INITIATE: send READY ──▶ done
//!   client: any state ── ERROR ──▶ refused
//! ```

use zeroize::Zeroizing;

use crate::command::{Command, command_frame, split_name};
use crate::error::{HandshakeError, ProtocolError};
use crate::frame::{FRAME_HEADER_MAX, Framing};
use crate::limits::CREDENTIAL_BYTES_MAX;
use crate::mechanism::{Link, Mechanism, PlainConfig, Step, refused};
use crate::metadata::Metadata;

/// PLAIN on one connection.
#[derive(Debug)]
pub(crate) enum Plain {
    AwaitHello,
    Asked,
    AwaitInitiate,
    AwaitWelcome,
    AwaitReady,
}

impl Plain {
    pub(crate) fn start(config: &PlainConfig, link: &mut Link<'_>) -> Step {
        match config {
            // RFC 24 §Implementation: the client authenticates itself with a HELLO command.
            PlainConfig::Client { username, password } => {
                let mut data = Zeroizing::new(Vec::new());
                for credential in [username, password.as_bytes()] {
                    let credential = &credential[..credential.len().min(CREDENTIAL_BYTES_MAX)];
                    data.push(credential.len().to_le_bytes()[0]);
                    data.extend_from_slice(credential);
                }
                command_frame(b"HELLO", &[&data], link.output);
                Step::More(Mechanism::Plain(Plain::AwaitWelcome))
            }
            PlainConfig::Server => Step::More(Mechanism::Plain(Plain::AwaitHello)),
        }
    }

    pub(crate) fn step(self, body: &[u8], link: &mut Link<'_>) -> Result<Step, HandshakeError> {
        if let (Plain::AwaitWelcome | Plain::AwaitReady, Some(data)) =
            (&self, body.strip_prefix(ERROR_OF_LIBZMQ))
        {
            return Err(refused(data));
        }
        match (self, split_name(body)?) {
            (Plain::AwaitHello, (b"HELLO", data)) => {
                let credentials = credentials(data).ok_or(ProtocolError::HelloMalformed)?;
                if link.zap {
                    Ok(Step::Ask(Mechanism::Plain(Plain::Asked), credentials))
                } else {
                    Ok(Plain::welcome(link))
                }
            }
            // RFC 24 §Implementation: the server parses and validates the INITIATE command and
            // responds with READY.
            (Plain::AwaitInitiate, (b"INITIATE", data)) => {
                let metadata = Metadata::parse(data).map_err(ProtocolError::Metadata)?;
                Command::Ready(link.metadata.clone()).encode(link.output);
                Ok(Step::Done { metadata, codec: None })
            }
            // RFC 24 §Implementation: welcome = command-size %d7 "WELCOME", without data.
            (Plain::AwaitWelcome, (b"WELCOME", data)) => {
                if !data.is_empty() {
                    return Err(ProtocolError::WelcomeMalformed.into());
                }
                command_frame(b"INITIATE", &[link.metadata.as_bytes()], link.output);
                Ok(Step::More(Mechanism::Plain(Plain::AwaitReady)))
            }
            (Plain::AwaitReady, (b"READY", data)) => {
                let metadata = Metadata::parse(data).map_err(ProtocolError::Metadata)?;
                Ok(Step::Done { metadata, codec: None })
            }
            (Plain::AwaitWelcome | Plain::AwaitReady, (b"ERROR", data)) => Err(refused(data)),
            _ => Err(ProtocolError::UnexpectedCommand { state: "PLAIN handshake" }.into()),
        }
    }

    pub(crate) fn granted(self, link: &mut Link<'_>) -> Result<Step, HandshakeError> {
        match self {
            Plain::Asked => Ok(Plain::welcome(link)),
            _ => Err(HandshakeError::Ended),
        }
    }

    fn welcome(link: &mut Link<'_>) -> Step {
        // RFC 24 §Implementation: a server that accepts the authentication replies with WELCOME.
        command_frame(b"WELCOME", &[], link.output);
        Step::More(Mechanism::Plain(Plain::AwaitInitiate))
    }
}

/// How every libzmq up to 4.3.5 begins the ERROR of its PLAIN servers, and the only form that its
/// PLAIN clients know: without the size of the name, and with another first letter.
const ERROR_OF_LIBZMQ: &[u8] = b"\x5ERROR";

/// Appends the ERROR of a PLAIN server, in the form that libzmq's clients know. To all others it is
/// an unknown command, which ends the connection just the same.
pub(crate) fn refuse(reason: &[u8], output: &mut Vec<u8>) {
    let mut body = ERROR_OF_LIBZMQ.to_vec();
    body.push(reason.len().to_le_bytes()[0]);
    body.extend_from_slice(reason);
    let mut header = [0; FRAME_HEADER_MAX];
    let header_len = Framing::V3.encode(false, true, body.len() as u64, &mut header);
    output.extend_from_slice(&header[..header_len]);
    output.extend_from_slice(&body);
}

/// User name and password of a HELLO.
// RFC 24 §Implementation: hello = command-size %d5 "HELLO" username password, each with its size in
// one octet. The octets are not looked at: libzmq sends what its application chose.
fn credentials(data: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (username, rest) = sized(data)?;
    let (password, rest) = sized(rest)?;
    rest.is_empty().then(|| vec![username.to_vec(), password.to_vec()])
}

fn sized(data: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = data.split_first()?;
    rest.split_at_checked(usize::from(length))
}
