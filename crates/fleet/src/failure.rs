//! What came of a module that failed, as data that a person can act on.

use std::any::Any;
use std::io::ErrorKind;

use serde_json::Value;
use windlass_gate::{Error, ParamError, Reply, Spec};
use windlass_model::{Code, Failure};

/// Wrong parameters, all in one.
pub(crate) fn params(problems: &[ParamError]) -> Failure {
    let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    let hints: Vec<&str> = problems.iter().filter_map(|problem| problem.hint.as_deref()).collect();
    let failure = Failure::new(Code::BadParams, messages.join("; ")).permanent();
    if hints.is_empty() { failure } else { failure.hint(hints.join("; ")) }
}

/// The run was cancelled.
pub(crate) fn cancelled() -> Failure {
    Failure::new(Code::Cancelled, "cancelled before it could finish")
}

/// The deadline passed.
pub(crate) fn late() -> Failure {
    Failure::new(Code::StepTimeout, "did not end before its deadline")
        .hint("give it more time with `timeout`, or find out what it waits for")
}

/// A bug.
pub(crate) fn broken(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message");
    panicked(text)
}

/// A bug in a module, told of by whoever ran it.
pub(crate) fn panicked(text: &str) -> Failure {
    let text = format!("the module broke, and it is not known what it had done by then: {text}");
    Failure::new(Code::ActionPanicked, text).hint("this is a mistake of the program: please report it")
}

/// A template or an expression that could not be evaluated. It would go no better another time: what it is
/// evaluated over stays as it is.
pub(crate) fn expression(code: Code, error: &windlass_expr::Error, what: &str) -> Failure {
    if error.kind == windlass_expr::ErrorKind::Unforeseen {
        return Failure::new(Code::Unforeseen, error.message.clone()).permanent();
    }
    let failure = Failure::new(code, format!("{what}: {error}")).permanent();
    match &error.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// A file on the controller that could not be had.
pub(crate) fn source(name: &str, error: &std::io::Error) -> Failure {
    Failure::new(Code::MissingSource, format!("cannot read {name}: {}", reason(error)))
}

/// The system's words without Rust's "(os error 13)", in lower case as the rest of a message.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// What a module could not do.
pub(crate) fn error(error: Error) -> Failure {
    let transient = error.is_transient();
    let failure = match &error {
        Error::BadParams(problems) => params(problems),
        Error::Cancelled => cancelled(),
        Error::Deadline => late(),
        Error::Io { source, .. } => io(&error, source.kind()),
        other => Failure::new(Code::ModuleFailed, other.to_string()),
    };
    if transient { failure.transient() } else { failure }
}

fn io(error: &Error, kind: ErrorKind) -> Failure {
    let failure = Failure::new(Code::HostIo, error.to_string());
    match kind {
        ErrorKind::PermissionDenied => {
            failure.hint("check its owner and permissions, and those of its folder")
        }
        ErrorKind::NotFound => {
            failure.hint("check the path; a `file` step with `state: directory` makes folders")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => failure.hint("make room on the disk"),
        ErrorKind::ReadOnlyFilesystem => failure.hint("its file system is mounted read-only"),
        _ => failure,
    }
}

/// Why a reply says that it failed.
pub(crate) fn reply(spec: &Spec, reply: &Reply) -> Failure {
    let said = || reply.msg.clone().unwrap_or_else(|| format!("{} failed", spec.name));
    match (spec.name, reply.fields.get("rc").and_then(Value::as_i64)) {
        ("assert", _) => assertion(reply, said()),
        ("fail", _) => Failure::new(Code::Refused, said()),
        (_, Some(rc)) if reply.fields.get("start").is_some_and(Value::is_string) => exit(rc),
        ("command", Some(_)) => Failure::new(Code::CommandFailed, said())
            .hint("check that the program is there; pipes, `&&` and the like need `shell`"),
        _ => Failure::new(Code::ModuleFailed, said()),
    }
}

/// A command that ran and did not end well.
fn exit(rc: i64) -> Failure {
    let failure = |message: String| Failure::new(Code::CommandFailed, message);
    match rc {
        126 => failure("command exited with 126".into())
            .hint("a shell says so of a file that it may not execute: check its permissions"),
        127 => failure("command exited with 127".into())
            .hint("a shell says so of a program that it cannot find: check its name and `PATH`"),
        ..0 => failure(format!("command was ended by {}", signal(-rc))).hint(if rc == -9 {
            "the system may have run out of memory"
        } else {
            "find out what ended it"
        }),
        _ => failure(format!("command exited with {rc}"))
            .hint("its last output says why; if this status is a good one, say so with `failed_when`"),
    }
}

fn signal(number: i64) -> String {
    let name = match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        _ => return format!("signal {number}"),
    };
    format!("signal {number} ({name})")
}

fn assertion(reply: &Reply, said: String) -> Failure {
    let failure = Failure::new(Code::AssertionFailed, said);
    match reply.fields.get("assertion").and_then(Value::as_str) {
        Some(text) => failure.hint(format!("this does not hold: {text}")),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windlass_gate::find;

    fn command(rc: i32, start: Value) -> Failure {
        let reply_ = Reply::failed("non-zero return code").with("rc", rc).with("start", start);
        reply(find("command").unwrap().spec(), &reply_)
    }

    #[test]
    fn a_status_becomes_words() {
        for (rc, message) in [
            (2, "command exited with 2"),
            (127, "command exited with 127"),
            (-9, "command was ended by signal 9 (SIGKILL)"),
            (-34, "command was ended by signal 34"),
        ] {
            let failure = command(rc, "2024-01-01".into());
            assert_eq!((failure.code, failure.message.as_str()), (Code::CommandFailed, message));
            assert!(failure.hint.is_some() && !failure.transient && !failure.permanent);
        }
        assert_eq!(command(2, Value::Null).message, "non-zero return code");
    }

    #[test]
    fn each_error_has_its_code_and_its_word_about_trying_again() {
        let io = |raw| Error::Io {
            path: "/x".into(),
            op: "open".into(),
            source: std::io::Error::from_raw_os_error(raw),
        };
        let problem = ParamError { param: None, message: "m".into(), hint: Some("h".into()) };
        for (given, code, transient, permanent) in [
            (Error::BadParams(vec![problem]), Code::BadParams, false, true),
            (Error::Cancelled, Code::Cancelled, false, false),
            (Error::Deadline, Code::StepTimeout, false, false),
            (Error::Failed("why".into()), Code::ModuleFailed, false, false),
            (io(13), Code::HostIo, false, false),
            (io(16), Code::HostIo, true, false),
        ] {
            let failure = error(given);
            assert_eq!((failure.code, failure.transient, failure.permanent), (code, transient, permanent));
        }
    }
}
