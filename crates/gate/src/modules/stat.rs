//! `stat`: says what lies at a path.

use std::{io, path::Path};

use rustix::fs::{Access, FileType};
use serde_json::{Map, Value, json};

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec,
    fsops::{
        attrs, ids,
        sum::{self, Algorithm},
    },
    view::{Fs, Meta, Moment},
};

pub(super) struct Stat;

static SPEC: Spec = Spec {
    name: "stat",
    summary: "Says what lies at a path.",
    params: &[
        Param::new("path", Kind::Path, "What to look at.").required().aliases(&["dest", "name"]),
        Param::new("follow", Kind::Bool, "Whether what a link points to is looked at.").default("false"),
        Param::new("get_checksum", Kind::Bool, "Whether a checksum is made of a file.").default("true"),
        Param::new("checksum_algorithm", Kind::Str, "Which checksum.")
            .default("\"sha1\"")
            .choices(&sum::NAMES)
            .aliases(&["checksum", "checksum_algo"]),
        Param::new("get_mime", Kind::Bool, "Taken for Ansible's sake; the type stays unknown.")
            .default("true")
            .aliases(&["mime", "mime_type", "mime-type"]),
        Param::new("get_attributes", Kind::Bool, "Taken for Ansible's sake; there are none in the result.")
            .default("true")
            .aliases(&["attr", "attributes"]),
    ],
    free_form: None,
    open: false,
    effect: Effect::None,
    check: Check::Predicts,
    rules: &[],
};

impl Module for Stat {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let path = cx.path(args.str("path"));
        let fs = cx.fs();
        let found = if args.bool("follow") { fs.metadata(&path) } else { fs.symlink_metadata(&path) };
        let meta = match found {
            Ok(meta) => meta,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(Reply::ok().with("stat", json!({"exists": false})));
            }
            Err(error) => return Err(Error::io("look at", &path)(error)),
        };
        let mut stat = numbers(&meta, fs);
        kinds(&meta, &mut stat);
        bits(meta.mode, &mut stat);
        stat.insert("path".into(), path.to_string_lossy().into());
        for (name, right) in
            [("readable", Access::READ_OK), ("writeable", Access::WRITE_OK), ("executable", Access::EXEC_OK)]
        {
            stat.insert(name.into(), fs.access(&path, right).into());
        }
        if meta.is_symlink() {
            link(&path, &mut stat, fs);
        }
        if meta.is_file() && args.bool("get_checksum") && stat["readable"] == true {
            let algorithm = Algorithm::named(args.str("checksum_algorithm"))
                .ok_or_else(|| Error::Failed("unknown checksum algorithm".into()))?;
            stat.insert("checksum".into(), sum::file(&path, algorithm, cx)?.into());
        }
        if args.bool("get_mime") {
            stat.insert("mimetype".into(), "unknown".into());
            stat.insert("charset".into(), "unknown".into());
        }
        Ok(Reply::ok().with("stat", stat))
    }
}

pub(super) fn numbers(meta: &Meta, fs: Fs<'_>) -> Map<String, Value> {
    let mut stat = Map::new();
    let time = |(seconds, nanos): Moment| {
        #[expect(clippy::cast_precision_loss, reason = "Ansible has times as floats, which are as exact as this")]
        let (seconds, nanos) = (seconds as f64, nanos as f64);
        Value::from(seconds + nanos / 1e9)
    };
    for (name, value) in [
        ("exists", true.into()),
        ("mode", attrs::octal(meta.mode).into()),
        ("uid", meta.uid.into()),
        ("gid", meta.gid.into()),
        ("size", meta.len.into()),
        ("inode", meta.ino.into()),
        ("dev", meta.dev.into()),
        ("nlink", meta.nlink.into()),
        ("atime", time(meta.accessed)),
        ("mtime", time(meta.changed)),
        ("ctime", time(meta.noted)),
        ("blocks", meta.blocks.into()),
        ("block_size", meta.blksize.into()),
        ("device_type", meta.rdev.into()),
    ] {
        stat.insert(name.into(), value);
    }
    for (field, name) in [("pw_name", ids::user(meta.uid, fs)), ("gr_name", ids::group(meta.gid, fs))] {
        stat.extend(name.map(|name| (field.to_owned(), name.into())));
    }
    stat
}

pub(super) fn kinds(meta: &Meta, stat: &mut Map<String, Value>) {
    let kind = meta.kind();
    for (name, is) in [
        ("isdir", kind == FileType::Directory),
        ("isreg", kind == FileType::RegularFile),
        ("islnk", kind == FileType::Symlink),
        ("ischr", kind == FileType::CharacterDevice),
        ("isblk", kind == FileType::BlockDevice),
        ("isfifo", kind == FileType::Fifo),
        ("issock", kind == FileType::Socket),
    ] {
        stat.insert(name.into(), is.into());
    }
}

pub(super) fn bits(mode: u32, stat: &mut Map<String, Value>) {
    for (name, bit) in [
        ("rusr", 0o400),
        ("wusr", 0o200),
        ("xusr", 0o100),
        ("rgrp", 0o040),
        ("wgrp", 0o020),
        ("xgrp", 0o010),
        ("roth", 0o004),
        ("woth", 0o002),
        ("xoth", 0o001),
        ("isuid", 0o4000),
        ("isgid", 0o2000),
    ] {
        stat.insert(name.into(), (mode & bit != 0).into());
    }
}

/// Where a link points, as it is written and as it is followed; what is not there cannot be followed.
fn link(path: &Path, stat: &mut Map<String, Value>, fs: Fs<'_>) {
    if let Ok(target) = fs.read_link(path) {
        let source = fs
            .canonicalize(path)
            .or_else(|_| crate::fsops::path::resolve(path, fs).map_err(io::Error::other))
            .unwrap_or_else(|_| path.to_owned());
        stat.insert("lnk_target".into(), target.to_string_lossy().into());
        stat.insert("lnk_source".into(), source.to_string_lossy().into());
    }
}
