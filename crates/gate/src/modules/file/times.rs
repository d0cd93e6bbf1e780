//! The times of access and change of a file.

use std::path::Path;

use crate::{Args, Context, Error, view::Time};

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
        let time = |now| if now { Time::Now } else { Time::Kept };
        let set = cx.fs().set_times(path, time(self.accessed), time(self.changed));
        set.map_err(Error::io("change the times of", path))?;
        Ok(true)
    }
}
