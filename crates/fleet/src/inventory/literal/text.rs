//! Strings as Python writes them, with their prefixes and escapes.

/// What stands before the quotes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prefix {
    len: usize,
    raw: bool,
    pub(super) bytes: bool,
}

/// The prefix of a string, if one begins here.
pub(super) fn prefix(text: &str) -> Option<Prefix> {
    let len = text.char_indices().take(3).find(|(_, c)| matches!(c, '\'' | '"'))?.0;
    let (raw, bytes) = match text[..len].to_ascii_lowercase().as_str() {
        "" | "u" => (false, false),
        "r" => (true, false),
        "b" => (false, true),
        "br" | "rb" => (true, true),
        _ => return None,
    };
    Some(Prefix { len, raw, bytes })
}

/// The string at the front of a text, and the rest.
pub(super) fn read(text: &str, prefix: Prefix) -> Option<(String, &str)> {
    let text = &text[prefix.len..];
    let quote = text.chars().next()?;
    let triple = text.starts_with(&quote.to_string().repeat(3));
    let width = if triple { 3 } else { 1 };
    let mut value = Content { text: Vec::new(), bytes: prefix.bytes };
    let mut rest = &text[width..];
    loop {
        let c = rest.chars().next()?;
        if c == quote && (!triple || rest.starts_with(&text[..3])) {
            return Some((String::from_utf8(value.text).ok()?, &rest[width..]));
        }
        rest = &rest[c.len_utf8()..];
        if c != '\\' {
            value.plain(c)?;
            continue;
        }
        let escaped = rest.chars().next()?;
        if prefix.raw {
            value.plain('\\')?;
            value.plain(escaped)?;
            rest = &rest[escaped.len_utf8()..];
        } else {
            rest = value.escape(rest, escaped)?;
        }
    }
}

/// A string as it grows.
struct Content {
    text: Vec<u8>,
    bytes: bool,
}

impl Content {
    fn plain(&mut self, c: char) -> Option<()> {
        // Bytes are written in ASCII.
        if self.bytes && !c.is_ascii() {
            return None;
        }
        self.text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        Some(())
    }

    /// A character by its number: a byte among bytes.
    fn code(&mut self, code: u32) -> Option<()> {
        if self.bytes {
            self.text.push(u8::try_from(code & 0xff).ok()?);
            return Some(());
        }
        self.plain(char::from_u32(code)?)
    }

    /// Takes what follows a backslash, and returns the rest.
    fn escape<'t>(&mut self, rest: &'t str, c: char) -> Option<&'t str> {
        let after = &rest[c.len_utf8()..];
        let simple = match c {
            'n' => '\n',
            't' => '\t',
            'r' => '\r',
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'v' => '\x0b',
            '\\' | '\'' | '"' => c,
            '0'..='7' => {
                let len = rest.bytes().take(3).take_while(|b| (b'0'..=b'7').contains(b)).count();
                self.code(u32::from_str_radix(&rest[..len], 8).ok()?)?;
                return Some(&rest[len..]);
            }
            'x' => return self.hex(after, 2),
            'u' if !self.bytes => return self.hex(after, 4),
            'U' if !self.bytes => return self.hex(after, 8),
            // Names of characters would need a table of them all.
            'N' if !self.bytes => return None,
            // Other backslashes stand for themselves.
            _ => {
                self.plain('\\')?;
                c
            }
        };
        self.plain(simple)?;
        Some(after)
    }

    fn hex<'t>(&mut self, rest: &'t str, len: usize) -> Option<&'t str> {
        let digits = rest.get(..len).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
        self.code(u32::from_str_radix(digits, 16).ok()?)?;
        Some(&rest[len..])
    }
}
