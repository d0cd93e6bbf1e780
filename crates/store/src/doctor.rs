//! Whether the store is whole, and what to clear away.

use std::fs;
use std::path::PathBuf;

use windlass_model::{BlobId, RunId};

use crate::blobs::GRACE;
use crate::retention::remove_folder;
use crate::{Error, Result, Store};

/// What [`Store::check`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Damage, each in one sentence. What is damaged stays so: restore a copy, or start anew.
    pub damage: Vec<String>,
    /// Contents that runs refer to and that are not there.
    pub missing: Vec<BlobId>,
    /// Folders of runs that nobody knows; [`Store::repair`] removes them.
    pub orphans: Vec<PathBuf>,
    /// Runs whose files are torn, incomplete, or behind the journal; [`Store::repair`] writes them anew.
    pub stale: Vec<RunId>,
    /// Runs whose last driver was cut off, and left its mark; [`Store::repair`] removes it.
    pub abandoned: Vec<RunId>,
    /// What dead drivers were to take back. A resume does so first; who has the handlers can do it before.
    pub leftovers: Vec<Leftover>,
    /// Bytes of contents that nothing refers to; [`Store::repair`] removes them.
    pub unused_bytes: u64,
}

/// What the driver of a run was to take back, and died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leftover {
    /// The run.
    pub run: RunId,
    /// What it is, as people call it, the oldest first.
    pub labels: Vec<String>,
}

impl Findings {
    /// Whether all is well. A run that was cut off leaves things behind; that is no harm to the store.
    pub fn is_clean(&self) -> bool {
        self.damage.is_empty() && self.missing.is_empty() && self.orphans.is_empty()
    }
}

impl Store {
    /// Looks for damage and for what was left behind.
    pub fn check(&self) -> Result<Findings> {
        let there = self.blobs().list()?;
        let missing = self.referred()?.into_iter().filter(|id| !self.blobs().has(id)).collect();
        let mut damage = self.verify()?;
        let broken = there.contents.iter().filter(|(id, _)| self.blobs().get(id).is_err());
        damage.extend(broken.map(|(id, _)| format!("content {} is not what its name says", id.as_str())));
        let mut findings = Findings {
            damage,
            missing,
            orphans: self.orphans()?.into_iter().map(|(_, path)| path).collect(),
            unused_bytes: self.blobs().sweep(|| self.referred(), GRACE, true)?,
            ..Findings::default()
        };
        self.audit(&mut findings)?;
        Ok(findings)
    }

    /// Removes what was left behind, and returns what there is still to find.
    pub fn repair(&self) -> Result<Findings> {
        for (id, path) in self.orphans()? {
            match id {
                // Its run may have been created since it was listed.
                Some(id) => drop(self.forget_if(&id, |now| now.is_none())?),
                None => remove_folder(&path)?,
            }
        }
        let mut found = Findings::default();
        self.audit(&mut found)?;
        self.tidy(&found)?;
        self.blobs().sweep(|| self.referred(), GRACE, false)?;
        self.forget_latest();
        self.check()
    }

    /// Folders under `runs` that belong to no run in the journal, and that nobody holds.
    fn orphans(&self) -> Result<Vec<(Option<RunId>, PathBuf)>> {
        let Some(runs) = self.state().map(|state| state.join("runs")) else { return Ok(Vec::new()) };
        let mut orphans = Vec::new();
        for entry in fs::read_dir(&runs).map_err(|e| Error::io("cannot list", &runs, e))? {
            let path = entry.map_err(|e| Error::io("cannot list", &runs, e))?.path();
            let id = path.file_name().and_then(|name| name.to_str()).and_then(|name| RunId::new(name).ok());
            let known = match &id {
                Some(id) => self.is_driven(id) || !matches!(self.run(id), Err(Error::UnknownRun { .. })),
                None => !path.is_dir(),
            };
            if !known {
                orphans.push((id, path));
            }
        }
        orphans.sort();
        Ok(orphans)
    }
}
