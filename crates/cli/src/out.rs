//! Standard output: data for people and programs. A reader that went away ends the talk quietly.

use std::io::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use serde::Serialize;

use crate::error::Error;

/// Standard output. What is written after the reader closed the pipe is dropped without a word, so that
/// `windlass … | head` ends well; any other failure to write is an error.
#[derive(Debug, Default)]
pub(crate) struct Out {
    turn: Mutex<()>,
    closed: AtomicBool,
}

impl Out {
    /// Writes a text as it is.
    pub(crate) fn text(&self, text: &str) -> Result<(), Error> {
        let _turn = self.turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.is_closed() {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.closed.store(true, Ordering::Relaxed);
                Ok(())
            }
            other => other.map_err(Error::Output),
        }
    }

    /// Lets `write` write as much as it likes; none where the reader left before its end.
    pub(crate) fn stream<T>(
        &self,
        write: impl FnOnce(&mut dyn Write) -> Result<T, Error>,
    ) -> Result<Option<T>, Error> {
        let _turn = self.turn.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut stdout = Listened { to: io::stdout().lock(), closed: false };
        let mut buffer = io::BufWriter::with_capacity(1 << 16, &mut stdout);
        let told = write(&mut buffer);
        let flushed = buffer.flush().map_err(Error::Output);
        // What was not written to a reader that left is not tried once more.
        drop(buffer.into_parts());
        if stdout.closed {
            self.closed.store(true, Ordering::Relaxed);
            return Ok(None);
        }
        let told = told?;
        flushed.map(|()| Some(told))
    }

    /// Writes a text and ends its last line where it is open.
    pub(crate) fn block(&self, text: &str) -> Result<(), Error> {
        if text.is_empty() || text.ends_with('\n') {
            self.text(text)
        } else {
            self.text(&format!("{text}\n"))
        }
    }

    /// Writes one JSON document, indented.
    pub(crate) fn json(&self, value: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string_pretty(value).map_err(|e| Error::Output(e.into()))?;
        self.block(&text)
    }

    /// Writes one JSON document on one line.
    pub(crate) fn json_line(&self, value: &impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string(value).map_err(|e| Error::Output(e.into()))?;
        self.block(&text)
    }

    /// Whether the reader has gone: whoever writes without end stops then.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

/// Standard output that remembers whether its reader left.
struct Listened<W> {
    to: W,
    closed: bool,
}

impl<W: Write> Write for Listened<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes);
        self.closed |= written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.to.flush();
        self.closed |= flushed.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe);
        flushed
    }
}
