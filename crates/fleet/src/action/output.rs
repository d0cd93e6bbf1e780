//! From what a module answers to what the engine keeps.

use serde_json::{Map, Value};
use windlass_engine::Output;
use windlass_gate::{Reply, Spec};
use windlass_model::{Code, Failure};

use crate::failure;

/// The output of a step. A module that failed without a reply has a result all the same, so that a later step
/// finds `msg` and `failed` in what it registered; a module that was ended early has none.
pub(super) fn of(spec: &Spec, reply: Result<Reply, Failure>) -> Result<Output, Failure> {
    match reply {
        Ok(reply) => Ok(answered(spec, &reply)),
        Err(error) => match error.code {
            Code::ActionPanicked | Code::Cancelled | Code::StepTimeout => Err(error),
            _ => Ok(refused(error)),
        },
    }
}

fn answered(spec: &Spec, reply: &Reply) -> Output {
    let result = match reply.to_json() {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    Output {
        changed: reply.changed,
        failed: reply.failed,
        skipped: reply.skipped,
        unknown: reply.unknown,
        error: reply.failed.then(|| failure::reply(spec, reply)),
        result,
        ..Output::default()
    }
}

fn refused(error: Failure) -> Output {
    let output = Output { failed: true, ..Output::ok(false) };
    let output = output.with("changed", false).with("failed", true).with("msg", error.message.clone());
    Output { error: Some(error), ..output }
}
