//! The `known_hosts` files of this process: read once, read again when they change.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::line::{Line, Marker, Place, parse};
use crate::Error;

/// No honest file is larger; a device or a mistake is.
const MAX_FILE: u64 = 64 << 20;

/// Reads `known_hosts` files and keeps what they say.
#[derive(Debug, Default)]
pub(crate) struct Store {
    files: Mutex<HashMap<PathBuf, (Stamp, Arc<File>)>>,
    /// One writer at a time in this process; other processes are kept out by a lock on the file.
    pub(super) writing: Mutex<()>,
}

/// By what a change of a file is noticed.
type Stamp = (SystemTime, u64);

/// The lines of one file, with those for exact names found at once.
#[derive(Debug, Default)]
struct File {
    lines: Vec<Line>,
    exact: HashMap<String, Vec<usize>>,
    /// Patterns and hashed names: each has to be tried.
    others: Vec<usize>,
}

/// What is known of one host.
#[derive(Debug, Default, Clone)]
pub(crate) struct Known {
    /// The host's keys.
    pub(crate) keys: Vec<Line>,
    /// Who may sign the host's certificates.
    pub(crate) authorities: Vec<Line>,
    /// What must never be taken.
    pub(crate) revoked: Vec<Line>,
}

impl Store {
    /// What the files say of a name. A file that is not there says nothing; one that cannot be read is an error,
    /// since it may hold a revocation.
    pub(crate) fn lookup(&self, files: &[PathBuf], name: &str) -> Result<Known, Error> {
        let mut known = Known::default();
        for path in files {
            let Some(file) = self.file(path)? else { continue };
            for line in file.lines_for(name) {
                match line.marker {
                    Marker::Key => known.keys.push(line.clone()),
                    Marker::Authority => known.authorities.push(line.clone()),
                    Marker::Revoked => known.revoked.push(line.clone()),
                }
            }
        }
        Ok(known)
    }

    fn file(&self, path: &Path) -> Result<Option<Arc<File>>, Error> {
        let failed =
            |error: std::io::Error| Error::Config(format!("cannot read {}: {error}", path.display()));
        let meta = match std::fs::metadata(path) {
            Ok(meta) => meta,
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        // `/dev/null` is the usual way to say "none".
        if !meta.is_file() {
            return Ok(None);
        }
        if meta.len() > MAX_FILE {
            return Err(Error::Config(format!("{} is larger than 64 MiB", path.display())));
        }
        let stamp = (meta.modified().map_err(failed)?, meta.len());
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((old, file)) = files.get(path)
            && *old == stamp
        {
            return Ok(Some(file.clone()));
        }
        let bytes = std::fs::read(path).map_err(failed)?;
        let file = Arc::new(File::parse(&String::from_utf8_lossy(&bytes), path));
        files.insert(path.to_owned(), (stamp, file.clone()));
        Ok(Some(file))
    }

    /// Forgets a file, after we have written to it: a change within one tick of its clock would stay unseen.
    pub(super) fn forget(&self, path: &Path) {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }
}

/// Searches a file for a name by its index, and line by line: the same must come out.
///
/// # Panics
/// Where it does not.
pub(crate) fn check_file(text: &str, name: &str) {
    let name = name.to_ascii_lowercase();
    let file = File::parse(text, Path::new("known_hosts"));
    let mut found: Vec<usize> = file.lines_for(&name).map(|line| line.place.line).collect();
    found.sort_unstable();
    found.dedup();
    let each = file.lines.iter().filter(|line| line.hosts.match_name(&name));
    assert_eq!(found, each.map(|line| line.place.line).collect::<Vec<_>>(), "{name:?} in {text:?}");
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

impl File {
    fn parse(text: &str, path: &Path) -> Self {
        let path: Arc<Path> = path.into();
        let place = |line| Place { file: path.clone(), line };
        let lines = text.lines().enumerate().filter_map(|(at, text)| parse(text, place(at + 1)));
        let mut file = Self { lines: lines.collect(), ..Self::default() };
        for (at, line) in file.lines.iter().enumerate() {
            match line.hosts.exact() {
                Some(names) => {
                    for name in names {
                        file.exact.entry(name.to_owned()).or_default().push(at);
                    }
                }
                None => file.others.push(at),
            }
        }
        file
    }

    fn lines_for<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Line> {
        let exact = self.exact.get(name).into_iter().flatten();
        let others = self.others.iter().filter(|&&at| self.lines[at].hosts.match_name(name));
        exact.chain(others).map(|&at| &self.lines[at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    #[test]
    fn a_file_that_changes_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("known_hosts");
        let files = [path.clone(), folder.path().join("absent"), "/dev/null".into()];
        let store = Store::default();
        std::fs::write(&path, format!("web1 {KEY}\n*.x,!y.x {KEY}\n")).expect("it is written");
        let count = |name| store.lookup(&files, name).expect("it can be read").keys.len();
        assert_eq!((count("web1"), count("web2"), count("a.x"), count("y.x")), (1, 0, 1, 0));
        std::fs::write(&path, format!("web1 {KEY}\nweb2 {KEY}\nweb2 {KEY}\n")).expect("it is written");
        assert_eq!((count("web1"), count("web2"), count("a.x")), (1, 2, 0));
    }

    #[test]
    fn a_place_is_that_of_the_line() {
        let file = File::parse(&format!("# one\n\nweb1 {KEY}\n"), Path::new("/k"));
        assert_eq!(file.lines_for("web1").next().expect("there is one").place.to_string(), "/k:3");
    }
}
