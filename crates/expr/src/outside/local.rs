//! The outside of this machine: files below a folder, a given environment, commands of the shell.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value as Json};

use super::{Outside, Place, PlaceKind, command, refused};

/// How large a file or the output of a command may be: no expression could hold more.
pub(super) const MAX_BYTES: u64 = 16 << 20;
/// How long a command may take, unless it is told otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What fetches an address, with the options of the lookup.
pub type OnUrl = Arc<dyn Fn(&str, &Map<String, Json>) -> io::Result<Vec<u8>> + Send + Sync>;

/// This machine. Relative paths start at the root folder, and commands run there; `~/` is the home folder of
/// the given environment, which is all that commands see of it. Addresses need a function that fetches them.
#[derive(Clone)]
pub struct Local {
    root: PathBuf,
    env: BTreeMap<String, String>,
    timeout: Duration,
    url: Option<OnUrl>,
}

impl Local {
    /// The machine as seen from a folder, with an environment.
    pub fn new(root: impl Into<PathBuf>, env: BTreeMap<String, String>) -> Local {
        Local { root: root.into(), env, timeout: TIMEOUT, url: None }
    }

    /// Sets how long a command may take; 60 s without.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Local {
        self.timeout = timeout;
        self
    }

    /// Sets what fetches addresses.
    #[must_use]
    pub fn on_url(mut self, fetch: OnUrl) -> Local {
        self.url = Some(fetch);
        self
    }

    /// The whole path, without `.` and `..`.
    fn whole(&self, path: &str) -> PathBuf {
        let home = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let path = match (home, self.env.get("HOME")) {
            (Some(rest), Some(home)) => PathBuf::from(format!("{home}{rest}")),
            _ => PathBuf::from(path),
        };
        let mut whole = PathBuf::new();
        for part in self.root.join(path).components() {
            match part {
                Component::CurDir => {}
                Component::ParentDir => drop(whole.pop()),
                part => whole.push(part),
            }
        }
        whole
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values of the environment may be secret.
        f.debug_struct("Local")
            .field("root", &self.root)
            .field("env", &self.env.keys())
            .finish_non_exhaustive()
    }
}

impl Outside for Local {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        File::open(self.whole(path))?.take(MAX_BYTES + 1).read_to_end(&mut out)?;
        if out.len() as u64 > MAX_BYTES {
            let limit = format!("the file is larger than {} MB", MAX_BYTES >> 20);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, limit));
        }
        Ok(out)
    }

    fn look(&self, path: &str) -> io::Result<Place> {
        let whole = self.whole(path);
        let link = match fs::symlink_metadata(&whole) {
            Ok(own) => own.file_type().is_symlink(),
            Err(error) if is_absent(&error) => false,
            Err(error) => return Err(error),
        };
        let kind = match fs::metadata(&whole) {
            Ok(data) if data.is_file() => PlaceKind::File,
            Ok(data) if data.is_dir() => PlaceKind::Folder,
            Ok(_) => PlaceKind::Other,
            Err(error) if is_absent(&error) || link => PlaceKind::Nothing,
            Err(error) => return Err(error),
        };
        Ok(Place { path: text(&whole)?, real: text(&real(&whole))?, kind, link })
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let names = fs::read_dir(self.whole(folder))?.map(|entry| Ok(entry?.file_name().into_string().ok()));
        // A name that is no text cannot be said in an expression.
        names.filter_map(Result::transpose).collect()
    }

    fn keep(&self, path: &str, content: &str, replace: bool) -> io::Result<bool> {
        let whole = self.whole(path);
        let (Some(folder), Some(name)) = (whole.parent(), whole.file_name().and_then(|name| name.to_str()))
        else {
            return Err(io::Error::other("the path names no file"));
        };
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let mut mark = [0; 8];
        self.random(&mut mark)?;
        let draft = folder.join(format!(".{name}.{:016x}", u64::from_ne_bytes(mark)));
        let done = write(&draft, content).and_then(|()| match replace {
            true => fs::rename(&draft, &whole).map(|()| true),
            // A link comes into being or does not: of two that write at once, one is first.
            false => match fs::hard_link(&draft, &whole) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
                done => done.map(|()| true),
            },
        });
        if !matches!(done, Ok(true)) || !replace {
            let _ = fs::remove_file(&draft);
        }
        File::open(folder)?.sync_all()?;
        done
    }

    fn env(&self, name: &str) -> io::Result<Option<String>> {
        Ok(self.env.get(name).cloned())
    }

    fn pipe(&self, command: &str) -> io::Result<Vec<u8>> {
        command::output(command, &self.root, &self.env, self.timeout)
    }

    fn url(&self, url: &str, options: &Map<String, Json>) -> io::Result<Vec<u8>> {
        match &self.url {
            Some(fetch) => fetch(url, options),
            None => Err(refused(&format!("the address `{url}`"))),
        }
    }

    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        File::open("/dev/urandom")?.read_exact(bytes)
    }
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn text(path: &Path) -> io::Result<String> {
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "the path is no text"))
}

/// The path with its links followed as far as there is anything.
fn real(whole: &Path) -> PathBuf {
    match (fs::canonicalize(whole), whole.parent(), whole.file_name()) {
        (Ok(real), _, _) => real,
        (Err(_), Some(parent), Some(name)) => real(parent).join(name),
        _ => whole.to_owned(),
    }
}

fn write(path: &Path, content: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content.as_bytes())?;
    file.sync_all()
}
