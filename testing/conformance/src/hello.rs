//! The first programs of the ZeroMQ guide, compiled with what pkg-config says of our prefix, run
//! on our library, on the stock one and on one of each, without compiling again; then linked to
//! the static library; then found by CMake, where it is installed.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use oxmq_testing::{Doing, Result};

use crate::prefix::Prefix;
use crate::{Run, tools};

/// What a client and a server together may take before they count as hung.
const LIMIT_S: &str = "30";

/// The version that ours gives itself.
const OURS: &str = "4.3.5";

/// Compiles and runs them.
pub(crate) fn run(run: &mut Run) {
    let prefix = run.prefix.clone();
    let folder = run.folder.join("hello");
    let hello = Hello { folder, prefix };
    run.score.check("hello: compiled with pkg-config", || hello.compile());
    let (ours, stock) = (hello.prefix.lib(), hello.prefix.stock_lib());
    let pairs = [
        ("ours and ours", &ours, &ours),
        ("stock and stock", &stock, &stock),
        ("our server, stock client", &ours, &stock),
        ("stock server, our client", &stock, &ours),
        ("ours again", &ours, &ours),
    ];
    for (name, server, client) in pairs {
        run.score.check(&format!("hello: {name}"), || hello.talk("", server, client));
    }
    run.score.check("hello: the static library", || {
        hello.compile_static()?;
        hello.talk("_static", Path::new("/nowhere"), Path::new("/nowhere"))
    });
    run.score.check("hello: found by CMake", || hello.cmake());
}

/// The programs.
struct Hello {
    folder: PathBuf,
    prefix: Prefix,
}

impl Hello {
    fn pkg_config(&self, flags: &[&str]) -> Result<Vec<String>> {
        let mut command = Command::new("pkg-config");
        command
            .env("PKG_CONFIG_LIBDIR", self.prefix.lib().join("pkgconfig"))
            .args(flags)
            .arg("libzmq");
        Ok(tools::output(&mut command)?.split_whitespace().map(str::to_owned).collect())
    }

    fn program(&self, role: &str) -> PathBuf {
        self.folder.join(format!("hello_{role}"))
    }

    fn gcc(&self, role: &str, suffix: &str, flags: &[String]) -> Result<()> {
        let source = tools::here().join(format!("c/hello_{role}.c"));
        let program = self.program(&format!("{role}{suffix}"));
        let mut command = Command::new("gcc");
        command.args(["-Wall", "-Werror"]).arg(source).arg("-o").arg(&program).args(flags);
        tools::run(&mut command, &program.with_extension("log"))
    }

    fn compile(&self) -> Result<String> {
        fs::create_dir_all(&self.folder).doing(self.folder.display())?;
        let flags = self.pkg_config(&["--cflags", "--libs"])?;
        for role in ["server", "client"] {
            self.gcc(role, "", &flags)?;
        }
        Ok(flags.join(" "))
    }

    fn compile_static(&self) -> Result<()> {
        let flags = self.pkg_config(&["--static", "--cflags", "--libs"])?;
        let archive = self.prefix.lib().join("libzmq.a").to_string_lossy().into_owned();
        let flags: Vec<String> = flags
            .into_iter()
            .map(|flag| if flag == "-lzmq" { archive.clone() } else { flag })
            .collect();
        for role in ["server", "client"] {
            self.gcc(role, "_static", &flags)?;
        }
        Ok(())
    }

    /// A server on one library and a client on another; says the versions of both.
    fn talk(&self, suffix: &str, server: &Path, client: &Path) -> Result<String> {
        let name = self.program(&format!("server{suffix}"));
        let mut serving = Command::new("timeout")
            .args(["-k", "1", LIMIT_S])
            .arg(&name)
            .env("LD_LIBRARY_PATH", server)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .doing(name.display())?;
        let mut said = String::new();
        let output = serving.stdout.take().ok_or("the server has no output")?;
        BufReader::new(output).read_line(&mut said).doing("the server's endpoint")?;
        let (version, endpoint) = said.trim().split_once(' ').ok_or("the server said nothing")?;
        let mut asking = Command::new("timeout");
        asking
            .args(["-k", "1", LIMIT_S])
            .arg(self.program(&format!("client{suffix}")))
            .arg(endpoint)
            .env("LD_LIBRARY_PATH", client);
        let answered = tools::output(&mut asking)?;
        let status = serving.wait().doing("the server")?;
        if !status.success() {
            return Err(format!("the server: {status}"));
        }
        let stock = self.prefix.stock_lib();
        for (said, library) in [(version, server), (answered.as_str(), client)] {
            if said.starts_with(OURS) == (library == stock) {
                return Err(format!("{} ran as {said}", library.display()));
            }
        }
        Ok(format!("server {version}, client {}", answered.trim()))
    }

    /// Configures and builds a project that asks CMake for both targets.
    fn cmake(&self) -> Result<String> {
        let project = tools::here().join("c/cmake");
        let build = self.folder.join("cmake");
        let mut configure = Command::new("cmake");
        configure.arg("-S").arg(project).arg("-B").arg(&build);
        configure.arg(format!("-DCMAKE_PREFIX_PATH={}", self.prefix.root.display()));
        tools::run(&mut configure, &self.folder.join("cmake-configure.log"))?;
        let mut make = Command::new("cmake");
        make.arg("--build").arg(&build);
        tools::run(&mut make, &self.folder.join("cmake-build.log"))?;
        for role in ["server", "client"] {
            for suffix in ["", "_static"] {
                let name = format!("hello_{role}{suffix}");
                fs::copy(build.join(&name), self.folder.join(&name)).doing(&name)?;
            }
        }
        let ours = self.prefix.lib();
        self.talk("", &ours, &ours)?;
        self.talk("_static", Path::new("/nowhere"), Path::new("/nowhere"))
    }
}
