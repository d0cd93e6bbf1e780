//! `events.jsonl`: appended as records become durable, and made whole again after a crash.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use windlass_model::projection::{Attempts, event_line};
use windlass_model::{Record, RunId, RunState};

use crate::{Error, Result, Store};

/// The file of one run's events.
#[derive(Debug)]
pub(super) struct EventLog {
    store: Store,
    run: RunId,
    path: PathBuf,
    attempts: Attempts,
    /// The open file; none before its first use and after a failure, for then its end may be torn.
    file: Option<BufWriter<File>>,
    /// The number of the last event in the file.
    last: u64,
}

impl EventLog {
    pub(super) fn new(store: &Store, folder: &Path, run: RunId) -> Self {
        let path = folder.join("events.jsonl");
        Self { store: store.clone(), run, path, attempts: Attempts::default(), file: None, last: 0 }
    }

    /// Adds all that is missing up to where `state` stands.
    pub(super) fn catch_up(&mut self, state: &RunState) -> Result<()> {
        let file = self.file.take();
        match file {
            Some(file) if self.last == state.seq => self.file = Some(file),
            _ => {
                let mut file = self.reopen(state.seq)?;
                self.copy(&mut file, state)?;
                self.file = Some(file);
            }
        }
        Ok(())
    }

    /// Adds `records`, the last ones of `state`.
    pub(super) fn add(&mut self, state: &RunState, records: &[Record]) -> Result<()> {
        let goes_on = records.first().is_none_or(|first| first.seq == self.last + 1);
        let Some(mut file) = self.file.take().filter(|_| goes_on) else { return self.catch_up(state) };
        self.write(&mut file, state, records)?;
        file.flush().map_err(|e| self.fault(e))?;
        self.file = Some(file);
        Ok(())
    }

    pub(super) fn sync(&self) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        file.get_ref().sync_all().map_err(|e| self.fault(e))
    }

    /// Whether the file ends with event number `seq`, and not within a line.
    pub(super) fn ends_with(&self, seq: u64) -> io::Result<bool> {
        let mut file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        let last = last_line(&mut file, &self.run)?;
        Ok(if seq == 0 { length == 0 } else { last == Some((length, seq)) })
    }

    fn fault(&self, error: io::Error) -> Error {
        Error::io("cannot write", &self.path, error)
    }

    /// Opens the file behind its last whole line, and finds that line's number. Where the file says more than
    /// the journal, or something else, it begins anew.
    fn reopen(&mut self, seq: u64) -> Result<BufWriter<File>> {
        let open = || -> io::Result<(File, u64, u64)> {
            let mut options = OpenOptions::new();
            let mut file =
                options.read(true).write(true).create(true).truncate(false).mode(0o600).open(&self.path)?;
            let (end, last) =
                last_line(&mut file, &self.run)?.filter(|(_, last)| *last <= seq).unwrap_or((0, 0));
            file.set_len(end)?;
            file.seek(SeekFrom::Start(end))?;
            Ok((file, end, last))
        };
        let (file, _, last) = open().map_err(|e| self.fault(e))?;
        self.last = last;
        Ok(BufWriter::with_capacity(1 << 16, file))
    }

    /// Copies from the journal what comes behind the last event in the file.
    fn copy(&mut self, file: &mut BufWriter<File>, state: &RunState) -> Result<()> {
        let journal = self.store.journal().clone();
        let mut written = Ok(());
        // In which round tasks are is told by the events so far.
        let repeats = state.plan().stages.iter().any(|stage| stage.repeat.is_some());
        if self.last < state.seq || repeats {
            let run = self.run.clone();
            let last = self.last;
            self.attempts = Attempts::default();
            journal.visit(&run, if repeats { 1 } else { last + 1 }, &mut |mut records| {
                let end = records.last().is_none_or(|record| record.seq >= state.seq);
                for old in records.iter().filter(|record| repeats && record.seq <= last) {
                    self.attempts.note(state.plan(), old);
                }
                // What became durable since then comes by itself.
                records.retain(|record| record.seq > last && record.seq <= state.seq);
                written = self.write(file, state, &records);
                let done = written.is_err() || end;
                if done { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
        }
        written?;
        file.flush().map_err(|e| self.fault(e))
    }

    fn write(&mut self, file: &mut BufWriter<File>, state: &RunState, records: &[Record]) -> Result<()> {
        for record in records {
            // A step that an earlier driver began has its attempt in the state only.
            let known = || Some(state.step(record.event.at()?)?.attempts).filter(|attempts| *attempts > 0);
            let mut told = self.attempts.note(state.plan(), record);
            told.attempt = told.attempt.or_else(known);
            let line = event_line(state.plan(), &self.run, record).told(told);
            serde_json::to_writer(&mut *file, &line).map_err(|e| self.fault(e.into()))?;
            file.write_all(b"\n").map_err(|e| self.fault(e))?;
            self.last = record.seq;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct Line {
    seq: u64,
    run: String,
}

/// Where the last whole line ends, and its number. None where there is none, or none of this run.
fn last_line(file: &mut File, run: &RunId) -> io::Result<Option<(u64, u64)>> {
    let Some(end) = last_newline(file, file.metadata()?.len())? else { return Ok(None) };
    let start = last_newline(file, end)?.map_or(0, |before| before + 1);
    let mut text = vec![0; (end - start) as usize];
    file.seek(SeekFrom::Start(start))?;
    file.read_exact(&mut text)?;
    let line = serde_json::from_slice::<Line>(&text).ok().filter(|line| line.run == run.as_str());
    Ok(line.map(|line| (end + 1, line.seq)))
}

/// The place of the last newline before `end`.
fn last_newline(file: &mut File, mut end: u64) -> io::Result<Option<u64>> {
    let mut part = vec![0; 1 << 16];
    while end > 0 {
        let start = end.saturating_sub(part.len() as u64);
        let part = &mut part[..(end - start) as usize];
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(part)?;
        if let Some(at) = part.iter().rposition(|&b| b == b'\n') {
            return Ok(Some(start + at as u64));
        }
        end = start;
    }
    Ok(None)
}
