//! The budgets that a run shares with others: a thread of their own that waits for their disks.
//!
//! What an attempt may use is held back before the attempt is in the journal, and what it did use is settled after
//! that is durable there. A crash between the two leaves a hold that the journal explains to the next driver.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};

use tokio::sync::{mpsc, oneshot};
use windlass_model::{At, Budget, Code, Event, Failure, RunId, Usage};
use windlass_store::{Claim, Holder, LEDGER_FILE, Ledger, Pot, Refusal, Store};

use super::clock::now_ms;
use super::explain::explain;
use crate::Error;
use crate::dispatch::{Ask, Input};

/// Where the ledgers are that a run's budgets lie in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledgers {
    /// Limits that hold beside those that are set in the ledgers.
    pub limits: Vec<(Pot, Budget)>,
    /// The project's.
    pub project: Option<PathBuf>,
    /// The user's: of keys, days and months.
    pub user: Option<PathBuf>,
}

impl Ledgers {
    /// Those of a store and of a user, whose state lies in `user`.
    pub(crate) fn of(store: &Store, user: Option<&Path>, limits: &[(Pot, Budget)]) -> Self {
        let project = store.state().map(|state| state.join(LEDGER_FILE));
        // Without a lock that tells whether a driver lives nobody could tell whose holds are orphans.
        let user = user.filter(|_| project.is_some()).map(|state| state.join(LEDGER_FILE));
        Self { limits: limits.to_vec(), project, user }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.project.is_none() && self.user.is_none()
    }

    /// Settles what an earlier driver of the run held back and did not live to settle: by what the journal says
    /// of it, otherwise at the bound. Gives what that was, for each attempt.
    pub(crate) fn reconcile(&self, store: &Store, run: &RunId) -> Result<Vec<Usage>, Error> {
        let Some(lease) = store.lease_file(run) else { return Ok(Vec::new()) };
        let mut settled: BTreeMap<Holder, Usage> = BTreeMap::new();
        for path in self.project.iter().chain(&self.user) {
            let Some(ledger) = Ledger::existing(path)? else { continue };
            let held = ledger.held_by(&lease, run)?;
            if !held.is_empty() {
                let told = explain(store, run, held)?;
                ledger.settle(&told)?;
                // An attempt holds the same back on both ledgers.
                settled.extend(told);
            }
        }
        Ok(settled.into_values().collect())
    }
}

/// One thing for the thread to do.
enum Job {
    Reserve(Ask),
    /// All or none.
    Probe(Vec<Ask>),
    Settle(Vec<(At, u32, Usage)>),
    /// Tell when all before it is done.
    Drain(oneshot::Sender<Result<(), Error>>),
}

/// The way to the thread; made when the run first asks.
pub(crate) struct Bank {
    ledgers: Ledgers,
    lease: PathBuf,
    run: RunId,
    inputs: mpsc::UnboundedSender<Input>,
    jobs: Option<Sender<Job>>,
    /// What is held back for attempts: their numbers.
    held: HashMap<At, u32>,
}

impl Bank {
    pub(crate) fn new(
        ledgers: Ledgers,
        store: &Store,
        run: RunId,
        inputs: mpsc::UnboundedSender<Input>,
    ) -> Self {
        let lease = store.lease_file(&run).unwrap_or_default();
        Self { ledgers, lease, run, inputs, jobs: None, held: HashMap::new() }
    }

    pub(crate) fn reserve(&mut self, ask: Ask) -> Result<(), Error> {
        self.held.insert(ask.at, ask.attempt);
        self.send(Job::Reserve(ask))
    }

    pub(crate) fn probe(&mut self, asks: Vec<Ask>) -> Result<(), Error> {
        self.held.extend(asks.iter().map(|ask| (ask.at, ask.attempt)));
        self.send(Job::Probe(asks))
    }

    pub(crate) fn release(&mut self, at: At, attempt: u32) -> Result<(), Error> {
        self.held.remove(&at);
        self.settle(vec![(at, attempt, Usage::default())])
    }

    pub(crate) fn settle(&mut self, settled: Vec<(At, u32, Usage)>) -> Result<(), Error> {
        self.send(Job::Settle(settled))
    }

    /// What a fact settles, once it is durable.
    pub(crate) fn settled_by(&mut self, event: &Event) -> Option<(At, u32, Usage)> {
        if self.held.is_empty() {
            return None;
        }
        let (at, used) = match event {
            Event::StepRetried { at, used, .. } => (*at, used.as_deref()),
            Event::StepFinished { at, outcome } => (*at, outcome.usage()),
            _ => return None,
        };
        let attempt = self.held.remove(&at)?;
        Some((at, attempt, used.cloned().unwrap_or_default()))
    }

    /// Whether no shared budget was ever asked for this run.
    pub(crate) fn owes_nothing(&self) -> bool {
        self.jobs.is_none()
    }

    /// Waits until everything that was to be settled is. What was held back for attempts that `began` does not
    /// know is given back first.
    pub(crate) async fn drain(&mut self, began: impl Fn(At, u32) -> bool) -> Result<(), Error> {
        if self.jobs.is_none() {
            return Ok(());
        }
        let unused = self.held.extract_if(|at, attempt| !began(*at, *attempt));
        let unused: Vec<_> = unused.map(|(at, attempt)| (at, attempt, Usage::default())).collect();
        if !unused.is_empty() {
            self.settle(unused)?;
        }
        let (tell, done) = oneshot::channel();
        self.send(Job::Drain(tell))?;
        done.await.map_err(|_| gone())?
    }

    fn send(&mut self, job: Job) -> Result<(), Error> {
        if self.jobs.is_none() {
            let (jobs, receiver) = channel();
            let clerk = Clerk {
                paths: self.ledgers.clone(),
                project: None,
                user: None,
                lease: self.lease.clone(),
                run: self.run.clone(),
                inputs: self.inputs.clone(),
                failed: None,
            };
            let thread = std::thread::Builder::new().name("budgets".into());
            thread
                .spawn(move || clerk.work(&receiver))
                .map_err(|source| Error::Io { path: "thread".into(), source })?;
            self.jobs = Some(jobs);
        }
        self.jobs.as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or_else(gone)
    }
}

fn gone() -> Error {
    Error::Panic("the thread of the shared budgets went away".into())
}

/// What the thread has.
struct Clerk {
    paths: Ledgers,
    project: Option<Ledger>,
    user: Option<Ledger>,
    lease: PathBuf,
    run: RunId,
    inputs: mpsc::UnboundedSender<Input>,
    /// Why something could not be settled.
    failed: Option<Error>,
}

impl Clerk {
    fn work(mut self, jobs: &Receiver<Job>) {
        while let Ok(first) = jobs.recv() {
            // What waits together is written together: one commit for all that is asked, one for all that is settled.
            let (mut asks, mut settled) = (Vec::new(), Vec::new());
            for job in std::iter::once(first).chain(jobs.try_iter()) {
                if !matches!(job, Job::Reserve(_)) {
                    self.reserve_each(std::mem::take(&mut asks));
                }
                if !matches!(job, Job::Settle(_)) {
                    self.settle(std::mem::take(&mut settled));
                }
                match job {
                    Job::Reserve(ask) => asks.push(ask),
                    Job::Settle(more) => settled.extend(more),
                    Job::Probe(asks) => self.probe(&asks),
                    Job::Drain(tell) => {
                        tell.send(self.failed.take().map_or(Ok(()), Err)).ok();
                        // The run is over. What closing takes is done while its last record is written.
                        (self.project, self.user) = (None, None);
                    }
                }
            }
            self.reserve_each(asks);
            self.settle(settled);
        }
    }

    fn reserve_each(&mut self, asks: Vec<Ask>) {
        if asks.is_empty() {
            return;
        }
        let answers = self.reserve(&asks, false).unwrap_or_else(|error| unusable(&asks, &error));
        for (ask, refused) in asks.iter().zip(answers) {
            // After the run's end nobody listens.
            self.inputs.send(Input::Reserved { at: ask.at, refused }).ok();
        }
    }

    fn probe(&mut self, asks: &[Ask]) {
        let answers = self.reserve(asks, true).unwrap_or_else(|error| unusable(asks, &error));
        let refused =
            asks.iter().zip(answers).filter_map(|(ask, refused)| Some((ask.at, refused?))).collect();
        self.inputs.send(Input::Probed { refused }).ok();
    }

    /// Holds back on the project's budget, then on the user's; what those refuse is given back to the project's.
    fn reserve(&mut self, asks: &[Ask], all: bool) -> Result<Vec<Option<Failure>>, Error> {
        self.open()?;
        let now = now_ms();
        let mut answers: Vec<Option<Failure>> = vec![None; asks.len()];
        for ledger in [&self.project, &self.user] {
            let Some(ledger) = ledger else { continue };
            let is_project = self.project.as_ref().is_some_and(|project| std::ptr::eq(project, ledger));
            let open: Vec<usize> = (0..asks.len()).filter(|&at| answers[at].is_none()).collect();
            let claims: Vec<Claim> = open.iter().map(|&at| self.claim(&asks[at], is_project)).collect();
            let refusals = ledger.reserve(&claims, all, now)?;
            for (&at, refusal) in open.iter().zip(refusals) {
                answers[at] = refusal.as_ref().map(refused);
            }
            if all && answers.iter().any(Option::is_some) {
                break;
            }
        }
        if let Some(project) = &self.project {
            let none_at_all = all && answers.iter().any(Option::is_some);
            let back = asks.iter().zip(&answers).filter(|(_, answer)| none_at_all || answer.is_some());
            let back: Vec<_> =
                back.map(|(ask, _)| (self.holder(ask.at, ask.attempt), Usage::default())).collect();
            if !back.is_empty() {
                project.settle(&back)?;
            }
        }
        Ok(answers)
    }

    fn settle(&mut self, settled: Vec<(At, u32, Usage)>) {
        if settled.is_empty() {
            return;
        }
        let settled: Vec<_> =
            settled.into_iter().map(|(at, attempt, used)| (self.holder(at, attempt), used)).collect();
        for ledger in self.project.iter().chain(&self.user) {
            match ledger.settle_within(&settled, &self.paths.limits) {
                Ok(overdrawn) => {
                    if let Some((pot, why)) = overdrawn.into_iter().next() {
                        let message = format!("{} is overdrawn: {why}", pot.title());
                        let failure = Failure::new(Code::Overdrawn, message).permanent();
                        self.inputs.send(Input::Overdrawn { failure }).ok();
                    }
                }
                Err(error) => self.failed = Some(error.into()),
            }
        }
    }

    fn open(&mut self) -> Result<(), Error> {
        for (ledger, path) in [(&mut self.project, &self.paths.project), (&mut self.user, &self.paths.user)] {
            if let (None, Some(path)) = (&ledger, path) {
                let opened = Ledger::open(path)?;
                opened.settle_lost()?;
                *ledger = Some(opened);
            }
        }
        Ok(())
    }

    fn claim(&self, ask: &Ask, project: bool) -> Claim {
        let key = ask.estimate.key.clone().map(Pot::Key);
        let pots = match project {
            true => vec![Pot::Project],
            false => key.into_iter().chain([Pot::Day, Pot::Month]).collect(),
        };
        let limits = self.paths.limits.clone();
        Claim { holder: self.holder(ask.at, ask.attempt), most: ask.estimate.usage.clone(), pots, limits }
    }

    fn holder(&self, at: At, attempt: u32) -> Holder {
        Holder { lease: self.lease.clone(), run: self.run.clone(), at, attempt }
    }
}

fn refused(refusal: &Refusal) -> Failure {
    let Refusal { pot, why } = refusal;
    let wait = if matches!(pot, Pot::Day | Pot::Month) { ", or wait until it renews" } else { "" };
    Failure::new(Code::BudgetRefused, format!("{} refuses the step: {why}", pot.title()))
        .hint(format!("raise it with `windlass budget set {pot}`, lower what the step may use{wait}"))
        .permanent()
}

/// Where the budgets cannot be asked, nothing may be spent.
fn unusable(asks: &[Ask], error: &Error) -> Vec<Option<Failure>> {
    let failure = Failure::new(Code::StoreUnusable, format!("the shared budgets cannot be asked: {error}"));
    vec![Some(failure); asks.len()]
}
