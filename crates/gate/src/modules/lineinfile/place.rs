//! Where a line goes: over the one that it replaces, or beside another one.

use crate::{
    Args, Error,
    pattern::{Flags, Pattern, Replacement},
};

/// What the line to be replaced or removed looks like.
pub(super) enum Subject<'a> {
    Pattern(Pattern),
    Text(&'a [u8]),
}

impl<'a> Subject<'a> {
    pub(super) fn read(args: &'a Args) -> Result<Option<Self>, Error> {
        Ok(match (args.opt_str("regexp"), args.opt_str("search_string")) {
            (Some(pattern), _) => Some(Self::Pattern(Pattern::new(pattern, Flags::default())?)),
            (None, Some(text)) => Some(Self::Text(text.as_bytes())),
            (None, None) => None,
        })
    }

    pub(super) fn is_on(&self, line: &[u8]) -> bool {
        match self {
            Self::Pattern(pattern) => pattern.is_match(line),
            Self::Text(text) => text.is_empty() || line.windows(text.len()).any(|part| part == *text),
        }
    }
}

/// Where a new line goes.
enum Place {
    Start,
    End,
    After(Pattern),
    Before(Pattern),
}

impl Place {
    fn read(args: &Args) -> Result<Self, Error> {
        let pattern = |text| Pattern::new(text, Flags::default());
        Ok(match (args.opt_str("insertafter"), args.opt_str("insertbefore")) {
            (Some("BOF"), _) | (None, Some("BOF")) => Self::Start,
            (Some("" | "EOF"), _) | (None, None | Some("")) => Self::End,
            (Some(after), _) => Self::After(pattern(after)?),
            (None, Some(before)) => Self::Before(pattern(before)?),
        })
    }

    fn anchor(&self) -> Option<&Pattern> {
        match self {
            Self::After(pattern) | Self::Before(pattern) => Some(pattern),
            Self::Start | Self::End => None,
        }
    }
}

/// A line that shall be in a file.
pub(super) struct Line<'a> {
    text: &'a str,
    subject: Option<Subject<'a>>,
    place: Place,
    backrefs: bool,
    first: bool,
}

impl<'a> Line<'a> {
    pub(super) fn read(args: &'a Args) -> Result<Self, Error> {
        if args.bool("backrefs") && !args.has("regexp") {
            return Err(Error::Failed("`backrefs` needs a `regexp` to refer to".into()));
        }
        Ok(Self {
            text: args.str("line"),
            subject: Subject::read(args)?,
            place: Place::read(args)?,
            backrefs: args.bool("backrefs"),
            first: args.bool("firstmatch"),
        })
    }

    /// Puts the line where it belongs, and says what was done.
    pub(super) fn put(&self, lines: &mut Vec<Vec<u8>>) -> Result<&'static str, Error> {
        let matched = self.matched(lines);
        let (equal, anchor) = if matched.is_some() { (None, None) } else { self.beside(lines) };
        let new = ended(self.text.as_bytes());
        if let Some(at) = matched.or(equal) {
            let new = if matched.is_some() { self.expanded(&lines[at])? } else { new };
            if lines[at] == new {
                return Ok("");
            }
            lines[at] = new;
            return Ok("line replaced");
        }
        match (&self.place, anchor) {
            // Without a match there is nothing to fill the references with.
            _ if self.backrefs => return Ok(""),
            (Place::Start, _) => lines.insert(0, new),
            (Place::After(_), Some(at)) => {
                if lines.get(at + 1).is_some_and(|next| bare(next) == self.text.as_bytes()) {
                    return Ok("");
                }
                end(&mut lines[at]);
                lines.insert(at + 1, new);
            }
            (Place::Before(_), Some(at)) => lines.insert(at, new),
            (Place::End | Place::After(_) | Place::Before(_), _) => {
                lines.last_mut().map(end);
                lines.push(new);
            }
        }
        Ok("line added")
    }

    /// The line to be replaced.
    fn matched(&self, lines: &[Vec<u8>]) -> Option<usize> {
        let subject = self.subject.as_ref()?;
        let on = |line: &Vec<u8>| subject.is_on(line);
        if self.first { lines.iter().position(on) } else { lines.iter().rposition(on) }
    }

    /// A line that is the wanted one already, and the one beside which it would go. As in Ansible, the search
    /// for the first ends where the second is settled.
    fn beside(&self, lines: &[Vec<u8>]) -> (Option<usize>, Option<usize>) {
        let (mut equal, mut anchor) = (None, None);
        for (at, line) in lines.iter().enumerate() {
            if bare(line) == self.text.as_bytes() {
                equal = Some(at);
            } else if self.place.anchor().is_some_and(|pattern| pattern.is_match(line)) {
                anchor = Some(at);
                if self.first {
                    break;
                }
            }
        }
        (equal, anchor)
    }

    /// The new line in place of one that matched.
    fn expanded(&self, old: &[u8]) -> Result<Vec<u8>, Error> {
        let Some(Subject::Pattern(pattern)) = self.subject.as_ref().filter(|_| self.backrefs) else {
            return Ok(ended(self.text.as_bytes()));
        };
        let replacement = Replacement::parse(self.text, pattern).map_err(Error::Failed)?;
        let mut new = Vec::new();
        if let Some(found) = pattern.captures(old) {
            replacement.expand(&found, &mut new);
        }
        Ok(ended(&new))
    }
}

/// A line without its end.
pub(super) fn bare(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n'));
    &line[..end.map_or(0, |end| end + 1)]
}

/// A line with an end.
fn ended(line: &[u8]) -> Vec<u8> {
    let mut line = line.to_vec();
    if !line.ends_with(b"\n") {
        line.push(b'\n');
    }
    line
}

/// Gives the line before a new one an end, if it has none.
fn end(line: &mut Vec<u8>) {
    if !matches!(line.last(), Some(b'\n' | b'\r') | None) {
        line.push(b'\n');
    }
}
