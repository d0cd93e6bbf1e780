//! Server-sent events, read as they come: split at any byte, with any line ends, within bounds.

use crate::{Error, Kind};

/// The longest event, in bytes. A reply comes in small pieces, but whole replies are repeated at the end of some streams.
const LONGEST: usize = 16 << 20;

/// One event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its name; empty if it has none.
    pub name: &'a str,
    /// Its data; several lines are joined by line feeds.
    pub data: &'a str,
}

/// What is done with each event; an error ends the reading.
pub type Each<'a> = dyn FnMut(Event<'_>) -> Result<(), Error> + 'a;

/// Takes bytes and gives events.
#[derive(Debug)]
pub struct Parser {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    name: Vec<u8>,
    data: Vec<u8>,
    /// Whether the event has data, which may be an empty line.
    some: bool,
    /// The last line ended with a carriage return: a line feed that comes next belongs to it.
    after_return: bool,
    /// Nothing was read yet: a mark of the byte order may come.
    first: bool,
    longest: usize,
}

impl Default for Parser {
    fn default() -> Self {
        Self::new(LONGEST)
    }
}

impl Parser {
    /// A parser that takes events of at most so many bytes.
    pub fn new(longest: usize) -> Self {
        let (line, name, data) = (Vec::new(), Vec::new(), Vec::new());
        Self { line, name, data, some: false, after_return: false, first: true, longest }
    }

    /// Takes the next bytes, and gives each event that they complete.
    pub fn push(&mut self, mut bytes: &[u8], each: &mut Each<'_>) -> Result<(), Error> {
        while !bytes.is_empty() {
            if std::mem::take(&mut self.after_return) && bytes[0] == b'\n' {
                bytes = &bytes[1..];
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                self.line.extend_from_slice(bytes);
                return self.bounded(self.line.len());
            };
            self.after_return = bytes[end] == b'\r';
            if self.line.is_empty() {
                self.take(&bytes[..end], each)?;
            } else {
                self.line.extend_from_slice(&bytes[..end]);
                let mut line = std::mem::take(&mut self.line);
                self.take(&line, each)?;
                line.clear();
                self.line = line;
            }
            bytes = &bytes[end + 1..];
        }
        Ok(())
    }

    /// The stream has ended. An event that lacks only the empty line after it counts: some servers forget it.
    pub fn end(&mut self, each: &mut Each<'_>) -> Result<(), Error> {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.take(&line, each)?;
        }
        self.dispatch(each)
    }

    fn take(&mut self, line: &[u8], each: &mut Each<'_>) -> Result<(), Error> {
        let first = std::mem::take(&mut self.first);
        let line = line.strip_prefix("\u{feff}".as_bytes()).filter(|_| first).unwrap_or(line);
        if line.is_empty() {
            return self.dispatch(each);
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
        let value = line.get(colon + 1..).unwrap_or_default();
        let value = value.strip_prefix(b" ").unwrap_or(value);
        match &line[..colon] {
            b"data" => {
                if self.some {
                    self.data.push(b'\n');
                }
                self.some = true;
                self.data.extend_from_slice(value);
            }
            b"event" => self.name = value.to_vec(),
            // Comments, which keep connections open; ids and times of reconnecting, which nobody here needs.
            _ => {}
        }
        self.bounded(self.data.len())
    }

    fn dispatch(&mut self, each: &mut Each<'_>) -> Result<(), Error> {
        let done = if self.some {
            let (name, data) = (String::from_utf8_lossy(&self.name), String::from_utf8_lossy(&self.data));
            each(Event { name: &name, data: &data })
        } else {
            Ok(())
        };
        self.name.clear();
        self.data.clear();
        self.some = false;
        done
    }

    fn bounded(&self, length: usize) -> Result<(), Error> {
        if length <= self.longest {
            return Ok(());
        }
        let message = format!("an event of the stream is longer than {} bytes", self.longest);
        Err(Error::new(Kind::BadAnswer, message))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let (mut parser, mut found) = (Parser::default(), Vec::new());
        let mut each = |event: Event<'_>| {
            found.push((event.name.to_owned(), event.data.to_owned()));
            Ok(())
        };
        for piece in pieces {
            parser.push(piece, &mut each).unwrap();
        }
        parser.end(&mut each).unwrap();
        found
    }

    #[test]
    fn events_are_read_as_the_standard_says() {
        for (text, expected) in [
            ("data: a\n\n", &[("", "a")][..]),
            ("event: x\ndata: a\n\ndata: b\n\n", &[("x", "a"), ("", "b")]),
            ("data: a\r\ndata: b\r\n\r\n", &[("", "a\nb")]),
            ("data: a\rdata: b\r\r", &[("", "a\nb")]),
            ("data:a\n\ndata:  b\n\n", &[("", "a"), ("", " b")]),
            ("\u{feff}data: a\n\n", &[("", "a")]),
            (": comment\nid: 1\nretry: 5\nother: x\ndata: a\n\n", &[("", "a")]),
            ("data\n\n", &[("", "")]),
            ("data: a:b\n\n", &[("", "a:b")]),
            ("event: x\n\ndata: a\n\n", &[("", "a")]),
            ("\n\n\n", &[]),
            ("data: without an end", &[("", "without an end")]),
            ("data: ä€\n\n", &[("", "ä€")]),
        ] {
            let found = read(&[text.as_bytes()]);
            let found: Vec<_> = found.iter().map(|(name, data)| (name.as_str(), data.as_str())).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn what_is_too_long_is_refused() {
        for text in ["data: aaaaaaaa\n", "aaaaaaaaa", "data: aaa\ndata: aaa\n"] {
            let error = Parser::new(6).push(text.as_bytes(), &mut |_| Ok(())).unwrap_err();
            assert_eq!(error.kind, Kind::BadAnswer, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn it_makes_no_difference_where_a_stream_is_split(
            text in proptest::collection::vec(
                "((data: ?[a-zäö€:]{0,5}|event: [a-z]{0,3}|: x|data|)(\n|\r|\r\n)){0,3}", 0..8),
            cuts in proptest::collection::vec(0usize..200, 0..12),
        ) {
            let bytes = text.concat().into_bytes();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            let whole = read(&[&bytes]);
            prop_assert_eq!(&read(&pieces), &whole);
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(&read(&single), &whole);
        }

        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut in 0usize..300) {
            let cut = cut.min(bytes.len());
            prop_assert_eq!(read(&[&bytes[..cut], &bytes[cut..]]), read(&[&bytes]));
        }
    }
}
