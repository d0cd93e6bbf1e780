//! Taking back what a module did with files: what was there is kept in the store, and put back from there.

use std::sync::Arc;

use serde_json::Value;
use windlass_engine::{Output, StepContext};
use windlass_gate::undo::{self, Before};
use windlass_gate::{Args, Error, Reply, Silent};
use windlass_model::{BlobId, Code, Failure};

use super::{ModuleAction, Work, prepare};
use crate::failure;
use crate::local::{CAPTURE, Surroundings};

/// How everything is that the step is about to change. A step whose parameters are no good has nothing to keep:
/// it fails by itself.
pub(super) async fn before(action: &ModuleAction, step: &StepContext) -> Result<Option<Value>, Failure> {
    let module = action.module;
    let work = Work { input: step.input.clone(), scope: step.scope.clone(), blobs: step.blobs.clone() };
    let blobs = step.blobs.clone();
    let found = action.runner.drive(around(step), move |cx| {
        let forecast = windlass_gate::Forecast::new();
        let cx = &windlass_gate::Context { check: Some(&forecast), ..*cx };
        let mut found = Ok(None);
        let mut broken = None;
        let prepared = prepare(module, work, cx, &mut |params| {
            let args = Args::check(module.spec(), params).map_err(|problems| failure::params(&problems))?;
            let mut keep = |content: &[u8]| match blobs.keep(content) {
                Ok(name) => name.map(|name| name.as_str().to_owned()),
                Err(error) => {
                    broken = Some(error);
                    None
                }
            };
            found = undo::before(module, &args, cx, &mut keep);
            Ok(Reply::ok())
        });
        match (prepared, broken, found) {
            (Err(error), _, _) if matches!(error.code, Code::Cancelled | Code::StepTimeout) => Err(error),
            (Err(_), _, _) => Ok(None),
            (Ok(_), Some(error), _) => Err(error),
            (Ok(_), None, Ok(found)) => Ok(found),
            (Ok(_), None, Err(error @ (Error::Cancelled | Error::Deadline))) => Err(failure::error(error)),
            (Ok(_), None, Err(error)) => Err(Failure::new(Code::CannotUndo, error.to_string()).permanent()),
        }
    });
    Ok(found.await?.map(|before| before.to_json()))
}

/// Puts everything back.
pub(super) async fn undo(
    action: &ModuleAction,
    step: StepContext,
    before: Arc<Value>,
) -> Result<Output, Failure> {
    let Some(before) = Before::from_json(&before) else {
        return Err(Failure::new(Code::CannotUndo, "the journal does not say how it was before").permanent());
    };
    let blobs = step.blobs.clone();
    let restored = action.runner.drive(around(&step), move |cx| {
        let mut fetch = |name: &str| {
            let id = BlobId::new(name).ok_or_else(|| Error::Failed(format!("{name:?} names no content")))?;
            let content = blobs.read(&id).map_err(|error| Error::Failed(error.message))?;
            Ok(content.to_vec())
        };
        undo::restore(&before, &mut fetch, cx).map_err(|error| match error {
            Error::Failed(why) => Failure::new(Code::CannotUndo, why),
            error => failure::error(error),
        })
    });
    Ok(Output::ok(true).with("notes", restored.await?))
}

fn around(step: &StepContext) -> Surroundings {
    Surroundings {
        check: false,
        foresight: Arc::default(),
        diff: false,
        root: step.root.clone(),
        environment: step.environment.clone(),
        cancel: step.cancel.clone(),
        deadline: step.deadline,
        capture: CAPTURE,
        listener: Arc::new(Silent),
    }
}
