//! Putting one file in place with given content and attributes, if it is not so already.

use std::{
    fs::File,
    io::{Read, Seek},
    path::{Path, PathBuf},
    process,
    time::SystemTime,
};

use serde_json::Map;

use super::{
    attrs::{self, Attrs, Want},
    diff::{self, Side},
    mode,
    path::{parent, resolve},
    replace::{Fresh, Perms, Replace},
    sum::{self, Algorithm},
    validate,
};
use crate::{Args, Context, Diff, Error, Kind, Param, Reply, clock, view::Time};

pub(crate) const BACKUP: Param =
    Param::new("backup", Kind::Bool, "Whether the old file is kept beside the new one.").default("false");
pub(crate) const FORCE: Param =
    Param::new("force", Kind::Bool, "Whether a file that is there is replaced.").default("true");
pub(crate) const FOLLOW: Param =
    Param::new("follow", Kind::Bool, "Whether a link at the destination is followed, or replaced.")
        .default("false");
pub(crate) const VALIDATE: Param =
    Param::new("validate", Kind::Str, "A command that must accept the new file, named in it as `%s`.");

/// What the file shall hold.
#[derive(Clone, Copy)]
pub(crate) enum Content<'a> {
    Bytes(&'a [u8]),
    File(&'a Path),
    /// An open file, wherever it stands.
    Open(&'a File),
    /// Content that is told by its sum and length alone, for check mode.
    Known {
        sum: &'a str,
        length: u64,
    },
}

/// How a file is put in place, for every file of one run.
pub(crate) struct Install<'a> {
    pub(crate) want: Want,
    /// The mode is that of the source.
    pub(crate) preserve: bool,
    /// The file that has that mode, where it is not the content itself.
    pub(crate) source: Option<&'a Path>,
    /// A new file has the mode of the source.
    pub(crate) inherit: bool,
    pub(crate) backup: bool,
    pub(crate) force: bool,
    pub(crate) follow: bool,
    pub(crate) validate: Option<&'a str>,
    pub(crate) cx: &'a Context<'a>,
}

/// What came of it.
pub(crate) struct Installed {
    pub(crate) dest: PathBuf,
    pub(crate) changed: bool,
    pub(crate) checksum: String,
    pub(crate) backup: Option<PathBuf>,
    pub(crate) diff: Option<Diff>,
    /// The file was there, and was not to be replaced.
    pub(crate) kept: bool,
}

impl<'a> Install<'a> {
    /// Puts files in place with these attributes, over whatever is there.
    pub(crate) fn new(want: Want, cx: &'a Context<'a>) -> Self {
        Self {
            want,
            preserve: false,
            source: None,
            inherit: false,
            backup: false,
            force: true,
            follow: false,
            validate: None,
            cx,
        }
    }

    /// Reads the parameters that `copy` and `template` share.
    pub(crate) fn read(args: &'a Args, cx: &'a Context<'a>) -> Result<Self, Error> {
        let preserve = args.opt_str("mode") == Some("preserve");
        let want = if preserve { Want::owners(args, cx)? } else { Want::read(args, "mode", cx)? };
        Ok(Self {
            preserve,
            backup: args.bool("backup"),
            force: args.bool("force"),
            follow: args.bool("follow"),
            validate: args.path("validate"),
            ..Self::new(want, cx)
        })
    }

    /// Makes `dest` a file with this content.
    pub(crate) fn put(&self, content: Content<'_>, dest: &Path) -> Result<Installed, Error> {
        let fs = self.cx.fs();
        let dest = if self.follow { resolve(dest, fs)? } else { dest.to_owned() };
        let there = fs.symlink_metadata(&dest).ok();
        let refuse = |what: &str| Err(Error::Failed(format!("{} {what}", dest.display())));
        match &there {
            Some(meta) if meta.is_dir() => return refuse("is a folder"),
            Some(meta) if !meta.is_file() && !meta.is_symlink() => return refuse("is not a regular file"),
            _ => {}
        }
        let checksum = content.sum(self.cx)?;
        let mut done = Installed { dest, changed: false, checksum, backup: None, diff: None, kept: false };
        if there.is_some() && !self.force {
            done.kept = true;
            return Ok(done);
        }
        let want = self.want(content)?;
        let old = there.as_ref().filter(|meta| meta.is_file()).map(Attrs::from);
        if let (Some(meta), Some(_)) = (&there, old)
            && meta.len == content.len(self.cx)?
            && sum::file(&done.dest, Algorithm::Sha1, self.cx)? == done.checksum
        {
            return self.settle(&want, done);
        }
        done.changed = true;
        if self.cx.diff {
            let before = if there.is_some() { Side::File(&done.dest) } else { Side::Absent };
            done.diff = Some(diff::of(&before, &content.side(), &done.dest.to_string_lossy(), self.cx));
        }
        self.write(content, &want, old, there.is_some(), &mut done)?;
        Ok(done)
    }

    fn want(&self, content: Content<'_>) -> Result<Want, Error> {
        let mut want = self.want.clone();
        let source = if let Content::File(path) = content { Some(path) } else { self.source };
        if let (Some(path), true) = (source, self.preserve) {
            let meta = self.cx.fs().metadata(path).map_err(Error::io("look at", path))?;
            want.mode = Some(mode::Mode::Bits(meta.mode & 0o7777));
        }
        Ok(want)
    }

    /// The content is right; the attributes may not be.
    fn settle(&self, want: &Want, mut done: Installed) -> Result<Installed, Error> {
        let (now, then) = want.settle(&done.dest, self.cx)?;
        done.changed = now != then;
        if self.cx.diff && done.changed {
            let (mut before, mut after) = (Map::new(), Map::new());
            attrs::note(now, then, &mut before, &mut after);
            done.diff = Some(Diff { before: before.into(), after: after.into(), ..Diff::default() });
        }
        Ok(done)
    }

    fn write(
        &self,
        content: Content<'_>,
        want: &Want,
        old: Option<Attrs>,
        there: bool,
        done: &mut Installed,
    ) -> Result<(), Error> {
        let backup = (self.backup && there).then(|| backup_name(&done.dest, self.cx));
        let accept = |temp: &Path| {
            if let Some(command) = self.validate.filter(|_| !self.cx.checks()) {
                validate::run(command, temp, self.cx)?;
            }
            // The last thing before the old file goes, so that a refused one leaves no backup behind.
            backup.as_ref().map_or(Ok(()), |backup| keep(&done.dest, backup, self.cx))
        };
        let replace =
            Replace { dest: &done.dest, perms: self.perms(content, want, old)?, sync: true, accept: &accept };
        let sum = match content {
            Content::Known { sum, length } => replace.run(Fresh::Known(sum, length), self.cx),
            _ => replace.run(Fresh::Read(&mut *content.open(self.cx)?), self.cx),
        };
        // A backup of what was not replaced after all is one too many.
        done.checksum = sum.inspect_err(|_| {
            if let Some(backup) = &backup {
                let _ = self.cx.fs().remove_file(backup);
            }
        })?;
        done.backup = backup;
        Ok(())
    }

    fn perms(&self, content: Content<'_>, want: &Want, old: Option<Attrs>) -> Result<Perms, Error> {
        let umask = mode::umask();
        let base = match (content, old) {
            (Content::File(path), _) if self.inherit => {
                self.cx.fs().metadata(path).map_err(Error::io("look at", path))?.mode & 0o777
            }
            (_, Some(old)) => old.mode,
            (_, None) => 0o666 & !umask,
        };
        let mode = want.mode.as_ref().map_or(base, |mode| mode.over(base, false, umask));
        let may = (old.map(|old| old.uid), old.map(|old| old.gid));
        Ok(Perms { mode, must: (want.uid, want.gid), may })
    }
}

impl Content<'_> {
    fn sum(self, cx: &Context<'_>) -> Result<String, Error> {
        match self {
            Self::Bytes(bytes) => Ok(sum::of(bytes)),
            Self::Open(file) => sum::open(file, Path::new("the new content"), Algorithm::Sha1, cx),
            Self::Known { sum, .. } => Ok(sum.to_owned()),
            Self::File(path) => {
                // Reading from a pipe or a device could go on for ever.
                let meta = cx.fs().metadata(path).map_err(Error::io("read", path))?;
                if !meta.is_file() {
                    return Err(Error::Failed(format!("{} is not a regular file", path.display())));
                }
                sum::file(path, Algorithm::Sha1, cx)
            }
        }
    }

    fn len(self, cx: &Context<'_>) -> Result<u64, Error> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.len() as u64),
            Self::Open(file) => Ok(file.metadata().map_err(Error::io("read", "the new content"))?.len()),
            Self::Known { length, .. } => Ok(length),
            Self::File(path) => Ok(cx.fs().metadata(path).map_err(Error::io("read", path))?.len),
        }
    }

    fn open(&self, cx: &Context<'_>) -> Result<Box<dyn Read + '_>, Error> {
        Ok(match self {
            Self::Bytes(bytes) => Box::new(*bytes),
            &Self::Open(mut file) => {
                file.rewind().map_err(Error::io("read", "the new content"))?;
                Box::new(file)
            }
            Self::Known { .. } => return Err(Error::Failed("there is no content to write".into())),
            Self::File(path) => Box::new(cx.fs().open(path).map_err(Error::io("read", *path))?),
        })
    }

    fn side(&self) -> Side<'_> {
        match self {
            Self::Bytes(bytes) => Side::Bytes(bytes),
            Self::Open(file) => Side::Open(file),
            Self::Known { sum, length } => Side::Binary(sum, *length),
            Self::File(path) => Side::File(path),
        }
    }
}

/// The result of a module that put one file in place.
pub(crate) fn reply(done: Installed, cx: &Context<'_>) -> Reply {
    let mut reply = Reply::changed(done.changed);
    reply.fields = attrs::describe(&done.dest, cx);
    if done.kept {
        reply.msg = Some("file already exists".into());
    } else {
        reply = reply.with("checksum", done.checksum);
    }
    if let Some(backup) = done.backup {
        reply = reply.with("backup_file", backup.to_string_lossy());
    }
    reply.diff = done.diff;
    reply.with("dest", done.dest.to_string_lossy())
}

/// A name beside the file, as Ansible forms it, that is not taken.
fn backup_name(dest: &Path, cx: &Context<'_>) -> PathBuf {
    let name = dest.file_name().unwrap_or_default().to_string_lossy();
    let stem = format!("{name}.{}.{}", process::id(), clock::backup(SystemTime::now()));
    let dir = parent(dest);
    let free = |path: &PathBuf| cx.fs().symlink_metadata(path).is_err();
    let mut names = (0..).map(|n| dir.join(if n == 0 { format!("{stem}~") } else { format!("{stem}-{n}~") }));
    names.find(free).unwrap_or_else(|| dir.join(format!("{stem}~")))
}

/// Copies the old file to its backup, with its attributes and time of change.
fn keep(dest: &Path, backup: &Path, cx: &Context<'_>) -> Result<(), Error> {
    let meta = cx.fs().metadata(dest).map_err(Error::io("back up", dest))?;
    let mut old = cx.fs().open(dest).map_err(Error::io("back up", dest))?;
    let perms = Perms { mode: meta.mode & 0o7777, must: (None, None), may: (Some(meta.uid), Some(meta.gid)) };
    let replace = Replace { dest: backup, perms, sync: true, accept: &|_| Ok(()) };
    replace.run(Fresh::Read(&mut old), cx)?;
    let time = Time::At(meta.changed.0, meta.changed.1);
    cx.fs().set_times(backup, Time::Kept, time).map_err(Error::io("back up to", backup))
}
