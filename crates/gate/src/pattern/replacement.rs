//! What a match is replaced by, as Python writes it: `\1`, `\g<name>`, `\n`.

use regex::bytes::Captures;

use super::Pattern;

/// A text with references into a match.
#[derive(Debug)]
pub(crate) struct Replacement(Vec<Part>);

#[derive(Debug, PartialEq)]
enum Part {
    Text(Vec<u8>),
    Group(usize),
}

impl Replacement {
    /// Reads a replacement for matches of a pattern.
    pub(crate) fn parse(source: &str, pattern: &Pattern) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = source;
        while let Some(at) = rest.find('\\') {
            text(&rest.as_bytes()[..at], &mut parts);
            rest = escape(&rest[at + 1..], pattern, &mut parts)
                .map_err(|why| format!("{why} in the replacement {source:?}"))?;
        }
        text(rest.as_bytes(), &mut parts);
        Ok(Self(parts))
    }

    /// Adds the text for one match. A group that took no part in it is empty.
    pub(crate) fn expand(&self, found: &Captures<'_>, out: &mut Vec<u8>) {
        for part in &self.0 {
            out.extend_from_slice(match part {
                Part::Text(text) => text,
                Part::Group(number) => found.get(*number).map_or(&[], |group| group.as_bytes()),
            });
        }
    }
}

fn text(bytes: &[u8], parts: &mut Vec<Part>) {
    match parts.last_mut() {
        Some(Part::Text(text)) => text.extend_from_slice(bytes),
        _ if bytes.is_empty() => {}
        _ => parts.push(Part::Text(bytes.to_vec())),
    }
}

/// Reads what follows a backslash, and returns what follows that.
fn escape<'s>(rest: &'s str, pattern: &Pattern, parts: &mut Vec<Part>) -> Result<&'s str, String> {
    let c = rest.chars().next().ok_or("a backslash at the end")?;
    let after = &rest[c.len_utf8()..];
    match c {
        'g' => {
            let (name, after) = after
                .strip_prefix('<')
                .and_then(|named| named.split_once('>'))
                .ok_or("`\\g` without a name")?;
            parts.push(Part::Group(group(name, pattern)?));
            return Ok(after);
        }
        '0'..='9' => {
            let (part, length) = digits(rest, pattern)?;
            match part {
                Part::Text(bytes) => text(&bytes, parts),
                group => parts.push(group),
            }
            return Ok(&rest[length..]);
        }
        _ => {}
    }
    let plain: &[u8] = match c {
        'a' => b"\x07",
        'b' => b"\x08",
        'f' => b"\x0c",
        'n' => b"\n",
        'r' => b"\r",
        't' => b"\t",
        'v' => b"\x0b",
        '\\' => b"\\",
        c if c.is_ascii_alphabetic() => return Err(format!("bad escape \\{c}")),
        // Both stay.
        c => {
            text(b"\\", parts);
            &rest.as_bytes()[..c.len_utf8()]
        }
    };
    text(plain, parts);
    Ok(after)
}

/// `\0` and three octal digits are a letter; anything else is a group of one or two digits.
fn digits(rest: &str, pattern: &Pattern) -> Result<(Part, usize), String> {
    let run = |radix: u32, most: usize| rest.chars().take(most).take_while(|c| c.is_digit(radix)).count();
    let octal = run(8, 3);
    if rest.starts_with('0') || octal == 3 {
        let value = u32::from_str_radix(&rest[..octal], 8).unwrap_or_default();
        let letter =
            u8::try_from(value).map_err(|_| format!("octal escape \\{} is too large", &rest[..octal]))?;
        return Ok((Part::Text(vec![letter]), octal));
    }
    let length = run(10, 2);
    Ok((Part::Group(group(&rest[..length], pattern)?), length))
}

fn group(name: &str, pattern: &Pattern) -> Result<usize, String> {
    let number = match name.parse::<usize>() {
        Ok(number) => Some(number).filter(|number| *number < pattern.regex.captures_len()),
        Err(_) => pattern.regex.capture_names().position(|own| own == Some(name)),
    };
    number.ok_or_else(|| format!("no group {name} of the pattern"))
}

#[cfg(test)]
mod tests {
    use super::{super::Flags, *};

    #[test]
    fn replacements_expand_as_in_python() {
        let pattern = Pattern::parse("(a)(?P<two>b)|(c)", Flags::default()).unwrap();
        let found = pattern.captures(b"xab").unwrap();
        for (source, expected) in [
            ("plain", "plain"),
            (r"\1-\2", "a-b"),
            (r"\g<0>\g<two>\g<1>0", "abba0"),
            (r"[\3]", "[]"),
            (r"\n\t\\\.", "\n\t\\\\."),
            (r"\1\n", "a\n"),
            (r"\101\0", "A\0"),
            ("$1", "$1"),
            ("é\\é", "é\\é"),
        ] {
            let mut out = Vec::new();
            Replacement::parse(source, &pattern).unwrap().expand(&found, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{source}");
        }
        for (source, why) in [
            (r"\4", "no group 4"),
            (r"\g<x>", "no group x"),
            (r"\q", "bad escape"),
            ("a\\", "a backslash at the end"),
            (r"\g1", "without a name"),
            (r"\777", "too large"),
        ] {
            let told = Replacement::parse(source, &pattern).unwrap_err();
            assert!(told.contains(why), "{source}: {told}");
        }
    }
}
