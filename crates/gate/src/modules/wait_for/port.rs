//! Connections that end when the run has to.

use std::{
    net::{IpAddr, SocketAddr},
    os::fd::{AsFd, OwnedFd},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use regex::bytes::{Captures, Regex};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, connect as start, socket_with, sockopt},
};

use super::Found;
use crate::{Context, Error};

/// How often the token is looked at where it cannot be polled.
const BLIND: Duration = Duration::from_millis(50);

/// Tries each address of a host, and returns the first connection. A refusal, or no answer before `end`, is no
/// error: whoever waits tries again.
pub(super) fn connect(host: &str, port: u16, end: Instant, cx: &Context<'_>) -> Result<Option<OwnedFd>, Error> {
    for address in resolve(host, port, end, cx)? {
        if let Some(socket) = open(address, end, cx)? {
            return Ok(Some(socket));
        }
    }
    Ok(None)
}

/// The addresses of a host. The system's resolver cannot be interrupted, so that it runs on a thread of its
/// own, which ends by itself when nobody waits for its answer any more.
pub(super) fn resolve(host: &str, port: u16, end: Instant, cx: &Context<'_>) -> Result<Vec<SocketAddr>, Error> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (answer, question) = (mpsc::sync_channel(1), host.to_owned());
    let send = answer.0;
    let ask = move || {
        // Nobody may be waiting any more.
        let _ = send.send(windlass_http::addresses(&question, port).unwrap_or_default());
    };
    thread::Builder::new().name("resolve".into()).spawn(ask).map_err(Error::io("look up", host))?;
    while Instant::now() < end {
        cx.alive()?;
        match answer.1.recv_timeout(BLIND) {
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            found => return Ok(found.unwrap_or_default()),
        }
    }
    Ok(Vec::new())
}

fn open(address: SocketAddr, end: Instant, cx: &Context<'_>) -> Result<Option<OwnedFd>, Error> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(family, SocketType::STREAM, flags, None)
        .map_err(|errno| Error::io("open a socket for", address.to_string())(errno.into()))?;
    match start(&socket, &address) {
        Ok(()) => Ok(Some(socket)),
        Err(Errno::INPROGRESS) if ready(&socket, PollFlags::OUT, end, cx)? => {
            Ok(matches!(sockopt::socket_error(&socket), Ok(Ok(()))).then_some(socket))
        }
        Err(_) => Ok(None),
    }
}

/// Reads what the other side says until it matches, it stops, or time is up.
pub(super) fn listen(
    socket: &OwnedFd,
    regex: &Regex,
    end: Instant,
    cx: &Context<'_>,
    found: fn(&Regex, &Captures<'_>) -> Found,
) -> Result<Option<Found>, Error> {
    // What was said longer ago than this is forgotten.
    const LIMIT: usize = 1 << 20;
    let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
    while ready(socket, PollFlags::IN, end, cx)? {
        match rustix::io::read(socket, &mut buffer) {
            Ok(0) => return Ok(None),
            Ok(length) => said.extend_from_slice(&buffer[..length]),
            Err(Errno::AGAIN | Errno::INTR) => continue,
            Err(_) => return Ok(None),
        }
        if let Some(captures) = regex.captures(&said) {
            return Ok(Some(found(regex, &captures)));
        }
        if said.len() > LIMIT {
            said.drain(..LIMIT / 2);
        }
    }
    Ok(None)
}

/// Waits until the socket is ready; false when time is up.
fn ready(socket: &OwnedFd, flags: PollFlags, end: Instant, cx: &Context<'_>) -> Result<bool, Error> {
    loop {
        cx.alive()?;
        let end = cx.deadline.map_or(end, |deadline| deadline.min(end));
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return cx.alive().map(|()| false);
        }
        let cancel = cx.cancel.fd();
        let timeout = Timespec::try_from(if cancel.is_some() { left } else { left.min(BLIND) }).ok();
        let mut fds = vec![PollFd::from_borrowed_fd(socket.as_fd(), flags)];
        fds.extend(cancel.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) if !fds[0].revents().is_empty() => return Ok(true),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(Error::io("wait for", "a socket")(errno.into())),
        }
    }
}
