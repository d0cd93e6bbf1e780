//! A folder of its own for each test, and modules run in it.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::Value;
use tempfile::TempDir;
use windlass_gate::{Args, Cancel, Context, Error, Forecast, Progress, Reply, Stream, find};

pub(crate) struct Env {
    dir: TempDir,
    pub(crate) vars: BTreeMap<String, String>,
    pub(crate) cancel: Cancel,
    pub(crate) deadline: Option<Instant>,
    pub(crate) capture_limit: usize,
    pub(crate) heard: Ear,
}

/// Writes down what a run says while it goes on.
#[derive(Default)]
pub(crate) struct Ear {
    pub(crate) lines: RefCell<Vec<(Stream, String)>>,
    pub(crate) groups: RefCell<Vec<i32>>,
}

impl Progress for Ear {
    fn output(&self, stream: Stream, line: &str) {
        self.lines.borrow_mut().push((stream, line.to_owned()));
    }

    fn started(&self, group: i32) {
        self.groups.borrow_mut().push(group);
    }
}

impl Env {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            vars: BTreeMap::new(),
            cancel: Cancel::new(),
            deadline: None,
            capture_limit: 1 << 20,
            heard: Ear::default(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> &Self {
        fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        fs::write(self.at(name), text).unwrap();
        self
    }

    pub(crate) fn dir(&self, name: &str) -> &Self {
        fs::create_dir_all(self.at(name)).unwrap();
        self
    }

    pub(crate) fn link(&self, target: &str, name: &str) -> &Self {
        symlink(target, self.at(name)).unwrap();
        self
    }

    pub(crate) fn chmod(&self, name: &str, mode: u32) -> &Self {
        fs::set_permissions(self.at(name), fs::Permissions::from_mode(mode)).unwrap();
        self
    }

    pub(crate) fn mode(&self, name: &str) -> u32 {
        fs::symlink_metadata(self.at(name)).unwrap().mode() & 0o7777
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    /// The names in the folder, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.root())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    pub(crate) fn run(&self, module: &str, params: Value) -> Result<Reply, Error> {
        self.call(module, params, None)
    }

    /// In check mode.
    pub(crate) fn check(&self, module: &str, params: Value) -> Result<Reply, Error> {
        self.call(module, params, Some(&Forecast::new()))
    }

    /// In check mode, after whatever went into the forecast before.
    pub(crate) fn foresee(&self, forecast: &Forecast, module: &str, params: Value) -> Result<Reply, Error> {
        self.call(module, params, Some(forecast))
    }

    /// What comes of a run that must not be an error.
    pub(crate) fn ok(&self, module: &str, params: Value) -> Reply {
        self.run(module, params).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Why a run was an error.
    pub(crate) fn error(&self, module: &str, params: Value) -> String {
        match self.run(module, params) {
            Err(error) => error.to_string(),
            Ok(reply) => panic!("no error but {}", reply.to_json()),
        }
    }

    fn call(&self, module: &str, params: Value, check: Option<&Forecast>) -> Result<Reply, Error> {
        let module = find(module).unwrap();
        let args = Args::check(module.spec(), params)?;
        let cx = Context {
            check,
            diff: true,
            cwd: self.dir.path(),
            env: &self.vars,
            cancel: &self.cancel,
            deadline: self.deadline,
            progress: &self.heard,
            capture_limit: self.capture_limit,
        };
        windlass_gate::run(module, &args, &cx)
    }

    /// Everything that can be known of the folder from outside, but for times of access.
    pub(crate) fn picture(&self) -> Vec<String> {
        let mut lines = Vec::new();
        draw(self.root(), &mut lines);
        lines.sort();
        lines
    }
}

fn draw(dir: &Path, lines: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        let what = if meta.is_symlink() {
            format!("-> {:?}", fs::read_link(&path).unwrap())
        } else if meta.is_file() {
            format!("{:?}", fs::read(&path).unwrap())
        } else {
            String::new()
        };
        lines.push(format!(
            "{path:?} {:o} {}:{} {} {}.{} {} {what}",
            meta.mode(),
            meta.uid(),
            meta.gid(),
            meta.ino(),
            meta.mtime(),
            meta.mtime_nsec(),
            meta.nlink(),
        ));
        if meta.is_dir() {
            draw(&path, lines);
        }
    }
}
