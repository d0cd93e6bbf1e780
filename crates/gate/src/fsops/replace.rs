//! Replacing a file so that at every moment, crashes included, it is wholly the old one or wholly the new one.
//!
//! The content goes to a temporary file in the same folder (made anew, 0600, with a random name), gets its
//! owner and mode, is synced, checked, and renamed over the destination; then the folder is synced. Whatever
//! fails on the way, the temporary file is removed and the destination is untouched. A crash can leave the
//! temporary file, never a torn destination.

mod foresee;

use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions, Permissions},
    hash::{BuildHasher, RandomState},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    path::{Path, PathBuf},
};

use sha1::Digest;

use super::sum;
use crate::{Context, Error};

/// A file to be put in place of another, or where there was none.
pub(crate) struct Replace<'a> {
    pub(crate) dest: &'a Path,
    pub(crate) perms: Perms,
    /// Waits until the new file would survive a power cut. Who replaces many files does so once, for all.
    pub(crate) sync: bool,
    /// Looks at the finished temporary file; what it refuses never reaches the destination.
    pub(crate) accept: &'a dyn Fn(&Path) -> Result<(), Error>,
}

/// What the new file shall hold.
pub(crate) enum Fresh<'a> {
    Read(&'a mut dyn Read),
    /// Told by its SHA-1 and length alone, which is enough for check mode.
    Known(&'a str, u64),
}

/// The owner and mode of the new file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Perms {
    pub(crate) mode: u32,
    /// It must belong to this user and group.
    pub(crate) must: (Option<u32>, Option<u32>),
    /// It belongs to these as far as the system lets us: whoever owned the file before.
    pub(crate) may: (Option<u32>, Option<u32>),
}

/// The moments before which a run may end (or a test may cut it).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Create,
    Own,
    Write,
    Sync,
    Accept,
    Rename,
    /// The new file is in place: past the point at which a run may end early.
    SyncDir,
}

impl Replace<'_> {
    /// Does it, and returns the SHA-1 of what was written.
    pub(crate) fn run(&self, content: Fresh<'_>, cx: &Context<'_>) -> Result<String, Error> {
        match (cx.check, content) {
            (Some(forecast), content) => self.foresee(content, forecast, cx),
            (None, Fresh::Read(content)) => {
                self.steps(content, &mut |step| if step == Step::SyncDir { Ok(()) } else { cx.alive() })
            }
            (None, Fresh::Known(..)) => Err(Error::Failed("there is no content to write".into())),
        }
    }

    fn steps(
        &self,
        content: &mut dyn Read,
        before: &mut dyn FnMut(Step) -> Result<(), Error>,
    ) -> Result<String, Error> {
        let dir = self.dest.parent().unwrap_or(Path::new("/"));
        before(Step::Create)?;
        let (temp, mut file) = Temp::create(dir)?;
        before(Step::Own)?;
        self.own(&file)?;
        let sum = pour(content, &mut file, self.dest, before)?;
        before(Step::Sync)?;
        if self.sync {
            file.sync_all().map_err(Error::io("sync", self.dest))?;
        }
        // Closed before it is run or renamed: a program that is open for writing cannot be started.
        drop(file);
        before(Step::Accept)?;
        (self.accept)(&temp.0)?;
        before(Step::Rename)?;
        fs::rename(&temp.0, self.dest).map_err(Error::io("replace", self.dest))?;
        std::mem::forget(temp);
        before(Step::SyncDir)?;
        if self.sync {
            sync_dir(dir)?;
        }
        Ok(sum)
    }

    fn own(&self, file: &File) -> Result<(), Error> {
        let Perms { mut mode, must, may } = self.perms;
        let made = file.metadata().map_err(Error::io("look at", self.dest))?;
        if let Some(uid) = may.0.filter(|uid| must.0.is_none() && *uid != made.uid())
            && fchown(file, Some(uid), None).is_err()
        {
            // The file was somebody else's, who let us write in the folder: it becomes ours, and must not lend
            // our rights to whoever could run it as theirs.
            mode &= !0o4000;
        }
        if let Some(gid) = may.1.filter(|gid| must.1.is_none() && *gid != made.gid())
            && fchown(file, None, Some(gid)).is_err()
        {
            mode &= !0o2000;
        }
        let (uid, gid) = (must.0.filter(|uid| *uid != made.uid()), must.1.filter(|gid| *gid != made.gid()));
        if uid.is_some() || gid.is_some() {
            fchown(file, uid, gid).map_err(Error::io("change the owner of", self.dest))?;
        }
        file.set_permissions(Permissions::from_mode(mode)).map_err(Error::io("change the mode of", self.dest))
    }
}

/// Copies the content a piece at a time, and sums it.
fn pour(
    content: &mut dyn Read,
    file: &mut File,
    dest: &Path,
    before: &mut dyn FnMut(Step) -> Result<(), Error>,
) -> Result<String, Error> {
    let mut digest = sha1::Sha1::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        before(Step::Write)?;
        let length = match content.read(&mut buffer) {
            Ok(0) => return Ok(sum::hex(&digest.finalize())),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Error::io("read the content for", dest)(error)),
        };
        digest.update(&buffer[..length]);
        file.write_all(&buffer[..length]).map_err(Error::io("write", dest))?;
    }
}

/// A name in the folder that nobody can guess. It is short whatever the destination is called, since names have
/// a limit.
pub(crate) fn temp_name(dir: &Path) -> PathBuf {
    dir.join(format!(".windlass-{:016x}.tmp", random()))
}

/// Whether a file has a name such as [`temp_name`] gives.
pub(crate) fn is_temp_name(name: &OsStr) -> bool {
    let digits = name.to_str().and_then(|name| name.strip_prefix(".windlass-")?.strip_suffix(".tmp"));
    digits.is_some_and(|digits| digits.len() == 16 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A number that nobody can guess.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0)
}

/// A file in the folder that has no name, and so is gone when nobody has it open any more, whatever happens.
pub(crate) fn nameless(dir: &Path) -> Result<File, Error> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{Mode, OFlags, open};
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        if let Ok(file) = open(dir, flags, Mode::RUSR | Mode::WUSR) {
            return Ok(file.into());
        }
    }
    // Not every filesystem can: a name that is gone at once is nearly as good.
    let (temp, file) = Temp::create(dir)?;
    drop(temp);
    Ok(file)
}

/// A temporary file that is removed when it is dropped.
struct Temp(PathBuf);

impl Temp {
    fn create(dir: &Path) -> Result<(Self, File), Error> {
        // A name is taken only by chance, or by somebody who guesses names; neither does it this often.
        const TRIES: usize = 16;
        let mut last = None;
        for _ in 0..TRIES {
            let path = temp_name(dir);
            match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => return Ok((Self(path), file)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = Some(error),
                Err(error) => return Err(Error::io("write in", dir)(error)),
            }
        }
        let taken = last.unwrap_or_else(|| io::ErrorKind::AlreadyExists.into());
        Err(Error::io("make a temporary file in", dir)(taken))
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        // It may be gone already, and there is nobody to tell: the first error is the one that counts.
        let _ = fs::remove_file(&self.0);
    }
}

/// Makes a rename survive a power cut. Filesystems that cannot sync folders, and folders that we may write but
/// not read, are no reason to fail.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), Error> {
    use io::ErrorKind as K;
    match File::open(dir).and_then(|dir| dir.sync_all()) {
        Err(error) if !matches!(error.kind(), K::InvalidInput | K::Unsupported | K::PermissionDenied) => {
            Err(Error::io("sync", dir)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERMS: Perms = Perms { mode: 0o644, must: (None, None), may: (None, None) };

    /// Runs a replacement that is cut before its nth step, and returns whether it ran through.
    fn cut(dir: &Path, at: usize) -> (bool, Vec<Step>) {
        let dest = dir.join("dest");
        let (old, new) = ("old".repeat(50_000), "new".repeat(100_000));
        fs::write(&dest, &old).unwrap();
        let job = Replace { dest: &dest, perms: PERMS, sync: true, accept: &|_| Ok(()) };
        let mut steps = Vec::new();
        let result = job.steps(&mut new.as_bytes(), &mut |step| {
            // This is what a crash at this very moment would leave.
            let now = fs::read_to_string(&dest).unwrap();
            assert_eq!(now, if step == Step::SyncDir { &*new } else { &*old }, "before {step:?}");
            steps.push(step);
            if steps.len() > at { Err(Error::Cancelled) } else { Ok(()) }
        });
        let names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["dest"], "cut at {at}");
        (result.is_ok(), steps)
    }

    #[test]
    fn a_cut_at_any_step_leaves_the_old_file_or_the_new_one_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let mut at = 0;
        while let (false, _) = cut(dir.path(), at) {
            at += 1;
        }
        let (_, steps) = cut(dir.path(), at);
        assert!(steps.iter().filter(|step| **step == Step::Write).count() > 3);
        assert_eq!(steps.last(), Some(&Step::SyncDir));
    }

    #[test]
    fn a_source_that_fails_midway_leaves_the_old_file() {
        struct Broken(usize);
        impl Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 += 1;
                if self.0 > 2 { Err(io::Error::other("gone")) } else { Ok(buffer.len()) }
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let dest = dir.path().join("dest");
        fs::write(&dest, "old").unwrap();
        let job = Replace { dest: &dest, perms: PERMS, sync: true, accept: &|_| Ok(()) };
        assert!(job.steps(&mut Broken(0), &mut |_| Ok(())).is_err());
        assert_eq!(fs::read_to_string(&dest).unwrap(), "old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
