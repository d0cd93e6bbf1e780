//! Staying with a running child: its output, its input, its end, and ours.

use std::{
    io::{self, Read, Write},
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus},
    time::{Duration, Instant, SystemTime},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{Capture, Finished, Group, Job};
use crate::{Context, Error, Stream};

/// How long output is read on after the child has ended while something else still holds its pipes open.
pub(super) const DRAIN: Duration = Duration::from_millis(500);

/// How often the child is looked at where the system cannot tell us that it has ended.
const BLIND: Duration = Duration::from_millis(20);

/// How long a child that is to end may still take where it is better finished: less than the gate waits for modules
/// when it ends itself.
pub(super) const FINISH: Duration = Duration::from_secs(4);

/// The pipes that are still open. Each is closed by becoming None.
struct Pipes<'a> {
    stdin: Option<ChildStdin>,
    input: &'a [u8],
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    kept: [Capture; 2],
    buffer: Vec<u8>,
}

/// What a descriptor in the poll set stands for.
#[derive(Clone, Copy)]
enum Source {
    Stdin,
    Stdout,
    Stderr,
    /// The child's end, or the token: looked at by themselves after every poll.
    Wake,
}

/// Returns when the child has ended and its output is read, or when it was ended, with the reason.
pub(super) fn watch(
    child: &mut Child,
    group: &Group,
    job: &Job<'_>,
    cx: &Context<'_>,
) -> Result<Finished, Error> {
    let started = SystemTime::now();
    let mut pipes = Pipes {
        stdin: child.stdin.take(),
        input: job.stdin.unwrap_or_default(),
        stdout: child.stdout.take(),
        stderr: child.stderr.take(),
        kept: [Capture::new(cx.capture_limit), Capture::new(cx.capture_limit)],
        buffer: vec![0; 1 << 16],
    };
    match follow(child, group, &mut pipes, cx) {
        Ok((status, took)) => {
            let [stdout, stderr] = pipes.finish(cx);
            Ok(Finished { status, stdout, stderr, started, took })
        }
        Err(why) => {
            let mut wait = |tick| {
                let end = Instant::now() + tick;
                while Instant::now() < end && pipes.turn([None, None], Some(end), false, cx).is_ok() {}
            };
            if job.whole {
                group.gone(child, FINISH, &mut wait);
            }
            group.end(child, &mut wait);
            Err(why)
        }
    }
}

fn follow(
    child: &mut Child,
    group: &Group,
    pipes: &mut Pipes<'_>,
    cx: &Context<'_>,
) -> Result<(ExitStatus, Duration), Error> {
    let clock = Instant::now();
    let exit = exit_fd(group);
    let status = loop {
        cx.alive()?;
        if let Some(status) = child.try_wait().map_err(Error::io("wait for", "a child"))? {
            break status;
        }
        let wake = [exit.as_ref().map(AsFd::as_fd), cx.cancel.fd()];
        let blind = wake.iter().any(Option::is_none);
        pipes.turn(wake, cx.deadline, blind, cx)?;
    };
    let took = clock.elapsed();
    let end = clock + took + DRAIN;
    while !pipes.closed() && Instant::now() < end {
        pipes.turn([None, None], Some(end), false, cx)?;
    }
    Ok((status, took))
}

impl Pipes<'_> {
    fn closed(&self) -> bool {
        self.stdout.is_none() && self.stderr.is_none()
    }

    /// Waits until something happens, and moves what can be moved.
    fn turn(
        &mut self,
        wake: [Option<BorrowedFd<'_>>; 2],
        end: Option<Instant>,
        blind: bool,
        cx: &Context<'_>,
    ) -> Result<(), Error> {
        let left = end.map(|end| end.saturating_duration_since(Instant::now()));
        let left = if blind { Some(left.unwrap_or(BLIND).min(BLIND)) } else { left };
        let timeout = left.and_then(|left| Timespec::try_from(left).ok());
        for source in self.ready(wake, timeout.as_ref())? {
            match source {
                Source::Stdin => self.feed(),
                Source::Stdout => read(&mut self.stdout, &mut self.buffer, &mut self.kept[0], &mut |line| {
                    cx.progress.output(Stream::Stdout, line);
                }),
                Source::Stderr => read(&mut self.stderr, &mut self.buffer, &mut self.kept[1], &mut |line| {
                    cx.progress.output(Stream::Stderr, line);
                }),
                Source::Wake => {}
            }
        }
        Ok(())
    }

    fn ready(
        &self,
        wake: [Option<BorrowedFd<'_>>; 2],
        timeout: Option<&Timespec>,
    ) -> Result<Vec<Source>, Error> {
        let pipes = [
            (Source::Stdin, self.stdin.as_ref().map(AsFd::as_fd), PollFlags::OUT),
            (Source::Stdout, self.stdout.as_ref().map(AsFd::as_fd), PollFlags::IN),
            (Source::Stderr, self.stderr.as_ref().map(AsFd::as_fd), PollFlags::IN),
        ];
        let wakes = wake.map(|fd| (Source::Wake, fd, PollFlags::IN));
        let (sources, mut fds): (Vec<Source>, Vec<PollFd<'_>>) = pipes
            .into_iter()
            .chain(wakes)
            .filter_map(|(source, fd, flags)| Some((source, PollFd::from_borrowed_fd(fd?, flags))))
            .unzip();
        match poll(&mut fds, timeout) {
            Ok(_) => Ok(sources
                .into_iter()
                .zip(&fds)
                .filter(|(_, fd)| !fd.revents().is_empty())
                .map(|(s, _)| s)
                .collect()),
            Err(rustix::io::Errno::INTR) => Ok(Vec::new()),
            Err(errno) => Err(Error::io("watch", "a child")(errno.into())),
        }
    }

    /// Writes what the pipe takes. A child that does not read to the end is no error.
    fn feed(&mut self) {
        let Some(pipe) = &mut self.stdin else { return };
        match pipe.write(self.input) {
            Ok(length) if length < self.input.len() => self.input = &self.input[length..],
            Err(error) if again(&error) => {}
            _ => self.stdin = None,
        }
    }

    fn finish(mut self, cx: &Context<'_>) -> [Capture; 2] {
        self.kept[0].end(&mut |line| cx.progress.output(Stream::Stdout, line));
        self.kept[1].end(&mut |line| cx.progress.output(Stream::Stderr, line));
        self.kept
    }
}

fn read<P: Read>(pipe: &mut Option<P>, buffer: &mut [u8], kept: &mut Capture, emit: &mut dyn FnMut(&str)) {
    match pipe.as_mut().map(|pipe| pipe.read(buffer)) {
        Some(Ok(length)) if length > 0 => kept.take(&buffer[..length], emit),
        Some(Err(error)) if again(&error) => {}
        _ => *pipe = None,
    }
}

fn again(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}

/// A descriptor that becomes readable when the child ends.
#[cfg(target_os = "linux")]
fn exit_fd(group: &Group) -> Option<OwnedFd> {
    use rustix::process::{Pid, PidfdFlags, pidfd_open};
    pidfd_open(Pid::from_raw(group.id())?, PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn exit_fd(_: &Group) -> Option<OwnedFd> {
    None
}
