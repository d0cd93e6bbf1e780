//! Finds and ends processes of a run that nobody waits for any more.
//!
//! Every process that a run starts carries the run's mark in its environment, and so do its descendants. After
//! a crash the mark is all that leads to them: their parent is gone, and their numbers say nothing.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal};
use windlass_model::{RunId, digest};

/// The environment variable that tells the store of a process's run: two stores may have runs of one name.
pub const SCOPE_MARK: &str = "WINDLASS_SCOPE";

/// The environment variable that names the run of a process.
pub const RUN_MARK: &str = "WINDLASS_RUN";

/// The environment variable that names the step of a process, as `task/step`.
pub const STEP_MARK: &str = "WINDLASS_STEP";

/// How long processes have to end by themselves.
const GRACE: Duration = Duration::from_millis(800);

/// How often it is looked whether they have.
const POLL: Duration = Duration::from_millis(20);

/// How often what is left is killed: a process may start another one while it is looked for.
const ROUNDS: usize = 5;

/// What came of ending processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// How many were there.
    pub found: usize,
    /// How many had to be killed.
    pub killed: usize,
    /// The ids of those that are still there.
    pub left: Vec<i32>,
}

/// What [`SCOPE_MARK`] says of the store in a folder; a store in memory is its process's own.
pub fn scope_mark(state: Option<&Path>) -> String {
    match state {
        Some(state) => {
            let state = state.canonicalize().unwrap_or_else(|_| state.into());
            digest::sha256_hex(state.as_os_str().as_encoded_bytes())[..16].to_owned()
        }
        None => format!("memory-{}", std::process::id()),
    }
}

/// Ends all processes of a run of the store that `scope` stands for: asks them first, then kills them with their
/// groups. It blocks for about a second at most. Processes of other users, this process and those above it are
/// let be.
pub fn end_marked(scope: &str, run: &RunId) -> io::Result<Ended> {
    let mark = Mark::new(scope, run);
    let mut marked = mark.find()?;
    let mut ended = Ended { found: marked.len(), ..Ended::default() };
    // Members that wiped their environment are in the group of a leader that did not.
    let mut groups: BTreeSet<i32> = BTreeSet::new();
    for process in &marked {
        groups.extend(process.leads(&mark));
        process.signal(Signal::TERM);
    }
    let end = Instant::now() + GRACE;
    while !marked.is_empty() && Instant::now() < end {
        std::thread::sleep(POLL);
        marked = mark.find()?;
    }
    for _ in 0..ROUNDS {
        if marked.is_empty() && groups.is_empty() {
            break;
        }
        ended.killed += marked.len();
        groups.extend(marked.iter().filter_map(|process| process.leads(&mark)));
        marked.iter().for_each(|process| process.signal(Signal::KILL));
        for group in std::mem::take(&mut groups).into_iter().filter_map(Pid::from_raw) {
            rustix::process::kill_process_group(group, Signal::KILL).ok();
        }
        std::thread::sleep(POLL);
        marked = mark.find()?;
    }
    ended.left = marked.iter().map(|process| process.pid).collect();
    Ok(ended)
}

/// What a process's environment has to have, and whom not to touch.
struct Mark {
    wanted: [Vec<u8>; 2],
    spared: BTreeSet<i32>,
    spared_groups: BTreeSet<i32>,
}

/// A marked process. The descriptor stands for it alone: were its number given to another process meanwhile,
/// no signal could reach that one.
struct Marked {
    pid: i32,
    group: i32,
    handle: OwnedFd,
}

impl Marked {
    fn signal(&self, signal: Signal) {
        // An error means that it is gone, which is what was wanted.
        rustix::process::pidfd_send_signal(&self.handle, signal).ok();
    }

    /// The group that it leads, and that was therefore made for it. A group that somebody else leads may have
    /// members that are not the run's, such as what a person's shell put beside it.
    fn leads(&self, mark: &Mark) -> Option<i32> {
        (self.group == self.pid && !mark.spared_groups.contains(&self.group)).then_some(self.group)
    }
}

impl Mark {
    fn new(scope: &str, run: &RunId) -> Self {
        let wanted = [format!("{SCOPE_MARK}={scope}").into_bytes(), format!("{RUN_MARK}={run}").into_bytes()];
        // A run may be started by a step of another one, or of itself: whoever started this process stays.
        let (mut spared, mut spared_groups) = (BTreeSet::new(), BTreeSet::new());
        let mut next = std::process::id() as i32;
        while let Some((parent, group)) = family(next).filter(|_| spared.insert(next)) {
            spared_groups.insert(group);
            next = parent;
        }
        Self { wanted, spared, spared_groups }
    }

    fn find(&self) -> io::Result<Vec<Marked>> {
        let own = rustix::process::getuid().as_raw();
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc")? {
            // A process may end while it is looked at: whatever cannot be read is gone.
            let Ok(entry) = entry else { continue };
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            if self.spared.contains(&pid) || !entry.metadata().is_ok_and(|meta| meta.uid() == own) {
                continue;
            }
            found.extend(self.look(pid, &entry.path()));
        }
        Ok(found)
    }

    fn look(&self, pid: i32, folder: &Path) -> Option<Marked> {
        if !self.is_on(folder) {
            return None;
        }
        let handle = rustix::process::pidfd_open(Pid::from_raw(pid)?, PidfdFlags::empty()).ok()?;
        let (_, group) = family(pid)?;
        // Looked at again, now that the number is bound to the descriptor.
        self.is_on(folder).then_some(Marked { pid, group, handle })
    }

    /// Whether the mark is in a process's environment. That of a process which has ended is empty.
    fn is_on(&self, folder: &Path) -> bool {
        let Ok(environment) = std::fs::read(folder.join("environ")) else { return false };
        self.wanted.iter().all(|wanted| environment.split(|&byte| byte == 0).any(|one| one == wanted))
    }
}

/// The parent and the group of a process; both may be 0 where they lie outside of a container. They follow the
/// name in `/proc/PID/stat`, which is in parentheses and may itself have spaces and parentheses.
fn family(pid: i32) -> Option<(i32, i32)> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat[stat.rfind(')')? + 1..].split_whitespace().skip(1).map(|field| field.parse().ok());
    Some((fields.next()??, fields.next()??))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::{CommandExt, ExitStatusExt};
    use std::process::{Command, Stdio};

    use super::*;

    /// A process with a group of its own, which does not outlive its test.
    struct Child(std::process::Child, String);

    impl Child {
        /// Starts a script and waits until it has said something.
        fn start(script: &str, marks: &[(&str, &str)]) -> Self {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", script]).envs(marks.iter().copied()).process_group(0);
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
            let mut child = command.spawn().expect("sh starts");
            let mut line = String::new();
            BufReader::new(child.stdout.take().expect("piped"))
                .read_line(&mut line)
                .expect("it says something");
            Self(child, line.trim().to_owned())
        }

        fn goes_on(&mut self) -> bool {
            self.0.try_wait().expect("it can be asked").is_none()
        }
    }

    impl Drop for Child {
        fn drop(&mut self) {
            let group = Pid::from_raw(self.0.id() as i32).expect("not zero");
            rustix::process::kill_process_group(group, Signal::KILL).ok();
            self.0.wait().ok();
        }
    }

    fn run_id(text: &str) -> RunId {
        RunId::new(format!("{text}-{}", std::process::id())).expect("a good id")
    }

    #[test]
    fn only_processes_with_the_mark_are_ended() {
        let (run, other) = (run_id("ended"), run_id("spared"));
        let mut ours = Child::start("echo; sleep 60", &[(SCOPE_MARK, "here"), (RUN_MARK, run.as_str())]);
        let mut theirs = Child::start("echo; sleep 60", &[(SCOPE_MARK, "here"), (RUN_MARK, other.as_str())]);
        let mut twin = Child::start("echo; sleep 60", &[(SCOPE_MARK, "there"), (RUN_MARK, run.as_str())]);
        let ended = end_marked("here", &run).expect("/proc can be read");
        assert!(ended.found >= 1 && ended.left.is_empty(), "{ended:?}");
        ours.0.wait().expect("it ended");
        assert!(theirs.goes_on(), "another run's process goes on");
        assert!(twin.goes_on(), "a process of a run of this name in another store goes on");
    }

    #[test]
    fn a_store_has_one_mark_however_its_folder_is_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let detour = dir.path().join(".");
        assert_eq!(scope_mark(Some(dir.path())), scope_mark(Some(&detour)));
        assert_ne!(scope_mark(Some(dir.path())), scope_mark(None));
    }

    #[test]
    fn processes_that_ignore_the_request_are_killed_with_their_group() {
        let run = run_id("stubborn");
        // The inner process has wiped its environment: only its group leads to it.
        let script = "trap '' TERM; env -i sleep 61 & echo $!; while :; do sleep 0.05; done";
        let mut child = Child::start(script, &[(SCOPE_MARK, "here"), (RUN_MARK, run.as_str())]);
        let ended = end_marked("here", &run).expect("/proc can be read");
        assert!(ended.killed >= 1 && ended.left.is_empty(), "{ended:?}");
        assert_eq!(child.0.wait().expect("it ended").signal(), Some(9));
        // What has ended and was not collected yet has no command line any more.
        let inner = format!("/proc/{}/cmdline", child.1);
        let gone = (0..50).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            std::fs::read(&inner).map_or(true, |line| line.is_empty())
        });
        assert!(gone, "a member of the group is left");
    }

    #[test]
    fn nothing_to_end_is_no_error() {
        assert_eq!(end_marked("here", &run_id("nobody")).expect("/proc can be read"), Ended::default());
    }
}
