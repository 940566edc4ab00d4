//! Real old peers: libzmq 2.2.0 speaks ZMTP 1.0 only, and 3.2.2 speaks ZMTP 2.0. Both lie, as
//! sources, in releases of pyzmq on PyPI; they are fetched with pip, compiled with g++ into the
//! folder beside this program, and driven through their C interface by `peers/peer.py`. (PyPI's
//! `pyzmq-static` 2.2 holds no library: it only asks for `pyzmq`.)

use std::path::{Path, PathBuf};
use std::process::Command;

use oxmq_testing::{Doing, Result};

use crate::peers::{Peer, venv_python};
use crate::{Run, matrix};

/// An old libzmq.
struct Old {
    name: &'static str,
    /// The release of pyzmq that holds it.
    pyzmq: &'static str,
    /// Libraries it needs.
    libraries: &'static [&'static str],
}

const OLD: [Old; 2] = [
    Old { name: "libzmq-2.2.0", pyzmq: "2.2.0.1", libraries: &["-lrt", "-luuid"] },
    Old { name: "libzmq-3.2.2", pyzmq: "13.0.2", libraries: &["-lrt"] },
];

/// What autotools would find out on Linux.
const PLATFORM: &str = "#define ZMQ_HAVE_LINUX 1\n#define ZMQ_HAVE_SO_PEERCRED 1\n\
    #define ZMQ_HAVE_EVENTFD 1\n#define ZMQ_HAVE_IFADDRS 1\n#define ZMQ_HAVE_UIO 1\n";

/// Builds the old libraries and runs the matrix with each.
pub(crate) fn run(run: &mut Run) {
    for old in &OLD {
        let mut library = None;
        run.cell(&format!("{} can be built", old.name), || {
            library = Some(build(old)?);
            Ok(String::new())
        });
        let Some(library) = library else { continue };
        // The table of peers holds names that live as long as the program.
        let path = Box::leak(library.to_string_lossy().into_owned().into_boxed_str());
        matrix::run_peer(run, &Peer::old(old.name, path));
    }
}

/// The shared library, built unless an earlier run has done it.
fn build(old: &Old) -> Result<PathBuf> {
    let mut folder = std::env::current_exe().doing("finding this program")?;
    folder.set_file_name("interop-old");
    std::fs::create_dir_all(&folder).doing("making a folder")?;
    let library = folder.join(format!("{}.so", old.name));
    if library.exists() {
        return Ok(library);
    }
    let release = format!("pyzmq=={}", old.pyzmq);
    let mut fetch = Command::new(venv_python()?);
    fetch.args(["-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", &release]);
    succeeds(fetch.current_dir(&folder))?;
    let archive = format!("pyzmq-{}.zip", old.pyzmq);
    let mut unpack = Command::new(venv_python()?);
    succeeds(unpack.args(["-m", "zipfile", "-e", &archive, "."]).current_dir(&folder))?;
    let sources = folder.join(format!("pyzmq-{}/bundled/zeromq/src", old.pyzmq));
    std::fs::write(sources.join("platform.hpp"), PLATFORM).doing("writing platform.hpp")?;
    compile(&sources, &library, old.libraries)?;
    Ok(library)
}

fn compile(sources: &Path, library: &Path, libraries: &[&str]) -> Result<()> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(sources).doing("listing the sources")? {
        let path = entry.doing("listing the sources")?.path();
        if path.extension().is_some_and(|end| end == "cpp") {
            files.push(path);
        }
    }
    let mut compiler = Command::new("g++");
    compiler
        .args(["-O1", "-fpermissive", "-w", "-fPIC", "-shared", "-pthread", "-D_GNU_SOURCE"])
        .args(["-I../include", "-I.", "-o"])
        .arg(library)
        .args(files)
        .args(libraries)
        .current_dir(sources);
    succeeds(&mut compiler)
}

fn succeeds(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().doing(format_args!("running {program}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program} fails: {}", String::from_utf8_lossy(&output.stderr)))
}
