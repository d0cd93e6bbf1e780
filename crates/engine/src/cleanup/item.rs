//! One entry of the stack, and how it is run: on a thread of its own, under its own deadline and token.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use windlass_model::CleanupEntry;

use super::{CleanupFuture, CleanupHandler, CleanupReport, CleanupStack};

/// How long an entry has to end by itself once it was told that its time is over.
const LAST_WORD: Duration = Duration::from_millis(50);

/// What a closure's entry does.
pub(super) type Call = Box<dyn FnOnce(CancellationToken) -> CleanupFuture<'static> + Send>;

/// How an entry is taken back.
pub(super) enum Work {
    /// By a closure: only in this process.
    Call(Call),
    /// By the handler of its kind; `None` where this program has none.
    Handler(Option<Arc<dyn CleanupHandler>>),
    /// By running another stack.
    Stack(CleanupStack),
}

/// One entry of a stack.
pub(super) struct Item {
    /// Its number in this stack.
    pub(super) ticket: u64,
    /// What it is.
    pub(super) entry: CleanupEntry,
    /// How it is taken back.
    pub(super) work: Work,
    /// How long that may take.
    pub(super) timeout: Duration,
    /// Its number in the journal.
    pub(super) recorded: Option<u64>,
}

impl Item {
    /// Whether it is data, so that a journal can keep it.
    pub(super) fn is_durable(&self) -> bool {
        matches!(self.work, Work::Handler(_))
    }

    /// Takes it back within its own time and `allowance`, whichever is shorter.
    pub(super) async fn run(self, allowance: Duration, report: &mut CleanupReport) -> Result<(), String> {
        let timeout = self.timeout.min(allowance);
        let result = match self.work {
            Work::Stack(stack) => {
                report.merge(Box::pin(stack.run_all(allowance)).await);
                return Ok(());
            }
            Work::Call(call) => alone(timeout, call).await,
            Work::Handler(None) => Err(format!("no handler for {:?} is registered", self.entry.kind)),
            Work::Handler(Some(handler)) => {
                let data = self.entry.data;
                alone(timeout, move |cancel| async move { handler.take_back(&data, cancel).await }).await
            }
        };
        report.note(&self.entry.label, result.clone());
        result
    }
}

/// Runs work on a thread of its own, so that neither a panic nor a blocking call in it stops the others.
async fn alone<F>(
    timeout: Duration,
    work: impl FnOnce(CancellationToken) -> F + Send + 'static,
) -> Result<(), String>
where
    F: Future<Output = Result<(), String>> + Send,
{
    let (told, given_up) = (CancellationToken::new(), CancellationToken::new());
    let (cancel, dropped) = (told.clone(), given_up.clone());
    let runtime = tokio::runtime::Handle::current();
    let mut thread = tokio::task::spawn_blocking(move || {
        runtime.block_on(async move {
            tokio::select! {
                result = work(cancel) => result,
                () = dropped.cancelled() => Err("it was given up".to_owned()),
            }
        })
    });
    match tokio::time::timeout(timeout, &mut thread).await {
        Ok(Ok(result)) => result,
        Ok(Err(gone)) => Err(match gone.try_into_panic() {
            Ok(panic) => crate::error::panic_text(panic),
            Err(_) => "the program ended first".to_owned(),
        }),
        Err(_) => {
            told.cancel();
            tokio::time::timeout(LAST_WORD, thread).await.ok();
            given_up.cancel();
            Err(format!("it took longer than {} ms", timeout.as_millis()))
        }
    }
}
