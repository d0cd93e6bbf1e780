//! Runs commands through a master: our own, or the one that the user has open.

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::process::{Child, Command};
use tokio::sync::{Mutex, oneshot};

use super::listens;
use super::master::{Master, words};
use crate::interest::{Interest, Read};
use crate::{BoxFuture, Channel, Endpoint, Error, Exit, Options, Transport};

/// What the `ssh` program itself ends with when it fails.
const FAILED: i32 = 255;

/// A connection that the `ssh` program holds.
pub(crate) struct Program {
    endpoint: Endpoint,
    options: Options,
    note: String,
    /// Ours, with its socket; the user's own master needs neither.
    master: Option<(PathBuf, Mutex<Master>)>,
    closed: AtomicBool,
}

/// Connects by the program. `why` says why it has to be.
pub(crate) async fn connect(
    endpoint: &Endpoint,
    options: &Options,
    why: &str,
    own_master: bool,
) -> Result<Program, Error> {
    let master = if own_master {
        let master = Master::start(endpoint, options, why).await?;
        Some((master.socket(), Mutex::new(master)))
    } else {
        None
    };
    Ok(Program {
        endpoint: endpoint.clone(),
        options: options.clone(),
        note: why.to_owned(),
        master,
        closed: AtomicBool::new(false),
    })
}

impl Program {
    async fn start(&self, text: &str) -> Result<Channel, Error> {
        if !self.is_open() {
            return Err(self.lost("the ssh program has ended"));
        }
        let mut command = Command::new(&self.options.program);
        match &self.master {
            None => words(&mut command, &self.endpoint, &self.options),
            Some((socket, _)) => {
                command.args(["-F", "none", "-T", "-o", "BatchMode=yes", "-o", "ControlMaster=no"]);
                // Without its master the program would connect by itself, to a host that it knows nothing of.
                command.args(["-o", "ProxyCommand=false", "-S"]).arg(socket);
            }
        }
        command.args(["--", &self.endpoint.host, text]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let child = command.spawn().map_err(|error| Error::Program(format!("cannot be started: {error}")))?;
        self.channel(child)
    }

    fn channel(&self, mut child: Child) -> Result<Channel, Error> {
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(Error::Program("it has no streams".into()));
        };
        let (interest, abandoned) = Interest::new();
        let (end_in, end) = oneshot::channel();
        tokio::spawn(async move {
            tokio::select! {
                status = child.wait() => drop(end_in.send(status)),
                // Dropped with the task, the child is killed; the master closes its channel.
                _ = abandoned => {}
            }
        });
        let held = interest.clone();
        let socket = self.master.as_ref().map(|(socket, _)| socket.clone());
        let lost = self.lost("the ssh program lost its connection");
        Ok(Channel {
            stdin: Box::new(stdin),
            stdout: Box::new(Read { inner: stdout, _interest: interest.clone() }),
            stderr: Box::new(Read { inner: stderr, _interest: interest }),
            exit: Box::pin(async move {
                let _held = held;
                let Ok(Ok(status)) = end.await else { return Err(lost) };
                match (status.code(), socket) {
                    // A command may end with this code as well; then the master is still there.
                    (Some(FAILED), Some(socket)) if !listens(&socket).await => Err(lost),
                    (Some(code), _) => Ok(Exit::Code(code.unsigned_abs())),
                    (None, _) => Err(lost),
                }
            }),
            back: None,
        })
    }

    fn lost(&self, why: &str) -> Error {
        Error::Lost { address: self.endpoint.host.clone(), why: why.to_owned() }
    }
}

impl Transport for Program {
    fn exec<'a>(&'a self, command: &'a str) -> BoxFuture<'a, Result<Channel, Error>> {
        Box::pin(self.start(command))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {
            self.closed.store(true, Ordering::Relaxed);
            if let Some((_, master)) = &self.master {
                master.lock().await.end().await;
            }
        })
    }

    fn is_open(&self) -> bool {
        // Whoever holds the lock is ending it.
        let runs = |(_, master): &(PathBuf, Mutex<Master>)| master.try_lock().is_ok_and(|mut m| m.runs());
        !self.closed.load(Ordering::Relaxed) && self.master.as_ref().is_none_or(runs)
    }

    fn kind(&self) -> &'static str {
        "ssh"
    }

    fn note(&self) -> &str {
        &self.note
    }
}
