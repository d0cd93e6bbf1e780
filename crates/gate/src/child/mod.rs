//! Children: started in a process group of their own, watched, and ended with all that they started.

mod capture;
mod group;
mod watch;

use std::{
    collections::BTreeMap,
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, SystemTime},
};

use rustix::io::ioctl_fionbio;

use crate::{Context, Error};

pub(crate) use capture::Capture;
pub(crate) use group::GRACE;
use group::Group;

/// What to start.
pub(crate) struct Job<'a> {
    pub(crate) program: &'a str,
    pub(crate) args: &'a [String],
    pub(crate) dir: &'a Path,
    pub(crate) env: &'a BTreeMap<String, String>,
    /// What it reads; nothing if None.
    pub(crate) stdin: Option<&'a [u8]>,
    /// Told to end, it may finish first ([`watch::FINISH`]): half of what it does is worse than all or nothing.
    pub(crate) whole: bool,
}

/// A child that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Capture,
    pub(crate) stderr: Capture,
    pub(crate) started: SystemTime,
    pub(crate) took: Duration,
}

/// Why a child came to nothing.
pub(crate) enum Failure {
    /// It could not be started.
    Start(io::Error),
    /// It was ended early, or could not be watched.
    Run(Error),
}

/// Starts a child and stays with it until it has ended, the token is pulled, or the deadline passes; in the
/// last two cases its whole process group is ended ([`group::GRACE`]).
///
/// Processes that a child leaves behind when it ends by itself live on, as with Ansible; they hold us up only
/// for [`watch::DRAIN`] if they keep its output open.
pub(crate) fn run(job: &Job<'_>, cx: &Context<'_>) -> Result<Finished, Failure> {
    cx.alive().map_err(Failure::Run)?;
    let mut child = start(job).map_err(Failure::Start)?;
    let group = Group::of(&child);
    cx.progress.started(group.id());
    watch::watch(&mut child, &group, job, cx).map_err(Failure::Run)
}

/// A program that was just written may still be open for writing in a child that another thread is starting
/// at this moment (between its fork and its exec); that passes in no time.
fn start(job: &Job<'_>) -> io::Result<Child> {
    const TRIES: u32 = 6;
    let mut command = command(job);
    for attempt in 0.. {
        match command.spawn() {
            Err(error) if error.kind() == io::ErrorKind::ExecutableFileBusy && attempt < TRIES => {
                thread::sleep(Duration::from_millis(5 << attempt));
            }
            Ok(child) => return nonblocking(child),
            Err(error) => return Err(error),
        }
    }
    unreachable!("the loop ends by returning")
}

fn command(job: &Job<'_>) -> Command {
    let mut command = Command::new(job.program);
    command
        .args(job.args)
        .envs(job.env)
        .current_dir(job.dir)
        .stdin(if job.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}

/// Our ends of its pipes never make us wait; the child's ends are not affected.
fn nonblocking(child: Child) -> io::Result<Child> {
    let set = |child: &Child| -> io::Result<()> {
        if let Some(pipe) = &child.stdin {
            ioctl_fionbio(pipe, true)?;
        }
        if let Some(pipe) = &child.stdout {
            ioctl_fionbio(pipe, true)?;
        }
        if let Some(pipe) = &child.stderr {
            ioctl_fionbio(pipe, true)?;
        }
        Ok(())
    };
    set(&child).map(|()| child)
}
