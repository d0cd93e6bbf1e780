//! Control groups: one for each host. They hold its processes together, and tell when the last one is gone.
//!
//! Hosts always see version 2, as Debian has it, also where the machine runs version 1 or both. Limits hold
//! where the machine's version 2 has the controllers.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::{Error, net, tool};

/// No host takes more memory than this.
const MEMORY: &str = "3G";

/// No host has more processes than this.
const PROCESSES: &str = "4096";

/// How long killed processes may take to go.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often they are looked at.
const LOOK: Duration = Duration::from_millis(5);

/// The group of one host.
#[derive(Debug, Clone)]
pub(super) struct Group {
    path: PathBuf,
}

impl Group {
    /// The group of host `host` of rig `rig` in the tree of groups.
    pub(super) fn new(tree: &Path, rig: u16, host: u8) -> Self {
        Self { path: tree.join(net::bridge(rig)).join(format!("h{host}")) }
    }

    /// Makes the group, with limits where they can be had.
    pub(super) fn create(&self) -> Result<(), Error> {
        let rig = self.path.parent().expect("a host's group lies in its rig's");
        fs::create_dir_all(&self.path).map_err(Error::io(format!("making {}", self.path.display())))?;
        for folder in [rig.parent().expect("a rig's group lies in the tree"), rig] {
            for controller in ["+cpu", "+memory", "+pids"] {
                fs::write(folder.join("cgroup.subtree_control"), controller).ok();
            }
        }
        fs::write(self.path.join("memory.max"), MEMORY).ok();
        fs::write(self.path.join("pids.max"), PROCESSES).ok();
        Ok(())
    }

    /// The file that takes a process in.
    pub(super) fn door(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }

    /// Kills everything in the group, waits until it is gone, and removes the group.
    pub(super) fn end(&self) -> Result<(), Error> {
        end(&self.path)
    }

    /// Ends all groups of a rig.
    pub(super) fn end_all(tree: &Path, rig: u16) -> Result<(), Error> {
        end(&tree.join(net::bridge(rig)))
    }
}

/// Kills what is in a group and below, and removes it.
fn end(group: &Path) -> Result<(), Error> {
    let begun = Instant::now();
    while group.exists() {
        kill(group);
        if !populated(group) {
            prune(group);
        }
        if begun.elapsed() > PATIENCE {
            return Err(Error::Immortal(group.display().to_string()));
        }
        if group.exists() {
            std::thread::sleep(LOOK);
        }
    }
    Ok(())
}

fn kill(group: &Path) {
    if fs::write(group.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    // Kernels before 5.14: one by one, again and again until none is left.
    for folder in folders(group) {
        for pid in fs::read_to_string(folder.join("cgroup.procs")).unwrap_or_default().lines() {
            if let Some(pid) = pid.parse().ok().and_then(rustix::process::Pid::from_raw) {
                rustix::process::kill_process(pid, rustix::process::Signal::KILL).ok();
            }
        }
    }
}

fn populated(group: &Path) -> bool {
    fs::read_to_string(group.join("cgroup.events")).is_ok_and(|events| events.contains("populated 1"))
}

/// Removes a group's folders, the deepest first. One that is busy still is tried again by the caller.
fn prune(group: &Path) {
    for folder in folders(group).iter().rev() {
        fs::remove_dir(folder).ok();
    }
}

/// A group and all below it, parents first.
fn folders(group: &Path) -> Vec<PathBuf> {
    let mut all = vec![group.to_owned()];
    let mut next = 0;
    while let Some(folder) = all.get(next) {
        let inside = fs::read_dir(folder).into_iter().flatten().flatten();
        let inside: Vec<_> = inside.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        all.extend(inside);
        next += 1;
    }
    all
}

/// Where version 2 is mounted. A machine that has version 1 only gets it in the rigs' own folder.
pub(super) fn tree(home: &Path) -> Result<PathBuf, Error> {
    let mounts = fs::read_to_string("/proc/self/mounts").map_err(Error::io("reading /proc/self/mounts"))?;
    if let Some(tree) = mounted(&mounts) {
        return Ok(tree);
    }
    let tree = home.join("cgroup");
    fs::create_dir_all(&tree).map_err(Error::io(format!("making {}", tree.display())))?;
    tool::run("mount", ["-t".as_ref(), "cgroup2".as_ref(), "cgroup2".as_ref(), tree.as_os_str()])?;
    Ok(tree)
}

fn mounted(mounts: &str) -> Option<PathBuf> {
    let mut words = mounts.lines().map(|line| line.split(' '));
    words.find_map(|mut words| {
        let (folder, kind) = (words.nth(1)?, words.next()?);
        (kind == "cgroup2").then(|| folder.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_2_is_found_wherever_it_is_mounted() {
        let unified = "proc /proc proc rw 0 0\ncgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n";
        let hybrid =
            "cgroup /sys/fs/cgroup/cpu cgroup rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        let old = "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n";
        assert_eq!(mounted(unified), Some("/sys/fs/cgroup".into()));
        assert_eq!(mounted(hybrid), Some("/sys/fs/cgroup/unified".into()));
        assert_eq!(mounted(old), None);
    }
}
