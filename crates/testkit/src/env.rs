//! A hermetic environment: a home, a project and a state folder of its own, and nothing of the caller's
//! environment but `PATH`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use crate::{Fault, Output, Running, fault, runs};

/// How long a program may take before it counts as hanging. A slow machine with much to do needs seconds.
const LIMIT: Duration = Duration::from_secs(60);

/// A home, a project and a state folder for the program under test; all is gone when it is dropped.
#[derive(Debug)]
pub struct TestEnv {
    program: PathBuf,
    root: TempDir,
    project: PathBuf,
    vars: BTreeMap<OsString, OsString>,
}

impl TestEnv {
    /// An environment for the program at this path; a test of the program has it in
    /// `env!("CARGO_BIN_EXE_windlass")`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self::named(program, "project")
    }

    /// An environment whose project folder has this name.
    pub fn named(program: impl Into<PathBuf>, project: &str) -> Self {
        let root = TempDir::with_prefix("windlass-").expect("a folder for the test");
        let project = root.path().join(project);
        for folder in [&project, &root.path().join("home"), &root.path().join("tmp")] {
            fs::create_dir_all(folder).expect("a folder for the test");
        }
        // A mark: whatever lies above the test's folder is no part of its project.
        fs::create_dir(project.join(".git")).expect("a folder for the test");
        let vars = [
            ("PATH", std::env::var_os("PATH").unwrap_or_default()),
            ("HOME", root.path().join("home").into()),
            ("TMPDIR", root.path().join("tmp").into()),
            ("WINDLASS_HOME", root.path().join("state").into()),
            ("LANG", "C.UTF-8".into()),
            ("TZ", "UTC".into()),
        ];
        let vars = vars.into_iter().map(|(name, value)| (name.into(), value)).collect();
        Self { program: program.into(), root, project, vars }
    }

    /// Writes a file of the project, and the folders that it lies in.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.project.join(name);
        fs::create_dir_all(path.parent().expect("a file lies in a folder")).expect("a folder for the test");
        fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self
    }

    /// Sets a variable for every call.
    #[must_use]
    pub fn var(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.vars.insert(name.into(), value.as_ref().to_owned());
        self
    }

    /// The project's folder.
    pub fn project(&self) -> &Path {
        &self.project
    }

    /// The folder that holds everything: project, home, state and temporary files.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// A file of the project as text; none where it is not there.
    pub fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.project.join(name)).ok()
    }

    /// Whether the project has this file.
    pub fn has(&self, name: &str) -> bool {
        self.project.join(name).exists()
    }

    /// A call of the program.
    pub fn call<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Call {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(&self.project).env_clear().envs(&self.vars);
        Call { command, limit: LIMIT, stdout: Stdio::piped() }
    }

    /// Calls the program and waits for its end.
    pub fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Output {
        self.call(args).run()
    }

    /// The folder of the project's state. Fails where there is none yet.
    #[track_caller]
    pub fn state_folder(&self) -> PathBuf {
        let home = self.root.path().join("state");
        let mut scopes = fs::read_dir(&home).into_iter().flatten().flatten().map(|entry| entry.path());
        let first = scopes.find(|path| path.is_dir()).expect("no state folder: was anything run?");
        assert!(scopes.all(|path| !path.is_dir()), "{} has several scopes", home.display());
        first
    }

    /// An artifact of the latest run, parsed.
    #[track_caller]
    pub fn artifact(&self, name: &str) -> Value {
        let path = self.state_folder().join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// The latest run's `run_state.json`.
    #[track_caller]
    pub fn state(&self) -> Value {
        self.artifact("run_state.json")
    }

    /// The latest run's events.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        runs::events(&self.state_folder().join("events.jsonl"))
    }

    /// Every file of the environment with its content, artifacts and the journal included.
    pub fn everything(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut folders = vec![self.root.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(path),
                    Ok(kind) if kind.is_file() => {
                        let content = fs::read(&path).unwrap_or_default();
                        found.push((path, content));
                    }
                    _ => {}
                }
            }
        }
        found.sort();
        found
    }
}

/// A call of the program in the making.
#[derive(Debug)]
pub struct Call {
    command: Command,
    limit: Duration,
    stdout: Stdio,
}

impl Call {
    /// Sets a variable for this call.
    #[must_use]
    pub fn var(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Makes something go wrong.
    #[must_use]
    pub fn fault(self, fault: &Fault) -> Self {
        self.var(fault::VARIABLE, fault.to_string())
    }

    /// Works in another folder.
    #[must_use]
    pub fn folder(mut self, folder: impl AsRef<Path>) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Kills it, and fails, when it takes longer.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Sends standard output elsewhere.
    #[must_use]
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.stdout = stdout.into();
        self
    }

    /// Calls the program through a shell that first says `before`, such as a limit on memory.
    #[must_use]
    pub fn after_shell(mut self, before: &str) -> Self {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{before}; exec \"$0\" \"$@\"")).arg(self.command.get_program());
        shell.args(self.command.get_args()).env_clear();
        shell.envs(self.command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = self.command.get_current_dir() {
            shell.current_dir(folder);
        }
        self.command = shell;
        self
    }

    /// Starts it and goes on.
    pub fn start(self) -> Running {
        Running::start(self.command, self.limit, self.stdout)
    }

    /// Calls it and waits for its end.
    pub fn run(self) -> Output {
        self.start().wait()
    }
}
