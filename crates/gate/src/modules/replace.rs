//! `replace`: replaces everything in a file that matches a pattern.

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec,
    fsops::{
        attrs,
        edit::{self, Edit},
    },
    pattern::{Flags, Pattern, Replacement},
};

pub(super) struct Replace;

static SPEC: Spec = Spec {
    name: "replace",
    summary: "Replaces everything in a file that matches a pattern.",
    params: &[
        edit::PATH,
        Param::new("regexp", Kind::Pattern, "What is replaced; `^` and `$` match at every line.").required(),
        Param::new("replace", Kind::Str, "What stands in its place; `\\1` is a group of the match.")
            .default("\"\""),
        Param::new("after", Kind::Pattern, "Only what follows a match of this is looked at."),
        Param::new("before", Kind::Pattern, "Only what precedes a match of this is looked at."),
        edit::BACKUP,
        edit::VALIDATE,
        Param::new("encoding", Kind::Str, "The encoding of the file.")
            .default("\"utf-8\"")
            .choices(&["utf-8", "UTF-8", "utf8"]),
        attrs::MODE,
        attrs::OWNER,
        attrs::GROUP,
    ],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[],
};

impl Module for Replace {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let edit = match Edit::open(args, cx)? {
            Ok(edit) => edit,
            Err(reply) => return Ok(reply),
        };
        let Some(old) = &edit.old else { return Ok(edit.missing("Path")) };
        let (start, end) = match section(args, old)? {
            Ok(section) => section,
            Err(pattern) => {
                let msg = format!("Pattern for before/after params did not match the given file: {pattern}");
                return Ok(Reply::ok().msg(msg).with("rc", 0));
            }
        };
        let (new, count) = substitute(args, &old[start..end], cx)?;
        let new = [&old[..start], &new, &old[end..]].concat();
        let done = edit.close(&new, &format!("{count} replacements made"))?;
        Ok(done.with_backup().with("rc", 0))
    }
}

/// The part of the text that is looked at, or the pattern that did not match.
fn section(args: &Args, text: &[u8]) -> Result<Result<(usize, usize), String>, Error> {
    let source = match (args.path("after"), args.path("before")) {
        (Some(after), Some(before)) => format!("{after}(?P<subsection>.*?){before}"),
        (Some(after), None) => format!("{after}(?P<subsection>.*)"),
        (None, Some(before)) => format!("(?P<subsection>.*){before}"),
        (None, None) => return Ok(Ok((0, text.len()))),
    };
    let pattern = Pattern::new(&source, Flags { dotall: true, unicode: true, ..Flags::default() })?;
    let found = pattern.captures(text).and_then(|found| found.name("subsection"));
    Ok(found.map(|found| (found.start(), found.end())).ok_or(source))
}

/// The text with every match replaced, and how many there were.
fn substitute(args: &Args, text: &[u8], cx: &Context<'_>) -> Result<(Vec<u8>, usize), Error> {
    let pattern =
        Pattern::new(args.str("regexp"), Flags { multiline: true, unicode: true, ..Flags::default() })?;
    let replacement = Replacement::parse(args.str("replace"), &pattern).map_err(Error::Failed)?;
    let (mut new, mut kept, mut at, mut count) = (Vec::with_capacity(text.len()), 0, 0, 0);
    while let Some(found) = pattern.captures_at(text, at) {
        // Every match of some patterns looks at the whole rest of the text.
        cx.alive()?;
        let whole = found.get(0).map_or(at..at, |whole| whole.range());
        new.extend_from_slice(&text[kept..whole.start]);
        replacement.expand(&found, &mut new);
        (kept, count) = (whole.end, count + 1);
        at = if whole.is_empty() { next(text, whole.end) } else { whole.end };
        if at > text.len() {
            break;
        }
    }
    new.extend_from_slice(&text[kept..]);
    Ok((new, count))
}

/// Where the letter at an offset ends.
fn next(text: &[u8], at: usize) -> usize {
    let inside = text.get(at + 1..).unwrap_or_default().iter().take_while(|byte| **byte & 0xc0 == 0x80);
    at + 1 + inside.count()
}
