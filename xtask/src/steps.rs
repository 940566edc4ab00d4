//! The table of steps that need foreign programs: for each, the packages it needs and the command
//! that runs it. `install.rs` brings the packages, `suite.rs` runs the commands.
//!
//! To add a step, put its programs in a crate below `testing/` and add a row here. A row stands
//! here only when its folder does; the tests below see to that.

use std::time::Duration;

/// One step that needs more than the Rust toolchain.
#[derive(Debug)]
pub(crate) struct Foreign {
    /// The name that the report prints.
    pub(crate) name: &'static str,
    /// What it shows, in a few words.
    pub(crate) shows: &'static str,
    /// The folder that holds it, from the workspace root.
    pub(crate) folder: &'static str,
    /// Packages of Debian.
    pub(crate) debian: &'static [&'static str],
    /// Packages of PyPI, as `pip install` takes them; they go into `target/interop/venv`.
    pub(crate) pypi: &'static [&'static str],
    /// Packages of npm, as `npm install` takes them; they go into `target/interop/node_modules`.
    pub(crate) npm: &'static [&'static str],
    /// Arguments of the Cargo that runs it.
    pub(crate) cargo: &'static [&'static str],
    /// Time after which it counts as hung.
    pub(crate) limit: Duration,
}

/// Every such step, in the order in which they run.
pub(crate) const FOREIGN: &[Foreign] = &[
    Foreign {
        name: "hostile input",
        shows: "bad peers are dropped with a reason while a healthy one goes on",
        folder: "testing/hostile",
        debian: &[],
        pypi: &[],
        npm: &[],
        cargo: &["run", "-p", "oxmq-hostile", "--release"],
        limit: Duration::from_secs(15 * 60),
    },
    Foreign {
        name: "many connections",
        shows: "10,000 connections to one socket, opened and closed again, leave nothing behind",
        folder: "testing/connections",
        debian: &[],
        pypi: &[],
        npm: &[],
        cargo: &["run", "-p", "oxmq-connections", "--release"],
        limit: Duration::from_secs(180),
    },
    Foreign {
        name: "chained devices",
        shows: "stock clients and services find each other through chains of our devices",
        folder: "testing/nm",
        debian: &["python3-venv"],
        pypi: &["pyzmq"],
        npm: &[],
        cargo: &["run", "-p", "oxmq-nm", "--release", "--", "all"],
        limit: Duration::from_secs(10 * 60),
    },
    Foreign {
        name: "durable sockets",
        shows: "nothing acknowledged is lost by kills, losses of power, cut links and full disks",
        folder: "testing/durable",
        debian: &["e2fsprogs", "mount", "python3", "python3-zmq", "util-linux"],
        pypi: &[],
        npm: &[],
        cargo: &["run", "-p", "oxmq-durable", "--release", "--", "all"],
        limit: Duration::from_secs(20 * 60),
    },
    Foreign {
        name: "durable sockets, simulated",
        shows: "schedules of 10,000 seeds keep every promise, whatever fails in them",
        folder: "testing/sim",
        debian: &[],
        pypi: &[],
        npm: &[],
        cargo: &["run", "-p", "oxmq-sim", "--release", "--", "--seeds", "10000"],
        limit: Duration::from_secs(15 * 60),
    },
    Foreign {
        name: "behaviour",
        shows: "what the manual pages promise happens on the stock C library and on ours alike",
        folder: "testing/behaviour",
        debian: &["libzmq5", "python3"],
        pypi: &[],
        npm: &[],
        cargo: &["run", "-p", "oxmq-behaviour"],
        limit: Duration::from_secs(20 * 60),
    },
    Foreign {
        name: "drop-in library",
        shows: "programs made for libzmq run on ours, and random calls answer as on Debian's",
        folder: "testing/conformance",
        debian: &[
            "binutils",
            "cmake",
            "g++",
            "iproute2",
            "libzmq5",
            "pkg-config",
            "nodejs",
            "npm",
            "python3-ipykernel",
            "python3-jupyter-client",
            "python3-msgpack",
            "python3-pytest",
            "python3-pytest-timeout",
            "python3-venv",
            "python3-zmq",
        ],
        pypi: &["pyzmq==27.3.0", "pyomq==0.21.0"],
        npm: &["zeromq@6.1.2"],
        cargo: &["run", "-p", "oxmq-conformance", "--release", "--", "all"],
        limit: Duration::from_secs(30 * 60),
    },
    Foreign {
        name: "instructions",
        shows: "a message costs no more instructions than its bound",
        folder: "testing/instructions",
        debian: &["valgrind"],
        pypi: &[],
        npm: &[],
        cargo: &["run", "-p", "oxmq-instructions"],
        limit: Duration::from_secs(15 * 60),
    },
    Foreign {
        name: "Debian packages",
        shows: "apt takes them, and what depends on libzmq5 stays and runs",
        folder: "xtask/src/delivery",
        debian: &["binutils", "python3-zmq"],
        pypi: &[],
        npm: &[],
        cargo: &["xtask", "deb"],
        limit: Duration::from_secs(15 * 60),
    },
    Foreign {
        name: "other libraries",
        shows: "every pair of socket types, both ways, with ZeroMQ in other languages",
        folder: "testing/interop",
        // The last two build the libraries of old times.
        debian: &["python3-venv", "python3-zmq", "npm", "nodejs", "g++", "uuid-dev"],
        pypi: &["pyzmq==27.3.0", "pyomq==0.21.0"],
        npm: &["zeromq@6.1.2"],
        cargo: &["run", "-p", "oxmq-interop", "--release", "--", "all"],
        limit: Duration::from_secs(20 * 60),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_has_its_folder_and_something_to_run() {
        for step in FOREIGN {
            assert!(crate::workspace_root().join(step.folder).is_dir(), "{}", step.folder);
            assert!(!step.cargo.is_empty() && !step.limit.is_zero(), "{}", step.name);
        }
    }

    #[test]
    fn names_are_told_apart() {
        let mut names: Vec<&str> = FOREIGN.iter().map(|step| step.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), FOREIGN.len());
    }
}
