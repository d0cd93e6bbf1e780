//! Where the two processes meet: a socket in a folder that is this user's alone.

use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use rustix::process::geteuid;
use sha2::{Digest as _, Sha256};
use tokio::net::UnixStream;

/// The system takes no longer path for a socket, the byte that ends it not counted.
const LONGEST: usize = 107;

/// What the names of sockets end with.
const SUFFIX: &str = ".sock";

/// The socket of those who run the same program. Another build has another one, so that two of them never have to
/// understand each other; the process of an old one ends when it has nothing to keep any more.
pub(super) fn socket(folder: &Path, program: &OsStr) -> Result<PathBuf, String> {
    let meta = std::fs::metadata(program)
        .map_err(|error| format!("the program {} cannot be looked at: {error}", program.display()))?;
    let stamp = (meta.dev(), meta.ino(), meta.size(), meta.mtime(), meta.mtime_nsec(), meta.ctime());
    let digest = Sha256::digest(format!("{} {stamp:?}", env!("CARGO_PKG_VERSION")));
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let path = folder.join(format!("ssh-{name}{SUFFIX}"));
    let length = path.as_os_str().len();
    if length > LONGEST {
        return Err(format!(
            "the path of a socket in {} would have {length} bytes, and the system takes no more than {LONGEST}",
            folder.display()
        ));
    }
    Ok(path)
}

/// The sockets in a folder; none where there is no folder.
pub(super) fn sockets(folder: &Path) -> Result<Vec<PathBuf>, String> {
    if !folder.exists() {
        return Ok(Vec::new());
    }
    private(folder)?;
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
    let ours = |path: &PathBuf| {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        name.starts_with("ssh-") && name.ends_with(SUFFIX)
    };
    let mut found: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(ours).collect();
    found.sort();
    Ok(found)
}

/// Makes the folder where it is missing, and refuses one that others could put a socket into.
pub(super) fn prepare(folder: &Path) -> Result<(), String> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| unreadable(folder, &error))?;
    private(folder)
}

fn private(folder: &Path) -> Result<(), String> {
    let meta = std::fs::symlink_metadata(folder).map_err(|error| unreadable(folder, &error))?;
    let shown = folder.display();
    if !meta.is_dir() {
        return Err(format!("{shown} is no folder"));
    }
    if meta.uid() != geteuid().as_raw() {
        return Err(format!("the folder {shown} belongs to somebody else"));
    }
    if meta.mode() & 0o077 != 0 {
        return Err(format!("the folder {shown} is open to others (mode {:o})", meta.mode() & 0o777));
    }
    Ok(())
}

fn unreadable(folder: &Path, error: &io::Error) -> String {
    format!("the folder {} cannot be used: {error}", folder.display())
}

/// Connects to a socket, and makes sure that this user listens there. Nothing: nobody does.
pub(super) async fn connect(path: &Path) -> Result<Option<UnixStream>, String> {
    match UnixStream::connect(path).await {
        Ok(stream) if is_ours(&stream) => Ok(Some(stream)),
        Ok(_) => Err(format!("another user listens at {}", path.display())),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {
            Ok(None)
        }
        Err(error) => Err(format!("cannot connect to {}: {error}", path.display())),
    }
}

/// Whether this user is at the other end.
pub(super) fn is_ours(stream: &UnixStream) -> bool {
    stream.peer_cred().is_ok_and(|peer| peer.uid() == geteuid().as_raw())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_is_this_users_alone_or_not_used() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("a/b");
        prepare(&folder).expect("it is made");
        assert_eq!(std::fs::metadata(&folder).expect("it is there").mode() & 0o777, 0o700);
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o750)).expect("it is ours");
        let open = prepare(&folder).expect_err("a group may look into it");
        assert!(open.contains("open to others (mode 750)"), "{open}");
        let link = home.path().join("link");
        std::os::unix::fs::symlink(&folder, &link).expect("a link");
        assert!(prepare(&link).expect_err("it may lead anywhere").contains("is no folder"));
    }

    #[test]
    fn each_build_has_a_socket_and_long_paths_are_told_of() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("program");
        std::fs::write(&program, "one").expect("it is written");
        let first = socket(folder.path(), program.as_os_str()).expect("it fits");
        assert_eq!(first, socket(folder.path(), program.as_os_str()).expect("it fits"));
        std::fs::write(&program, "another").expect("it is written");
        assert_ne!(first, socket(folder.path(), program.as_os_str()).expect("it fits"));
        let long = folder.path().join("x".repeat(100));
        let told = socket(&long, program.as_os_str()).expect_err("it is too long");
        assert!(told.contains("no more than 107"), "{told}");
    }
}
