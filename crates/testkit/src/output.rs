//! What a program said, and how it ended.

use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

/// What a program said, and how it ended.
#[derive(Clone)]
pub struct Output {
    pub(crate) args: Vec<OsString>,
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    /// How long it took.
    pub took: Duration,
}

impl Output {
    /// Its exit status; none where a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.code
    }

    /// The signal that ended it.
    pub fn signal(&self) -> Option<i32> {
        self.signal
    }

    /// Fails unless it ended with this status.
    #[track_caller]
    pub fn status(&self, code: i32) -> &Self {
        assert!(self.code == Some(code), "status {code} was due\n{self:?}");
        self
    }

    /// Fails unless it went well.
    #[track_caller]
    pub fn success(&self) -> &Self {
        self.status(0)
    }

    /// Fails unless SIGKILL ended it.
    #[track_caller]
    pub fn killed(&self) -> &Self {
        assert!(self.signal == Some(9), "it was to be killed\n{self:?}");
        self
    }

    /// What it wrote to standard output.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// What it wrote to standard error.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Fails unless standard error says `text` somewhere.
    #[track_caller]
    pub fn says(&self, text: &str) -> &Self {
        assert!(self.stderr().contains(text), "stderr was to say {text:?}\n{self:?}");
        self
    }

    /// Standard output as the one JSON document that it must be.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| panic!("no JSON: {error}\n{self:?}"))
    }

    /// Standard output as JSON lines.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let parse = |line: &str| {
            serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("no JSON: {error} in {line:?}\n{self:?}"))
        };
        self.stdout().lines().map(parse).collect()
    }
}

impl fmt::Debug for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let args: Vec<_> = self.args.iter().map(|arg| arg.to_string_lossy()).collect();
        write!(f, "windlass {} → ", args.join(" "))?;
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "status {code}")?,
            (_, signal) => write!(f, "signal {}", signal.unwrap_or_default())?,
        }
        write!(f, " after {:?}\nstdout: {}\nstderr: {}", self.took, self.stdout(), self.stderr())
    }
}
