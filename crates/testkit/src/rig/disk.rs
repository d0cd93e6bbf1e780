//! What a host has on its disk beyond the base: the proof of what a run wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What a running system and its logins write by themselves.
const OWN: &[&str] = &[
    "etc/.pwd.lock",
    "var/lib/systemd",
    "var/log/btmp",
    "var/log/lastlog",
    "var/log/wtmp",
    "var/tmp/systemd-private-",
];

/// A host's own files at one moment, each by its path from the root. What the running system writes by itself
/// (records of logins, systemd's state) is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    files: BTreeMap<PathBuf, Stamp>,
}

/// What differs after any write to a file. A folder is only itself: what is in it has its own entry.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stamp {
    mode: u32,
    owner: (u32, u32),
    /// A file that was removed from the base is here as a device.
    device: u64,
    /// Inode, length and the time of the last change of any kind; the kernel alone sets that.
    content: Option<(u64, u64, i64, i64)>,
}

impl Disk {
    /// Reads the overlay's upper folder. Files may come and go meanwhile: those are not there.
    pub(super) fn read(upper: &Path) -> Self {
        let mut files = BTreeMap::new();
        let mut folders = vec![upper.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                let path = entry.path();
                let Ok(meta) = entry.metadata() else { continue };
                let short = path.strip_prefix(upper).expect("it lies below").to_owned();
                if OWN.iter().any(|own| is_or_below(&short, own)) {
                    continue;
                }
                if meta.is_dir() {
                    folders.push(path);
                }
                files.insert(short, Stamp::of(&meta));
            }
        }
        Self { files }
    }

    /// Everything that was made, changed or removed since `earlier`, in the order of the paths.
    pub fn changes_since(&self, earlier: &Self) -> Vec<PathBuf> {
        let paths: BTreeSet<_> = self.files.keys().chain(earlier.files.keys()).collect();
        paths.into_iter().filter(|path| self.files.get(*path) != earlier.files.get(*path)).cloned().collect()
    }

    /// Every path.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }
}

impl Stamp {
    fn of(meta: &fs::Metadata) -> Self {
        let content = (meta.ino(), meta.len(), meta.ctime(), meta.ctime_nsec());
        Self {
            mode: meta.mode(),
            owner: (meta.uid(), meta.gid()),
            device: meta.rdev(),
            content: (!meta.is_dir()).then_some(content),
        }
    }
}

/// Whether a path is `own`, lies below it, or begins with it where `own` ends in a dash.
fn is_or_below(path: &Path, own: &str) -> bool {
    path.starts_with(own) || own.ends_with('-') && path.to_string_lossy().starts_with(own)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn every_kind_of_change_is_seen_and_nothing_else() {
        let upper = tempfile::tempdir().unwrap();
        let at = |name: &str| upper.path().join(name);
        fs::create_dir_all(at("var/log")).unwrap();
        fs::create_dir(at("etc")).unwrap();
        for name in ["etc/same", "etc/written", "etc/mode", "etc/gone", "var/log/wtmp"] {
            fs::write(at(name), "1").unwrap();
        }
        let before = Disk::read(upper.path());
        assert_eq!(Disk::read(upper.path()).changes_since(&before), Vec::<PathBuf>::new());
        // The kernel's clock for files moves in steps.
        std::thread::sleep(std::time::Duration::from_millis(20));
        fs::write(at("etc/written"), "1").unwrap();
        fs::set_permissions(at("etc/mode"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::remove_file(at("etc/gone")).unwrap();
        fs::write(at("etc/new"), "").unwrap();
        fs::write(at("var/log/wtmp"), "2").unwrap();
        let changes = Disk::read(upper.path()).changes_since(&before);
        assert_eq!(changes, ["etc/gone", "etc/mode", "etc/new", "etc/written"].map(PathBuf::from));
    }
}
