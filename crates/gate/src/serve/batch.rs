//! Requests: one module, or several in their order.

use super::{run, session::Session};
use crate::{
    Cancel,
    wire::{Answer, Body, Fault, Task},
};

/// Does one module.
pub(super) fn single(task: &Task, session: &Session, cancel: &Cancel) {
    step(task, &[task.id], session, cancel);
}

/// Does modules in their order. After one that failed, the others are answered without having begun.
pub(super) fn all(id: u64, tasks: &[Task], session: &Session, cancel: &Cancel) {
    run::ask(id, tasks, session, cancel);
    let mut stopped = false;
    for (task, left) in tasks.iter().zip((0..tasks.len()).rev()) {
        // The batch itself is over with the answer to its last module.
        let done = if left == 0 { &[task.id, id][..] } else { &[task.id] };
        if stopped || cancel.is_cancelled() {
            session.finish(done, task.id, Body::Error(Fault::NotStarted));
        } else {
            stopped = !step(task, done, session, cancel) && !task.lenient;
        }
    }
}

/// Does one module and says whether it ended well.
fn step(task: &Task, done: &[u64], session: &Session, cancel: &Cancel) -> bool {
    if session.out.is_closed() {
        return false;
    }
    session.out.announce(&Answer::Started { id: task.id });
    let body = run::run(task, session, cancel);
    let well = matches!(&body, Body::Reply(reply) if !reply.failed);
    session.finish(done, task.id, body);
    well
}
