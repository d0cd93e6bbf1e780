//! The host's own programs (`systemctl`, `useradd`, `apt-get`, …), run for a module that needs their answer.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use crate::{
    Context, Error, Progress, Stream,
    child::{self, Failure, Finished, Job},
    exec::exit_code,
};

/// Where programs for administrators lie. The `PATH` of a user may not name them, and `dpkg` refuses to work
/// without them.
const ADMIN: [&str; 4] = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin"];

/// Answers are read by us: they are kept whole up to this, whatever the run keeps of a command's output.
const ANSWER: usize = 64 << 20;

/// One call of a program. What must not be seen in the list of processes goes to its standard input.
pub(crate) struct Tool {
    program: String,
    args: Vec<String>,
    env: BTreeMap<String, String>,
    stdin: Option<Vec<u8>>,
    live: bool,
    whole: bool,
}

/// What a program said, and how it ended.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    /// The exit status; a signal's number, negated, if one ended it.
    pub(crate) rc: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Tool {
    /// A program by its name.
    pub(crate) fn new(program: &str) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
            env: BTreeMap::new(),
            stdin: None,
            live: false,
            whole: false,
        }
    }

    /// Adds an argument.
    pub(crate) fn arg(mut self, arg: impl Into<String>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub(crate) fn args<S: Into<String>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of its environment.
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// What it reads.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Whoever listens to the run hears its output: for work that takes its time, not for questions.
    pub(crate) fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// Once begun it is finished, as far as that is soon, though the run is to end.
    pub(crate) fn whole(mut self) -> Self {
        self.whole = true;
        self
    }

    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    pub(crate) fn words(&self) -> &[String] {
        &self.args
    }

    /// Runs it to its end. It speaks English, so that its answers can be read.
    pub(crate) fn run(&self, cx: &Context<'_>) -> Result<Said, Error> {
        let program = find(&self.program, cx)
            .ok_or_else(|| Error::Failed(format!("this host has no program `{}`", self.program)))?;
        let mut env = cx.env.clone();
        env.insert("PATH".into(), path(cx).to_string_lossy().into_owned());
        for name in ["LANG", "LANGUAGE", "LC_ALL", "LC_MESSAGES"] {
            env.insert(name.into(), "C".into());
        }
        env.extend(self.env.clone());
        let program = program.to_string_lossy();
        let job = Job {
            program: &program,
            args: &self.args,
            dir: Path::new("/"),
            env: &env,
            stdin: self.stdin.as_deref(),
            whole: self.whole,
        };
        let quiet = Quiet(cx.progress);
        let progress: &dyn Progress = if self.live { cx.progress } else { &quiet };
        let cx = Context { progress, capture_limit: ANSWER, ..*cx };
        match child::run(&job, &cx) {
            Ok(finished) => Ok(Said::of(&finished)),
            Err(Failure::Start(error)) => Err(Error::io("run", program.as_ref())(error)),
            Err(Failure::Run(error)) => Err(error),
        }
    }
}

impl Said {
    fn of(finished: &Finished) -> Self {
        let rc = exit_code(finished.status);
        Self { rc, out: finished.stdout.text(), err: finished.stderr.text() }
    }

    /// Whether it went well.
    pub(crate) fn ok(&self) -> bool {
        self.rc == 0
    }

    /// What it complained of: standard error, or standard output where that is empty.
    pub(crate) fn why(&self) -> &str {
        let err = self.err.trim();
        if err.is_empty() { self.out.trim() } else { err }
    }
}

/// The file of a program.
pub(crate) fn find(program: &str, cx: &Context<'_>) -> Option<PathBuf> {
    let path = path(cx);
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// The run's `PATH`, with the folders of administrators at its end.
fn path(cx: &Context<'_>) -> OsString {
    let path =
        cx.env.get("PATH").map(OsString::from).or_else(|| std::env::var_os("PATH")).unwrap_or_default();
    let mut folders: Vec<PathBuf> =
        std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    for folder in ADMIN.map(PathBuf::from) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    // What was split at colons has none, so that it can be joined again.
    std::env::join_paths(folders).unwrap_or(path)
}

/// Hears of processes, not of what they say.
struct Quiet<'a>(&'a dyn Progress);

impl Progress for Quiet<'_> {
    fn output(&self, _: Stream, _: &str) {}

    fn started(&self, group: i32) {
        self.0.started(group);
    }
}
