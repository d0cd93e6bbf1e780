//! A socket whose reads and writes end when the caller has to stop.

use std::{
    fmt,
    io::{self, Read, Write},
    net::TcpStream,
    os::unix::net::UnixStream,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ureq::unversioned::transport::{Buffers, LazyBuffers, NextTimeout, Transport};

use crate::Error;

/// How often a wait looks whether it has to end.
pub(crate) const TURN: Duration = Duration::from_millis(50);

/// Whether anybody still wants what is waited for.
pub(crate) type Alive = Arc<dyn Fn() -> bool + Send + Sync>;

/// How long one wait may take, and whether anybody still wants what it is for. Clones share it: a connection that
/// is used again is handed to who uses it now.
#[derive(Clone)]
pub(crate) struct Patience {
    limit: Duration,
    alive: Arc<Mutex<Alive>>,
}

impl Patience {
    pub(crate) fn new(limit: Duration, alive: Alive) -> Self {
        Self { limit, alive: Arc::new(Mutex::new(alive)) }
    }

    pub(crate) fn limit(&self) -> Duration {
        self.limit
    }

    fn alive(&self) -> Alive {
        self.alive.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From here on it lasts as long as the other one.
    pub(crate) fn take_over(&self, other: &Self) {
        let alive = other.alive();
        *self.alive.lock().unwrap_or_else(PoisonError::into_inner) = alive;
    }

    /// Goes on unless the caller has to stop or the limit has passed since `start`.
    pub(crate) fn go_on(&self, start: Instant) -> Result<(), Error> {
        if !(self.alive())() {
            return Err(Error::Stopped);
        }
        if start.elapsed() >= self.limit {
            return Err(Error::TimedOut { seconds: self.limit.as_secs_f64() });
        }
        Ok(())
    }
}

impl fmt::Debug for Patience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Patience({:?})", self.limit)
    }
}

/// Either kind of socket.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    /// Makes every read and write return within a turn.
    pub(crate) fn hurry(&self) -> io::Result<()> {
        match self {
            Self::Tcp(socket) => {
                socket.set_nodelay(true)?;
                socket.set_read_timeout(Some(TURN))?;
                socket.set_write_timeout(Some(TURN))
            }
            Self::Unix(socket) => {
                socket.set_read_timeout(Some(TURN))?;
                socket.set_write_timeout(Some(TURN))
            }
        }
    }

    /// Whether the other side has neither closed it nor sent anything.
    fn is_quiet(&self) -> bool {
        let Self::Tcp(socket) = self else { return false };
        let quiet = || -> io::Result<bool> {
            socket.set_nonblocking(true)?;
            let found = socket.peek(&mut [0]);
            socket.set_nonblocking(false)?;
            Ok(found.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock))
        };
        quiet().unwrap_or(false)
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(buffer),
            Self::Unix(socket) => socket.read(buffer),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
        }
    }
}

/// A connection. Each of its waits has the whole limit, so that a slow answer that goes on coming is read.
#[derive(Debug)]
pub(crate) struct Wire {
    socket: Socket,
    buffers: LazyBuffers,
    patience: Patience,
    /// Goes before the target of the request line, once: a proxy is asked with the whole address.
    origin: Option<String>,
    /// What comes after the one request is no other one: its line would need the whole address too.
    single: bool,
}

impl Wire {
    pub(crate) fn new(socket: Socket, patience: Patience, sizes: (usize, usize)) -> Self {
        Self { socket, buffers: LazyBuffers::new(sizes.0, sizes.1), patience, origin: None, single: false }
    }

    /// The next request line is for a proxy.
    pub(crate) fn through(mut self, origin: String) -> Self {
        self.origin = Some(origin);
        self.single = true;
        self
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let mut rest = bytes;
        let mut start = Instant::now();
        while !rest.is_empty() {
            self.patience.go_on(start)?;
            match self.socket.write(rest) {
                Ok(0) => return Err(Error::Cut),
                Ok(length) => {
                    rest = &rest[length..];
                    start = Instant::now();
                }
                Err(error) if waits(&error) => {}
                Err(error) => return Err(Error::from_io(error)),
            }
        }
        Ok(())
    }

    /// Reads once; 0 at the end.
    pub(crate) fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        receive(&mut self.socket, &self.patience, buffer)
    }
}

fn receive(socket: &mut Socket, patience: &Patience, buffer: &mut [u8]) -> Result<usize, Error> {
    let start = Instant::now();
    loop {
        patience.go_on(start)?;
        match socket.read(buffer) {
            Ok(length) => return Ok(length),
            Err(error) if waits(&error) => {}
            Err(error) => return Err(Error::from_io(error)),
        }
    }
}

fn waits(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted)
}

impl Transport for Wire {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let mut output = self.buffers.output()[..amount].to_vec();
        if let Some(origin) = self.origin.take()
            && let Some(space) = output.iter().position(|byte| *byte == b' ')
        {
            output.splice(space + 1..space + 1, origin.into_bytes());
        }
        Ok(self.send(&output)?)
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let amount = receive(&mut self.socket, &self.patience, self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        !self.single && self.socket.is_quiet()
    }
}
