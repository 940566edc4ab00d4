//! The real disk: files in one directory, reached by the directory's descriptor so that a renamed
//! or replaced path changes nothing.
//!
//! Owns the descriptors; may be called from any thread. Files have mode 0600, are made with
//! `O_EXCL` and never followed through a symbolic link, and no descriptor survives an exec.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{self, AtFlags, Dir, FallocateFlags, Mode, OFlags, StatxFlags};

use super::{Storage, StorageFile};

/// Bytes of zeros written at once when a segment is prepared.
const ZEROS_BYTES: usize = 256 * 1024;

/// File systems on other machines, where a sync or a lock promises nothing: the magic numbers of
/// statfs(2) for NFS, SMB, CIFS, SMB2, Ceph, 9P, AFS, Coda and NCP.
const NETWORK_FILE_SYSTEMS: [u64; 9] = [
    0x6969,
    0x517b,
    0xff53_4d42,
    0xfe53_4d42,
    0x00c3_6400,
    0x0102_1997,
    0x5346_414f,
    0x7375_7245,
    0x564c,
];

/// A directory of the file system.
#[derive(Debug)]
pub struct FileStorage {
    directory: OwnedFd,
}

impl FileStorage {
    /// Opens the directory, which must exist.
    pub fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self { directory: fs::open(path, flags, Mode::empty())? })
    }

    /// Makes the directory, and those above it that are missing, with mode 0700, and opens it. The
    /// directory above each new one is synced, so that the name lasts.
    pub fn create(path: &Path) -> io::Result<Self> {
        Self::make(path)?;
        Self::open(path)
    }

    fn make(path: &Path) -> io::Result<()> {
        let above = path.parent().filter(|above| !above.as_os_str().is_empty());
        let mut made = fs::mkdir(path, Mode::RWXU);
        if let (Err(rustix::io::Errno::NOENT), Some(above)) = (made, above) {
            Self::make(above)?;
            made = fs::mkdir(path, Mode::RWXU);
        }
        match made {
            Ok(()) => Self::open(above.unwrap_or(Path::new(".")))?.sync_names(),
            Err(rustix::io::Errno::EXIST) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// True when the directory lies on a file system of another machine.
    pub fn is_network(&self) -> io::Result<bool> {
        let magic = fs::fstatfs(&self.directory)?.f_type;
        #[expect(clippy::cast_sign_loss, reason = "a magic number; the kernel's type has a sign")]
        let magic = magic as u64 & 0xffff_ffff;
        Ok(NETWORK_FILE_SYSTEMS.contains(&magic))
    }

    /// Device and inode of the directory.
    pub(crate) fn identity(&self) -> io::Result<(u64, u64)> {
        let stat = fs::fstat(&self.directory)?;
        Ok((stat.st_dev, stat.st_ino))
    }

    /// Opens `name` for reading and writing, making it when it does not exist.
    pub(crate) fn open_or_create(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(fs::openat(&self.directory, name, flags, Mode::RUSR | Mode::WUSR)?))
    }
}

impl Storage for FileStorage {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.directory)? {
            if let Ok(name) = entry?.file_name().to_str()
                && name != "."
                && name != ".."
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(&self.directory, name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok(Arc::new(RealFile(File::from(file))))
    }

    fn open(&self, name: &str, write: bool) -> io::Result<Arc<dyn StorageFile>> {
        let access = if write { OFlags::RDWR } else { OFlags::RDONLY };
        let flags = access | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = fs::openat(&self.directory, name, flags, Mode::empty())?;
        Ok(Arc::new(RealFile(File::from(file))))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        Ok(fs::unlinkat(&self.directory, name, AtFlags::empty())?)
    }

    fn sync_names(&self) -> io::Result<()> {
        Ok(fs::fsync(&self.directory)?)
    }

    fn incarnation(&self) -> Option<[u8; 24]> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let boot = u128::from_str_radix(&boot.trim().replace('-', ""), 16).ok()?;
        // A file system that went down is mounted anew. Older kernels do not know the number that
        // is never given again; then the machine's going down is all that can be seen.
        let wanted = StatxFlags::from_bits_retain(STATX_MNT_ID_UNIQUE);
        let stat = fs::statx(&self.directory, "", AtFlags::EMPTY_PATH, wanted).ok()?;
        let mount = if stat.stx_mask & STATX_MNT_ID_UNIQUE != 0 { stat.stx_mnt_id } else { 0 };
        let mut whole = [0; 24];
        whole.split_at_mut(16).0.copy_from_slice(&boot.to_be_bytes());
        whole.split_at_mut(16).1.copy_from_slice(&mount.to_be_bytes());
        Some(whole)
    }
}

/// Asks `statx` for the number of the mount that is never given again.
const STATX_MNT_ID_UNIQUE: u32 = 0x4000;

#[derive(Debug)]
struct RealFile(File);

impl StorageFile for RealFile {
    fn read_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, at + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_at(&self, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        // Extents first, so that the zeros meet no full disk half way; a file system without
        // fallocate gets its room from the zeros alone.
        match fs::fallocate(&self.0, FallocateFlags::empty(), 0, bytes) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
        let zeros = vec![0; ZEROS_BYTES.min(usize::try_from(bytes).unwrap_or(ZEROS_BYTES))];
        let mut at = 0;
        while at < bytes {
            let length = (bytes - at).min(zeros.len() as u64);
            let chunk = zeros.get(..usize::try_from(length).unwrap_or(0)).unwrap_or(&[]);
            self.0.write_all_at(chunk, at)?;
            at += length;
        }
        Ok(())
    }

    fn truncate(&self, bytes: u64) -> io::Result<()> {
        self.0.set_len(bytes)
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(fs::fdatasync(&self.0)?)
    }
}
