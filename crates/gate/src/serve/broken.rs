//! A panic in a module, which is a mistake of ours: the request is answered, and its thread stays where it is.
//!
//! The program that goes to hosts cannot unwind: what can is a tenth larger. So the panic never returns; whatever
//! the module held stays held, which is why the controller opens another gate for what comes next, while other
//! requests of this one go on to their ends.

use std::{cell::Cell, sync::Arc};

use super::session::Session;
use crate::wire::{Body, Fault};

thread_local! {
    /// The request that this thread works on.
    static WORK: Cell<Option<Work>> = const { Cell::new(None) };
}

struct Work {
    session: Arc<Session>,
    ids: Vec<u64>,
}

/// Does the work of a request under these ids: of one module, or of a batch before those of its modules.
pub(super) fn tracked(session: Arc<Session>, ids: Vec<u64>, work: impl FnOnce()) {
    WORK.set(Some(Work { session, ids }));
    work();
    WORK.set(None);
}

/// Tells what a panic of this thread leaves undone, if a request was being worked on here; false if not. To be
/// called by the hook of panics, which must not return after it.
pub fn broken(message: &str) -> bool {
    let Some(Work { session, ids }) = WORK.take() else { return false };
    // Modules are done in their order: the first without an answer is the one that broke.
    let modules = if let [_, rest @ ..] = &ids[..]
        && !rest.is_empty()
    {
        rest
    } else {
        &ids
    };
    let open: Vec<u64> = modules.iter().copied().filter(|id| session.is_running(*id)).collect();
    let mut fault = Fault::Panicked { message: message.to_owned() };
    for (id, left) in open.iter().zip((0..open.len()).rev()) {
        let done = if left == 0 { &ids[..] } else { std::slice::from_ref(id) };
        session.finish(done, *id, Body::Error(std::mem::replace(&mut fault, Fault::NotStarted)));
    }
    session.abandon();
    true
}
