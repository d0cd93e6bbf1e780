//! Between two controllers: the gate forgets everything of the one before, or ends.

use std::{fs, os::unix::fs::MetadataExt, path::Path, sync::atomic::Ordering, time::Duration};

use super::{lock, session::Session};
use crate::fsops::ids;

/// How long the threads of the pool may take to notice that their last request is over.
const SETTLE: Duration = Duration::from_secs(2);

impl Session {
    /// Forgets what requests, contents, forecasts and answers of the system there were; says why where something
    /// of them is left that cannot be forgotten.
    pub(super) fn reset(&self) -> Result<(), &'static str> {
        if !lock(&self.running).is_empty() || !self.pool.settle(SETTLE) {
            return Err("a request is under way");
        }
        if self.broken.load(Ordering::SeqCst) {
            return Err("a module broke");
        }
        // Whoever cleaned the host up meant this one as well; and what lies there now would be started as its guard.
        if self.options.guard.as_ref().is_some_and(|program| !is_this(program)) {
            return Err("its program is no longer on the disk");
        }
        self.guard.dismiss();
        self.spool.forget();
        self.windows.forget();
        lock(&self.forecasts).clear();
        ids::forget();
        Ok(())
    }
}

/// Whether a file is the program that runs here.
fn is_this(program: &Path) -> bool {
    let file = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    file(program).is_some_and(|there| file(Path::new("/proc/self/exe")) == Some(there))
}
