//! One module, from its request to its result.

use std::{
    cell::{Cell, RefCell},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde_json::{Map, Value};

use super::{keep, out::Outbox, session::Session, stage};
use crate::{
    Args, Cancel, Context, Error, Forecast, Part, Progress, Reply, Stream, find,
    view::Fs,
    wire::{self, Answer, Body, Deed, Fault, Task},
};

/// What a reply keeps of each stream where the request does not say, in bytes.
const CAPTURE: u64 = 1 << 20;

/// What is kept of each text of a reply that is too long for a frame.
const SHORT: usize = 1 << 20;

/// The variable of a step's environment by which tests break its module when it has done its work.
const FAULT: &str = "WINDLASS_GATE_FAULT";

/// Runs a module and says what came of it. A panic in it does not come back here (`broken`).
pub(super) fn run(task: &Task, session: &Session, cancel: &Cancel) -> Body {
    let live = Live::new(task, session);
    let forecast = task.check.then(|| session.forecast(task));
    let done = attempt(task, session, cancel, &live, forecast.as_deref());
    // Whatever came of it: a step that fails may have begun.
    let foreseen = forecast.map(|forecast| forecast.untold());
    if let Some(parts) = foreseen.filter(|parts| !parts.is_empty()) {
        session.out.send(foresaw(task.id, parts));
    }
    assert!(task.env.get(FAULT).is_none_or(|what| what != "panic"), "{FAULT} says so");
    done.map_or_else(Body::Error, Body::Reply)
}

fn attempt(
    task: &Task,
    session: &Session,
    cancel: &Cancel,
    live: &Live<'_>,
    forecast: Option<&Forecast>,
) -> Result<Reply, Fault> {
    let module = find(&task.name).ok_or_else(|| Fault::UnknownModule { name: task.name.clone() })?;
    let (cwd, deadline) = (cwd(task, session), deadline(task));
    let cx = context(task, &cwd, deadline, cancel, live, forecast);
    if let Some(Deed::Undo { before }) = task.deed.as_deref() {
        return Ok(keep::undo(task.id, before, &cx, session)?);
    }
    let mut args = expand(module, task)?;
    session.ask(task.id, &stage::absent(task, &cx));
    let _laid = stage::lay(task, &mut args, (&session.spool, &session.guard), &cx)?;
    let args = Args::check(module.spec(), args.into()).map_err(Error::from)?;
    match task.deed.as_deref() {
        Some(Deed::Keep { transfer }) => Ok(keep::before(module, &args, &cx, *transfer, session)?),
        _ => Ok(crate::run(module, &args, &cx)?),
    }
}

impl From<Vec<crate::ParamError>> for Fault {
    fn from(problems: Vec<crate::ParamError>) -> Self {
        Error::from(problems).into()
    }
}

fn expand(module: &dyn crate::Module, task: &Task) -> Result<Map<String, Value>, Fault> {
    module.spec().expand(task.args.clone()).map_err(|problem| vec![problem].into())
}

/// Asks at once for all that the modules of a batch stand on. What it is, a module before may change: each asks
/// again for itself.
pub(super) fn ask(id: u64, tasks: &[Task], session: &Session, cancel: &Cancel) {
    let absent: Vec<&str> = tasks
        .iter()
        .flat_map(|task| {
            let cwd = cwd(task, session);
            stage::absent(task, &context(task, &cwd, None, cancel, &crate::Silent, None))
        })
        .collect();
    session.ask(id, &absent);
}

fn cwd(task: &Task, session: &Session) -> PathBuf {
    let own = &session.options.cwd;
    task.cwd
        .as_ref()
        .map_or_else(|| own.clone(), |cwd| own.join(crate::expand::path(cwd, &task.env, Fs::DISK)))
}

fn deadline(task: &Task) -> Option<Instant> {
    Instant::now().checked_add(Duration::from_millis(task.timeout_ms?))
}

fn context<'a>(
    task: &'a Task,
    cwd: &'a Path,
    deadline: Option<Instant>,
    cancel: &'a Cancel,
    progress: &'a dyn Progress,
    check: Option<&'a Forecast>,
) -> Context<'a> {
    Context {
        check,
        diff: task.diff,
        cwd,
        env: &task.env,
        cancel,
        deadline,
        progress,
        capture_limit: usize::try_from(task.capture.unwrap_or(CAPTURE)).unwrap_or(usize::MAX),
    }
}

/// A frame with what was foreseen, or if that is too long for one, with the word that it is not known.
fn foresaw(id: u64, parts: Vec<Part>) -> Vec<u8> {
    let frame = wire::encode(&Answer::Foreseen { id, parts });
    if frame.len() <= wire::LIMIT {
        return frame;
    }
    let parts = vec![Part::doubt("what a step would do to more files than can be told of at once")];
    wire::encode(&Answer::Foreseen { id, parts })
}

/// A frame with a result. A reply that is too long for one loses the ends of its texts, and says how much.
pub(super) fn frame(id: u64, body: Body) -> Vec<u8> {
    let answer = Answer::Result { id, body };
    let frame = wire::encode(&answer);
    if frame.len() <= wire::LIMIT {
        return frame;
    }
    let Answer::Result { body: Body::Reply(mut reply), .. } = answer else {
        return too_long(id);
    };
    let names: Vec<String> = reply.fields.keys().cloned().collect();
    for name in names {
        let Some(Value::String(text)) = reply.fields.get_mut(&name) else { continue };
        let lost = text.len() - text.floor_char_boundary(SHORT);
        if lost > 0 {
            text.truncate(text.len() - lost);
            let lines: Vec<Value> = text.lines().map(Value::from).collect();
            let notice = format!("{name}_truncated_bytes");
            let before = reply.fields.get(&notice).and_then(Value::as_u64).unwrap_or_default();
            reply.fields.insert(notice, (before + lost as u64).into());
            reply.fields.entry(format!("{name}_lines")).and_modify(|old| *old = lines.into());
        }
    }
    let frame = wire::encode(&Answer::Result { id, body: Body::Reply(reply) });
    if frame.len() <= wire::LIMIT { frame } else { too_long(id) }
}

fn too_long(id: u64) -> Vec<u8> {
    let message = format!("the result is longer than the {} MiB that a gate may send", wire::LIMIT >> 20);
    wire::encode(&Answer::Result { id, body: Body::Error(Fault::Failed { message }) })
}

/// Tells live output, and the guard of children.
struct Live<'a> {
    id: u64,
    out: Option<&'a Outbox>,
    session: &'a Session,
    dropped: Cell<u64>,
    groups: RefCell<Vec<i32>>,
}

impl<'a> Live<'a> {
    fn new(task: &Task, session: &'a Session) -> Self {
        let out = task.live.then_some(&session.out);
        Self { id: task.id, out, session, dropped: Cell::new(0), groups: RefCell::default() }
    }
}

impl Progress for Live<'_> {
    fn output(&self, stream: Stream, line: &str) {
        let Some(out) = self.out else { return };
        let dropped = self.dropped.get();
        let event = Answer::Event { id: self.id, stream: stream.into(), line: line.to_owned(), dropped };
        self.dropped.set(if out.event(&event) { 0 } else { dropped + 1 });
    }

    fn started(&self, group: i32) {
        self.session.guard.group(group);
        self.groups.borrow_mut().push(group);
    }
}

/// A module leaves no child behind that it must end; what it left on purpose (a daemon) is not the guard's.
impl Drop for Live<'_> {
    fn drop(&mut self) {
        if let Some(out) = self.out.filter(|_| self.dropped.get() > 0) {
            let (stream, line) = (Stream::Stdout.into(), String::new());
            out.answer(&Answer::Event { id: self.id, stream, line, dropped: self.dropped.get() });
        }
        for group in self.groups.borrow().iter() {
            self.session.guard.ended(*group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_too_long_for_a_frame_is_cut_and_says_so() {
        let text = "\u{1}".repeat(12 << 20);
        let reply = Reply::ok().with("stdout", text.as_str()).with("stdout_lines", vec![text]);
        let frame = frame(3, Body::Reply(reply));
        assert!(frame.len() <= wire::LIMIT);
        let Ok(Answer::Result { id: 3, body: Body::Reply(reply) }) = serde_json::from_slice(&frame[8..])
        else {
            panic!("no reply");
        };
        assert_eq!(reply.fields["stdout"].as_str().map(str::len), Some(SHORT));
        assert_eq!(reply.fields["stdout_truncated_bytes"], (12 << 20) - SHORT);
    }
}
