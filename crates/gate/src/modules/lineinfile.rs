//! `lineinfile`: makes sure that a line is in a file, or is not.

mod place;

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Rule, Spec,
    fsops::{
        attrs,
        edit::{self, Edit},
    },
};
use place::{Line, Subject};

pub(super) struct Lineinfile;

static SPEC: Spec = Spec {
    name: "lineinfile",
    summary: "Makes sure that a line is in a file, or is not.",
    params: &[
        edit::PATH,
        Param::new("line", Kind::Str, "The line.").aliases(&["value"]),
        Param::new("regexp", Kind::Pattern, "The last line that matches is replaced; all that match go.")
            .aliases(&["regex"]),
        Param::new("search_string", Kind::Str, "The same with plain text in place of a pattern."),
        edit::STATE,
        edit::AFTER,
        edit::BEFORE,
        Param::new("backrefs", Kind::Bool, "Whether `\\1` in the line stands for a group of `regexp`.")
            .default("false"),
        Param::new("firstmatch", Kind::Bool, "Whether the first match counts in place of the last.")
            .default("false"),
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
    rules: &[
        Rule::Exclusive(&["insertbefore", "insertafter"]),
        Rule::Exclusive(&["regexp", "search_string"]),
        Rule::Exclusive(&["backrefs", "search_string"]),
        Rule::NeededIf("state", "present", &["line"]),
        Rule::NeededIf("state", "absent", &["line", "search_string", "regexp"]),
    ],
};

impl Module for Lineinfile {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let edit = match Edit::open(args, cx)? {
            Ok(edit) => edit,
            Err(reply) => return Ok(reply),
        };
        let absent = args.str("state") == "absent";
        let mut lines: Vec<Vec<u8>> = match &edit.old {
            Some(old) => old.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect(),
            None if absent => return Ok(Reply::ok().msg("file not present")),
            None if args.bool("create") => Vec::new(),
            None => return Ok(edit.missing("Destination")),
        };
        if absent {
            return remove(edit, lines, args);
        }
        let msg = Line::read(args)?.put(&mut lines)?;
        let done = edit.close(&lines.concat(), msg)?;
        Ok(done.reply.with("backup", done.backup.unwrap_or_default()))
    }
}

fn remove(edit: Edit<'_>, mut lines: Vec<Vec<u8>>, args: &Args) -> Result<Reply, Error> {
    let before = lines.len();
    let line = args.str("line").as_bytes();
    match Subject::read(args)? {
        Some(subject) => lines.retain(|own| !subject.is_on(own)),
        None => lines.retain(|own| place::bare(own) != line),
    }
    let found = before - lines.len();
    let done = edit.close(&lines.concat(), &format!("{found} line(s) removed"))?;
    Ok(done.reply.with("found", found).with("backup", done.backup.unwrap_or_default()))
}
