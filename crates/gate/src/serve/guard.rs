//! What cleans up after a gate that was killed: a second process that holds the other end of a pipe.
//!
//! The gate tells it which process groups run and which folders are its own. When the pipe ends, and that is
//! all that a killed process can be relied on to do, the guard ends what was not taken back. It is started with
//! the first group or folder.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Read, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
    sync::Mutex,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};

use super::lock;
use crate::child::GRACE;

/// How often groups are looked at while they end.
const TICK: Duration = Duration::from_millis(20);

/// The gate's side.
pub(super) struct Guard {
    program: Option<PathBuf>,
    child: Mutex<Option<(Child, ChildStdin)>>,
}

impl Guard {
    pub(super) fn new(program: Option<PathBuf>) -> Self {
        Self { program, child: Mutex::new(None) }
    }

    /// A group runs.
    pub(super) fn group(&self, group: i32) {
        self.tell(&format!("+{group}"));
    }

    /// A group has ended.
    pub(super) fn ended(&self, group: i32) {
        self.tell(&format!("-{group}"));
    }

    /// A folder is to go when the gate does.
    pub(super) fn folder(&self, path: &std::path::Path) {
        self.tell(&format!("d{}", path.display()));
    }

    /// There is nothing left to guard: the guard ends, and is waited for.
    pub(super) fn dismiss(&self) {
        if let Some((mut child, pipe)) = lock(&self.child).take() {
            drop(pipe);
            let _ = child.wait();
        }
    }

    fn tell(&self, line: &str) {
        let mut child = lock(&self.child);
        if child.is_none() {
            *child = self.program.as_ref().and_then(|program| start(program).ok());
        }
        if let Some((_, pipe)) = child.as_mut() {
            // A guard that was killed guards no more; that is no reason to fail what runs.
            let _ = pipe.write_all(format!("{line}\n").as_bytes());
        }
    }
}

/// In a group of its own, so that a signal for the gate's group leaves it alive.
fn start(program: &std::path::Path) -> std::io::Result<(Child, ChildStdin)> {
    let mut child = Command::new(program)
        .arg("guard")
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()?;
    let pipe = child.stdin.take().expect("its input is a pipe, as asked for");
    Ok((child, pipe))
}

/// The guard's side: hears what is to be guarded until the input ends, and then ends it.
pub fn guard(input: impl Read) {
    let (mut groups, mut folders) = (BTreeSet::new(), BTreeSet::<String>::new());
    for line in BufReader::new(input).lines().map_while(Result::ok) {
        match line.split_at_checked(1) {
            Some(("+", group)) => groups.extend(group.parse::<i32>()),
            Some(("-", group)) => groups.retain(|known| known.to_string() != group),
            Some(("d", folder)) => folders.extend([folder.to_owned()]),
            _ => {}
        }
    }
    end(groups.into_iter().filter_map(Pid::from_raw).collect());
    for folder in folders {
        // Taken away already by a gate that ended well.
        let _ = std::fs::remove_dir_all(&folder);
        let _ = std::fs::remove_file(format!("{folder}.lock"));
    }
}

fn end(groups: Vec<Pid>) {
    let signal = |signal| {
        for group in &groups {
            // It fails only when the group is gone, which is what is wanted.
            let _ = kill_process_group(*group, signal);
        }
    };
    signal(Signal::TERM);
    signal(Signal::CONT);
    let mut waited = Duration::ZERO;
    while waited < GRACE && groups.iter().any(|group| test_kill_process_group(*group).is_ok()) {
        thread::sleep(TICK);
        waited += TICK;
    }
    signal(Signal::KILL);
}
