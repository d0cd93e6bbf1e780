//! Writing a run to one file.

use std::collections::BTreeSet;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use windlass_model::{BlobId, Event, Record, RunId, RunStatus};

use super::lines::Writer;
use super::{Header, PART, Section, VERSION, named};
use crate::journal::IMPORTED;
use crate::{Error, Result, Store, StoredRun};

/// What was written to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Where the run stands in the file: it may go on after it was written.
    pub status: RunStatus,
    /// How many records there are.
    pub records: u64,
    /// How many outputs there are.
    pub outputs: u64,
    /// How many outputs the store had lost.
    pub lost: u64,
    /// How many bytes the file has.
    pub bytes: u64,
}

impl Store {
    /// Writes the run as it is now, whether it goes on or not; `now` is in milliseconds since 1970. Where the run
    /// is removed meanwhile that is an error, and what was written is of no use.
    pub fn export(&self, run: &RunId, now: u64, to: &mut dyn Write) -> Result<Exported> {
        let stored = self.run(run)?;
        let mut file = Writer::new(to);
        file.json(&header(&stored, now))?;
        file.line(&stored.plan_bytes)?;
        let mut names = BTreeSet::new();
        self.write_records(&stored, &mut file, &mut names)?;
        // Only its own: a command may print the name of what another run holds.
        let own = self.outputs(run)?;
        let (mut outputs, mut lost) = (0, 0);
        for id in names.iter().filter(|id| own.contains_key(*id)) {
            match self.write_output(id, &mut file)? {
                true => outputs += 1,
                false => lost += 1,
            }
        }
        self.still_there(&stored)?;
        file.json(&Section::End { sha256: file.digest() })?;
        file.flush()?;
        Ok(Exported { status: stored.row.status, records: stored.row.seq, outputs, lost, bytes: file.bytes })
    }

    /// Writes the records that there were at the beginning.
    fn write_records(
        &self,
        stored: &StoredRun,
        file: &mut Writer<'_>,
        names: &mut BTreeSet<BlobId>,
    ) -> Result<()> {
        let (run, last) = (&stored.row.id, stored.row.seq);
        let mut written = Ok(());
        let mut next = 1;
        self.visit(run, 1, &mut |records| {
            for record in records.into_iter().take_while(|record| record.seq <= last) {
                next = record.seq + 1;
                named(&record.event, names);
                written = file.json(&shown(record));
                if written.is_err() {
                    break;
                }
            }
            if written.is_err() || next > last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        written?;
        if next <= last {
            let why = format!("{last} records were due, record {next} is missing");
            return Err(Error::Corrupt { run: run.clone(), why });
        }
        Ok(())
    }

    /// Writes an output in parts; false where it is not there, or not what it was.
    fn write_output(&self, id: &BlobId, file: &mut Writer<'_>) -> Result<bool> {
        let content = match self.blobs().get(id) {
            Ok(content) => content,
            Err(Error::NoBlob(_)) => {
                file.json(&Section::Lost { id: id.to_string() })?;
                return Ok(false);
            }
            Err(error) => return Err(error),
        };
        file.json(&Section::Output { id: id.to_string(), bytes: content.len() as u64 })?;
        for part in content.chunks(PART) {
            file.line(BASE64_STANDARD.encode(part).as_bytes())?;
        }
        Ok(true)
    }

    /// Whether what was written down under the run's name is still the same run.
    fn still_there(&self, stored: &StoredRun) -> Result<()> {
        let now = self.run(&stored.row.id)?.row;
        match now.created_at == stored.row.created_at && now.seq >= stored.row.seq {
            true => Ok(()),
            false => Err(Error::UnknownRun { id: now.id.to_string(), known: Vec::new() }),
        }
    }
}

fn header(stored: &StoredRun, now: u64) -> Header {
    let mut options = stored.options.clone();
    if let Value::Object(map) = &mut options {
        map.remove(IMPORTED);
    }
    Header {
        windlass_run: VERSION,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        exported_at: now,
        id: stored.row.id.clone(),
        invoker: stored.row.invoker.clone(),
        created_at: stored.row.created_at,
        root: stored.root.to_string_lossy().into_owned(),
        document: stored.document.clone(),
        options,
        plan: stored.row.digest.to_string(),
        records: stored.row.seq,
    }
}

/// The record as it leaves the store. What an undo would put back is how files were before: nobody undoes the
/// run elsewhere, and nobody has looked for secrets in them.
fn shown(mut record: Record) -> Record {
    if let Event::UndoKept { before, .. } = &mut record.event {
        *before = Arc::new(Value::Null);
    }
    record
}
