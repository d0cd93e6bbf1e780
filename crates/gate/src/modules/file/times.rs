//! The times of access and change of a file.

use std::path::Path;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, utimensat};

use crate::{Args, Context, Error};

/// Which of the two times become now.
pub(super) struct Times {
    accessed: bool,
    changed: bool,
}

impl Times {
    /// Touching a file sets what is not to be kept; every other state keeps what is not to be set.
    pub(super) fn read(args: &Args, state: &str) -> Self {
        let now = |name| args.opt_str(name).map_or(state == "touch", |time| time == "now");
        Self { accessed: now("access_time"), changed: now("modification_time") }
    }

    /// Sets them, and says whether there was anything to set.
    pub(super) fn settle(&self, path: &Path, cx: &Context<'_>) -> Result<bool, Error> {
        if !self.accessed && !self.changed {
            return Ok(false);
        }
        if !cx.check {
            let time = |now| Timespec { tv_sec: 0, tv_nsec: if now { UTIME_NOW } else { UTIME_OMIT } };
            let times = Timestamps { last_access: time(self.accessed), last_modification: time(self.changed) };
            utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)
                .map_err(|errno| Error::io("change the times of", path)(errno.into()))?;
        }
        Ok(true)
    }
}
