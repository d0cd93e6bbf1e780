//! The stack of things to take back.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_util::sync::CancellationToken;
use windlass_model::{CleanupEntry, Code, Failure};

use super::item::{Item, Work};
use super::{CleanupHandlers, CleanupJournal, CleanupReport};

/// How long one entry may take by default.
pub const ENTRY_TIMEOUT: Duration = Duration::from_secs(2);

/// How long a whole cleanup may take by default: CI systems kill what is not gone after about seven seconds.
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(5);

/// What even the last of many hanging entries gets.
const LEAST_TIMEOUT: Duration = Duration::from_millis(20);

/// How much longer than its total time a cleanup on a thread of its own is waited for.
const THREAD_GRACE: Duration = Duration::from_millis(500);

/// Entries to take back, shared by everything that registers some: last in, first out.
///
/// Each entry runs once, whether those before it fail, panic or hang. Clones are the same stack.
#[derive(Clone, Default)]
pub struct CleanupStack(Arc<Inner>);

#[derive(Default)]
struct Inner {
    handlers: CleanupHandlers,
    list: Mutex<List>,
    /// Held while entries are run: a second caller waits until the first is done, and finds nothing left.
    running: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct List {
    tickets: u64,
    items: Vec<Item>,
    journal: Option<Arc<dyn CleanupJournal>>,
}

impl CleanupStack {
    /// An empty stack whose entries that are data are taken back by these handlers.
    pub fn new(handlers: CleanupHandlers) -> Self {
        Self(Arc::new(Inner { handlers, ..Inner::default() }))
    }

    /// The stack that a dead driver left in its journal: running it takes back what is left over.
    pub fn restore(handlers: CleanupHandlers, open: &BTreeMap<u64, CleanupEntry>) -> Self {
        let stack = Self::new(handlers);
        for (id, entry) in open {
            let handler = stack.0.handlers.get(&entry.kind).cloned();
            stack.push(entry.clone(), Work::Handler(handler), ENTRY_TIMEOUT, Some(*id));
        }
        stack
    }

    /// Adds something that only this process can take back. The token that the closure gets is the cleanup's
    /// own; it is cancelled when the entry's time is over. The work may block: it has a thread of its own.
    pub fn add<F>(
        &self,
        label: impl Into<String>,
        work: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) -> Ticket
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.add_within(ENTRY_TIMEOUT, label, work)
    }

    /// Like [`CleanupStack::add`], with a deadline of its own.
    pub fn add_within<F>(
        &self,
        timeout: Duration,
        label: impl Into<String>,
        work: impl FnOnce(CancellationToken) -> F + Send + 'static,
    ) -> Ticket
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let entry = CleanupEntry { kind: "call".to_owned(), label: label.into(), data: Value::Null };
        self.push(entry, Work::Call(Box::new(move |cancel| Box::pin(work(cancel)))), timeout, None)
    }

    /// Adds something before a run has begun, as data. The journal takes it when the run begins; until then
    /// only this process can take it back. While a run goes on [`CleanupStack::register`] is right.
    pub fn add_entry(&self, entry: CleanupEntry) -> Result<Ticket, Failure> {
        let work = self.handler(&entry)?;
        Ok(self.push(entry, work, ENTRY_TIMEOUT, None))
    }

    /// Adds something as data and returns when the journal has it for good. Only then may the thing be made:
    /// whatever happens afterwards, this process or a later one takes it back.
    pub async fn register(&self, entry: CleanupEntry) -> Result<Ticket, Failure> {
        let work = self.handler(&entry)?;
        let journal = self.list().journal.clone();
        let recorded = match journal {
            Some(journal) => Some(journal.added(&entry).await?),
            None => None,
        };
        Ok(self.push(entry, work, ENTRY_TIMEOUT, recorded))
    }

    /// Connects a journal that has all entries already.
    pub(crate) fn connect(&self, journal: Arc<dyn CleanupJournal>) {
        self.list().journal = Some(journal);
    }

    /// Connects the run's journal and hands it all entries that are data and that it does not have yet.
    pub async fn attach(&self, journal: Arc<dyn CleanupJournal>) -> Result<(), Failure> {
        self.connect(journal.clone());
        while let Some((ticket, entry)) = self.first_unrecorded() {
            let id = journal.added(&entry).await?;
            if let Some(item) = self.list().items.iter_mut().find(|item| item.ticket == ticket) {
                item.recorded = Some(id);
            }
        }
        Ok(())
    }

    /// The stack for a run: it takes over the entries that are data, since the run's journal keeps them from
    /// now on. The run's driver empties it; what it leaves is run as a part of this stack.
    pub fn for_run(&self) -> CleanupStack {
        let run = Self::new(self.0.handlers.clone());
        {
            let mut list = self.list();
            let (durable, rest) = std::mem::take(&mut list.items).into_iter().partition(Item::is_durable);
            list.items = rest;
            let mut inner = run.list();
            inner.tickets = list.tickets;
            inner.items = durable;
        }
        let entry = CleanupEntry { kind: "run".to_owned(), label: "the run".to_owned(), data: Value::Null };
        self.push(entry, Work::Stack(run.clone()), TOTAL_TIMEOUT, None);
        run
    }

    /// Takes everything back within `total`: the last entry first, each under its own deadline, whatever comes
    /// of the others. Entries that are added meanwhile are taken back too. A second call finds nothing left.
    ///
    /// An entry gets at most half of what is left while others wait, so that those that hang cannot use up the
    /// time of those that do not.
    pub async fn run_all(&self, total: Duration) -> CleanupReport {
        let _one_at_a_time = self.0.running.lock().await;
        let end = Instant::now() + total;
        let mut report = CleanupReport::default();
        loop {
            let (item, others) = {
                let mut list = self.list();
                let Some(item) = list.items.pop() else { break };
                (item, list.items.len())
            };
            let left = end.saturating_duration_since(Instant::now());
            let allowance = if others > 0 { left / 2 } else { left };
            self.take_back(item, allowance.max(LEAST_TIMEOUT), &mut report).await.ok();
        }
        report
    }

    /// Takes everything back from where nothing can be awaited, such as a destructor: on a thread and a runtime
    /// of its own.
    pub fn run_blocking(&self, total: Duration) -> CleanupReport {
        if self.is_empty() {
            return CleanupReport::default();
        }
        let stack = self.clone();
        let (done, report) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("windlass-cleanup".to_owned()).spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
            // The receiver may have given up; then nobody wants the report.
            done.send(runtime.block_on(stack.run_all(total))).ok();
            runtime.shutdown_background();
            std::io::Result::Ok(())
        });
        let failed = |why: String| {
            let mut report = CleanupReport::default();
            report.note("the cleanup", Err(why));
            report
        };
        match thread {
            Err(error) => failed(format!("it could not begin: {error}")),
            Ok(_) => report
                .recv_timeout(total + THREAD_GRACE)
                .unwrap_or_else(|_| failed(format!("it took longer than {} ms", total.as_millis()))),
        }
    }

    /// Whether there is nothing to take back.
    pub fn is_empty(&self) -> bool {
        self.list().items.iter().all(|item| matches!(&item.work, Work::Stack(stack) if stack.is_empty()))
    }

    /// What is to be taken back, the oldest first, as people call it.
    pub fn labels(&self) -> Vec<String> {
        self.list().items.iter().map(|item| item.entry.label.clone()).collect()
    }

    fn handler(&self, entry: &CleanupEntry) -> Result<Work, Failure> {
        let handler = self.0.handlers.get(&entry.kind).cloned().ok_or_else(|| {
            let message =
                format!("cannot register {:?}: no cleanup handler for {:?}", entry.label, entry.kind);
            Failure::new(Code::CleanupFailed, message)
                .hint("register the handler with the runtime")
                .permanent()
        })?;
        Ok(Work::Handler(Some(handler)))
    }

    fn push(&self, entry: CleanupEntry, work: Work, timeout: Duration, recorded: Option<u64>) -> Ticket {
        let mut list = self.list();
        list.tickets += 1;
        let ticket = list.tickets;
        list.items.push(Item { ticket, entry, work, timeout, recorded });
        Ticket { stack: self.clone(), ticket }
    }

    fn first_unrecorded(&self) -> Option<(u64, CleanupEntry)> {
        let list = self.list();
        let item = list.items.iter().find(|item| item.is_durable() && item.recorded.is_none())?;
        Some((item.ticket, item.entry.clone()))
    }

    fn take(&self, ticket: u64) -> Option<Item> {
        let mut list = self.list();
        let at = list.items.iter().position(|item| item.ticket == ticket)?;
        Some(list.items.remove(at))
    }

    async fn take_back(
        &self,
        item: Item,
        allowance: Duration,
        report: &mut CleanupReport,
    ) -> Result<(), String> {
        let recorded = item.recorded;
        let result = item.run(allowance, report).await;
        self.journal_done(recorded, result.clone().err()).await;
        result
    }

    async fn journal_done(&self, recorded: Option<u64>, error: Option<String>) {
        let journal = self.list().journal.clone();
        if let (Some(id), Some(journal)) = (recorded, journal) {
            journal.done(id, error).await;
        }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.0.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CleanupStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CleanupStack").field(&self.labels()).finish()
    }
}

/// The claim to one entry. Dropping it leaves the entry where it is.
#[derive(Debug)]
pub struct Ticket {
    stack: CleanupStack,
    ticket: u64,
}

impl Ticket {
    /// Takes the entry back now. `Ok` also where it already was.
    pub async fn run(self) -> Result<(), String> {
        match self.stack.take(self.ticket) {
            Some(item) => self.stack.take_back(item, TOTAL_TIMEOUT, &mut CleanupReport::default()).await,
            None => Ok(()),
        }
    }

    /// Removes the entry without taking anything back: it was meant to stay after all, or is gone.
    pub async fn release(self) {
        if let Some(item) = self.stack.take(self.ticket) {
            self.stack.journal_done(item.recorded, None).await;
        }
    }
}
