//! The one door through which an expression reaches what it cannot derive from its variables: files, the
//! environment, commands, addresses, chance.
//!
//! An expression has no door of its own: whoever evaluates it puts an [`Outside`] into the scope, and whatever
//! passes can be watched there, kept, or refused. Without one, every lookup is an error.

mod command;
mod local;

use std::fmt;
use std::io;

use serde_json::{Map, Value as Json};

pub use local::{Local, OnUrl};

/// What expressions may ask for. Each question may be answered with an error of the kind `Unsupported`, which
/// all do unless they are implemented.
///
/// Paths are as the expression writes them, often relative: to what, the implementation knows.
pub trait Outside: fmt::Debug + Send + Sync {
    /// The content of a file.
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        Err(refused(&format!("the file `{path}`")))
    }

    /// What lies at a path, if anything does.
    fn look(&self, path: &str) -> io::Result<Place> {
        Err(refused(&format!("the path `{path}`")))
    }

    /// The names of what lies in a folder, in any order.
    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        Err(refused(&format!("the folder `{folder}`")))
    }

    /// Puts a text into a file that only its owner may read, with the folders it needs; all of it or nothing.
    /// Unless it may `replace` what is there, it leaves that alone and returns false.
    fn keep(&self, path: &str, text: &str, replace: bool) -> io::Result<bool> {
        let _ = (text, replace);
        Err(refused(&format!("writing the file `{path}`")))
    }

    /// A variable of the environment, if it is set.
    fn env(&self, name: &str) -> io::Result<Option<String>> {
        Err(refused(&format!("the environment variable `{name}`")))
    }

    /// What a command of the shell writes to its output; an error when it fails.
    fn pipe(&self, command: &str) -> io::Result<Vec<u8>> {
        Err(refused(&format!("the command `{command}`")))
    }

    /// What lies at an address. The options are those of Ansible's lookup, as the expression gives them.
    fn url(&self, url: &str, options: &Map<String, Json>) -> io::Result<Vec<u8>> {
        let _ = options;
        Err(refused(&format!("the address `{url}`")))
    }

    /// Fills the bytes by chance, such that nobody can guess them.
    fn random(&self, bytes: &mut [u8]) -> io::Result<()> {
        let _ = bytes;
        Err(refused("chance"))
    }

    /// Hears of a lookup that failed and was told to go on with a warning.
    fn warn(&self, message: &str) {
        let _ = message;
    }
}

/// What lies at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The whole path, without `.` and `..`; links in it are not followed.
    pub path: String,
    /// The whole path with every link in it followed.
    pub real: String,
    /// What is there, at the end of the links.
    pub kind: PlaceKind,
    /// Whether the path itself is a link, wherever it leads.
    pub link: bool,
}

/// What can lie at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceKind {
    /// Nothing, or a link that leads nowhere.
    Nothing,
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A device, a socket or the like.
    Other,
}

fn refused(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("{what} is out of reach here"))
}
