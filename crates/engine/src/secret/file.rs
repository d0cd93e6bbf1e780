//! A secret as a file that only one child process can open and that is on no disk.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::process::Command;

use command_fds::{CommandFdExt, FdMapping};
use rustix::fs::{MemfdFlags, SealFlags};

use super::Secret;

/// A secret in memory that a child process can open by a path.
///
/// The file has no name and lies on no file system; it goes when this value and the child are gone. Its
/// descriptor is closed in every child but the one that it is given to.
#[derive(Debug)]
pub struct SecretFile(OwnedFd);

impl SecretFile {
    /// Puts a secret into memory, where nobody can change it any more.
    pub fn new(secret: &Secret) -> io::Result<Self> {
        let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
        // Kernels before 6.3 do not know how to say that it is no program.
        let fd = match rustix::fs::memfd_create("windlass-secret", flags | MemfdFlags::NOEXEC_SEAL) {
            Err(rustix::io::Errno::INVAL) => rustix::fs::memfd_create("windlass-secret", flags)?,
            created => created?,
        };
        let mut file = File::from(fd);
        file.write_all(secret.expose().as_bytes())?;
        let fd = OwnedFd::from(file);
        rustix::fs::fcntl_add_seals(
            &fd,
            SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL,
        )?;
        Ok(Self(fd))
    }

    /// Gives it to one command, once, and returns the path by which the child opens it. The path means
    /// something in that child only.
    pub fn give(&self, command: &mut Command) -> io::Result<PathBuf> {
        let number = self.0.as_raw_fd();
        let mapping = FdMapping { parent_fd: self.0.try_clone()?, child_fd: number };
        command.fd_mappings(vec![mapping]).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(PathBuf::from(format!("/proc/self/fd/{number}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(line: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", line]);
        command
    }

    #[test]
    fn the_child_that_it_is_given_to_reads_it_and_no_other() {
        let file = SecretFile::new(&Secret::new("s3cret")).unwrap();
        let mut command = sh("cat \"$SECRET\"; cat \"$SECRET\"");
        let path = file.give(&mut command).unwrap();
        let output = command.env("SECRET", &path).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "s3crets3cret", "each opening starts anew");
        let other = sh("cat \"$SECRET\" 2>/dev/null || echo none").env("SECRET", &path).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&other.stdout), "none\n");
    }

    #[test]
    fn nobody_can_change_it() {
        let file = SecretFile::new(&Secret::new("s3cret")).unwrap();
        let mut command = sh("echo x 2>/dev/null > \"$SECRET\"; cat \"$SECRET\"");
        let path = file.give(&mut command).unwrap();
        let output = command.env("SECRET", &path).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "s3cret");
    }
}
