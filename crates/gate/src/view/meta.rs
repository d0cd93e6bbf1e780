//! What is known of a file besides its content, whether it is on the disk or forecast.

use std::{
    fs::Metadata,
    os::unix::fs::MetadataExt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rustix::fs::FileType;

/// Seconds since 1970, and nanoseconds.
pub(crate) type Moment = (i64, i64);

/// As the system tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meta {
    /// The kind of file and its permissions, in one number.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) len: u64,
    pub(crate) nlink: u64,
    pub(crate) dev: u64,
    pub(crate) ino: u64,
    pub(crate) rdev: u64,
    pub(crate) blocks: u64,
    pub(crate) blksize: u64,
    pub(crate) accessed: Moment,
    pub(crate) changed: Moment,
    pub(crate) noted: Moment,
}

impl From<Metadata> for Meta {
    fn from(meta: Metadata) -> Self {
        Self {
            mode: meta.mode(),
            uid: meta.uid(),
            gid: meta.gid(),
            len: meta.len(),
            nlink: meta.nlink(),
            dev: meta.dev(),
            ino: meta.ino(),
            rdev: meta.rdev(),
            blocks: meta.blocks(),
            blksize: meta.blksize(),
            accessed: (meta.atime(), meta.atime_nsec()),
            changed: (meta.mtime(), meta.mtime_nsec()),
            noted: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

impl Meta {
    pub(crate) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.mode as _)
    }

    pub(crate) fn is_dir(&self) -> bool {
        self.kind() == FileType::Directory
    }

    pub(crate) fn is_file(&self) -> bool {
        self.kind() == FileType::RegularFile
    }

    pub(crate) fn is_symlink(&self) -> bool {
        self.kind() == FileType::Symlink
    }

    /// Which file it is, whatever its name.
    pub(crate) fn id(&self) -> (u64, u64) {
        (self.dev, self.ino)
    }

    /// When its content was last changed.
    pub(crate) fn modified(&self) -> SystemTime {
        let (seconds, nanos) = self.changed;
        let nanos = Duration::from_nanos(nanos.unsigned_abs());
        let whole = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { UNIX_EPOCH - whole + nanos } else { UNIX_EPOCH + whole + nanos }
    }
}
