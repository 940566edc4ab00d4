//! File systems of a test's own, in the mount namespace into which the program has put itself: a
//! small ext4 in a file, which can be shut down, and a small tmpfs. Each is unmounted with its
//! value.

use std::path::Path;
use std::process::{Command, Stdio};

use oxmq_testing::{Doing, Result};

use crate::folder::Folder;
use crate::process::Worker;

/// Set in the environment of the program once it has a mount namespace of its own.
const PRIVATE: &str = "OXMQ_DURABLE_PRIVATE";

/// Size of the ext4.
const EXT4_BYTES: u64 = 400 << 20;

/// Starts the program again in a mount namespace of its own, if that can be had. Returns if it has
/// one already, or cannot have one.
pub(crate) fn enter_namespace() {
    if std::env::var_os(PRIVATE).is_some() {
        return;
    }
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "--"]);
        command
    };
    let can = unshare().arg("true").stderr(Stdio::null()).status();
    let Ok(this) = std::env::current_exe() else { return };
    if can.is_ok_and(|status| status.success()) {
        let mut command = unshare();
        command.arg(this).args(std::env::args_os().skip(1)).env(PRIVATE, "1");
        // Comes back only if it fails, and then everything else can still be run.
        drop(std::os::unix::process::CommandExt::exec(&mut command));
    }
}

/// A file system on a folder.
pub(crate) struct Mount {
    pub(crate) path: String,
    arguments: Vec<String>,
}

impl Mount {
    /// Makes an ext4 in a file of the folder and mounts it.
    pub(crate) fn ext4(folder: &Folder) -> Result<Mount> {
        let image = folder.at("image");
        let file = std::fs::File::create(&image).doing("making an image")?;
        file.set_len(EXT4_BYTES).doing("making an image")?;
        run("mkfs.ext4", &["-q", "-F", &image])?;
        Mount::new(folder, &["-o", "loop,errors=remount-ro", &image])
    }

    /// Mounts a tmpfs of so many KiB.
    pub(crate) fn tmpfs(folder: &Folder, kib: u64) -> Result<Mount> {
        Mount::new(folder, &["-t", "tmpfs", "-o", &format!("size={kib}k"), "tmpfs"])
    }

    fn new(folder: &Folder, arguments: &[&str]) -> Result<Mount> {
        if std::env::var_os(PRIVATE).is_none() {
            return Err("no mount namespace of its own".to_owned());
        }
        let path = folder.at("mount");
        std::fs::create_dir_all(&path).doing("making a folder")?;
        let arguments = arguments.iter().map(|&word| word.to_owned()).collect();
        let mount = Mount { path, arguments };
        mount.mount()?;
        Ok(mount)
    }

    fn mount(&self) -> Result<()> {
        let mut words: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        words.push(&self.path);
        run("mount", &words)
    }

    /// Unmounts it and mounts it again, which recovers what is on its disk.
    pub(crate) fn again(&self) -> Result<()> {
        run("umount", &[&self.path])?;
        self.mount()
    }

    /// A path in it.
    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.path)
    }

    /// The device below it, as `loop0`.
    pub(crate) fn device(&self) -> Result<String> {
        let mounts = std::fs::read_to_string("/proc/self/mounts").doing("reading the mounts")?;
        let mut lines = mounts.lines().filter_map(|line| line.split_once(' '));
        let found = lines.find(|(_, rest)| rest.split(' ').next() == Some(&self.path));
        let device = found.and_then(|(device, _)| Path::new(device).file_name());
        Ok(device.ok_or("no such mount")?.to_string_lossy().into_owned())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // What cannot be unmounted goes with the namespace.
        let _ = run("umount", &["-l", &self.path]);
    }
}

/// The program that shuts file systems down.
pub(crate) fn shutter() -> Result<Worker> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/shutdown.py");
    let mut worker = Worker::start_as("shutdown.py", Command::new("/usr/bin/python3").arg(script))?;
    worker.wait_up()?;
    Ok(worker)
}

/// Why nothing can be mounted here, if so.
pub(crate) fn missing() -> Option<String> {
    let try_it = || -> Result<()> {
        let folder = Folder::new()?;
        let mount = Mount::ext4(&folder)?;
        shutter()?.call(&mount.path)?;
        mount.again()
    };
    try_it().err()
}

fn run(program: &str, arguments: &[&str]) -> Result<()> {
    let output = Command::new(program).args(arguments).output().doing(program)?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
