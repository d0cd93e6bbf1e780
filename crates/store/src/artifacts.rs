//! What a run shows in its folder: `run_state.json`, `plan.json`, `events.jsonl` and `error_report.json`, all
//! projections of the journal, and links to the latest run's beside `runs/`. A run that asks language models has
//! `audit.jsonl` as well, from its driver's end on.

mod audit;
mod events;
mod latest;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde::Serialize;
use windlass_model::projection::{ErrorReport, PlanView, RunMeta, RunView, has_audit};
use windlass_model::{Record, RunState};

use self::audit::AuditLog;
use self::events::EventLog;
use crate::files::{self, Draft};
use crate::{Error, Result, Store};

pub(crate) use self::latest::drop_stale;

/// Writes the artifacts of a run that nobody drives, as the journal has it. The latest run stays the latest.
pub(crate) fn restore(store: &Store, meta: &RunMeta, state: &RunState) -> Result<()> {
    let Some(mut writer) = Writer::new(store, meta) else { return Ok(()) };
    files::private_folder(&writer.folder)?;
    files::clear_drafts(&writer.folder);
    writer.plan(state)?;
    writer.end(state)
}

/// Whether the artifacts of a run that nobody drives are not what the journal has: torn, behind, or some of them
/// missing. A run that never had any is not stale.
pub(crate) fn is_stale(store: &Store, meta: &RunMeta, state: &RunState) -> bool {
    let Some(writer) = Writer::new(store, meta) else { return false };
    if NAMES.iter().all(|name| !writer.folder.join(name).exists()) {
        return files::has_drafts(&writer.folder);
    }
    let plan = PlanView { plan: state.plan(), digest: &meta.plan_digest };
    let current = writer.shows("run_state.json", &RunView { meta, state })
        && writer.shows("error_report.json", &ErrorReport { meta, state })
        && writer.shows("plan.json", &plan)
        && writer.events.ends_with(state.seq).unwrap_or(false)
        && audit::is_current(store, &writer.folder, meta, state);
    !current || files::has_drafts(&writer.folder)
}

/// The names of a run's artifacts.
pub const NAMES: [&str; 4] = ["run_state.json", "plan.json", "events.jsonl", "error_report.json"];

/// The files that are replaced are replaced at most so often while a run goes on.
const PERIOD: Duration = Duration::from_secs(1);

/// Writing them takes at most one part in so many of the time, which makes large runs wait longer.
const SHARE: u32 = 20;

/// Keeps the artifacts of one run current. Only who holds the run's lease has one.
///
/// No failure here is the run's: a method that cannot write says so once, goes on, and makes up for what is
/// missing from the journal as soon as it can write again. Its error is a warning.
#[derive(Debug)]
pub struct Writer {
    store: Store,
    folder: PathBuf,
    meta: RunMeta,
    events: EventLog,
    /// Only of a run that was known to ask language models when its driver began.
    audit: Option<AuditLog>,
    /// When the replaced files were last written, and how long that took.
    written: Option<(Instant, Duration)>,
    /// Whether records came since then.
    stale: bool,
    /// Since when writing fails.
    failing: Option<Instant>,
}

impl Writer {
    /// Takes up the folder of a run whose durable records make up `state`: cuts a torn line, adds the events
    /// that are missing, and makes the run the latest. None for a store in memory.
    pub fn open(store: &Store, meta: &RunMeta, state: &RunState) -> Option<(Self, Result<()>)> {
        let mut writer = Self::new(store, meta)?;
        let first = writer.begin(store, state);
        let first = writer.judge(first);
        Some((writer, first))
    }

    fn new(store: &Store, meta: &RunMeta) -> Option<Self> {
        let folder = store.run_folder(&meta.run_id)?;
        Some(Self {
            store: store.clone(),
            events: EventLog::new(store, &folder, meta.run_id.clone()),
            folder,
            meta: meta.clone(),
            audit: None,
            written: None,
            stale: true,
            failing: None,
        })
    }

    fn begin(&mut self, store: &Store, state: &RunState) -> Result<()> {
        files::private_folder(&self.folder)?;
        files::clear_drafts(&self.folder);
        self.events.catch_up(state)?;
        if has_audit(state) {
            self.audit = Some(AuditLog::open(store, &self.meta, state)?);
        }
        if !self.folder.join("plan.json").exists() {
            self.plan(state)?;
        }
        self.rewrite(state, false)?;
        latest::point(store, &self.meta.run_id)
    }

    fn plan(&self, state: &RunState) -> Result<()> {
        self.replace("plan.json", &PlanView { plan: state.plan(), digest: &self.meta.plan_digest }, false)
    }

    /// Takes records that became durable; `state` is the sum of all up to the last of them.
    pub fn records(&mut self, state: &RunState, records: &[Record]) -> Result<()> {
        self.stale = true;
        if self.waits() {
            return Ok(());
        }
        let told = self.audit.as_mut().map_or(Ok(()), |audit| audit.add(records));
        let written = self.events.add(state, records).and_then(|()| self.refresh(state));
        self.judge(told.and(written))
    }

    /// Writes what is due though no records come. When that is, [`Writer::due`] says.
    pub fn tick(&mut self, state: &RunState) -> Result<()> {
        if self.waits() {
            return Ok(());
        }
        let written = self.events.catch_up(state).and_then(|()| self.refresh(state));
        self.judge(written)
    }

    /// When [`Writer::tick`] has something to do, if no records come before.
    pub fn due(&self) -> Option<Instant> {
        let (last, took) = self.written?;
        self.stale.then(|| last + PERIOD.max(took * SHARE))
    }

    /// Writes everything as it stands, durable when it returns. The last call for a run's driver.
    pub fn end(&mut self, state: &RunState) -> Result<()> {
        let events = self.events.catch_up(state).and_then(|()| self.events.sync());
        let rest = self.rewrite(state, true);
        let audit = audit::write(&self.store, &self.folder, &self.meta, state, self.audit.take());
        events.and(rest).and(audit)
    }

    /// Whether writing failed a moment ago, so that a full disk is not tried again for every record.
    fn waits(&self) -> bool {
        self.failing.is_some_and(|since| since.elapsed() < PERIOD)
    }

    /// Tells a failure only when it begins.
    fn judge(&mut self, written: Result<()>) -> Result<()> {
        let known = self.failing.is_some();
        self.failing = written.is_err().then(Instant::now);
        if known { Ok(()) } else { written }
    }

    fn refresh(&mut self, state: &RunState) -> Result<()> {
        let now = Instant::now();
        if self.written.is_some() && self.due().is_none_or(|due| due > now) {
            return Ok(());
        }
        self.rewrite(state, false)
    }

    fn rewrite(&mut self, state: &RunState, sync: bool) -> Result<()> {
        let begun = Instant::now();
        let meta = &self.meta;
        self.replace("run_state.json", &RunView { meta, state }, sync)?;
        self.replace("error_report.json", &ErrorReport { meta, state }, sync)?;
        if sync {
            // Once for both.
            files::sync_parent(&self.folder.join("run_state.json"))?;
        }
        self.written = Some((Instant::now(), begun.elapsed()));
        self.stale = false;
        Ok(())
    }

    /// Whether the file has just this.
    fn shows(&self, name: &str, content: &impl Serialize) -> bool {
        let Ok(file) = File::open(self.folder.join(name)) else { return false };
        let mut same = Same(BufReader::new(file));
        serde_json::to_writer(&mut same, content).is_ok()
            && same.write_all(b"\n").is_ok()
            && same.0.fill_buf().is_ok_and(<[u8]>::is_empty)
    }

    /// Puts a file in its place. With `sync` its content is durable then; that it is there, when the folder is synced.
    fn replace(&self, name: &str, content: &impl Serialize, sync: bool) -> Result<()> {
        let target = self.folder.join(name);
        let fail = |e| Error::io("cannot write", &target, e);
        let mut file = BufWriter::with_capacity(1 << 16, Draft::beside(&target)?);
        serde_json::to_writer(&mut file, content).map_err(|e| fail(e.into()))?;
        file.write_all(b"\n").map_err(fail)?;
        let draft = file.into_inner().map_err(|e| fail(e.into_error()))?;
        if sync {
            draft.file().sync_all().map_err(fail)?;
        }
        draft.place(&target, false)
    }
}

/// Takes only what the file has at this place.
struct Same(BufReader<File>);

impl Write for Same {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut there = vec![0; bytes.len()];
        self.0.read_exact(&mut there)?;
        if there == bytes { Ok(bytes.len()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
