//! Reading a run from a file that may come from anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use windlass_model::projection::RunMeta;
use windlass_model::{BlobId, Event, Fragment, Plan, Record, RunId, RunState, RunStatus};

use super::lines::{Lines, hex};
use super::{Header, PART, Section, VERSION, named};
use crate::journal::IMPORTED;
use crate::{Error, NewRun, Result, Store, artifacts};

/// The last moment that a file may name: the end of the year 9999, in milliseconds since 1970.
const LAST_TIME: u64 = 253_402_300_799_999;

/// How a run is taken in.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// The id that it gets here; that of the file where there is none.
    pub name: Option<RunId>,
    /// When that happens, in milliseconds since 1970.
    pub now: u64,
    /// What is too much.
    pub limits: Limits,
}

/// What is too much. A file is read in memory that these bound, each byte of it at most some thirty times.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For the whole file, in bytes.
    pub bytes: u64,
    /// For the plan, in bytes.
    pub plan: u64,
    /// For one record, in bytes.
    pub line: u64,
    /// For the executions that the plan and its loops have together: each takes 32 bytes of memory, and a plan
    /// names a set of a thousand hosts in one number.
    pub executions: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 4 << 30, plan: 512 << 20, line: 32 << 20, executions: 4 << 20 }
    }
}

/// What was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The run's id here.
    pub id: RunId,
    /// The run's id in the file.
    pub was: RunId,
    /// Where it stands.
    pub status: RunStatus,
    /// How many records it has.
    pub records: u64,
    /// How many outputs were kept.
    pub outputs: u64,
    /// How many outputs were not: the store that wrote the file had lost them, or this one has no room.
    pub lost: u64,
}

/// What a file says, once it was read to its end and found whole.
struct Whole {
    run: NewRun,
    was: RunId,
    records: Vec<Record>,
    state: RunState,
    outputs: BTreeMap<BlobId, u64>,
    lost: u64,
}

impl Store {
    /// Takes in a run that [`Store::export`] wrote: all of it, or nothing. It is marked as imported: it can be
    /// looked at and replayed, and nobody goes on with it.
    pub fn import(&self, from: &mut dyn Read, how: &Import) -> Result<Imported> {
        let mut lines = Lines::new(from, how.limits);
        let Whole { run, was, records, state, outputs, lost } = self.read(&mut lines, how)?;
        let (id, count) = (run.id.clone(), records.len() as u64);
        let lease = self.lease(&id)?;
        let held = self.blobs().hold(&outputs.keys().cloned().collect())?;
        let adopted = self.adopt(&run, records, &outputs);
        drop(held);
        if let Err(error) = adopted {
            // The folder that the lease made; where the id is taken it belongs to that run.
            if let (Some(folder), false) = (self.run_folder(&id), matches!(error, Error::RunExists(_))) {
                crate::retention::remove_run(&folder)?;
            }
            return Err(error);
        }
        self.recount();
        let meta = RunMeta::new(id.clone(), &run.invoker, run.digest.clone());
        // The run is in the store; its files are made again by a repair where that fails.
        artifacts::restore(self, &meta, &state).ok();
        drop(lease);
        Ok(Imported { id, was, status: state.status, records: count, outputs: outputs.len() as u64, lost })
    }

    fn read(&self, lines: &mut Lines<'_>, how: &Import) -> Result<Whole> {
        let header = read_header(lines, how.limits.line)?;
        let id = how.name.clone().unwrap_or_else(|| header.id.clone());
        if self.run(&id).is_ok() {
            return Err(Error::RunExists(id));
        }
        let (plan, plan_bytes) = read_plan(lines, &header, &how.limits)?;
        let mut state = RunState::new(plan.clone());
        let mut names = BTreeSet::new();
        let records = read_records(lines, &header, &how.limits, &mut state, &mut names)?;
        let (outputs, lost) = self.read_outputs(lines, &names)?;
        let was = header.id.clone();
        let run = new_run(id, header, &plan, plan_bytes, how.now);
        Ok(Whole { run, was, records, state, outputs, lost })
    }

    /// Reads what stands behind the records: outputs, which go to the store at once and are swept from there if
    /// the rest is refused, and the end.
    fn read_outputs(
        &self,
        lines: &mut Lines<'_>,
        names: &BTreeSet<BlobId>,
    ) -> Result<(BTreeMap<BlobId, u64>, u64)> {
        /// What announces an output is short.
        const LINE: u64 = 1 << 10;
        let (mut outputs, mut lost) = (BTreeMap::new(), 0);
        loop {
            lines.due(LINE, "its end")?;
            match lines.json()? {
                Section::Output { id, bytes } => {
                    let id = expect(lines, &id, names)?;
                    let room = self.has_room(outputs.values().sum::<u64>().saturating_add(bytes))?;
                    match self.read_output(lines, &id, bytes, room)? {
                        true => drop(outputs.insert(id, bytes)),
                        false => lost += 1,
                    }
                }
                Section::Lost { id } => {
                    expect(lines, &id, names)?;
                    lost += 1;
                }
                Section::End { sha256 } if sha256 != lines.digest() => {
                    return Err(lines.wrong("its checksum is not that of what stands before it"));
                }
                Section::End { .. } if lines.next(LINE)? => {
                    return Err(lines.wrong("something stands behind the end"));
                }
                Section::End { .. } => return Ok((outputs, lost)),
            }
        }
    }

    /// Reads one output; false where there is no room to keep it.
    fn read_output(&self, lines: &mut Lines<'_>, id: &BlobId, bytes: u64, room: bool) -> Result<bool> {
        /// How long a whole part is in base64.
        const LINE: u64 = (PART as u64).div_ceil(3) * 4;
        let mut draft = if room { Some(self.blobs().draft()?) } else { None };
        let (mut hash, mut left) = (Sha256::new(), bytes);
        while left > 0 {
            let part = BASE64_STANDARD.decode(lines.due(LINE, "more of the output")?);
            let part = part.map_err(|e| lines.wrong(e.to_string()))?;
            left = match left.checked_sub(part.len() as u64) {
                Some(left) if !part.is_empty() => left,
                _ => return Err(lines.wrong("the output is not as long as was announced")),
            };
            hash.update(&part);
            if let Some(draft) = &mut draft {
                draft.write_all(&part).map_err(|e| Error::io("cannot write to", Path::new("blobs"), e))?;
            }
        }
        if hex(&hash) != id.as_str() {
            return Err(lines.wrong("the output is not what its name says"));
        }
        draft.map_or(Ok(false), |draft| draft.keep().map(|_| true))
    }
}

/// The output that a line announces, if a result names it.
fn expect(lines: &Lines<'_>, id: &str, names: &BTreeSet<BlobId>) -> Result<BlobId> {
    let known = BlobId::new(id).filter(|id| names.contains(id));
    known.ok_or_else(|| lines.wrong("no result names this output"))
}

fn read_header(lines: &mut Lines<'_>, limit: u64) -> Result<Header> {
    #[derive(serde::Deserialize)]
    struct Version {
        windlass_run: u32,
    }
    lines.due(limit, "a header")?;
    let version = lines.json::<Version>().map_err(|_| lines.wrong("this is no header of an exported run"))?;
    if version.windlass_run > VERSION {
        return Err(Error::PortableNewer { found: version.windlass_run, known: VERSION });
    }
    let header: Header = lines.json()?;
    if header.created_at > LAST_TIME || header.exported_at > LAST_TIME {
        return Err(lines.wrong("a time is out of range"));
    }
    match header.options {
        Value::Object(_) | Value::Null => Ok(header),
        _ => Err(lines.wrong("the run's options are no object")),
    }
}

fn read_plan(lines: &mut Lines<'_>, header: &Header, limits: &Limits) -> Result<(Arc<Plan>, Arc<Vec<u8>>)> {
    let bytes = Arc::new(lines.due(limits.plan, "the plan")?.to_vec());
    if BlobId::of(&bytes).as_str() != header.plan {
        return Err(lines.wrong("the plan is not the one that the header names"));
    }
    let plan = Plan::from_bytes(&bytes).map_err(|e| lines.wrong(e.to_string()))?;
    let on = |task: &windlass_model::Task| (plan.hosts_of(task).len() as u64) * (task.steps.len() as u64);
    let executions = plan.tasks.iter().map(on).fold(0, u64::saturating_add);
    if executions > limits.executions {
        return Err(too_many(limits));
    }
    Ok((Arc::new(plan), bytes))
}

fn too_many(limits: &Limits) -> Error {
    Error::PortableTooBig { what: "the number of executions", limit: limits.executions }
}

/// Reads the records, each of which must follow from those before it.
fn read_records(
    lines: &mut Lines<'_>,
    header: &Header,
    limits: &Limits,
    state: &mut RunState,
    names: &mut BTreeSet<BlobId>,
) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    let mut executions = state.steps.len() as u64;
    for _ in 0..header.records {
        lines.due(limits.line, "a record")?;
        let record: Record = lines.json()?;
        if record.time > LAST_TIME {
            return Err(lines.wrong("its time is out of range"));
        }
        if let Event::PlanExtended { fragment: Fragment::Items(items), .. } = &record.event {
            executions = executions.saturating_add(items.len() as u64);
        }
        if executions > limits.executions {
            return Err(too_many(limits));
        }
        state.apply(&record).map_err(|e| lines.wrong(e.to_string()))?;
        named(&record.event, names);
        records.push(record);
    }
    Ok(records)
}

fn new_run(id: RunId, header: Header, plan: &Plan, plan_bytes: Arc<Vec<u8>>, now: u64) -> NewRun {
    let mut options = header.options;
    if options.is_null() {
        options = json!({});
    }
    options[IMPORTED] = json!({
        "run": header.id,
        "program": header.program,
        "exported_at": header.exported_at,
        "imported_at": now,
    });
    NewRun {
        id,
        name: plan.name.clone(),
        backend: plan.backend.clone(),
        invoker: header.invoker,
        digest: BlobId::of(&plan_bytes),
        plan_bytes,
        root: PathBuf::from(header.root),
        document: header.document,
        options,
        created_at: header.created_at,
        tasks: plan.tasks.len() as u32,
        // The files that it stood on stay where it happened.
        blobs: BTreeSet::new(),
    }
}
