//! `assemble`: makes one file of all the files in a folder.

use std::{io::Read, path::Path};

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec,
    fsops::{
        attrs::{self, Want},
        install::{self, Content, Install, reply},
        path::{need_dir, parent},
        sum,
    },
    pattern::{Flags, Pattern},
};

pub(super) struct Assemble;

static SPEC: Spec = Spec {
    name: "assemble",
    summary: "Makes one file of all the files in a folder, in the order of their names.",
    params: &[
        Param::new("src", Kind::Path, "The folder with the parts.").required(),
        Param::new("dest", Kind::Path, "The file that is made.").required(),
        Param::new("delimiter", Kind::Str, "What stands between two parts."),
        Param::new("regexp", Kind::Pattern, "Only files whose names match are parts."),
        Param::new("ignore_hidden", Kind::Bool, "Whether files whose names begin with a dot are left out.")
            .default("false"),
        Param::new("remote_src", Kind::Bool, "Whether the folder is on the host itself.").default("true"),
        attrs::MODE,
        attrs::OWNER,
        attrs::GROUP,
        install::BACKUP,
        install::VALIDATE,
        Param::new("decrypt", Kind::Bool, "Taken for Ansible's sake; there are no vaults here.")
            .default("true"),
    ],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[],
};

/// The most that is assembled: it is held in memory.
const LIMIT: u64 = 256 << 20;

impl Module for Assemble {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let (src, dest) = (cx.path(args.str("src")), cx.path(args.str("dest")));
        let text = parts(args, &src, cx)?;
        need_dir(parent(&dest), cx)?;
        let install = Install {
            backup: args.bool("backup"),
            validate: args.path("validate"),
            ..Install::new(Want::read(args, "mode", cx)?, cx)
        };
        let done = install.put(Content::Bytes(&text), &dest)?;
        Ok(reply(done, cx).msg("OK").with("src", src.to_string_lossy()).with("md5sum", sum::md5(&text)))
    }
}

/// All parts in one.
fn parts(args: &Args, dir: &Path, cx: &Context<'_>) -> Result<Vec<u8>, Error> {
    let regexp = args
        .opt_str("regexp")
        .map(|source| Pattern::new(source, Flags { unicode: true, ..Flags::default() }));
    let regexp = regexp.transpose()?;
    let delimiter = args.path("delimiter").map(unescape);
    let mut names = cx.fs().names(dir).map_err(Error::io("list", dir))?;
    names.sort_unstable();
    let (mut whole, mut open) = (Vec::new(), None);
    for name in names {
        cx.alive()?;
        let (path, name) = (dir.join(&name), name.to_string_lossy());
        let left_out = regexp.as_ref().is_some_and(|regexp| !regexp.is_match(name.as_bytes()));
        if left_out || args.bool("ignore_hidden") && name.starts_with('.') || !cx.fs().is_file(&path) {
            continue;
        }
        // `open` is whether the part before this one lacks the end of its last line.
        match (open, &delimiter) {
            (Some(open), Some(delimiter)) => {
                whole.extend([line_end(open), delimiter, line_end(!delimiter.ends_with(b"\n"))].concat())
            }
            (Some(open), None) => whole.extend_from_slice(line_end(open)),
            (None, _) => {}
        }
        let start = whole.len();
        let file = cx.fs().open(&path).map_err(Error::io("read", &path))?;
        file.take(LIMIT + 1).read_to_end(&mut whole).map_err(Error::io("read", &path))?;
        open = Some(!whole[start..].ends_with(b"\n"));
        if whole.len() as u64 > LIMIT {
            return Err(Error::Failed(format!(
                "the parts in {} are more than {} MiB",
                dir.display(),
                LIMIT >> 20
            )));
        }
    }
    Ok(whole)
}

fn line_end(missing: bool) -> &'static [u8] {
    if missing { b"\n" } else { b"" }
}

/// The delimiter with the escapes read that a person may have written in it.
fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(b'n') => out.push(b'\n'),
            Some(b't') => out.push(b'\t'),
            Some(b'r') => out.push(b'\r'),
            Some(byte @ (b'\\' | b'\'' | b'"')) => out.push(byte),
            other => out.extend([Some(b'\\'), other].into_iter().flatten()),
        }
    }
    out
}
