//! Gates on "hosts" that are shells of this machine: real programs, real files, no network.

mod become_user;
mod delivery;
mod hostile;
mod requests;
mod runner;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use windlass_fleet::remote::{Delivery, Error, Gate, Options, Streams};

/// A home folder of its own, and a shell to start things with.
pub(crate) struct Host {
    dir: TempDir,
    /// What runs the command: its last argument is the command line.
    shell: Vec<String>,
}

impl Host {
    pub(crate) fn new() -> Self {
        Self::with(&["sh", "-c"])
    }

    pub(crate) fn with(shell: &[&str]) -> Self {
        let dir = tempfile::Builder::new().prefix("windlass host ").tempdir().unwrap();
        Self { dir, shell: shell.iter().map(|word| (*word).to_owned()).collect() }
    }

    /// A host whose command runs after these in a mount namespace of its own; `$H` is its home.
    pub(crate) fn mounted(before: &str) -> Self {
        let script = format!("{before}; cd /; exec sh -c \"$0\"");
        Self::with(&["unshare", "-m", "sh", "-ec", &script])
    }

    pub(crate) fn home(&self) -> &Path {
        self.dir.path()
    }

    /// Where the gate is expected.
    pub(crate) fn folder(&self) -> PathBuf {
        self.home().join(".cache/windlass")
    }

    /// The gate's file, if there is exactly one.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        let entries = std::fs::read_dir(self.folder()).ok()?.flatten().map(|entry| entry.path());
        let mut gates = entries.filter(|path| path.to_string_lossy().contains("windlass-gate-"));
        gates.next().filter(|_| gates.next().is_none())
    }

    pub(crate) fn exec(&self, command: &str) -> (Streams, Child) {
        let mut child = Command::new(&self.shell[0])
            .args(&self.shell[1..])
            .arg(command)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", self.home())
            .env("H", self.home())
            .current_dir(self.home())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let streams = Streams {
            input: Box::new(child.stdin.take().unwrap()),
            output: Box::new(child.stdout.take().unwrap()),
            errors: Box::new(child.stderr.take().unwrap()),
            back: None,
        };
        (streams, child)
    }

    pub(crate) async fn start(&self) -> Result<(Gate, Child), Error> {
        let delivery = Delivery::default();
        let (streams, child) = self.exec(&delivery.command());
        Gate::start(streams, delivery, None, quick()).await.map(|gate| (gate, child))
    }

    /// A gate that is there, and its process.
    pub(crate) async fn gate(&self) -> (Gate, Child) {
        self.start().await.unwrap()
    }
}

/// Time-outs for tests: longer than anything takes here, shorter than anybody wants to wait.
pub(crate) fn quick() -> Options {
    Options {
        start: Duration::from_secs(20),
        upload: Duration::from_secs(40),
        heartbeat: Duration::from_secs(1),
        patience: Duration::from_secs(20),
    }
}

pub(crate) fn is_root() -> bool {
    rustix::process::getuid().is_root()
}
