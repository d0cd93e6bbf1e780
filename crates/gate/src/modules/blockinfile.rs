//! `blockinfile`: keeps a block of lines between two markers in a file.

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Rule, Spec,
    fsops::{
        attrs,
        edit::{self, Edit},
    },
    pattern::{Flags, Pattern},
};

pub(super) struct Blockinfile;

static SPEC: Spec = Spec {
    name: "blockinfile",
    summary: "Keeps a block of lines between two markers in a file.",
    params: &[
        edit::PATH,
        Param::new("block", Kind::Str, "The lines; without any, the block goes.")
            .default("\"\"")
            .aliases(&["content"]),
        Param::new("marker", Kind::Str, "The lines around it, with `{mark}` for what tells them apart.")
            .default("\"# {mark} ANSIBLE MANAGED BLOCK\""),
        Param::new("marker_begin", Kind::Str, "What `{mark}` stands for before the block.")
            .default("\"BEGIN\""),
        Param::new("marker_end", Kind::Str, "What `{mark}` stands for after the block.").default("\"END\""),
        edit::STATE,
        edit::AFTER,
        edit::BEFORE,
        Param::new("append_newline", Kind::Bool, "Whether an empty line follows it.").default("false"),
        Param::new("prepend_newline", Kind::Bool, "Whether an empty line precedes it.").default("false"),
        edit::CREATE,
        edit::BACKUP,
        edit::VALIDATE,
        attrs::MODE,
        attrs::OWNER,
        attrs::GROUP,
    ],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[Rule::Exclusive(&["insertbefore", "insertafter"])],
};

impl Module for Blockinfile {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let edit = match Edit::open(args, cx)? {
            Ok(edit) => edit,
            Err(reply) => return Ok(reply),
        };
        let present = args.str("state") == "present";
        match &edit.old {
            None if !args.bool("create") => return Ok(edit.missing("Path")),
            None if !present => {
                return Ok(Reply::ok().msg(format!("File {} not present", edit.path.display())));
            }
            _ => {}
        }
        let block = Block::read(args, present);
        let (new, there) = (block.put(edit.old.as_deref().unwrap_or_default())?, edit.old.is_some());
        let msg = match (there, block.lines.is_empty()) {
            (false, _) => "File created",
            (true, true) => "Block removed",
            (true, false) => "Block inserted",
        };
        Ok(edit.close(&new, msg)?.with_backup())
    }
}

/// A block and where it goes.
struct Block<'a> {
    /// The markers with their line ends.
    marks: [Vec<u8>; 2],
    /// The block with its markers, or nothing.
    lines: Vec<u8>,
    args: &'a Args,
    /// Empty lines are made around it.
    padded: bool,
}

impl<'a> Block<'a> {
    fn read(args: &'a Args, present: bool) -> Self {
        let mark = |name| format!("{}\n", args.str("marker").replace("{mark}", args.str(name))).into_bytes();
        let marks = [mark("marker_begin"), mark("marker_end")];
        let mut block = args.str("block").to_owned();
        let mut lines = Vec::new();
        if present && !block.is_empty() {
            if !block.ends_with('\n') {
                block.push('\n');
            }
            lines = [&*marks[0], block.as_bytes(), &marks[1]].concat();
        }
        Self { marks, lines, args, padded: present }
    }

    /// The text with the block in its place, and no other block between these markers.
    fn put(&self, old: &[u8]) -> Result<Vec<u8>, Error> {
        let mut lines = split(old);
        let mut at = match self.take_out(&mut lines) {
            Some(at) => at,
            None => self.place(&lines, old)?,
        };
        if let Some(before) = at.checked_sub(1).and_then(|before| lines.get_mut(before))
            && !before.ends_with(b"\n")
        {
            before.push(b'\n');
        }
        let empty = |line: Option<&Vec<u8>>| line.is_some_and(|line| line == b"\n");
        if self.padded && self.args.bool("prepend_newline") && at > 0 && !empty(lines.get(at - 1)) {
            lines.insert(at, b"\n".to_vec());
            at += 1;
        }
        if !self.lines.is_empty() {
            lines.insert(at, self.lines.clone());
            at += 1;
        }
        if self.padded && self.args.bool("append_newline") && at < lines.len() && !empty(lines.get(at)) {
            lines.insert(at, b"\n".to_vec());
        }
        Ok(lines.concat())
    }

    /// Takes the old block away, and says where it was.
    fn take_out(&self, lines: &mut Vec<Vec<u8>>) -> Option<usize> {
        let last = |mark: &Vec<u8>| lines.iter().rposition(|line| line == mark);
        let (begin, end) = (last(&self.marks[0])?, last(&self.marks[1])?);
        let (first, last) = (begin.min(end), begin.max(end));
        lines.drain(first..=last);
        Some(first)
    }

    /// Where a new block goes.
    fn place(&self, lines: &[Vec<u8>], old: &[u8]) -> Result<usize, Error> {
        let (after, before) = (self.args.opt_str("insertafter"), self.args.opt_str("insertbefore"));
        let anchor = match (after, before) {
            (None | Some("EOF"), None) => return Ok(lines.len()),
            (None, Some("BOF")) => return Ok(0),
            (Some(pattern), _) | (None, Some(pattern)) => Pattern::new(pattern, Flags::default())?,
        };
        let found = if anchor.is_multiline() {
            // Such a pattern may span lines, so that it is looked for in the whole text, and once.
            let found = anchor.captures(old).and_then(|found| found.get(0));
            let upto = found.map(|found| if after.is_some() { found.end() } else { found.start() });
            upto.map(|upto| old[..upto].iter().filter(|byte| **byte == b'\n').count())
        } else {
            lines.iter().rposition(|line| anchor.is_match(line))
        };
        let beside = found.map(|at| if after.is_some() { at + 1 } else { at });
        Ok(beside.unwrap_or(lines.len()).min(lines.len()))
    }
}

/// The lines with their ends, of any kind.
fn split(text: &[u8]) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    let mut start = 0;
    for (at, byte) in text.iter().enumerate() {
        if *byte == b'\n' || *byte == b'\r' && text.get(at + 1) != Some(&b'\n') {
            lines.push(text[start..=at].to_vec());
            start = at + 1;
        }
    }
    if start < text.len() {
        lines.push(text[start..].to_vec());
    }
    lines
}
