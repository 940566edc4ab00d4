//! Brings the packages that a foreign step needs: Debian's with apt-get when run by root, those of
//! PyPI and npm into folders below `target/interop`.
//!
//! Every installation is announced before it starts. What cannot be installed is named, and the
//! step that needs it counts as not run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::Program;
use crate::steps::Foreign;

/// Longest an installer may take before it counts as hung.
const LIMIT: Duration = Duration::from_secs(600);

/// Brings packages, and remembers what it has brought.
#[derive(Debug)]
pub(crate) struct Installer {
    root: PathBuf,
    /// Holds the virtual environment and the npm packages.
    folder: PathBuf,
    offline: bool,
    /// True once the package lists of Debian are fresh.
    lists_updated: bool,
}

impl Installer {
    /// An installer for the workspace at `root` that puts packages below `target`.
    pub(crate) fn new(root: &Path, target: &Path, offline: bool) -> Self {
        let folder = target.join("interop");
        Self { root: root.to_path_buf(), folder, offline, lists_updated: false }
    }

    /// Brings everything `step` needs; the error names what is missing.
    pub(crate) fn bring(&mut self, step: &Foreign) -> Result<(), String> {
        self.bring_debian(step.debian)?;
        self.bring_pypi(step.pypi)?;
        self.bring_npm(step.npm)
    }

    /// The Python of the virtual environment; foreign steps find it in `OXMQ_PYTHON`.
    pub(crate) fn python(&self) -> PathBuf {
        self.folder.join("venv/bin/python")
    }

    /// The folder that foreign steps find in `NODE_PATH`.
    pub(crate) fn node_modules(&self) -> PathBuf {
        self.folder.join("node_modules")
    }

    fn bring_debian(&mut self, packages: &[&str]) -> Result<(), String> {
        let missing: Vec<&str> = packages.iter().copied().filter(|p| !has_debian(p)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let names = missing.join(" ");
        if !is_root() || self.offline {
            let why = if self.offline { "--offline" } else { "not root" };
            return Err(format!("missing ({why}): apt-get install {names}"));
        }
        println!("    installing Debian packages: {names}");
        let apt = |arguments: &[&str]| {
            Program::new(&self.root, "apt-get")
                .args(arguments)
                .env("DEBIAN_FRONTEND", "noninteractive")
                .run(LIMIT)
        };
        if !self.lists_updated {
            apt(&["update", "-qq"])?;
        }
        let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
        arguments.extend(&missing);
        apt(&arguments)?;
        self.lists_updated = true;
        Ok(())
    }

    fn bring_pypi(&self, packages: &[&str]) -> Result<(), String> {
        let venv = self.folder.join("venv");
        if packages.is_empty() || is_stamped(&venv, packages) {
            return Ok(());
        }
        let names = packages.join(" ");
        if self.offline {
            return Err(format!("missing (--offline): pip install {names}"));
        }
        println!("    installing PyPI packages into {}: {names}", venv.display());
        let path = venv.to_string_lossy().into_owned();
        Program::new(&self.root, "python3").args(&["-m", "venv", &path]).run(LIMIT)?;
        let mut arguments = vec!["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
        arguments.extend(packages);
        Program::new(&self.root, self.python()).args(&arguments).run(LIMIT)?;
        stamp(&venv, packages)
    }

    fn bring_npm(&self, packages: &[&str]) -> Result<(), String> {
        let modules = self.node_modules();
        if packages.is_empty() || is_stamped(&modules, packages) {
            return Ok(());
        }
        let names = packages.join(" ");
        if self.offline {
            return Err(format!("missing (--offline): npm install {names}"));
        }
        println!("    installing npm packages into {}: {names}", modules.display());
        let prefix = self.folder.to_string_lossy().into_owned();
        let mut arguments = vec!["install", "--prefix", &prefix, "--no-audit", "--no-fund"];
        arguments.extend(packages);
        Program::new(&self.root, "npm").args(&arguments).run(LIMIT)?;
        stamp(&modules, packages)
    }
}

/// True when `folder` says that exactly these packages were installed into it.
fn is_stamped(folder: &Path, packages: &[&str]) -> bool {
    fs::read_to_string(folder.join(".oxmq-packages"))
        .is_ok_and(|names| names == packages.join("\n"))
}

fn stamp(folder: &Path, packages: &[&str]) -> Result<(), String> {
    let path = folder.join(".oxmq-packages");
    fs::write(&path, packages.join("\n"))
        .map_err(|error| format!("cannot write {}: {error}", path.display()))
}

/// Whether a package is installed, or the program of its name comes from elsewhere, as npm may,
/// whose package does not go with every nodejs.
fn has_debian(package: &str) -> bool {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&paths).any(|folder| folder.join(package).is_file()) {
        return true;
    }
    Command::new("dpkg-query")
        .args(["-W", "-f", "${db:Status-Status}", package])
        .output()
        .is_ok_and(|output| output.stdout == b"installed")
}

#[cfg(unix)]
fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::metadata("/proc/self").is_ok_and(|of_process| of_process.uid() == 0)
}

#[cfg(not(unix))]
fn is_root() -> bool {
    false
}

#[cfg(test)]
mod tests {
    #![expect(clippy::expect_used, reason = "a test may fail where it stands")]

    use super::*;

    fn step(pypi: &'static [&'static str], npm: &'static [&'static str]) -> Foreign {
        Foreign {
            name: "sample",
            shows: "nothing",
            folder: "xtask",
            debian: &[],
            pypi,
            npm,
            cargo: &["--version"],
            limit: LIMIT,
        }
    }

    #[test]
    fn what_is_missing_is_named_offline() {
        let root = crate::workspace_root();
        let mut installer = Installer::new(&root, Path::new("no-such-folder"), true);
        let missing = installer.bring(&step(&["pyzmq==1"], &[]));
        assert_eq!(missing, Err("missing (--offline): pip install pyzmq==1".to_owned()));
        let missing = installer.bring(&step(&[], &["zeromq@1"]));
        assert_eq!(missing, Err("missing (--offline): npm install zeromq@1".to_owned()));
        assert_eq!(installer.bring(&step(&[], &[])), Ok(()));
        let absent = installer.bring_debian(&["oxmq-no-such-package"]);
        assert_eq!(
            absent,
            Err("missing (--offline): apt-get install oxmq-no-such-package".to_owned())
        );
    }

    #[test]
    fn a_stamp_is_for_exactly_these_packages() {
        let folder = std::env::temp_dir().join(format!("oxmq-stamp-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder for the stamp");
        assert!(!is_stamped(&folder, &["a"]));
        stamp(&folder, &["a"]).expect("the stamp is written");
        assert!(is_stamped(&folder, &["a"]));
        assert!(!is_stamped(&folder, &["a", "b"]));
        fs::remove_dir_all(&folder).expect("the folder goes away");
    }
}
