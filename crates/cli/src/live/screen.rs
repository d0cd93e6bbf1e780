//! Standard error as a screen: lines that stay, and below them a region that is drawn anew.
//!
//! Everything that goes to standard error goes through here, so that a diagnostic and the live view never mix.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::render::columns;

/// Standard error.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    region: Mutex<Region>,
}

/// The lines below the ones that stay, as they were drawn last.
#[derive(Debug, Default)]
struct Region {
    lines: Vec<String>,
    /// Whether a region is drawn, and the cursor hidden for it.
    open: bool,
}

// Begin and end of a synchronized update: a terminal that knows it shows the frame as a whole.
const BEGIN: &str = "\u{1b}[?2026h\u{1b}[?25l";
const END: &str = "\u{1b}[?2026l";
const SHOW_CURSOR: &str = "\u{1b}[?25h";
const CLEAR_LINE: &str = "\u{1b}[K";
const CLEAR_BELOW: &str = "\u{1b}[J";

impl Screen {
    /// Prints lines that stay, above the region where there is one.
    pub(crate) fn print(&self, text: &str) {
        let mut region = self.lock();
        let text = text.trim_end_matches('\n');
        if region.open {
            // The region comes back with the next frame.
            write(&format!("{BEGIN}{}{CLEAR_BELOW}{text}\n{END}", region.back(size().0)));
            region.lines.clear();
        } else {
            write(&format!("{text}\n"));
        }
    }

    /// Prints lines that stay, then draws the region: one frame.
    pub(crate) fn draw(&self, stay: &[String], lines: &[String]) {
        let mut region = self.lock();
        if region.open && stay.is_empty() && region.lines == lines {
            return;
        }
        let mut frame = format!("{BEGIN}{}", region.back(size().0));
        for line in stay.iter().chain(lines) {
            frame.push_str(line);
            frame.push_str(CLEAR_LINE);
            frame.push('\n');
        }
        frame.push_str(CLEAR_BELOW);
        frame.push_str(END);
        write(&frame);
        region.lines = lines.to_vec();
        region.open = true;
    }

    /// Takes the region away and shows the cursor again.
    pub(crate) fn close(&self) {
        let mut region = self.lock();
        if region.open {
            write(&format!("{}{CLEAR_BELOW}{SHOW_CURSOR}", region.back(size().0)));
            *region = Region::default();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Region> {
        self.region.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Region {
    /// Moves to the region's first line. Where the terminal became narrower since, its lines were wrapped.
    fn back(&self, width: usize) -> String {
        let rows: usize = self.lines.iter().map(|line| columns(line).max(1).div_ceil(width.max(1))).sum();
        if rows == 0 { "\r".to_owned() } else { format!("\r\u{1b}[{rows}A") }
    }
}

/// The terminal's columns and rows; 80 by 24 where it does not tell.
pub(crate) fn size() -> (usize, usize) {
    let told =
        rustix::termios::tcgetwinsize(io::stderr()).or_else(|_| rustix::termios::tcgetwinsize(io::stdout()));
    match told {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.into(), size.ws_row.into()),
        _ => (80, 24),
    }
}

/// Talk that cannot be delivered is not worth an error.
fn write(text: &str) {
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_back_counts_lines_that_a_narrower_terminal_wrapped() {
        let lines = [80, 10, 0].map(|wide| "x".repeat(wide)).to_vec();
        let region = Region { lines, open: true };
        assert_eq!(region.back(80), "\r\u{1b}[3A");
        assert_eq!(region.back(40), "\r\u{1b}[4A");
        assert_eq!(region.back(0), "\r\u{1b}[91A");
        assert_eq!(Region::default().back(80), "\r");
    }
}
