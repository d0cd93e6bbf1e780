//! The journal in memory: what is appended is durable at once, and gone with the process.

mod packed;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;
use windlass_model::{BlobId, PlanId, Record, RunId};

use self::packed::Batch;
use crate::journal::unique_prefix;
use crate::{Durable, Error, Filter, Journal, NewRun, Position, Posted, Result, RunRow, StoredRun};

/// How many records a visitor gets at a time.
const CHUNK: usize = 4096;

/// The journal in memory.
#[derive(Debug)]
pub struct Memory {
    runs: Mutex<Runs>,
    durable: watch::Sender<Durable>,
}

#[derive(Debug, Default)]
struct Runs {
    by_id: HashMap<RunId, Entry>,
    claims: HashMap<PlanId, RunId>,
    position: u64,
    posts: u64,
    created: u64,
}

#[derive(Debug)]
struct Entry {
    run: NewRun,
    row: RunRow,
    /// The order of creation, for runs of the same millisecond.
    nth: u64,
    /// The records as they were appended: what is kept once is never moved again.
    batches: Vec<Batch>,
    inbox: Vec<Posted>,
    outputs: BTreeMap<BlobId, u64>,
}

impl Default for Memory {
    fn default() -> Self {
        Self { runs: Mutex::default(), durable: watch::Sender::new(Durable::default()) }
    }
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, Runs> {
        // Every change below is complete before anything in it can panic.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runs {
    fn create(&mut self, run: &NewRun) -> Result<()> {
        if self.by_id.contains_key(&run.id) {
            return Err(Error::RunExists(run.id.clone()));
        }
        self.created += 1;
        let entry = Entry {
            run: run.clone(),
            row: RunRow::new(run),
            nth: self.created,
            batches: Vec::new(),
            inbox: Vec::new(),
            outputs: BTreeMap::new(),
        };
        self.by_id.insert(run.id.clone(), entry);
        Ok(())
    }

    fn get(&self, run: &RunId) -> Result<&Entry> {
        self.by_id.get(run).ok_or_else(|| unknown(run))
    }

    fn get_mut(&mut self, run: &RunId) -> Result<&mut Entry> {
        self.by_id.get_mut(run).ok_or_else(|| unknown(run))
    }

    fn newest_first(&self) -> Vec<&Entry> {
        let mut all: Vec<&Entry> = self.by_id.values().collect();
        all.sort_by_key(|e| std::cmp::Reverse((e.run.created_at, e.nth)));
        all
    }
}

impl Entry {
    /// Adds records that follow those before.
    fn add(&mut self, records: Vec<Record>) {
        records.iter().for_each(|record| self.row.note(record));
        self.batches.extend(Batch::pack(records));
    }

    /// The records from number `from` on.
    fn records(&self, from: u64) -> impl Iterator<Item = Record> {
        let first = self.batches.partition_point(|batch| batch.last() < from);
        self.batches[first..].iter().flat_map(move |batch| batch.records(from))
    }
}

fn unknown(run: &RunId) -> Error {
    Error::UnknownRun { id: run.to_string(), known: Vec::new() }
}

impl Journal for Memory {
    fn create(&self, run: &NewRun) -> Result<()> {
        self.lock().create(run)
    }

    fn adopt(&self, run: &NewRun, records: Vec<Record>, outputs: &BTreeMap<BlobId, u64>) -> Result<()> {
        check_order(&run.id, 0, &records)?;
        self.create(run)?;
        let mut runs = self.lock();
        let entry = runs.get_mut(&run.id)?;
        entry.add(records);
        entry.outputs = outputs.clone();
        Ok(())
    }

    fn append(&self, run: &RunId, records: Vec<Record>) -> Result<Position> {
        let mut runs = self.lock();
        let entry = runs.get_mut(run)?;
        check_order(run, entry.row.seq, &records)?;
        entry.add(records);
        runs.position += 1;
        let position = Position(runs.position);
        // Under the lock, so that the position never goes back.
        self.durable.send_modify(|durable| durable.position = position);
        Ok(position)
    }

    fn durable(&self) -> watch::Receiver<Durable> {
        self.durable.subscribe()
    }

    fn flush(&self) -> Result<()> {
        Ok(())
    }

    fn visit(
        &self,
        run: &RunId,
        from_seq: u64,
        visit: &mut dyn FnMut(Vec<Record>) -> ControlFlow<()>,
    ) -> Result<()> {
        let mut from = from_seq;
        loop {
            let chunk: Vec<Record> = self.lock().get(run)?.records(from).take(CHUNK).collect();
            let Some(last) = chunk.last() else { return Ok(()) };
            from = last.seq + 1;
            if visit(chunk).is_break() {
                return Ok(());
            }
        }
    }

    fn runs(&self, filter: &Filter) -> Result<Vec<RunRow>> {
        let runs = self.lock();
        let fits = |row: &&RunRow| {
            (filter.status.is_empty() || filter.status.contains(&row.status))
                && filter.name.as_ref().is_none_or(|name| *name == row.name)
        };
        let limit = filter.limit.unwrap_or(usize::MAX);
        Ok(runs.newest_first().into_iter().map(|e| &e.row).filter(fits).take(limit).cloned().collect())
    }

    fn run(&self, run: &RunId) -> Result<StoredRun> {
        let runs = self.lock();
        let entry = runs.get(run)?;
        Ok(StoredRun {
            row: entry.row.clone(),
            plan_bytes: entry.run.plan_bytes.clone(),
            root: entry.run.root.clone(),
            document: entry.run.document.clone(),
            options: entry.run.options.clone(),
        })
    }

    fn find(&self, prefix: &str) -> Result<RunId> {
        let ids = self.lock().newest_first().into_iter().map(|e| e.run.id.clone()).collect();
        unique_prefix(prefix, ids)
    }

    fn claim(&self, plan: &PlanId, run: &NewRun) -> Result<()> {
        let mut runs = self.lock();
        if let Some(run) = runs.claims.get(plan) {
            return Err(Error::PlanApplied { plan: plan.clone(), run: run.clone() });
        }
        runs.create(run)?;
        runs.claims.insert(plan.clone(), run.id.clone());
        Ok(())
    }

    fn claimed(&self, plan: &PlanId) -> Result<Option<RunId>> {
        Ok(self.lock().claims.get(plan).cloned())
    }

    fn post(&self, run: &RunId, command: &Value) -> Result<u64> {
        let mut runs = self.lock();
        let id = runs.posts + 1;
        runs.get_mut(run)?.inbox.push(Posted { id, command: command.clone() });
        runs.posts = id;
        Ok(id)
    }

    fn posted(&self, run: &RunId, after: u64) -> Result<Vec<Posted>> {
        Ok(self.lock().get(run)?.inbox.iter().filter(|p| p.id > after).cloned().collect())
    }

    fn settle(&self, run: &RunId, through: u64) -> Result<()> {
        self.lock().get_mut(run)?.inbox.retain(|p| p.id > through);
        Ok(())
    }

    fn refer(&self, run: &RunId, blob: &BlobId, bytes: u64) -> Result<()> {
        self.lock().get_mut(run)?.outputs.insert(blob.clone(), bytes);
        Ok(())
    }

    fn outputs(&self, run: &RunId) -> Result<BTreeMap<BlobId, u64>> {
        Ok(self.lock().get(run)?.outputs.clone())
    }

    fn referred(&self) -> Result<BTreeSet<BlobId>> {
        let runs = self.lock();
        let of = |e: &Entry| e.run.blobs.iter().chain(e.outputs.keys()).cloned().collect::<Vec<_>>();
        Ok(runs.by_id.values().flat_map(of).collect())
    }

    fn output_bytes(&self) -> Result<u64> {
        let runs = self.lock();
        let all: BTreeMap<&BlobId, &u64> = runs.by_id.values().flat_map(|e| &e.outputs).collect();
        Ok(all.into_values().sum())
    }

    fn size(&self, run: &RunId) -> Result<u64> {
        let runs = self.lock();
        let entry = runs.get(run)?;
        let outputs: u64 = entry.outputs.values().sum();
        let records: usize = entry.batches.iter().map(Batch::bytes).sum();
        Ok(outputs + records as u64 + entry.run.plan_bytes.len() as u64)
    }

    fn delete(&self, run: &RunId) -> Result<()> {
        self.lock().by_id.remove(run).map(drop).ok_or_else(|| unknown(run))
    }

    fn compact(&self) -> Result<()> {
        Ok(())
    }

    fn verify(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

/// Refuses records that do not go on right after number `last`.
pub(crate) fn check_order(run: &RunId, last: u64, records: &[Record]) -> Result<()> {
    match (last + 1..).zip(records).find(|(due, record)| *due != record.seq) {
        Some((due, record)) => Err(Error::OutOfOrder { run: run.clone(), due, got: record.seq }),
        None => Ok(()),
    }
}

/// The error's shared form, which every later caller gets.
pub(crate) fn sticky(cause: &Arc<Error>) -> Error {
    Error::Failed(cause.clone())
}
