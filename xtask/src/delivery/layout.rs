//! Puts what was built in its places below a prefix. Existing files are replaced whole, never
//! written over: a library that a program has mapped stays as it was for that program.

use std::fs;
use std::path::{Path, PathBuf};

use super::{SO_VERSION, TOOL_LIMIT, files, inspect};
use crate::process::Program;

/// Where things go.
#[derive(Debug)]
pub(super) struct Layout {
    /// The folder as programs will know it; it stands in the build files.
    pub(super) prefix: PathBuf,
    /// The folder that is written to: the prefix, or a stage of it.
    pub(super) to: PathBuf,
    /// The folder of libraries, from the prefix.
    pub(super) libdir: String,
}

impl Layout {
    /// The folder of libraries that is written to.
    pub(super) fn lib(&self) -> PathBuf {
        self.to.join(&self.libdir)
    }

    /// Everything: for programs that run, for programs that are compiled, for people.
    pub(super) fn everything(&self, root: &Path, built: &Path) -> Result<(), String> {
        self.shared(built)?;
        self.development(root, built)?;
        self.tools(root, built)
    }

    /// The shared library under its full name, and the name that programs ask the loader for.
    pub(super) fn shared(&self, built: &Path) -> Result<(), String> {
        let name = format!("libzmq.so.{SO_VERSION}");
        let file = self.lib().join(&name);
        put(&built.join("libzmq.so"), &file)?;
        strip(&file)?;
        link(&name, &self.lib().join("libzmq.so.5"))
    }

    /// Headers, the static library, the name that the linker looks for, and the build files.
    pub(super) fn development(&self, root: &Path, built: &Path) -> Result<(), String> {
        link(&format!("libzmq.so.{SO_VERSION}"), &self.lib().join("libzmq.so"))?;
        let archive = self.lib().join("libzmq.a");
        put(&built.join("libzmq.a"), &archive)?;
        inspect::hide_all_but_ours(root, &archive)?;
        let headers = root.join("crates/libzmq/include");
        for header in ["zmq.h", "zmq_utils.h", "oxmq.h"] {
            put(&headers.join(header), &self.to.join("include").join(header))?;
        }
        let prefix = self.prefix.to_string_lossy();
        let lib = self.lib();
        write(&lib.join("pkgconfig/libzmq.pc"), &files::pkg_config(&prefix, &self.libdir))?;
        let cmake = lib.join("cmake/ZeroMQ");
        let up = "../".repeat(self.libdir.split('/').count() + 2);
        let config = files::cmake_config(up.trim_end_matches('/'), &self.libdir);
        write(&cmake.join("ZeroMQConfig.cmake"), &config)?;
        write(&cmake.join("ZeroMQConfigVersion.cmake"), &files::cmake_version())
    }

    /// The program `oxmq`, its manual and its completions.
    pub(super) fn tools(&self, root: &Path, built: &Path) -> Result<(), String> {
        let program = self.to.join("bin/oxmq");
        put(&built.join("oxmq"), &program)?;
        strip(&program)?;
        let manual = self.to.join("share/man/man1");
        let folder = manual.to_string_lossy().into_owned();
        Program::new(root, &program).args(&["man", &folder]).run(TOOL_LIMIT)?;
        let places = [
            ("bash", "share/bash-completion/completions/oxmq"),
            ("zsh", "share/zsh/site-functions/_oxmq"),
            ("fish", "share/fish/vendor_completions.d/oxmq.fish"),
        ];
        for (shell, place) in places {
            let script = Program::new(root, &program).args(&["completions", shell]).output()?;
            write(&self.to.join(place), &script)?;
        }
        Ok(())
    }
}

/// Leaves out what only a debugger reads.
fn strip(file: &Path) -> Result<(), String> {
    let path = file.to_string_lossy();
    Program::new(Path::new("."), "strip").args(&["--strip-unneeded", &path]).run(TOOL_LIMIT)
}

fn parent(of: &Path) -> Result<(), String> {
    let folder = of.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))
}

/// Copies a file in place of an older one.
pub(super) fn put(from: &Path, to: &Path) -> Result<(), String> {
    parent(to)?;
    remove(to)?;
    fs::copy(from, to)
        .map(drop)
        .map_err(|error| format!("cannot copy {} to {}: {error}", from.display(), to.display()))
}

/// Writes a text in place of an older one.
pub(super) fn write(to: &Path, text: &str) -> Result<(), String> {
    parent(to)?;
    remove(to)?;
    fs::write(to, text).map_err(|error| format!("cannot write {}: {error}", to.display()))
}

fn remove(path: &Path) -> Result<(), String> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(format!("cannot replace {}: {error}", path.display()))
        }
        _ => Ok(()),
    }
}

fn link(target: &str, at: &Path) -> Result<(), String> {
    parent(at)?;
    remove(at)?;
    std::os::unix::fs::symlink(target, at)
        .map_err(|error| format!("cannot link {}: {error}", at.display()))
}
