//! The process that holds a connection for others, at a control socket of its own.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, Command};

use super::{failure, listens};
use crate::{Endpoint, Error, HostKeys, Options};

/// How often we look whether the socket is there.
const LOOK: Duration = Duration::from_millis(20);

/// No more of what the program says is kept.
const MAX_SAID: u64 = 16 << 10;

/// What runs in the master's own session. It ends with its input, so with us, however we end; the connection
/// ends with it.
const HOLD: &str = "exec cat >/dev/null";

/// A master process and its socket.
pub(super) struct Master {
    child: Child,
    /// Closed by the system when this process dies in whatever way.
    _input: ChildStdin,
    folder: TempDir,
}

impl Master {
    /// Starts it and waits until the connection is there.
    pub(super) async fn start(endpoint: &Endpoint, options: &Options, why: &str) -> Result<Self, Error> {
        let folder = tempfile::Builder::new()
            .prefix("windlass-ssh-")
            .tempdir()
            .map_err(|error| Error::Program(format!("no folder for its socket: {error}")))?;
        let mut command = Command::new(&options.program);
        command.args(["-o", "ControlMaster=yes", "-o", "ControlPersist=no", "-o"]);
        command.arg(format!("ControlPath={}", socket(&folder).display()));
        words(&mut command, endpoint, options);
        command.args(["--", &endpoint.host, HOLD]);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let program = options.program.display();
        let failed =
            |error| Error::Program(format!("cannot start {program}, which is needed since {why}: {error}"));
        let mut child = command.spawn().map_err(failed)?;
        let input = child.stdin.take().ok_or_else(|| Error::Program("it has no input".into()))?;
        let stderr = child.stderr.take();
        let mut master = Self { child, _input: input, folder };
        let limit = endpoint.connect_timeout + options.auth_timeout;
        match tokio::time::timeout(limit, master.ready(stderr)).await {
            Ok(Ok(())) => Ok(master),
            Ok(Err(said)) => Err(failure::read(&said, endpoint, why)),
            Err(_) => Err(Error::TimedOut {
                address: endpoint.host.clone(),
                what: "let the ssh program in",
                after: limit,
            }),
        }
    }

    /// Waits for the socket; the error is what the program said before it ended.
    async fn ready(&mut self, stderr: Option<ChildStderr>) -> Result<(), String> {
        let reading = tokio::spawn(async move {
            let mut said = Vec::new();
            if let Some(mut stderr) = stderr {
                // A broken pipe is the end of what is said, like any other.
                let _ = (&mut stderr).take(MAX_SAID).read_to_end(&mut said).await;
                // What comes later is of no use, but must not stop the program.
                let _ = tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await;
            }
            String::from_utf8_lossy(&said).into_owned()
        });
        loop {
            tokio::select! {
                _ = self.child.wait() => return Err(reading.await.unwrap_or_default()),
                () = tokio::time::sleep(LOOK) => {
                    if listens(self.socket()).await {
                        return Ok(());
                    }
                }
            }
        }
    }

    pub(super) fn socket(&self) -> PathBuf {
        socket(&self.folder)
    }

    /// Whether the process still runs, as far as is known without waiting.
    pub(super) fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    pub(super) async fn end(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill().await;
    }
}

fn socket(folder: &TempDir) -> PathBuf {
    folder.path().join("s")
}

/// What the inventory and the configuration say, as words of the command line. What stands first counts.
pub(super) fn words(command: &mut Command, endpoint: &Endpoint, options: &Options) {
    command.args(["-T", "-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes", "-o"]);
    command.arg(format!("ConnectTimeout={}", endpoint.connect_timeout.as_secs().max(1)));
    match endpoint.host_key_checking {
        HostKeys::Strict => {}
        HostKeys::AcceptNew => drop(command.args(["-o", "StrictHostKeyChecking=accept-new"])),
        HostKeys::Off => drop(command.args(["-o", "StrictHostKeyChecking=no"])),
    }
    command.args(options.config.words());
    if let Some(port) = endpoint.port {
        command.args(["-p", &port.to_string()]);
    }
    if let Some(user) = &endpoint.user {
        command.args(["-l", user]);
    }
    for file in &endpoint.identity_files {
        command.arg("-i").arg(file);
    }
    command.args(&endpoint.ssh_args);
    if let Some(agent) = &options.agent {
        command.env("SSH_AUTH_SOCK", agent);
    }
}
