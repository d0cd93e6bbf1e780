//! What carries bytes to a gate: a connection to another host, or a process of this one.

use std::process::Stdio;
use std::sync::Arc;

use windlass_model::{Code, Failure};
use windlass_ssh::{Ahead, Transport};

use super::Lost;
use crate::remote::Streams;

/// What carries bytes to a gate.
#[derive(Clone)]
pub(super) enum Line {
    /// Over SSH.
    Ssh(Arc<dyn Transport>),
    /// A process of this machine, which becomes another user.
    Here,
}

impl Line {
    pub(super) fn is_open(&self) -> bool {
        match self {
            Line::Ssh(transport) => transport.is_open(),
            Line::Here => true,
        }
    }

    /// Starts a command under the login shell, or here under `sh`.
    /// One that was started ahead stands for it, if it is of a kind of which there may be one.
    pub(super) async fn start(&self, command: &str, kind: Option<&Ahead>) -> Result<Streams, Failure> {
        match self {
            Line::Ssh(transport) => {
                let channel = match kind {
                    Some(kind) => transport.exec_ahead(command, kind).await,
                    None => transport.exec(command).await,
                };
                let channel = channel.map_err(|error| failure(&error))?;
                let back = channel.back.map(|back| Box::new(move || back.give()) as Box<dyn FnOnce() + Send>);
                Ok(Streams { input: channel.stdin, output: channel.stdout, errors: channel.stderr, back })
            }
            Line::Here => here(command),
        }
    }
}

fn here(command: &str) -> Result<Streams, Failure> {
    let pipe = Stdio::piped;
    let mut started = tokio::process::Command::new("sh");
    started.args(["-c", command]).stdin(pipe()).stdout(pipe()).stderr(pipe()).process_group(0);
    let mut child = started
        .spawn()
        .map_err(|error| Failure::new(Code::Unreachable, format!("cannot start a shell: {error}")))?;
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    // The gate ends with its input; until then somebody has to wait for it, or it stays as a zombie.
    tokio::spawn(async move { child.wait().await });
    match (input, output, errors) {
        (Some(input), Some(output), Some(errors)) => Ok(Streams {
            input: Box::new(input),
            output: Box::new(output),
            errors: Box::new(errors),
            back: None,
        }),
        _ => Err(Failure::new(Code::Unreachable, "a shell was started without its pipes")),
    }
}

/// A connection that did not come about.
pub(super) fn lost(error: &windlass_ssh::Error) -> Lost {
    match error {
        windlass_ssh::Error::Cancelled => Lost::Cancelled,
        error => Lost::Connection(failure(error)),
    }
}

pub(super) fn failure(error: &windlass_ssh::Error) -> Failure {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    // Attempts say how many there were; why they failed is their source.
    while let Some(inner) = source {
        let why = inner.to_string();
        if !text.contains(&why) {
            text = format!("{text}: {why}");
        }
        source = inner.source();
    }
    let failure = Failure::new(Code::Unreachable, text);
    if error.is_transient() { failure.transient() } else { failure.permanent() }
}
