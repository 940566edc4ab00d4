//! `cargo xtask deb`: the packages libzmq5, libzmq3-dev and oxmq below `target/debian`, and a trial
//! of them in a copy of this system, which is thrown away: apt has to take them, and whatever was
//! installed, what depends on libzmq5 above all, has to stay and to run.

use std::fs;
use std::path::{Path, PathBuf};

use super::layout::{Layout, put, write};
use super::{TOOL_LIMIT, VERSION, build, inspect};
use crate::process::Program;

/// One package.
struct Package {
    name: &'static str,
    section: &'static str,
    summary: &'static str,
    about: &'static str,
    /// Lines of the control file beyond those that every package has.
    relations: String,
}

/// Makes the packages and tries them.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let built = build(root)?;
    let folder = built.join("../debian");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    }
    let arch = dpkg(root, &["dpkg", "--print-architecture"])?;
    let multiarch = dpkg(root, &["gcc", "-print-multiarch"])?;
    let version = format!("{VERSION}+oxmq{}-1", env!("CARGO_PKG_VERSION"));
    let mut debs = Vec::new();
    for package in packages(&version, &libc_version(&built.join("libzmq.so"))?) {
        let stage = folder.join(package.name);
        let layout = Layout {
            prefix: PathBuf::from("/usr"),
            to: stage.join("usr"),
            libdir: format!("lib/{multiarch}"),
        };
        fill(root, &built, &package, &layout, &stage, &version)?;
        let control = control(&package, &version, &arch);
        write(&stage.join("DEBIAN/control"), &control)?;
        let deb = folder.join(format!("{}_{version}_{arch}.deb", package.name));
        let (from, to) = (stage.to_string_lossy(), deb.to_string_lossy());
        let flags = ["--root-owner-group", "--build", from.as_ref(), to.as_ref()];
        Program::new(root, "dpkg-deb").args(&flags).run(TOOL_LIMIT)?;
        debs.push(deb);
    }
    trial(root, &folder, &debs, &version)
}

fn dpkg(root: &Path, words: &[&str]) -> Result<String, String> {
    let (name, arguments) = words.split_first().ok_or("no program")?;
    Ok(Program::new(root, *name).args(arguments).output()?.trim().to_owned())
}

fn packages(version: &str, libc: &str) -> [Package; 3] {
    let needs = format!("Depends: libc6 (>= {libc}), libgcc-s1 (>= 3.0)\n");
    [
        Package {
            name: "libzmq5",
            section: "libs",
            summary: "ZeroMQ messaging library, made of oxmq (shared library)",
            about: "Programs that use libzmq run on it unchanged. It exports the stable and the \
                    draft functions.",
            relations: format!("Multi-Arch: same\n{needs}"),
        },
        Package {
            name: "libzmq3-dev",
            section: "libdevel",
            summary: "ZeroMQ messaging library, made of oxmq (development files)",
            about: "Headers, the static library, and files for pkg-config and CMake.",
            relations: format!(
                "Multi-Arch: same\nDepends: libzmq5 (= {version})\n\
                 Conflicts: libzmq-dev\nReplaces: libzmq-dev\n"
            ),
        },
        Package {
            name: "oxmq",
            section: "net",
            summary: "ZeroMQ devices and shell tools",
            about: "Sends, receives and forwards messages over every ZeroMQ pattern.",
            relations: needs,
        },
    ]
}

/// The files of one package, and what dpkg has to know of its library.
fn fill(
    root: &Path,
    built: &Path,
    package: &Package,
    layout: &Layout,
    stage: &Path,
    version: &str,
) -> Result<(), String> {
    match package.name {
        "libzmq5" => {
            layout.shared(built)?;
            // A program linked with this one may use what Debian's has not got.
            let shlibs = format!("libzmq 5 libzmq5 (>= {version})\n");
            write(&stage.join("DEBIAN/shlibs"), &shlibs)?;
            write(&stage.join("DEBIAN/symbols"), &symbols(version))?;
            write(&stage.join("DEBIAN/triggers"), "activate-noawait ldconfig\n")?;
        }
        "libzmq3-dev" => layout.development(root, built)?,
        _ => layout.tools(root, built)?,
    }
    let doc = layout.to.join("share/doc").join(package.name);
    for license in ["LICENSE-APACHE", "LICENSE-MIT"] {
        put(&root.join(license), &doc.join(license))?;
    }
    let copyright = "oxmq is licensed under either of the Apache License 2.0 (LICENSE-APACHE) or \
                     the MIT license (LICENSE-MIT), both in this folder, at your choice.\n";
    write(&doc.join("copyright"), copyright)
}

/// The symbols file: which version of the package a program needs for which function.
fn symbols(version: &str) -> String {
    // deb-symbols(5): only where #MINVER# stands do the versions behind the symbols count.
    let mut text = String::from("libzmq.so.5 libzmq5 #MINVER#\n");
    for symbol in inspect::SYMBOLS.split_whitespace().chain(inspect::EXTENSIONS) {
        let ours = inspect::is_draft(symbol) || inspect::EXTENSIONS.contains(&symbol);
        let since = if ours { version } else { "4.3.4" };
        text.push_str(&format!(" {symbol}@Base {since}\n"));
    }
    text
}

fn control(package: &Package, version: &str, arch: &str) -> String {
    let Package { name, section, summary, about, relations } = package;
    format!(
        "Package: {name}\nVersion: {version}\nArchitecture: {arch}\nSection: {section}\n\
         Priority: optional\nMaintainer: The oxmq project <oxmq@users.noreply.github.com>\n\
         {relations}Description: {summary}\n {about}\n"
    )
}

/// The newest version of glibc that a library asks for.
fn libc_version(library: &Path) -> Result<String, String> {
    let needs = inspect::output("readelf", &["-V"], library)?;
    let newest = needs
        .split("GLIBC_")
        .skip(1)
        .filter_map(|rest| {
            let end = rest.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(rest.len());
            let (major, minor) = rest.get(..end)?.split_once('.')?;
            let minor = minor.split('.').next()?;
            Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
        })
        .max();
    let (major, minor) = newest.ok_or("the library asks for no version of glibc")?;
    Ok(format!("{major}.{minor}"))
}

/// Installs the packages in an overlay of this system, and looks at what depends on them.
fn trial(root: &Path, folder: &Path, debs: &[PathBuf], version: &str) -> Result<(), String> {
    let folder = fs::canonicalize(folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut names = String::new();
    for deb in debs {
        let name = deb.file_name().unwrap_or_default().to_string_lossy();
        names.push_str(&format!(" {}/{name}", folder.display()));
    }
    let script = TRIAL
        .replace("@folder@", &folder.to_string_lossy())
        .replace("@debs@", &names)
        .replace("@version@", version);
    let file = folder.join("trial.sh");
    write(&file, &script)?;
    let path = file.to_string_lossy();
    Program::new(root, "unshare").args(&["-m", "sh", "-eu", path.as_ref()]).run(TOOL_LIMIT)?;
    println!("apt took{names}, and what depends on them runs");
    Ok(())
}

/// The trial. Nothing of it reaches the system: the overlay's upper folder is below the target.
const TRIAL: &str = r#"
over=@folder@/trial; mkdir -p $over/upper $over/work $over/root
mount -t overlay overlay -o lowerdir=/,upperdir=$over/upper,workdir=$over/work $over/root
mount -t proc proc $over/root/proc; mount --bind /dev $over/root/dev
# The packages themselves, should they lie on a file system that the overlay does not cover.
mkdir -p $over/root/oxmq-debs; cp @debs@ $over/root/oxmq-debs/
cat > $over/root/oxmq-trial.sh <<'TRIAL'
set -eu
export DEBIAN_FRONTEND=noninteractive LD_LIBRARY_PATH=
apt() { apt-get -q -y -o Dpkg::Use-Pty=0 -o APT::Sandbox::User=root "$@"; }
dpkg -s python3-zmq >/dev/null 2>&1 || apt update
dpkg -s python3-zmq >/dev/null 2>&1 || apt install --no-install-recommends python3-zmq
ask() { /usr/bin/python3 -c 'import zmq
c = zmq.Context(); a = c.socket(zmq.PUSH); b = c.socket(zmq.PULL)
p = a.bind_to_random_port("tcp://127.0.0.1"); b.connect(f"tcp://127.0.0.1:{p}"); a.send(b"x")
assert b.recv() == b"x"; print("python3-zmq runs on libzmq", zmq.zmq_version())'; }
installed() { dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii *//p' | sort; }
installed > /before.txt
ask
apt install --simulate /oxmq-debs/*.deb > /simulated.txt
if grep '^Remv' /simulated.txt; then exit 1; fi
apt install --allow-downgrades /oxmq-debs/*.deb
apt check
dpkg --audit
test "$(dpkg-query -W -f '${Version}' libzmq5)" = @version@
dpkg --verify libzmq5 oxmq
ask | tee /asked.txt
grep -q 'libzmq 4.3.5' /asked.txt
oxmq --version
installed > /after.txt
gone=$(comm -23 /before.txt /after.txt)
test -z "$gone"
TRIAL
chroot $over/root sh /oxmq-trial.sh
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_debians_library_has_not_got_asks_for_this_version() {
        let text = symbols("9");
        assert!(text.starts_with("libzmq.so.5 libzmq5 #MINVER#\n"));
        for line in [" zmq_send@Base 4.3.4\n", " zmq_ppoll@Base 9\n", " oxmq_seek@Base 9\n"] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
