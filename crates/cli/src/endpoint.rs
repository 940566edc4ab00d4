//! Endpoints as they are written on the command line: `ENDPOINT`, `bind:ENDPOINT`,
//! `connect:ENDPOINT`, and lists of them with commas between. Plain values made by the argument
//! parser; only the form is checked here, the address is checked by the socket that uses it.

use std::fmt;
use std::str::FromStr;

/// The transports that a command can use, with an example of each for error messages.
pub(crate) const TRANSPORTS: &str = concat!(
    "  tcp://HOST:PORT   tcp://127.0.0.1:5555  tcp://*:5555 (every interface)  tcp://[::1]:5555\n",
    "                    tcp://127.0.0.1:* (any free port)\n",
    "  ipc://PATH        ipc:///tmp/feed  ipc://@name (abstract, without a file)\n",
    "  ws://HOST:PORT/PATH  ws://127.0.0.1:8080/feed  wss://example.org:443/feed (connect only)\n",
    "  tipc://{TYPE,INSTANCE}  vsock://CID:PORT  where the kernel has them"
);

/// Who opens the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The command listens.
    Bind,
    /// The command calls, and goes on calling until somebody listens.
    Connect,
}

/// One endpoint and what to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndpointArg {
    /// Bind unless the text says `connect:`.
    pub(crate) role: Role,
    /// The endpoint without its prefix.
    pub(crate) endpoint: String,
}

impl FromStr for EndpointArg {
    type Err = String;

    fn from_str(text: &str) -> Result<EndpointArg, String> {
        let (role, endpoint) = if let Some(endpoint) = text.strip_prefix("connect:") {
            (Role::Connect, endpoint)
        } else {
            (Role::Bind, text.strip_prefix("bind:").unwrap_or(text))
        };
        let Some((transport, address)) = endpoint.split_once("://") else {
            return Err(format!(
                "an endpoint is written TRANSPORT://ADDRESS, such as tcp://127.0.0.1:5555\n\
                 transports:\n{TRANSPORTS}"
            ));
        };
        match transport {
            "tcp" | "ipc" | "ws" | "wss" | "tipc" | "vsock" => {}
            "inproc" => {
                return Err("inproc joins sockets of one process, and a command has nobody \
                            to talk to there\nuse ipc://@NAME to stay on this machine"
                    .to_owned());
            }
            _ => {
                return Err(format!(
                    "the transport \"{transport}\" is not known\ntransports:\n{TRANSPORTS}"
                ));
            }
        }
        if address.is_empty() {
            return Err(format!("nothing follows {transport}://\nexamples:\n{TRANSPORTS}"));
        }
        Ok(EndpointArg { role, endpoint: endpoint.to_owned() })
    }
}

impl fmt::Display for EndpointArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.role {
            Role::Bind => f.write_str(&self.endpoint),
            Role::Connect => write!(f, "connect:{}", self.endpoint),
        }
    }
}

/// One or more endpoints, written with commas between. A comma counts as such only when another
/// endpoint follows it, so that a path may contain one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EndpointList(pub(crate) Vec<EndpointArg>);

impl FromStr for EndpointList {
    type Err = String;

    fn from_str(text: &str) -> Result<EndpointList, String> {
        let mut list = Vec::new();
        let mut start = 0;
        for (at, _) in text.match_indices(',') {
            if begins_endpoint(&text[at + 1..]) {
                list.push(text[start..at].parse()?);
                start = at + 1;
            }
        }
        list.push(text[start..].parse()?);
        Ok(EndpointList(list))
    }
}

impl fmt::Display for EndpointList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, endpoint) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            endpoint.fmt(f)?;
        }
        Ok(())
    }
}

/// Whether the text goes on with `bind:`, `connect:` or a transport.
fn begins_endpoint(text: &str) -> bool {
    let rest = text.strip_prefix("connect:").or_else(|| text.strip_prefix("bind:"));
    let rest = rest.unwrap_or(text);
    rest.split_once("://").is_some_and(|(transport, _)| {
        !transport.is_empty() && transport.bytes().all(|byte| byte.is_ascii_lowercase())
    })
}

/// A socket type and its endpoints: `router:tcp://*:5555`, `dealer:connect:ipc://@workers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TypedEndpoints {
    /// The socket type as written, in lower case.
    pub(crate) socket_type: String,
    /// Where it binds and connects.
    pub(crate) endpoints: EndpointList,
}

impl FromStr for TypedEndpoints {
    type Err = String;

    fn from_str(text: &str) -> Result<TypedEndpoints, String> {
        let known = |name: &str| SOCKET_TYPES.contains(&name);
        match text.split_once(':') {
            Some((name, rest)) if known(&name.to_ascii_lowercase()) => Ok(TypedEndpoints {
                socket_type: name.to_ascii_lowercase(),
                endpoints: rest.parse()?,
            }),
            _ => Err(format!(
                "write TYPE:ENDPOINT, such as router:tcp://127.0.0.1:5559 or \
                 dealer:connect:tcp://host:5560\ntypes: {}",
                SOCKET_TYPES.join(" ")
            )),
        }
    }
}

/// The socket types, in the order of the help page.
pub(crate) const SOCKET_TYPES: [&str; 12] = [
    "pub", "sub", "xpub", "xsub", "push", "pull", "req", "rep", "dealer", "router", "pair",
    "stream",
];

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may fail where it stands")]

    use super::*;

    fn parse(text: &str) -> (Role, String) {
        let parsed: EndpointArg = text.parse().unwrap();
        (parsed.role, parsed.endpoint)
    }

    #[test]
    fn an_endpoint_binds_unless_it_says_connect() {
        assert_eq!(parse("tcp://*:1"), (Role::Bind, "tcp://*:1".to_owned()));
        assert_eq!(parse("bind:tcp://*:1"), (Role::Bind, "tcp://*:1".to_owned()));
        assert_eq!(parse("connect:tcp://h:1"), (Role::Connect, "tcp://h:1".to_owned()));
    }

    #[test]
    fn a_wrong_endpoint_is_answered_with_the_right_form() {
        let error = |text: &str| text.parse::<EndpointArg>().unwrap_err();
        assert!(error("5555").contains("tcp://127.0.0.1:5555"));
        assert!(error("udp://h:1").contains("\"udp\" is not known"));
        assert!(error("udp://h:1").contains("ipc://PATH"));
        assert!(error("inproc://x").contains("ipc://@NAME"));
        assert!(error("tcp://").contains("nothing follows"));
        assert!(error("connect:").contains("TRANSPORT://ADDRESS"));
    }

    #[test]
    fn a_comma_ends_an_endpoint_only_before_another() {
        let list: EndpointList = "tcp://*:1,connect:ipc:///a,b,ipc://@c".parse().unwrap();
        assert_eq!(list.0.len(), 3);
        assert_eq!(list.0[1], EndpointArg { role: Role::Connect, endpoint: "ipc:///a,b".into() });
        assert_eq!(list.to_string(), "tcp://*:1,connect:ipc:///a,b,ipc://@c");
        assert!("tcp://*:1,udp://x".parse::<EndpointList>().is_err());
    }

    #[test]
    fn a_type_stands_before_the_endpoints_of_a_proxy() {
        let typed: TypedEndpoints = "Router:connect:tcp://h:1,tcp://*:2".parse().unwrap();
        assert_eq!(typed.socket_type, "router");
        assert_eq!(typed.endpoints.to_string(), "connect:tcp://h:1,tcp://*:2");
        let error = "tcp://h:1".parse::<TypedEndpoints>().unwrap_err();
        assert!(error.contains("TYPE:ENDPOINT") && error.contains("xsub"));
    }
}
