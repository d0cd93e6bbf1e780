//! `copy`: puts content, a file or a folder somewhere.

mod tree;

use std::path::Path;

use serde_json::Value;

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Rule, Spec,
    args::text_of,
    json,
    fsops::{
        attrs::{self, Want},
        install::{self, Content, Install, reply},
        path::{make_dirs, need_dir, parent},
        sum,
    },
};

pub(super) struct Copy;

static SPEC: Spec = Spec {
    name: "copy",
    summary: "Puts content, a file or a folder somewhere.",
    params: &[
        Param::new("dest", Kind::Path, "Where it goes; with a slash at its end, into that folder.").required(),
        Param::new("src", Kind::Path, "The file or folder; of a folder with a slash at its end, what is in it."),
        Param::new("content", Kind::Raw, "The content itself; a list or map is written as JSON."),
        attrs::MODE.choices(&["preserve"]),
        attrs::OWNER,
        attrs::GROUP,
        Param::new("directory_mode", Kind::Mode, "The permissions of folders that are copied or made."),
        install::BACKUP,
        install::FORCE,
        install::FOLLOW,
        Param::new("local_follow", Kind::Bool, "Whether links in a folder are copied as what they point to.")
            .default("true"),
        Param::new("remote_src", Kind::Bool, "Whether the source is on the host itself.").default("false"),
        Param::new("checksum", Kind::Str, "The SHA-1 that the source must have."),
        install::VALIDATE,
    ],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[Rule::OneOf(&["src", "content"]), Rule::Exclusive(&["src", "content"])],
};

impl Module for Copy {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let mut install = Install::read(args, cx)?;
        if let Some(content) = args.get("content") {
            return text(args, &bytes(content), &install, cx);
        }
        let written = args.str("src");
        let src = cx.path(written);
        let meta = cx.fs().metadata(&src).map_err(Error::io("read", &src))?;
        if meta.is_dir() {
            let inside = written.ends_with('/');
            return tree::copy(args, &src, inside, &install, cx);
        }
        // A file that is on the host already has a mode of its own to give.
        install.inherit = args.bool("remote_src") && !args.has("mode");
        single(args, &src, &install, cx)
    }
}

/// Text is written as it is, a list or map as JSON, and any other value as Python spells it.
fn bytes(content: &Value) -> Vec<u8> {
    match content {
        Value::Array(_) | Value::Object(_) => json::text(content),
        scalar => text_of(scalar).unwrap_or_default(),
    }
    .into_bytes()
}

fn text(args: &Args, bytes: &[u8], install: &Install<'_>, cx: &Context<'_>) -> Result<Reply, Error> {
    let written = args.str("dest");
    let dest = cx.path(written);
    if written.ends_with('/') || cx.fs().is_dir(&dest) {
        let why = format!("{} is a folder, and `content` does not say what its file is called", dest.display());
        return Err(Error::Failed(why));
    }
    verify(args, || Ok(sum::of(bytes)))?;
    need_dir(parent(&dest), cx)?;
    Ok(reply(install.put(Content::Bytes(bytes), &dest)?, cx))
}

fn single(args: &Args, src: &Path, install: &Install<'_>, cx: &Context<'_>) -> Result<Reply, Error> {
    verify(args, || sum::file(src, sum::Algorithm::Sha1, cx))?;
    let written = args.str("dest");
    let mut dest = cx.path(written);
    let mut made = false;
    if written.ends_with('/') || cx.fs().is_dir(&dest) {
        made = make_dirs(&dest, &Want::read(args, "directory_mode", cx)?, cx)?;
        dest.push(src.file_name().unwrap_or_default());
    } else {
        need_dir(parent(&dest), cx)?;
    }
    let mut done = install.put(Content::File(src), &dest)?;
    done.changed |= made;
    Ok(reply(done, cx).with("src", src.to_string_lossy()))
}

/// Refuses a source that is not the one that was meant.
fn verify(args: &Args, sum: impl FnOnce() -> Result<String, Error>) -> Result<(), Error> {
    let Some(expected) = args.path("checksum") else { return Ok(()) };
    let found = sum()?;
    if found.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(Error::Failed(format!("the source has the checksum {found}, expected {expected}")))
}
