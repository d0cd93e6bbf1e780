//! Changing the text of one file in place: what `lineinfile`, `blockinfile` and `replace` share.

use std::{io, path::PathBuf};

use super::{
    attrs::{Attrs, Want},
    install::{self, Content, Install},
    mode,
    path::{make_dirs, parent},
};
use crate::{Args, Context, Error, Kind, Param, Reply};

pub(crate) const PATH: Param =
    Param::new("path", Kind::Path, "The file.").required().aliases(&["dest", "destfile", "name"]);
pub(crate) const CREATE: Param =
    Param::new("create", Kind::Bool, "Whether a file that is not there is made.").default("false");
pub(crate) const STATE: Param = Param::new("state", Kind::Str, "Whether it shall be there.")
    .default("\"present\"")
    .choices(&["absent", "present"]);
pub(crate) const AFTER: Param =
    Param::new("insertafter", Kind::Pattern, "Put it after the last match of this, or at the end (`EOF`).");
pub(crate) const BEFORE: Param = Param::new(
    "insertbefore",
    Kind::Pattern,
    "Put it before the last match of this, or at the start (`BOF`).",
);

/// Larger files are refused: their text is held in memory a few times over.
const LIMIT: u64 = 256 << 20;

/// A file whose text is to be changed.
pub(crate) struct Edit<'a> {
    pub(crate) path: PathBuf,
    /// What it held; None if it is not there.
    pub(crate) old: Option<Vec<u8>>,
    install: Install<'a>,
}

/// What came of an edit.
pub(crate) struct Edited {
    pub(crate) reply: Reply,
    /// Where the old file was kept.
    pub(crate) backup: Option<String>,
}

impl<'a> Edit<'a> {
    /// Reads the file that the parameters name. What Ansible answers to a path that is a folder is the error.
    pub(crate) fn open(args: &'a Args, cx: &'a Context<'a>) -> Result<Result<Self, Reply>, Error> {
        let path = cx.path(args.str("path"));
        let old = match cx.fs().metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                let msg = format!("Path {} is a directory !", path.display());
                return Ok(Err(Reply::failed(msg).with("rc", 256)));
            }
            // Reading a pipe or a device could go on for ever.
            Ok(meta) if !meta.is_file() => {
                return Err(Error::Failed(format!("{} is not a regular file", path.display())));
            }
            Ok(meta) if meta.len > LIMIT => {
                let limit = LIMIT >> 20;
                return Err(Error::Failed(format!("{} is larger than {limit} MiB", path.display())));
            }
            Ok(_) => Some(cx.fs().read(&path).map_err(Error::io("read", &path))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        let install = Install {
            backup: args.bool("backup"),
            follow: true,
            validate: args.path("validate"),
            ..Install::new(Want::read(args, "mode", cx)?, cx)
        };
        Ok(Ok(Self { path, old, install }))
    }

    /// The failure for a file that is not there; `what` is what Ansible calls it.
    pub(crate) fn missing(&self, what: &str) -> Reply {
        Reply::failed(format!("{what} {} does not exist !", self.path.display())).with("rc", 257)
    }

    /// Makes the file hold the new text, and gives it its attributes. `msg` is what was done to the text.
    pub(crate) fn close(self, new: &[u8], msg: &str) -> Result<Edited, Error> {
        let cx = self.install.cx;
        if self.old.is_none() {
            make_dirs(parent(&self.path), &Want::default(), cx)?;
        }
        let rewritten = self.old.as_deref() != Some(new);
        let settled = self.settles();
        let done = self.install.put(Content::Bytes(new), &self.path)?;
        let said = [(rewritten, msg), (settled, "ownership, perms or SE linux context changed")];
        let said: Vec<&str> = said.iter().filter(|(yes, _)| *yes).map(|(_, text)| *text).collect();
        let mut reply = Reply::changed(done.changed).msg(said.join(" and "));
        reply.diff = done.diff.map(|mut diff| {
            let header = format!(
                "{} ({})",
                self.path.display(),
                if rewritten { "content" } else { "file attributes" }
            );
            (diff.before_header, diff.after_header) = (header.clone(), header);
            diff
        });
        Ok(Edited { reply, backup: done.backup.map(|path| path.to_string_lossy().into_owned()) })
    }

    /// Whether the attributes of the file are not yet as wanted; a new one begins with those of any new file.
    fn settles(&self) -> bool {
        match self.install.cx.fs().metadata(&self.path) {
            Ok(meta) => {
                let now = Attrs::from(&meta);
                self.install.want.over(now) != now
            }
            Err(_) => {
                let umask = mode::umask();
                let uid = rustix::process::geteuid().as_raw();
                let gid = rustix::process::getegid().as_raw();
                let now = Attrs { mode: 0o666 & !umask, uid, gid, dir: false, link: false };
                self.install.want.over(now) != now
            }
        }
    }
}

impl Edited {
    /// The reply with the backup under the name that Ansible gives it.
    pub(crate) fn with_backup(self) -> Reply {
        match self.backup {
            Some(backup) => self.reply.with("backup_file", backup),
            None => self.reply,
        }
    }
}

/// The parameters about the file itself, at the end of each module's own.
pub(crate) use install::{BACKUP, VALIDATE};
