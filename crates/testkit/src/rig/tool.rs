//! Calls of the machine's own programs.

use std::ffi::OsStr;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::Error;

/// Where programs for administrators lie, which the `PATH` of a user may not name.
const ADMIN: &[&str] = &["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// The file of a program.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(ADMIN.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A command, found even where `PATH` lacks the administrators' folders.
pub(super) fn command(program: &str) -> Command {
    Command::new(find(program).unwrap_or_else(|| program.into()))
}

/// Runs a program that has nothing to say but errors.
pub(super) fn run<A: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = A>) -> Result<(), Error> {
    finish(command(program).args(args), "")
}

/// Runs a command to its end with `input` on its standard input.
pub(super) fn finish(command: &mut Command, input: &str) -> Result<(), Error> {
    let shown = format!("{command:?}");
    let failed = || Error::io(shown.clone());
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed())?;
    // Inputs are shorter than a pipe is deep: no program here waits for a reader before it reads.
    let written = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    let output = child.wait_with_output().map_err(failed())?;
    if !output.status.success() {
        return Err(Error::Tool { command: shown, said: said(&output) });
    }
    written.map_err(failed())
}

/// How a program ended and the last of what it said.
fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    format!("{}: {}", output.status, last_lines(&String::from_utf8_lossy(&text)))
}

/// The last lines of a text: a log's end says why.
pub(super) fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
