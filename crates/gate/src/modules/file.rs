//! `file`: makes a path a file, folder or link with the right attributes, or makes it go away.

mod directory;
mod link;
mod times;

use std::{
    io,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::{
    Args, Check, Context, Diff, Effect, Error, Kind, Module, Param, Reply, Spec,
    fsops::{
        attrs::{self, Want},
        path::{resolve, state_of},
    },
};
use times::Times;

pub(super) struct File;

static SPEC: Spec = Spec {
    name: "file",
    summary: "Makes a path a file, folder or link with the right attributes, or makes it go away.",
    params: &[
        Param::new("path", Kind::Path, "What is managed.").required().aliases(&["dest", "name"]),
        Param::new("state", Kind::Str, "What it shall be; what it is, if not given.")
            .choices(&["absent", "directory", "file", "hard", "link", "touch"]),
        Param::new("src", Kind::Path, "What a link points to."),
        attrs::MODE,
        attrs::OWNER,
        attrs::GROUP,
        Param::new("recurse", Kind::Bool, "Whether everything in a folder gets the attributes too.").default("false"),
        Param::new("force", Kind::Bool, "Whether a link may replace a file, or point to nothing.").default("false"),
        Param::new("follow", Kind::Bool, "Whether attributes are those of what a link points to.").default("true"),
        Param::new("modification_time", Kind::Str, "Whether the time of change is kept.")
            .choices(&["preserve", "now"]),
        Param::new("access_time", Kind::Str, "Whether the time of access is kept.").choices(&["preserve", "now"]),
    ],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[],
};

impl Module for File {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let task = Task::read(args, cx)?;
        let done = match task.state {
            "absent" => absent(&task)?,
            "directory" => directory::ensure(&task)?,
            "link" => link::symbolic(&task)?,
            "hard" => link::hard(&task)?,
            "touch" => touch(&task)?,
            _ => file(&task)?,
        };
        Ok(done.reply(&task))
    }
}

/// One run: what is asked, and what is there.
struct Task<'a> {
    path: PathBuf,
    state: &'a str,
    /// What was there at first, in the words of `state`.
    prev: &'static str,
    src: Option<&'a str>,
    want: Want,
    times: Times,
    recurse: bool,
    force: bool,
    follow: bool,
    cx: &'a Context<'a>,
}

impl<'a> Task<'a> {
    fn read(args: &'a Args, cx: &'a Context<'a>) -> Result<Self, Error> {
        let src = args.path("src");
        let mut path = place(args, src, cx);
        // A trailing slash would make the system follow a link that is itself the subject.
        path = path.components().collect();
        if args.str("state") == "absent" && cx.cwd.starts_with(&path) {
            let why = format!("refusing to remove {}, which this run works in", path.display());
            return Err(Error::Failed(why));
        }
        let prev = state_of(&path, cx.fs())?;
        let recurse = args.bool("recurse");
        let state = match args.opt_str("state") {
            Some(state) => state,
            None if prev != "absent" => prev,
            None if recurse => "directory",
            None => "file",
        };
        if recurse && state != "directory" {
            return Err(Error::Failed("`recurse` needs the state to be directory".into()));
        }
        if src.is_some() && !matches!(state, "link" | "hard") {
            return Err(Error::Failed("`src` needs the state to be link or hard".into()));
        }
        Ok(Self {
            path,
            state,
            prev,
            src,
            want: Want::read(args, "mode", cx)?,
            times: Times::read(args, state),
            recurse,
            force: args.bool("force"),
            follow: args.bool("follow"),
            cx,
        })
    }

    /// The path whose attributes count.
    fn subject(&self) -> Result<PathBuf, Error> {
        if self.follow { resolve(&self.path, self.cx.fs()) } else { Ok(self.path.clone()) }
    }

    /// Sets the attributes and times of one path, and notes what differs.
    fn settle(&self, path: &Path, done: &mut Done) -> Result<(), Error> {
        let (now, then) = self.want.settle(path, self.cx)?;
        attrs::note(now, then, &mut done.before, &mut done.after);
        done.changed |= now != then;
        done.changed |= self.times.settle(path, self.cx)?;
        Ok(())
    }
}

/// The path that is meant: with a source, a folder stands for the entry of that name in it.
fn place(args: &Args, src: Option<&str>, cx: &Context<'_>) -> PathBuf {
    let path = cx.path(args.str("path"));
    let name = src.and_then(|src| Path::new(src).file_name());
    match name {
        Some(name) if !matches!(args.str("state"), "link" | "absent") && cx.fs().is_dir(&path) => path.join(name),
        _ => path,
    }
}

/// What was done, or would be.
struct Done {
    /// The name of the result field that holds the path.
    key: &'static str,
    path: PathBuf,
    changed: bool,
    before: Map<String, Value>,
    after: Map<String, Value>,
    src: Option<String>,
}

impl Done {
    fn new(task: &Task<'_>, key: &'static str, path: &Path) -> Self {
        let side = || Map::from_iter([("path".to_owned(), Value::from(path.to_string_lossy()))]);
        let mut done =
            Self { key, path: path.to_owned(), changed: false, before: side(), after: side(), src: None };
        if task.prev != task.state {
            done.before.insert("state".into(), task.prev.into());
            done.after.insert("state".into(), task.state.into());
        }
        done
    }

    fn reply(self, task: &Task<'_>) -> Reply {
        let mut reply = Reply::changed(self.changed);
        reply.fields = attrs::describe(&self.path, task.cx);
        reply.fields.insert(self.key.into(), self.path.to_string_lossy().into());
        reply.fields.extend(self.src.map(|src| ("src".to_owned(), src.into())));
        if task.cx.diff {
            let (before, after) = (self.before.into(), self.after.into());
            reply.diff = Some(Diff { before, after, ..Diff::default() });
        }
        reply
    }
}

fn absent(task: &Task<'_>) -> Result<Done, Error> {
    let mut done = Done::new(task, "path", &task.path);
    done.changed = task.prev != "absent";
    if done.changed {
        task.cx.alive()?;
        // Not to be stopped midway: only in one go does it follow no link that is put in its way meanwhile.
        let removed = match task.prev {
            "directory" => task.cx.fs().remove_dir_all(&task.path),
            _ => task.cx.fs().remove_file(&task.path),
        };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("remove", &task.path)(error));
            }
            _ => {}
        }
    }
    Ok(done)
}

fn file(task: &Task<'_>) -> Result<Done, Error> {
    let path = task.subject()?;
    let found = state_of(&path, task.cx.fs())?;
    if !matches!(found, "file" | "hard") {
        let (path, hint) = (path.display(), if found == "absent" { "; `state: touch` makes one" } else { "" });
        return Err(Error::Failed(format!("{path} is not a file but {found}{hint}")));
    }
    let mut done = Done::new(task, "path", &path);
    task.settle(&path, &mut done)?;
    Ok(done)
}

fn touch(task: &Task<'_>) -> Result<Done, Error> {
    let path = task.subject()?;
    let mut done = Done::new(task, "dest", &path);
    if state_of(&path, task.cx.fs())? == "absent" {
        done.changed = true;
        make(task, &path)?;
        return Ok(done);
    }
    task.settle(&path, &mut done)?;
    Ok(done)
}

/// Makes an empty file, or none at all if it cannot have its attributes.
fn make(task: &Task<'_>, path: &Path) -> Result<(), Error> {
    task.cx.fs().create_file(path, 0o666).map_err(Error::io("create", path))?;
    let settled = task.want.settle(path, task.cx).and_then(|_| task.times.settle(path, task.cx));
    if settled.is_err() {
        // The reason for which it cannot stay is what counts.
        let _ = task.cx.fs().remove_file(path);
    }
    settled.map(drop)
}
