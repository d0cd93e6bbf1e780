//! What is kept of a child's output stream, and its lines while they come.

/// Lines longer than this are passed on in pieces, so that a stream without line ends needs no memory.
const LINE: usize = 8 * 1024;

/// One stream of output.
#[derive(Debug)]
pub(crate) struct Capture {
    kept: Vec<u8>,
    limit: usize,
    dropped: u64,
    line: Vec<u8>,
}

impl Capture {
    pub(super) fn new(limit: usize) -> Self {
        Self { kept: Vec::new(), limit, dropped: 0, line: Vec::new() }
    }

    /// Takes the next piece of the stream, and passes on the lines that it completes.
    pub(super) fn take(&mut self, bytes: &[u8], emit: &mut dyn FnMut(&str)) {
        let room = self.limit.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(&bytes[..room]);
        self.dropped += (bytes.len() - room) as u64;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            for part in piece.chunks(LINE) {
                self.line.extend_from_slice(part);
                if self.line.len() >= LINE || part.ends_with(b"\n") {
                    self.flush(emit);
                }
            }
        }
    }

    /// Passes on what is left of the last line.
    pub(super) fn end(&mut self, emit: &mut dyn FnMut(&str)) {
        if !self.line.is_empty() {
            self.flush(emit);
        }
    }

    fn flush(&mut self, emit: &mut dyn FnMut(&str)) {
        let line = self.line.strip_suffix(b"\n").unwrap_or(&self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        emit(&String::from_utf8_lossy(line));
        self.line.clear();
    }

    /// How many bytes came after the limit and were dropped.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The stream as text. Bytes that are not UTF-8 become U+FFFD; a letter that the limit cut is left out.
    pub(crate) fn text(&self) -> String {
        let mut bytes = self.kept.as_slice();
        if self.dropped > 0
            && let Err(error) = str::from_utf8(bytes)
            && error.error_len().is_none()
        {
            bytes = &bytes[..error.valid_up_to()];
        }
        String::from_utf8_lossy(bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(limit: usize, pieces: &[&[u8]]) -> (Capture, Vec<String>) {
        let (mut capture, mut lines) = (Capture::new(limit), Vec::new());
        for piece in pieces {
            capture.take(piece, &mut |line| lines.push(line.to_owned()));
        }
        capture.end(&mut |line| lines.push(line.to_owned()));
        (capture, lines)
    }

    #[test]
    fn lines_come_whole_whatever_the_pieces() {
        let (capture, lines) = feed(100, &[b"on", b"e\r\n\ntw", b"o"]);
        assert_eq!(lines, ["one", "", "two"]);
        assert_eq!((capture.text().as_str(), capture.dropped()), ("one\r\n\ntwo", 0));
    }

    #[test]
    fn what_is_past_the_limit_is_counted_and_no_letter_is_cut() {
        let (capture, _) = feed(4, &["äöü".as_bytes(), b"!"]);
        assert_eq!((capture.text().as_str(), capture.dropped()), ("äö", 3));
        let (capture, _) = feed(3, &["äöü".as_bytes()]);
        assert_eq!((capture.text().as_str(), capture.dropped()), ("ä", 3));
        let (capture, lines) = feed(10, &[b"a\xffb"]);
        assert_eq!((capture.text(), lines), ("a\u{fffd}b".to_owned(), vec!["a\u{fffd}b".to_owned()]));
    }

    #[test]
    fn a_line_without_end_comes_in_pieces() {
        let (_, lines) = feed(0, &[&[b'x'; 20_000]]);
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [LINE, LINE, 20_000 - 2 * LINE]);
    }
}
