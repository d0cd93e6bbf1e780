//! A journal that hands on to another one, but for what is appended: a function stands before that.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;
use windlass_model::{BlobId, PlanId, Record, RunId};

use crate::{Durable, Filter, Journal, NewRun, Position, Posted, Result, RunRow, StoredRun};

/// A journal before which a function stands: it is given the journal and what is to be appended to it.
pub(crate) struct Relay<F> {
    pub(crate) inner: Arc<dyn Journal>,
    pub(crate) append: F,
}

impl<F> Journal for Relay<F>
where
    F: Fn(&dyn Journal, &RunId, Vec<Record>) -> Result<Position> + Send + Sync + 'static,
{
    fn append(&self, run: &RunId, records: Vec<Record>) -> Result<Position> {
        (self.append)(&*self.inner, run, records)
    }

    fn create(&self, run: &NewRun) -> Result<()> {
        self.inner.create(run)
    }

    fn adopt(&self, run: &NewRun, records: Vec<Record>, outputs: &BTreeMap<BlobId, u64>) -> Result<()> {
        self.inner.adopt(run, records, outputs)
    }

    fn durable(&self) -> watch::Receiver<Durable> {
        self.inner.durable()
    }

    fn flush(&self) -> Result<()> {
        self.inner.flush()
    }

    fn visit(
        &self,
        run: &RunId,
        from_seq: u64,
        visit: &mut dyn FnMut(Vec<Record>) -> ControlFlow<()>,
    ) -> Result<()> {
        self.inner.visit(run, from_seq, visit)
    }

    fn runs(&self, filter: &Filter) -> Result<Vec<RunRow>> {
        self.inner.runs(filter)
    }

    fn run(&self, run: &RunId) -> Result<StoredRun> {
        self.inner.run(run)
    }

    fn find(&self, prefix: &str) -> Result<RunId> {
        self.inner.find(prefix)
    }

    fn claim(&self, plan: &PlanId, run: &NewRun) -> Result<()> {
        self.inner.claim(plan, run)
    }

    fn claimed(&self, plan: &PlanId) -> Result<Option<RunId>> {
        self.inner.claimed(plan)
    }

    fn post(&self, run: &RunId, command: &Value) -> Result<u64> {
        self.inner.post(run, command)
    }

    fn posted(&self, run: &RunId, after: u64) -> Result<Vec<Posted>> {
        self.inner.posted(run, after)
    }

    fn settle(&self, run: &RunId, through: u64) -> Result<()> {
        self.inner.settle(run, through)
    }

    fn refer(&self, run: &RunId, blob: &BlobId, bytes: u64) -> Result<()> {
        self.inner.refer(run, blob, bytes)
    }

    fn outputs(&self, run: &RunId) -> Result<BTreeMap<BlobId, u64>> {
        self.inner.outputs(run)
    }

    fn referred(&self) -> Result<BTreeSet<BlobId>> {
        self.inner.referred()
    }

    fn output_bytes(&self) -> Result<u64> {
        self.inner.output_bytes()
    }

    fn size(&self, run: &RunId) -> Result<u64> {
        self.inner.size(run)
    }

    fn delete(&self, run: &RunId) -> Result<()> {
        self.inner.delete(run)
    }

    fn compact(&self) -> Result<()> {
        self.inner.compact()
    }

    fn verify(&self) -> Result<Vec<String>> {
        self.inner.verify()
    }
}
