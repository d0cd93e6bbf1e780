//! The files of the host as modules see them: those on its disk, and in check mode those that the steps before
//! would have made of them.
//!
//! Modules do with files what [`Fs`] offers and nothing else, so that check mode is the same code as a real run:
//! what it would write goes to the [`Forecast`], and what it reads comes from there.

mod meta;

use std::{
    ffi::OsString,
    fs::{self, DirBuilder, File, Permissions},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt, lchown, symlink},
    path::{Path, PathBuf},
};

use rustix::fs::{Access, AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, accessat, utimensat};

use crate::{Context, Forecast};
pub(crate) use meta::{Meta, Moment};

/// The files of the host, or what is forecast of them.
#[derive(Clone, Copy)]
pub(crate) struct Fs<'a>(Option<&'a Forecast>);

/// What becomes of a time of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    Kept,
    Now,
    At(i64, i64),
}

impl Context<'_> {
    /// The files as this run sees them.
    pub(crate) fn fs(&self) -> Fs<'_> {
        Fs(self.check)
    }

    /// Whether the run only says what would happen.
    pub(crate) fn checks(&self) -> bool {
        self.check.is_some()
    }
}

impl<'a> Fs<'a> {
    /// The files on the disk, where no run is about to change them.
    pub(crate) const DISK: Self = Fs(None);

    /// The SHA-1 of a file of which nothing more is forecast.
    pub(crate) fn known(self, path: &Path) -> Option<String> {
        self.forecast()?.sum(path)
    }

    /// What is forecast, once there is anything: until then the disk says it all.
    fn forecast(self) -> Option<&'a Forecast> {
        self.0.filter(|forecast| !forecast.is_clear())
    }

    pub(crate) fn metadata(self, path: &Path) -> io::Result<Meta> {
        match self.forecast() {
            Some(forecast) => forecast.meta(path, true),
            None => fs::metadata(path).map(Meta::from),
        }
    }

    pub(crate) fn symlink_metadata(self, path: &Path) -> io::Result<Meta> {
        match self.forecast() {
            Some(forecast) => forecast.meta(path, false),
            None => fs::symlink_metadata(path).map(Meta::from),
        }
    }

    pub(crate) fn exists(self, path: &Path) -> bool {
        self.metadata(path).is_ok()
    }

    pub(crate) fn is_dir(self, path: &Path) -> bool {
        self.metadata(path).is_ok_and(|meta| meta.is_dir())
    }

    pub(crate) fn is_file(self, path: &Path) -> bool {
        self.metadata(path).is_ok_and(|meta| meta.is_file())
    }

    pub(crate) fn is_symlink(self, path: &Path) -> bool {
        self.symlink_metadata(path).is_ok_and(|meta| meta.is_symlink())
    }

    pub(crate) fn read_link(self, path: &Path) -> io::Result<PathBuf> {
        match self.forecast() {
            Some(forecast) => forecast.link(path),
            None => fs::read_link(path),
        }
    }

    /// The names in a folder, in no particular order.
    pub(crate) fn names(self, path: &Path) -> io::Result<Vec<OsString>> {
        match self.forecast() {
            Some(forecast) => forecast.names(path),
            None => fs::read_dir(path)?.map(|entry| entry.map(|entry| entry.file_name())).collect(),
        }
    }

    /// The path without links in it.
    pub(crate) fn canonicalize(self, path: &Path) -> io::Result<PathBuf> {
        match self.forecast() {
            Some(forecast) => forecast.real(path),
            None => fs::canonicalize(path),
        }
    }

    /// Opens a file to be read.
    pub(crate) fn open(self, path: &Path) -> io::Result<File> {
        match self.forecast() {
            Some(forecast) => forecast.open(path),
            None => File::open(path),
        }
    }

    pub(crate) fn read(self, path: &Path) -> io::Result<Vec<u8>> {
        match self.forecast() {
            Some(forecast) => forecast.read(path),
            None => fs::read(path),
        }
    }

    /// Whether we may do this with what lies at a path.
    pub(crate) fn access(self, path: &Path, right: Access) -> bool {
        match self.forecast() {
            Some(forecast) => forecast.access(path, right),
            None => accessat(CWD, path, right, AtFlags::empty()).is_ok(),
        }
    }

    /// Makes a folder, with a mode that the umask takes from.
    pub(crate) fn create_dir(self, path: &Path, mode: u32) -> io::Result<()> {
        match self.0 {
            Some(forecast) => forecast.create_dir(path, mode),
            None => DirBuilder::new().mode(mode).create(path),
        }
    }

    /// Makes an empty file where nothing is, with a mode that the umask takes from.
    pub(crate) fn create_file(self, path: &Path, mode: u32) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt;
        match self.0 {
            Some(forecast) => forecast.create_file(path, mode),
            None => File::options().write(true).create_new(true).mode(mode).open(path).map(drop),
        }
    }

    pub(crate) fn symlink(self, target: &Path, path: &Path) -> io::Result<()> {
        match self.0 {
            Some(forecast) => forecast.symlink(target, path),
            None => symlink(target, path),
        }
    }

    pub(crate) fn hard_link(self, from: &Path, path: &Path) -> io::Result<()> {
        match self.0 {
            Some(forecast) => forecast.hard_link(from, path),
            None => fs::hard_link(from, path),
        }
    }

    /// Gives what is no folder another name, in place of what has that.
    pub(crate) fn rename(self, from: &Path, path: &Path) -> io::Result<()> {
        match self.0 {
            Some(forecast) => forecast.rename(from, path),
            None => fs::rename(from, path),
        }
    }

    pub(crate) fn remove_file(self, path: &Path) -> io::Result<()> {
        match self.0 {
            Some(forecast) => forecast.remove_file(path),
            None => fs::remove_file(path),
        }
    }

    pub(crate) fn remove_dir(self, path: &Path) -> io::Result<()> {
        match self.0 {
            Some(forecast) => forecast.remove_dir(path),
            None => fs::remove_dir(path),
        }
    }

    /// Removes a folder and all in it.
    pub(crate) fn remove_dir_all(self, path: &Path) -> io::Result<()> {
        match self.0 {
            Some(forecast) => forecast.remove_dir_all(path),
            None => fs::remove_dir_all(path),
        }
    }

    /// Sets the mode of what lies at a path, or is linked to there.
    pub(crate) fn set_mode(self, path: &Path, mode: u32) -> io::Result<()> {
        match self.0 {
            Some(forecast) => forecast.set_mode(path, mode),
            None => fs::set_permissions(path, Permissions::from_mode(mode)),
        }
    }

    /// Sets the owner of what lies at a path; of a link, its own.
    pub(crate) fn set_owner(self, path: &Path, uid: Option<u32>, gid: Option<u32>) -> io::Result<()> {
        match self.0 {
            Some(forecast) => forecast.set_owner(path, uid, gid),
            None => lchown(path, uid, gid),
        }
    }

    /// Sets the times of what lies at a path; of a link, its own.
    pub(crate) fn set_times(self, path: &Path, accessed: Time, changed: Time) -> io::Result<()> {
        if let Some(forecast) = self.0 {
            return forecast.set_times(path, accessed, changed);
        }
        let spec = |time| match time {
            Time::Kept => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
            Time::Now => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
            Time::At(tv_sec, nanos) => Timespec { tv_sec, tv_nsec: nanos as _ },
        };
        let times = Timestamps { last_access: spec(accessed), last_modification: spec(changed) };
        utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(io::Error::from)
    }
}
