//! A run from outside: what it is told, and its end.

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use windlass_model::{At, Plan, RunId, RunState, Verdict};

use crate::Error;
use crate::dispatch::{Input, Stop};
use crate::run::Command;

/// How a driver's work ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Where the run stands now: finished, or interrupted.
    pub state: Arc<RunState>,
}

pub(crate) type Outcome = Option<Result<Finished, Arc<Error>>>;

/// A run that a driver of this process works on. Clones are handles to the same run; dropping them all leaves
/// the driver at work.
#[derive(Clone, Debug)]
pub struct Run {
    pub(crate) id: RunId,
    pub(crate) plan: Arc<Plan>,
    pub(crate) inputs: mpsc::UnboundedSender<Input>,
    pub(crate) done: watch::Receiver<Outcome>,
}

impl Run {
    /// Its id.
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// What is done.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Tells it something. After its end nobody listens, which does no harm.
    pub fn tell(&self, command: Command) {
        self.input(command.into());
    }

    /// Stops it on the way.
    pub fn stop(&self, stop: Stop, reason: &str) {
        self.input(Input::Stop { stop, reason: reason.to_owned() });
    }

    /// Ends it for good.
    pub fn abort(&self, by: &str) {
        self.input(Input::Abort { by: by.to_owned() });
    }

    /// Answers a step that asks.
    pub fn answer(&self, at: At, approved: bool, by: &str, note: &str) {
        self.input(Input::Answer { at, approved, by: by.to_owned(), note: note.to_owned() });
    }

    /// Decides about a step in doubt.
    pub fn resolve(&self, at: At, verdict: Verdict) {
        self.input(Input::Resolve { at, verdict });
    }

    fn input(&self, input: Input) {
        // Nobody listens any more when the run is over.
        self.inputs.send(input).ok();
    }

    /// Waits for its end: everything that it did is durable then, and every observer has heard of it.
    pub async fn wait(&self) -> Result<Finished, Error> {
        let mut done = self.done.clone();
        let outcome = done.wait_for(Option::is_some).await;
        match outcome.map(|outcome| (*outcome).clone()) {
            Ok(Some(Ok(finished))) => Ok(finished),
            Ok(Some(Err(error))) => Err(Error::Shared(error)),
            _ => Err(Error::Panic("the driver of the run went away".into())),
        }
    }
}
