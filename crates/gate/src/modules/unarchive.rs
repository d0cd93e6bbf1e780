//! `unarchive`: unpacks an archive into a folder, as far as it is not there already.

mod extract;
mod plan;
mod select;
mod wanted;

use std::{
    fs::File,
    path::{Path, PathBuf},
};

use crate::{
    Args, Check, Context, Diff, Effect, Error, Kind, Module, Param, Reply, Rule, Spec,
    fetch,
    fsops::{attrs, path::need_dir},
    glob,
    pack::{Format, Pack},
};
use plan::Plan;
use select::Select;
use wanted::Wanted;

pub(super) struct Unarchive;

static SPEC: Spec = Spec {
    name: "unarchive",
    summary: "Unpacks an archive (tar, tar.gz, zip) into a folder, as far as it is not there already.",
    params: &[
        Param::new("src", Kind::Path, "The archive, or its http:// or https:// address.").required(),
        Param::new("dest", Kind::Path, "The folder, which must be there.").required(),
        Param::new("remote_src", Kind::Bool, "Whether the archive is on the host itself.").default("false"),
        Param::new("copy", Kind::Bool, "The old way to say the opposite of `remote_src`."),
        Param::new("creates", Kind::Path, "A path or pattern; if it matches anything, nothing is unpacked."),
        Param::new("include", Kind::List(&Kind::Str), "Only these members are unpacked.").default("[]"),
        Param::new("exclude", Kind::List(&Kind::Str), "These members are not unpacked.").default("[]"),
        Param::new("keep_newer", Kind::Bool, "Whether files that are newer than those in the archive stay.")
            .default("false"),
        Param::new("list_files", Kind::Bool, "Whether the result names all members.").default("false"),
        attrs::MODE,
        attrs::OWNER,
        attrs::GROUP,
        Param::new(
            "extra_opts",
            Kind::List(&Kind::Str),
            "Refused: no program is run that could take options.",
        )
        .default("[]"),
        Param::new("validate_certs", Kind::Bool, "Whether the server of a URL must prove who it is.")
            .default("true"),
        Param::new("io_buffer_size", Kind::Int, "Taken for Ansible's sake; the size is fixed.")
            .default("65536"),
        Param::new("decrypt", Kind::Bool, "Taken for Ansible's sake; there are no vaults here.")
            .default("true"),
    ],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[Rule::Exclusive(&["include", "exclude"]), Rule::Exclusive(&["copy", "remote_src"])],
};

impl Module for Unarchive {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        if !args.list("extra_opts").is_empty() {
            return Err(Error::Failed(
                "`extra_opts` are options of tar or unzip, which are not used here: unpack by a `command` step"
                    .into(),
            ));
        }
        if let Some(path) = args.path("creates")
            && glob::any(cx.cwd, Path::new(&cx.expand(path)), cx.fs())
        {
            return Ok(Reply::skipped(format!("skipped, since {path} exists")));
        }
        let dest = cx.path(args.str("dest"));
        need_dir(&dest, cx)?;
        let (file, src) = source(args, &dest, cx)?;
        unpack(Pack::open(file, &src, cx)?, &src, &dest, args, cx)
    }
}

/// Every path that unpacking is going to change.
pub(super) fn touches(args: &Args, cx: &Context<'_>) -> Result<Vec<PathBuf>, Error> {
    let dest = cx.path(args.str("dest"));
    let (file, src) = source(args, &dest, cx)?;
    let mut pack = Pack::open(file, &src, cx)?;
    let select = Select::read(args, pack.format());
    let wanted = Wanted::read(args, pack.format(), cx)?;
    Ok(Plan::make(&mut pack, &dest, &select, &wanted, cx)?.touches(&dest))
}

/// The archive, fetched where it is elsewhere, and what it is called.
fn source(args: &Args, dest: &Path, cx: &Context<'_>) -> Result<(File, PathBuf), Error> {
    let written = args.str("src");
    if written.contains("://") {
        // In check mode the folder may be one that is not there yet.
        let folder = if cx.checks() { std::env::temp_dir() } else { dest.to_owned() };
        return Ok((fetch::file(written, args, &folder, cx)?, fetch::masked(written).into()));
    }
    let src = cx.path(written);
    let file = cx.fs().open(&src).map_err(Error::io("read", &src))?;
    Ok((file, src))
}

fn unpack(
    mut pack: Pack<'_>,
    src: &Path,
    dest: &Path,
    args: &Args,
    cx: &Context<'_>,
) -> Result<Reply, Error> {
    let select = Select::read(args, pack.format());
    let wanted = Wanted::read(args, pack.format(), cx)?;
    let plan = Plan::make(&mut pack, dest, &select, &wanted, cx)?;
    extract::run(&mut pack, dest, &plan, cx)?;
    let mut reply = Reply::changed(plan.changes());
    reply.fields = attrs::describe(dest, cx);
    if args.bool("list_files") {
        reply = reply.with("files", plan.names());
    }
    if cx.diff && reply.changed {
        reply.diff = Some(difference(&plan));
    }
    let handler = match pack.format() {
        Format::Tar => "TarArchive",
        Format::Gzip => "TgzArchive",
        Format::Zip => "ZipArchive",
    };
    let exact = |path: &Path| {
        cx.fs().canonicalize(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
    };
    Ok(reply.with("handler", handler).with("src", exact(src)).with("dest", dest.to_string_lossy()))
}

/// What is put in place, by name. What is in the files would be too much for anybody to read.
fn difference(plan: &Plan) -> Diff {
    let (mut before, mut after) = (String::new(), String::new());
    for (name, there, what) in plan.told() {
        if there {
            before.push_str(&format!("{name}\n"));
        }
        after.push_str(&format!("{name} ({what})\n"));
    }
    Diff { before: before.into(), after: after.into(), ..Diff::default() }
}
