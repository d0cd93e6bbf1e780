//! The names beside `runs/` that lead to the latest run's artifacts: relative links, each replaced in one
//! step, so that a reader sees one run's file or another's, and a moved state folder still works.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use windlass_model::RunId;

use super::NAMES;
use crate::{Error, Result, Store};

/// Makes `run` the latest.
pub(super) fn point(store: &Store, run: &RunId) -> Result<()> {
    let Some(state) = store.state() else { return Ok(()) };
    for name in NAMES {
        let (link, target) = (state.join(name), Path::new("runs").join(run.as_str()).join(name));
        let draft = state.join(format!(".{name}.{}.tmp", std::process::id()));
        // One that an earlier process of the same number has left.
        let _ = fs::remove_file(&draft);
        let put = symlink(&target, &draft).and_then(|()| fs::rename(&draft, &link));
        put.map_err(|e| Error::io("cannot write", &link, e))?;
    }
    Ok(())
}

/// Removes the names where they lead to a run that is gone.
pub(crate) fn drop_stale(state: &Path) {
    for name in NAMES {
        let link = state.join(name);
        let Ok(target) = fs::read_link(&link) else { continue };
        if target.parent().is_some_and(|run| !state.join(run).exists()) {
            // A name that cannot be removed leads nowhere, and misleads nobody.
            let _ = fs::remove_file(link);
        }
    }
}
