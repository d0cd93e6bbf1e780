//! The cancel token: a flag that wakes whoever waits for it.

use std::{
    io::{PipeReader, PipeWriter, Write, pipe},
    os::fd::{AsFd, BorrowedFd},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A cheap handle to one flag; clones share it, and once pulled it stays pulled.
#[derive(Debug, Clone, Default)]
pub struct Cancel {
    inner: Arc<Inner>,
}

/// The pipe is made when somebody first waits, so that a token nobody waits for costs no descriptors. Nothing
/// is ever read from it: one byte in it keeps it readable, for every waiter and for good.
#[derive(Debug, Default)]
struct Inner {
    pulled: AtomicBool,
    woken: AtomicBool,
    pipe: OnceLock<Option<(PipeReader, PipeWriter)>>,
    watcher: Option<Watcher>,
}

/// Hears of each look at a token.
struct Watcher(Box<dyn Fn() -> bool + Send + Sync>);

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watcher")
    }
}

/// How often a wait looks at the flag where no pipe could be had (no descriptors left).
const BLIND: Duration = Duration::from_millis(20);

impl Cancel {
    /// A token that has not been pulled.
    pub fn new() -> Self {
        Self::default()
    }

    /// A token that asks at each look whether it is pulled now: for tests, which end a run at each of its points,
    /// or change something underneath it there.
    pub fn asking(watcher: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        let inner = Inner { watcher: Some(Watcher(Box::new(watcher))), ..Inner::default() };
        Self { inner: Arc::new(inner) }
    }

    /// Pulls it. Every wait on it ends at once.
    pub fn cancel(&self) {
        self.inner.pulled.store(true, Ordering::SeqCst);
        if let Some(Some((_, writer))) = self.inner.pipe.get() {
            self.wake(writer);
        }
    }

    /// Whether it has been pulled.
    pub fn is_cancelled(&self) -> bool {
        if self.inner.watcher.as_ref().is_some_and(|watcher| (watcher.0)()) {
            self.cancel();
        }
        self.inner.pulled.load(Ordering::SeqCst)
    }

    /// Waits until it is pulled, at most this long, and says whether it was.
    pub fn wait_timeout(&self, limit: Duration) -> bool {
        let end = Instant::now().checked_add(limit);
        while !self.is_cancelled() {
            let left = end.map_or(limit, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return false;
            }
            match self.fd() {
                Some(fd) => {
                    let timeout = Timespec::try_from(left).ok();
                    // An interrupted poll, or a failed one, only means one more turn of this loop.
                    let _ = poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], timeout.as_ref());
                }
                None => std::thread::sleep(left.min(BLIND)),
            }
        }
        true
    }

    /// A descriptor that becomes readable, and stays so, once the token is pulled; for loops that poll other
    /// descriptors too. None if the process has no descriptors left.
    pub fn fd(&self) -> Option<BorrowedFd<'_>> {
        let pipe = self.inner.pipe.get_or_init(|| pipe().ok());
        let (reader, writer) = pipe.as_ref()?;
        // Whoever pulled it before the pipe was made could not write to it.
        if self.is_cancelled() {
            self.wake(writer);
        }
        Some(reader.as_fd())
    }

    /// Writes the one byte; never a second, so that it cannot block on a full pipe.
    fn wake(&self, mut writer: &PipeWriter) {
        if !self.inner.woken.swap(true, Ordering::SeqCst) {
            // Both ends are in our hands and the pipe is empty: there is nothing that could refuse the byte.
            let _ = writer.write(&[1]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_when_the_token_is_pulled_elsewhere() {
        let cancel = Cancel::new();
        let other = cancel.clone();
        let start = Instant::now();
        let puller = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(30));
            other.cancel();
        });
        assert!(cancel.wait_timeout(Duration::from_secs(20)));
        assert!(start.elapsed() < Duration::from_secs(10));
        puller.join().unwrap();
    }

    #[test]
    fn a_token_nobody_pulls_waits_its_time() {
        let cancel = Cancel::new();
        assert!(!cancel.wait_timeout(Duration::from_millis(20)));
        assert!(!cancel.is_cancelled());
    }

    #[test]
    fn a_descriptor_made_after_the_pull_is_readable() {
        let cancel = Cancel::new();
        cancel.cancel();
        cancel.cancel();
        let fd = cancel.fd().unwrap();
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        assert_eq!(poll(&mut [PollFd::from_borrowed_fd(fd, PollFlags::IN)], Some(&zero)), Ok(1));
        assert!(cancel.wait_timeout(Duration::from_secs(20)));
    }
}
