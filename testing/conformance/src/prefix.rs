//! Where the libraries are: ours in a prefix that `cargo xtask install` has filled, and Debian's
//! libzmq5, which the calls are compared with. Plain paths, owned by the run.

use std::path::{Path, PathBuf};
use std::process::Command;

use oxmq_testing::Result;

use crate::tools;

/// The two libraries.
#[derive(Debug, Clone)]
pub(crate) struct Prefix {
    /// The folder given to `cargo xtask install --prefix`.
    pub(crate) root: PathBuf,
    /// Debian's libzmq.so.5.
    pub(crate) stock: PathBuf,
}

impl Prefix {
    /// The prefix that is given, or one that is filled now.
    ///
    /// # Errors
    /// The installation fails, or Debian's library is not there.
    pub(crate) fn get(given: Option<&Path>, folder: &Path) -> Result<Prefix> {
        let root = match given {
            Some(root) => tools::absolute(root)?,
            None => install(folder)?,
        };
        let prefix = Prefix { root, stock: stock()? };
        if !prefix.library().exists() {
            return Err(format!("no {}", prefix.library().display()));
        }
        Ok(prefix)
    }

    /// The folder of our libraries.
    pub(crate) fn lib(&self) -> PathBuf {
        self.root.join("lib")
    }

    /// Our shared library.
    pub(crate) fn library(&self) -> PathBuf {
        self.lib().join("libzmq.so.5")
    }

    /// The folder of our headers.
    pub(crate) fn include(&self) -> PathBuf {
        self.root.join("include")
    }

    /// The folder of the stock library.
    pub(crate) fn stock_lib(&self) -> PathBuf {
        self.stock.parent().unwrap_or(Path::new("/usr/lib")).to_path_buf()
    }
}

fn install(folder: &Path) -> Result<PathBuf> {
    let root = folder.join("prefix");
    let mut command = Command::new(tools::cargo());
    command.current_dir(tools::workspace()).args(["xtask", "install", "--prefix"]).arg(&root);
    tools::run(&mut command, &folder.join("install.log"))?;
    Ok(root)
}

/// The file in Debian's package.
fn stock() -> Result<PathBuf> {
    let files = tools::output(Command::new("dpkg").args(["-L", "libzmq5"]))
        .map_err(|error| format!("{error}; needs Debian's package libzmq5"))?;
    files
        .lines()
        .find(|line| line.ends_with("/libzmq.so.5"))
        .map(PathBuf::from)
        .ok_or_else(|| "Debian's libzmq5 has no libzmq.so.5".to_owned())
}
