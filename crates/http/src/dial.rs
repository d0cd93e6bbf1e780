//! Connecting: to the server, to its proxy, or to a local socket; and TLS on top where it is asked for.

use std::{
    io,
    net::TcpStream,
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::ClientConfig;
use ureq::{
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{ConnectionDetails, Connector, NextTimeout, Transport},
    },
};

use crate::{
    Error, Scheme, Url, names,
    pool::{Kept, Line, Pool},
    tls,
    wire::{Patience, Socket, TURN, Wire},
};

/// How one request gets its connection.
#[derive(Debug)]
pub(crate) struct Dial {
    pub(crate) url: Url,
    pub(crate) proxy: Option<Url>,
    pub(crate) unix: Option<PathBuf>,
    /// Needed for https only.
    pub(crate) tls: Option<Arc<ClientConfig>>,
    pub(crate) patience: Patience,
    /// Where connections wait for the next request, if they are kept.
    pub(crate) pool: Option<Arc<Pool>>,
}

impl Connector<()> for Dial {
    type Out = Box<dyn Transport>;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _: Option<()>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(pool) = &self.pool else { return Ok(Some(self.fresh(details)?)) };
        let proxy = self.proxy.as_ref().map(Url::authority).unwrap_or_default();
        let place = format!("{} {} {proxy}", self.url.scheme.name(), self.url.authority());
        let line = match pool.take(&place, &self.patience) {
            Some(line) => line,
            None => Line { transport: self.fresh(details)?, patience: self.patience.clone() },
        };
        Ok(Some(Box::new(Kept::new(line, place, pool.clone()))))
    }
}

impl Dial {
    /// A connection of its own.
    fn fresh(&self, details: &ConnectionDetails<'_>) -> Result<Box<dyn Transport>, ureq::Error> {
        let sizes = (details.config.input_buffer_size(), details.config.output_buffer_size());
        let wire = Wire::new(self.socket()?, self.patience.clone(), sizes);
        let secure = self.url.scheme == Scheme::Https;
        let wire = match &self.proxy {
            Some(proxy) if secure => tunnel(wire, &self.url, proxy)?,
            Some(_) => wire.through(format!("http://{}", self.url.authority())),
            None => wire,
        };
        match &self.tls {
            Some(config) if secure => {
                Ok(Box::new(tls::wrap(wire, &self.url.host, config.clone(), details, sizes)?))
            }
            _ => Ok(Box::new(wire)),
        }
    }

    fn socket(&self) -> Result<Socket, Error> {
        let (socket, to) = match &self.unix {
            Some(path) => {
                let connected = UnixStream::connect(path).map(Socket::Unix);
                (connected, path.display().to_string())
            }
            None => {
                let place = self.proxy.as_ref().unwrap_or(&self.url);
                (Ok(Socket::Tcp(reach(&place.host, place.port(), &self.patience)?)), place.authority())
            }
        };
        let ready = socket.and_then(|socket| socket.hurry().map(|()| socket));
        ready.map_err(|source| Error::Connect { to, source })
    }
}

/// Looks up a name and connects. Neither can be interrupted, so that they run on a thread of their own, which
/// ends by itself when nobody waits for it any more.
fn reach(host: &str, port: u16, patience: &Patience) -> Result<TcpStream, Error> {
    let (send, receive) = mpsc::sync_channel(1);
    let (name, limit) = (host.to_owned(), patience.limit());
    let start = Instant::now();
    let work = move || {
        // Nobody may be waiting any more.
        let _ = send.send(attempt(&name, port, limit));
    };
    let to = format!("{host}:{port}");
    let spawned = thread::Builder::new().name("connect".into()).spawn(work);
    spawned.map_err(|source| Error::Connect { to, source })?;
    loop {
        patience.go_on(start)?;
        match receive.recv_timeout(TURN) {
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Ok(found) => return found,
            Err(mpsc::RecvTimeoutError::Disconnected) => return Err(Error::Cut),
        }
    }
}

/// Tries each address of a host; what is left of the time is shared among those that are left.
fn attempt(host: &str, port: u16, limit: Duration) -> Result<TcpStream, Error> {
    let start = Instant::now();
    let unknown = || Error::Unknown { host: host.into() };
    let addresses = names::addresses(host, port).map_err(|_| unknown())?;
    let mut last = None;
    for (index, address) in addresses.iter().enumerate() {
        let rest = u32::try_from(addresses.len() - index).unwrap_or(1);
        let share = limit.saturating_sub(start.elapsed()) / rest;
        match TcpStream::connect_timeout(address, share.max(TURN)) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some(error),
        }
    }
    match last {
        None => Err(unknown()),
        Some(error) if error.kind() == io::ErrorKind::TimedOut => {
            Err(Error::TimedOut { seconds: limit.as_secs_f64() })
        }
        Some(source) => Err(Error::Connect { to: format!("{host}:{port}"), source }),
    }
}

/// Asks a proxy for a way through to the server.
fn tunnel(mut wire: Wire, url: &Url, proxy: &Url) -> Result<Wire, Error> {
    let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
    let place = format!("{host}:{}", url.port());
    let auth =
        proxy_header(proxy).map(|value| format!("Proxy-Authorization: {value}\r\n")).unwrap_or_default();
    wire.send(format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{auth}\r\n").as_bytes())?;
    const LONGEST: usize = 16 << 10;
    let mut head = Vec::new();
    // One byte at a time: what comes after the head belongs to TLS.
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if head.len() > LONGEST || wire.receive(&mut byte)? == 0 {
            return Err(Error::Proxy("nothing that could be understood".into()));
        }
        head.push(byte[0]);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line: String = String::from_utf8_lossy(line).chars().filter(|c| !c.is_control()).take(200).collect();
    match line.split(' ').nth(1) {
        Some(status) if status.len() == 3 && status.starts_with('2') => Ok(wire),
        _ => Err(Error::Proxy(line)),
    }
}

/// What a proxy is told of who asks.
pub(crate) fn proxy_header(proxy: &Url) -> Option<String> {
    let (user, password) = proxy.user.as_ref()?;
    Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))))
}

/// Names are looked up when connecting, and may be a proxy's; ureq itself needs to know of none.
#[derive(Debug)]
pub(crate) struct NoNames;

impl Resolver for NoNames {
    fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        Ok(self.empty())
    }
}
