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
