//! `archive`: packs files and folders.

mod build;
mod sources;
mod tarball;
mod zipped;

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec,
    fsops::{
        attrs::{self, Want},
        install::{Content, Install, Installed, reply},
        path::{need_dir, parent},
        replace::nameless,
    },
};
use build::{Format, Made};
use sources::Sources;

pub(super) struct Archive;

static SPEC: Spec = Spec {
    name: "archive",
    summary: "Packs files and folders. The same content makes the same archive, byte by byte.",
    params: &[
        Param::new("path", Kind::List(&Kind::Path), "What is packed; may have wildcards.").required(),
        Param::new("dest", Kind::Path, "The archive; needed for more than one file."),
        Param::new("format", Kind::Str, "The kind of archive; `gz` is tar.gz, or for one file gzip alone.")
            .default("\"gz\"")
            .choices(&["gz", "tar", "zip"]),
        Param::new(
            "exclude_path",
            Kind::List(&Kind::Path),
            "What is left out of `path`; may have wildcards.",
        )
        .default("[]"),
        Param::new("exclusion_patterns", Kind::List(&Kind::Str), "Members whose names match are left out.")
            .default("[]"),
        Param::new("force_archive", Kind::Bool, "Whether one file alone makes an archive too.")
            .default("false"),
        Param::new("remove", Kind::Bool, "Whether what was packed is removed.").default("false"),
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

impl Module for Archive {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let format = Format::named(args.str("format"));
        let sources = Sources::read(args, cx)?;
        let many = sources.many || args.bool("force_archive");
        let Some(dest) = dest(args, &sources, many, cx) else {
            return Err(Error::Failed("`dest` is needed to pack more than one file, or a folder".into()));
        };
        if args.bool("remove") {
            apart(&sources, &dest)?;
        }
        let compress = !many && format == Format::Gzip;
        let mut state = if compress { "compress" } else { "archive" };
        let mut made = match (sources.found.is_empty(), cx.fs().symlink_metadata(&dest).is_ok()) {
            (true, there) => {
                let mut reply =
                    if there { settle(args, &dest, cx)? } else { Reply::ok().with("state", "absent") };
                reply.fields.insert("dest".into(), dest.to_string_lossy().into());
                state = if there { state } else { "absent" };
                (reply, Vec::new())
            }
            (false, _) => pack(args, &sources, &dest, compress, cx)?,
        };
        if !sources.missing.is_empty() && !sources.found.is_empty() {
            state = "incomplete";
        }
        if args.bool("remove") && !sources.found.is_empty() {
            made.0.changed = true;
            sources.remove(cx)?;
        }
        Ok(sources.describe(made.0).with("archived", made.1).with("dest_state", state))
    }
}

/// The archive, and what is packed.
pub(super) fn touches(args: &Args, cx: &Context<'_>) -> Result<(Option<PathBuf>, Vec<PathBuf>), Error> {
    let sources = Sources::read(args, cx)?;
    let many = sources.many || args.bool("force_archive");
    Ok((dest(args, &sources, many, cx), sources.found))
}

/// Where the archive goes.
fn dest(args: &Args, sources: &Sources, many: bool, cx: &Context<'_>) -> Option<PathBuf> {
    match args.path("dest") {
        Some(dest) => Some(cx.path(dest)),
        None if many => None,
        None => sources.all.first().map(|path| {
            let mut name = path.as_os_str().to_owned();
            name.push(".");
            name.push(args.str("format"));
            name.into()
        }),
    }
}

/// Refuses to remove the archive together with what was packed.
fn apart(sources: &Sources, dest: &Path) -> Result<(), Error> {
    match sources.found.iter().find(|path| dest.starts_with(path)) {
        Some(path) => {
            let (dest, path) = (dest.display(), path.display());
            Err(Error::Failed(format!("{dest} lies in {path}, which `remove` would remove")))
        }
        None => Ok(()),
    }
}

/// Nothing is left to be packed: the archive only gets its attributes.
fn settle(args: &Args, dest: &Path, cx: &Context<'_>) -> Result<Reply, Error> {
    let (now, then) = Want::read(args, "mode", cx)?.settle(dest, cx)?;
    let mut reply = Reply::changed(now != then);
    reply.fields = attrs::describe(dest, cx);
    Ok(reply)
}

/// Packs, and puts the archive in place if it is another one than what is there. In check mode one that is too
/// large for the memory is only summed up.
fn pack(
    args: &Args,
    sources: &Sources,
    dest: &Path,
    compress: bool,
    cx: &Context<'_>,
) -> Result<(Reply, Vec<String>), Error> {
    need_dir(parent(dest), cx)?;
    let format = Format::named(args.str("format"));
    let entries = if compress { Vec::new() } else { sources.entries(args, dest, cx)? };
    let build = |sink: &mut dyn io::Write| match compress {
        true => build::compress(&sources.found[0], sink, cx),
        false => build::pack(format, &entries, sink, cx),
    };
    let install = Install::new(Want::read(args, "mode", cx)?, cx);
    let done: Installed = if cx.checks() {
        let mut made = Made::default();
        build(&mut made)?;
        match made.finish() {
            Ok(bytes) => install.put(Content::Bytes(&bytes), dest)?,
            Err((sum, length)) => install.put(Content::Known { sum: &sum, length }, dest)?,
        }
    } else {
        let mut file = nameless(parent(dest))?;
        build(&mut file)?;
        install.put(Content::Open(&file), dest)?
    };
    let packed =
        if compress { &sources.found } else { &entries.into_iter().map(|entry| entry.path).collect() };
    let archived = packed.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    Ok((reply(done, cx), archived))
}
