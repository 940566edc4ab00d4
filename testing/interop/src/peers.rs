//! The foreign peers: how each is started and what it has. A table; what a library lacks stands
//! beside it with the reason, so that nothing is left out in silence.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use oxmq_testing::{Child, Doing, Result, reserve_tcp};

/// How a peer is started.
#[derive(Clone, Copy, Debug)]
enum Start {
    /// `peer.py MODULE` by the Python of `OXMQ_PYTHON`.
    Venv(&'static str),
    /// `peer.py MODULE` by Debian's Python.
    Debian(&'static str),
    /// `peer.mjs` by Node.
    Node,
    /// This program, as the peer of `zeromq_rs.rs`.
    Rust,
    /// `peer.py` by this program's caller's Python, with a C library of the years 2 or 3.
    Library(&'static str),
}

/// Something that a library lacks or does in another way, so that a cell cannot run.
#[derive(Debug)]
pub(crate) struct Lack {
    /// The socket type that the foreign side would have.
    pub(crate) theirs: &'static str,
    /// `bind`, `connect` or empty for both.
    pub(crate) role: &'static str,
    /// `tcp`, `ipc` or empty for both.
    pub(crate) transport: &'static str,
    /// Why.
    pub(crate) reason: &'static str,
}

/// A foreign library.
#[derive(Debug)]
pub(crate) struct Peer {
    /// The name in the report.
    pub(crate) name: &'static str,
    start: Start,
    /// Whether it is libzmq itself, which has every pattern.
    pub(crate) stock: bool,
    /// What it binds to for a free tcp port; empty if it cannot tell which it got.
    pub(crate) wildcard: &'static str,
    /// What it lacks.
    pub(crate) lacks: &'static [Lack],
    /// A type of it that gets messages with an empty part among others wrong, and how.
    pub(crate) spoils_empty_parts: Option<(&'static str, &'static str)>,
}

/// Every foreign library of the matrix.
pub(crate) const PEERS: &[Peer] = &[
    stock("pyzmq", Start::Venv("zmq")),
    stock("python3-zmq", Start::Debian("zmq")),
    stock("zeromq-js", Start::Node),
    Peer {
        name: "zeromq-rs",
        start: Start::Rust,
        stock: false,
        wildcard: "tcp://127.0.0.1:0",
        lacks: &[],
        spoils_empty_parts: None,
    },
    Peer {
        name: "pyomq",
        start: Start::Venv("pyomq"),
        stock: false,
        wildcard: "tcp://127.0.0.1:*",
        lacks: &[Lack {
            theirs: "SUB",
            role: "bind",
            transport: "",
            reason: "its bound SUB tells peers that come later no topic, libzmq's neither",
        }],
        spoils_empty_parts: Some((
            "REP",
            "its REP cuts a request at a later empty part, with libzmq's REQ too",
        )),
    },
];

/// Of libzmq 2.2.0.
const LACKS_OF_2: &[Lack] = &[
    Lack { theirs: "XPUB", role: "", transport: "", reason: SILENT },
    Lack { theirs: "XSUB", role: "", transport: "", reason: SILENT },
];
const SILENT: &str = "subscriptions are not on the wire of ZMTP 1.0";

/// A library that is libzmq in a wrapping.
const fn stock(name: &'static str, start: Start) -> Peer {
    Peer {
        name,
        start,
        stock: true,
        wildcard: "tcp://127.0.0.1:*",
        lacks: &[],
        spoils_empty_parts: None,
    }
}

impl Peer {
    /// An old libzmq, whose library was built for this run. It cannot tell which port it got.
    pub(crate) fn old(name: &'static str, library: &'static str) -> Peer {
        let lacks = if name == "libzmq-2.2.0" { LACKS_OF_2 } else { &[] };
        Peer { wildcard: "", lacks, ..stock(name, Start::Library(library)) }
    }

    /// Where its side of a cell shall bind.
    ///
    /// # Errors
    /// No port is left.
    pub(crate) fn bind_endpoint(&self, transport: &str) -> Result<String> {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        match transport {
            "ipc" => {
                let (process, number) = (std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
                let name = format!("oxmq-interop-{process}-{number}");
                Ok(format!("ipc://{}", std::env::temp_dir().join(name).display()))
            }
            _ if self.wildcard.is_empty() => reserve_tcp(),
            _ => Ok(self.wildcard.to_owned()),
        }
    }

    /// Starts a process of it.
    ///
    /// # Errors
    /// The program is missing.
    pub(crate) fn start(&self) -> Result<Child> {
        Child::start(self.name, &mut self.command()?)
    }

    fn command(&self) -> Result<Command> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        let script = |program: PathBuf, name: &str, module: Option<&str>| {
            let mut command = Command::new(program);
            command.arg(scripts.join(name)).args(module);
            command
        };
        Ok(match self.start {
            Start::Venv(module) => script(venv_python()?, "peer.py", Some(module)),
            Start::Debian(module) => script("/usr/bin/python3".into(), "peer.py", Some(module)),
            Start::Node => {
                std::env::var("NODE_PATH").doing("NODE_PATH names the folder with zeromq")?;
                script("node".into(), "peer.mjs", None)
            }
            Start::Library(path) => {
                let module = format!("ctypes:{path}");
                script("python3".into(), "peer.py", Some(&module))
            }
            Start::Rust => {
                let mut command =
                    Command::new(std::env::current_exe().doing("finding this program")?);
                command.arg("zeromq-rs");
                command
            }
        })
    }

    /// Whether it tells publishers its topics; a SUB of ZMTP 1.0 gets everything and filters.
    pub(crate) fn tells_topics(&self) -> bool {
        self.name != "libzmq-2.2.0"
    }

    /// Why it cannot take this part, if it cannot.
    pub(crate) fn lack(&self, theirs: &str, role: &str, transport: &str) -> Option<&'static str> {
        let matches = |wanted: &str, is: &str| wanted.is_empty() || wanted == is;
        let lack = self.lacks.iter().find(|lack| {
            matches(lack.theirs, theirs)
                && matches(lack.role, role)
                && matches(lack.transport, transport)
        });
        lack.map(|lack| lack.reason)
    }
}

/// The Python of the virtual environment that holds the packages of PyPI.
///
/// # Errors
/// `OXMQ_PYTHON` is not set.
pub(crate) fn venv_python() -> Result<PathBuf> {
    let python = std::env::var("OXMQ_PYTHON");
    Ok(PathBuf::from(python.doing("OXMQ_PYTHON names the Python that has pyzmq and pyomq")?))
}
