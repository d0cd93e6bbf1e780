//! What `command` and `shell` share: their common parameters, and the result of a program.

use std::{
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::ExitStatus,
};

use serde_json::Value;

use crate::{
    Args, Context, Error, Kind, Param, Reply,
    child::{self, Capture, Failure, Finished, Job},
    clock, glob,
};

/// Why check mode cannot say what a command would do.
pub(crate) const UNKNOWN: &str = "what a command changes is not known before it runs";

pub(crate) const RAW: Param =
    Param::new("_raw_params", Kind::Str, "The command, where it is the whole text.");
pub(crate) const CMD: Param = Param::new("cmd", Kind::Str, "The command.");
pub(crate) const CHDIR: Param = Param::new("chdir", Kind::Path, "The folder to run it in.");
pub(crate) const CREATES: Param =
    Param::new("creates", Kind::Path, "A path or pattern; if it matches anything, the command does not run.");
pub(crate) const REMOVES: Param =
    Param::new("removes", Kind::Path, "A path or pattern; if it matches nothing, the command does not run.");
pub(crate) const STDIN: Param = Param::new("stdin", Kind::Str, "What the command reads.");
pub(crate) const STDIN_NEWLINE: Param =
    Param::new("stdin_add_newline", Kind::Bool, "Whether a line end is added to `stdin`.").default("true");
pub(crate) const STRIP: Param =
    Param::new("strip_empty_ends", Kind::Bool, "Whether line ends at the end of the output are dropped.")
        .default("true");

/// The command as text, from whichever parameter holds it.
pub(crate) fn text(args: &Args) -> &str {
    args.opt_str("_raw_params").unwrap_or_else(|| args.str("cmd"))
}

/// A program to run for a module.
pub(crate) struct Exec<'a> {
    /// The command as the result shows it.
    pub(crate) cmd: Value,
    pub(crate) program: &'a str,
    pub(crate) args: &'a [String],
}

impl Exec<'_> {
    pub(crate) fn run(self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let dir = args.path("chdir").map_or_else(|| cx.cwd.to_owned(), |dir| cx.path(dir));
        if let Some(reply) = decided(args, &dir, cx) {
            return Ok(reply.with("cmd", self.cmd));
        }
        if !dir.is_dir() {
            let msg = format!("cannot change directory to {}: it is not a folder", dir.display());
            return Ok(empty(Reply::failed(msg)).with("cmd", self.cmd).with("rc", Value::Null));
        }
        let stdin = stdin(args);
        let job = Job {
            program: self.program,
            args: self.args,
            dir: &dir,
            env: cx.env,
            stdin: stdin.as_deref().map(str::as_bytes),
            whole: false,
        };
        let reply = match child::run(&job, cx) {
            Ok(finished) => result(&finished, args.bool("strip_empty_ends")),
            Err(Failure::Start(error)) => {
                let source = Error::io("run", self.program)(error);
                let rc = if let Error::Io { source, .. } = &source { source.raw_os_error() } else { None };
                empty(Reply::failed(source.to_string())).with("rc", rc.unwrap_or(1))
            }
            Err(Failure::Run(error)) => return Err(error),
        };
        Ok(reply.with("cmd", self.cmd))
    }
}

fn stdin(args: &Args) -> Option<String> {
    let newline = if args.bool("stdin_add_newline") { "\n" } else { "" };
    args.opt_str("stdin").map(|text| format!("{text}{newline}"))
}

/// The reply where the command does not run: its work is done already, or this is check mode.
fn decided(args: &Args, dir: &Path, cx: &Context<'_>) -> Option<Reply> {
    let exists = |path: &str| glob::any(dir, &PathBuf::from(cx.expand(path)), cx.fs());
    let why = match (args.path("creates"), args.path("removes")) {
        (Some(path), _) if exists(path) => Some(format!("since '{path}' exists")),
        (_, Some(path)) if !exists(path) => Some(format!("since '{path}' does not exist")),
        _ => None,
    };
    if let Some(why) = why {
        let did = if cx.checks() { "Would" } else { "Did" };
        let stdout = format!("skipped, {}", why.replace('\'', ""));
        let reply = empty(Reply::ok().msg(format!("{did} not run command {why}"))).with("rc", 0);
        return Some(output(reply, "stdout", stdout));
    }
    cx.checks().then(|| {
        let certain = args.has("creates") || args.has("removes");
        // That it would run is certain then; what it would write is not.
        let reply = Reply { unknown: true, skipped: !certain, ..Reply::changed(certain) };
        empty(reply.msg("Command would have run if not in check mode")).with("rc", 0)
    })
}

fn result(finished: &Finished, strip: bool) -> Reply {
    let rc = exit_code(finished.status);
    let mut reply = if rc == 0 { Reply::changed(true) } else { Reply::failed("non-zero return code") };
    reply.changed = true;
    reply = reply
        .with("rc", rc)
        .with("start", clock::stamp(finished.started))
        .with("end", clock::stamp(finished.started + finished.took))
        .with("delta", clock::delta(finished.took));
    reply = stream(reply, "stdout", &finished.stdout, strip);
    stream(reply, "stderr", &finished.stderr, strip)
}

/// A program that a signal ended has the signal's number, negated, as in Python.
pub(crate) fn exit_code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| -signal)).unwrap_or(-1)
}

fn stream(mut reply: Reply, name: &str, captured: &Capture, strip: bool) -> Reply {
    let mut text = captured.text();
    if strip {
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
    }
    if captured.dropped() > 0 {
        reply = reply.with(&format!("{name}_truncated_bytes"), captured.dropped());
    }
    output(reply, name, text)
}

/// A stream as text and as lines.
fn output(reply: Reply, name: &str, text: String) -> Reply {
    let lines: Vec<&str> = text.lines().collect();
    reply.with(&format!("{name}_lines"), lines).with(name, text)
}

/// The fields of a command that did not run.
fn empty(reply: Reply) -> Reply {
    let reply = reply.with("start", Value::Null).with("end", Value::Null).with("delta", Value::Null);
    output(output(reply, "stdout", String::new()), "stderr", String::new())
}
