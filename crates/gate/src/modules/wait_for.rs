//! `wait_for`: waits for a port, a file, or time to pass.

mod drained;
mod port;

use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::Path,
    time::{Duration, Instant},
};

use regex::bytes::{Captures, Regex, RegexBuilder};
use serde_json::{Map, Value};

use crate::{Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Rule, Spec};

pub(super) struct WaitFor;

static SPEC: Spec = Spec {
    name: "wait_for",
    summary: "Waits for a port, a file, or time to pass.",
    params: &[
        Param::new("port", Kind::Int, "The port to wait for."),
        Param::new("host", Kind::Str, "The host whose port it is.").default("\"127.0.0.1\""),
        Param::new("path", Kind::Path, "The file to wait for."),
        Param::new("state", Kind::Str, "What to wait for: open or there, closed or gone, without connections.")
            .default("\"started\"")
            .choices(&["absent", "drained", "present", "started", "stopped"]),
        Param::new("search_regex", Kind::Str, "What the file holds, or the port says, once it is ready."),
        Param::new("timeout", Kind::Int, "How many seconds to wait at most; with nothing to wait for, exactly.")
            .default("300"),
        Param::new("delay", Kind::Int, "How many seconds to wait first.").default("0"),
        Param::new("sleep", Kind::Int, "How many seconds lie between two looks.").default("1"),
        Param::new("connect_timeout", Kind::Int, "How many seconds a connection may take.").default("5"),
        Param::new("active_connection_states", Kind::List(&Kind::Str), "Which connections count until drained.")
            .default(drained::DEFAULT)
            .choices(&drained::STATES),
        Param::new("exclude_hosts", Kind::List(&Kind::Str), "Whose connections do not count until drained."),
        Param::new("msg", Kind::Str, "What to say when the time is up."),
    ],
    free_form: None,
    open: false,
    effect: Effect::None,
    check: Check::Skips("nothing that happens meanwhile is known before it does"),
    rules: &[Rule::Exclusive(&["port", "path"])],
};

impl Module for WaitFor {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let wait = Wait::read(args, cx)?;
        if cx.checks() {
            return Ok(Reply::unknown("wait_for does not wait in check mode"));
        }
        let start = Instant::now();
        cx.sleep(seconds(args, "delay"))?;
        let end = start + seconds(args, "timeout");
        let found = match wait.subject {
            Subject::Time => {
                cx.sleep(end.saturating_duration_since(Instant::now()))?;
                Some(Found::default())
            }
            _ => wait.until(end)?,
        };
        let elapsed = start.elapsed().as_secs();
        Ok(match found {
            Some(found) => wait.reply(found, elapsed),
            None => Reply::failed(wait.late()).with("elapsed", elapsed),
        })
    }
}

/// What is waited for.
enum Subject<'a> {
    Time,
    Path(&'a str),
    Port(u16),
}

struct Wait<'a> {
    subject: Subject<'a>,
    state: &'a str,
    regex: Option<Regex>,
    args: &'a Args,
    cx: &'a Context<'a>,
}

/// What the regular expression found, where there is one.
#[derive(Default)]
struct Found {
    groups: Vec<Value>,
    named: Map<String, Value>,
}

impl<'a> Wait<'a> {
    fn read(args: &'a Args, cx: &'a Context<'a>) -> Result<Self, Error> {
        let state = args.str("state");
        let refuse = |why: String| Err(Error::Failed(why));
        let subject = match (args.opt_int("port"), args.path("path")) {
            (Some(port), _) => match u16::try_from(port) {
                Ok(port) => Subject::Port(port),
                Err(_) => return refuse(format!("{port} is not a port")),
            },
            (None, Some(path)) => Subject::Path(path),
            (None, None) => Subject::Time,
        };
        if matches!(state, "stopped" | "drained") && matches!(subject, Subject::Path(_)) {
            return refuse(format!("`state: {state}` is for ports"));
        }
        if state == "drained" && matches!(subject, Subject::Time) {
            return refuse("`state: drained` needs a port".into());
        }
        if args.has("exclude_hosts") && state != "drained" {
            return refuse("`exclude_hosts` is for `state: drained`".into());
        }
        let regex = args.opt_str("search_regex").map(|regex| RegexBuilder::new(regex).multi_line(true).build());
        let regex = regex.transpose().map_err(|error| Error::Failed(format!("`search_regex` is wrong: {error}")))?;
        Ok(Self { subject, state, regex, args, cx })
    }

    /// Looks again and again, and at least once.
    fn until(&self, end: Instant) -> Result<Option<Found>, Error> {
        let sleep = seconds(self.args, "sleep");
        loop {
            if let Some(found) = self.look(end)? {
                return Ok(Some(found));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.cx.sleep(sleep.min(left))?;
        }
    }

    fn look(&self, end: Instant) -> Result<Option<Found>, Error> {
        let yes = |is: bool| Ok(is.then(Found::default));
        match (&self.subject, self.state) {
            (Subject::Time, _) => yes(true),
            (Subject::Path(path), "absent") => yes(fs::metadata(self.cx.path(path)).is_err()),
            (Subject::Path(path), _) => self.file(&self.cx.path(path)),
            (Subject::Port(port), "drained") => {
                yes(drained::count(self.args.str("host"), *port, self.args, self.cx)? == 0)
            }
            (Subject::Port(port), state) => {
                let stops = matches!(state, "absent" | "stopped");
                let socket = port::connect(self.args.str("host"), *port, self.patience(stops, end), self.cx)?;
                match (socket, &self.regex) {
                    (socket, _) if stops => yes(socket.is_none()),
                    (Some(socket), Some(regex)) => port::listen(&socket, regex, end, self.cx, found),
                    (socket, _) => yes(socket.is_some()),
                }
            }
        }
    }

    /// Until when a connection is tried. Where none is hoped for, our own haste must not pass for silence; where
    /// one is, even the last look gives it a second.
    fn patience(&self, stops: bool, end: Instant) -> Instant {
        let now = Instant::now();
        let limit = now + seconds(self.args, "connect_timeout");
        if stops { limit } else { limit.min(end.max(now + Duration::from_secs(1))) }
    }

    fn file(&self, path: &Path) -> Result<Option<Found>, Error> {
        match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io("look at", path)(error)),
            Ok(_) => match &self.regex {
                None => Ok(Some(Found::default())),
                // A file that cannot be read may be readable the next time.
                Some(regex) => Ok(tail(path).ok().and_then(|bytes| regex.captures(&bytes).map(|c| found(regex, &c)))),
            },
        }
    }

    fn reply(&self, found: Found, elapsed: u64) -> Reply {
        let given = |name: &str| self.args.get(name).cloned().unwrap_or_default();
        Reply::ok()
            .with("state", self.state)
            .with("port", given("port"))
            .with("path", given("path"))
            .with("search_regex", given("search_regex"))
            .with("match_groups", found.groups)
            .with("match_groupdict", found.named)
            .with("elapsed", elapsed)
    }

    fn late(&self) -> String {
        if let Some(msg) = self.args.opt_str("msg") {
            return msg.to_owned();
        }
        let subject = match self.subject {
            Subject::Time => String::new(),
            Subject::Path(path) => path.to_owned(),
            Subject::Port(port) => format!("{}:{port}", self.args.str("host")),
        };
        match (self.state, self.args.opt_str("search_regex")) {
            ("absent" | "stopped", _) => format!("timeout when waiting for {subject} to stop or go away"),
            ("drained", _) => format!("timeout when waiting for {subject} to drain"),
            (_, Some(regex)) => format!("timeout when waiting for search string {regex} in {subject}"),
            _ => format!("timeout when waiting for {subject}"),
        }
    }
}

/// A number of seconds; more than ten years are as good as for ever, and can still be added to a moment.
fn seconds(args: &Args, name: &str) -> Duration {
    const FOREVER: u64 = 10 * 366 * 24 * 3600;
    Duration::from_secs(u64::try_from(args.int(name)).unwrap_or_default().min(FOREVER))
}

fn found(regex: &Regex, captures: &Captures<'_>) -> Found {
    let value = |group: Option<regex::bytes::Match<'_>>| {
        group.map_or(Value::Null, |group| String::from_utf8_lossy(group.as_bytes()).into())
    };
    Found {
        groups: captures.iter().skip(1).map(value).collect(),
        named: regex
            .capture_names()
            .flatten()
            .map(|name| (name.to_owned(), value(captures.name(name))))
            .collect(),
    }
}

/// The content of a file; of one larger than 64 MiB its end, which is where logs say that they are ready.
fn tail(path: &Path) -> io::Result<Vec<u8>> {
    const LIMIT: u64 = 64 << 20;
    let length = fs::metadata(path)?.len();
    if !fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(length.saturating_sub(LIMIT)))?;
    let mut bytes = Vec::new();
    file.take(LIMIT).read_to_end(&mut bytes)?;
    Ok(bytes)
}
