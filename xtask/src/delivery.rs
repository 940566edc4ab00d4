//! `cargo xtask install` and `cargo xtask deb`: the C library, its headers and build files, the
//! program `oxmq` and its manual, laid out below a prefix or packed for Debian.
//!
//! Everything is built first, laid out second, inspected last: an installation whose libraries
//! export too little or too much is an error. Runs on the calling thread, programs below it.

mod deb;
mod files;
mod inspect;
mod layout;

use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) use deb::run as deb;
use layout::Layout;

use crate::process::Program;

/// The version of the C interface, which programs and build files ask for.
const VERSION: &str = "4.3.5";

/// What follows `libzmq.so.` in the name of the file.
const SO_VERSION: &str = "5.2.5";

/// Time after which a build counts as hung, on two slow cores.
const BUILD_LIMIT: Duration = Duration::from_secs(20 * 60);

/// Time after which any other program counts as hung.
const TOOL_LIMIT: Duration = Duration::from_secs(5 * 60);

/// What the command line of `cargo xtask install` asks for.
#[derive(Debug, Default)]
struct Options {
    prefix: Option<PathBuf>,
    destdir: Option<PathBuf>,
}

/// Installs below `--prefix`, or below that in `--destdir`.
pub(crate) fn install(root: &Path, flags: &[&str]) -> Result<(), String> {
    let options = parse(flags)?;
    let prefix = options.prefix.ok_or("cargo xtask install needs --prefix DIR")?;
    let prefix = absolute(root, &prefix);
    let to = match &options.destdir {
        Some(destdir) => below(&absolute(root, destdir), &prefix),
        None => prefix.clone(),
    };
    let built = build(root)?;
    let layout = Layout { prefix, to, libdir: "lib".to_owned() };
    layout.everything(root, &built)?;
    inspect::libraries(&layout.lib())?;
    println!("installed below {}", layout.to.display());
    Ok(())
}

fn parse(flags: &[&str]) -> Result<Options, String> {
    let mut options = Options::default();
    let mut words = flags.iter();
    while let Some(flag) = words.next() {
        let value = words.next().ok_or_else(|| format!("{flag} needs a folder"))?;
        match *flag {
            "--prefix" => options.prefix = Some(PathBuf::from(value)),
            "--destdir" => options.destdir = Some(PathBuf::from(value)),
            other => return Err(format!("unknown flag `{other}`: --prefix and --destdir")),
        }
    }
    Ok(options)
}

/// Builds the library and the program for release; the folder with the results.
fn build(root: &Path) -> Result<PathBuf, String> {
    let packages = ["build", "--release", "-p", "oxmq-libzmq", "-p", "oxmq-cli"];
    Program::cargo(root).args(&packages).run(BUILD_LIMIT)?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| "target".into(), PathBuf::from);
    Ok(root.join(target).join("release"))
}

/// A path that is the same in every folder; relative ones start where Cargo was called.
fn absolute(root: &Path, path: &Path) -> PathBuf {
    std::env::current_dir().unwrap_or_else(|_| root.to_path_buf()).join(path)
}

/// An absolute path as if `folder` were the root of the file system.
fn below(folder: &Path, path: &Path) -> PathBuf {
    folder.join(path.strip_prefix("/").unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_goes_below_the_folder_that_stands_for_the_root() {
        assert_eq!(below(Path::new("/stage"), Path::new("/usr")), Path::new("/stage/usr"));
        assert!(parse(&["--prefix"]).is_err_and(|m| m.contains("needs a folder")));
        assert!(parse(&["--prefx", "/usr"]).is_err_and(|m| m.contains("--prefx")));
        let options = parse(&["--destdir", "/d", "--prefix", "/p"]);
        assert!(options.is_ok_and(|o| o.prefix.is_some() && o.destdir.is_some()));
    }
}
