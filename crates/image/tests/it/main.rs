//! The gate as it is sent: static, small, and quick to start.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod hosts;

use std::{
    fs,
    io::Read,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// What the gate may weigh, in bytes. `cargo xtask test` holds the one of releases to less.
const SIZE: usize = 8 << 20;

/// A debug build has a gate without link-time optimization, which is larger on disk and in memory.
const DEBUG: usize = if cfg!(debug_assertions) { 2 } else { 1 };

/// What a waiting gate may hold in memory, in KiB.
const RSS: usize = 3 << 10;

/// How long a gate may take until it has spoken. The goal is 5 ms on a machine that has nothing else to do;
/// tests run beside others.
const START: Duration = Duration::from_millis(50);

fn program() -> (TempDir, PathBuf) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("windlass-gate");
    fs::write(&path, windlass_image::gate(std::env::consts::ARCH).unwrap().bytes()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    (dir, path)
}

fn start(path: &PathBuf, cwd: &std::path::Path) -> (Child, ChildStdout) {
    let mut command = Command::new(path);
    command.args(["serve", "some-hash", "/"]).current_dir(cwd).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let output = child.stdout.take().unwrap();
    (child, output)
}

/// Reads the first frame.
fn hello(output: &mut ChildStdout) -> String {
    let mut length = [0; 8];
    output.read_exact(&mut length).unwrap();
    let length = usize::from_str_radix(str::from_utf8(&length).unwrap(), 16).unwrap();
    let mut body = vec![0; length];
    output.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

#[test]
fn it_is_static_and_small() {
    let image = windlass_image::gate(std::env::consts::ARCH).unwrap();
    // The kernel reads the name of a loader from the program's header; a static program has none.
    let loader = image.bytes().windows(b"/ld-linux".len()).any(|bytes| bytes == b"/ld-linux");
    assert!(!loader, "it needs a loader");
    assert!(image.size <= SIZE, "{} bytes", image.size);
    assert_eq!(image.bytes().len(), image.size);
    let packed = image.packed().expect("the build packs it").len();
    assert!(packed <= image.size * 6 / 10, "{packed} of {} bytes", image.size);
    assert!(windlass_image::gate("vax").is_none());
}

#[test]
fn it_starts_at_once_and_needs_little_memory() {
    let (dir, path) = program();
    let mut best = Duration::MAX;
    let mut rss = 0;
    for _ in 0..10 {
        let start_ = Instant::now();
        let (mut child, mut output) = start(&path, dir.path());
        let said = hello(&mut output);
        best = best.min(start_.elapsed());
        assert!(said.contains(r#""type":"hello""#) && said.contains(r#""hash":"some-hash""#), "{said}");
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        rss = line.split_whitespace().nth(1).unwrap().parse().unwrap();
        drop(child.stdin.take());
        assert!(child.wait().unwrap().success());
    }
    assert!(best <= START, "{best:?}");
    assert!(rss <= DEBUG * RSS, "{rss} KiB");
}

#[test]
fn gates_of_other_architectures_come_from_a_folder() {
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("windlass-gate-aarch64"), "not really").unwrap();
    let gates = windlass_image::gates(Some(dir.path())).unwrap();
    let (_, other) = gates.iter().find(|(arch, _)| *arch == "aarch64").unwrap();
    assert_eq!(other.bytes(), b"not really");
    assert_eq!(other.sha256, "c22d26d33c5783cf2bd157ba48eefa471ac49ab7bc71d5e8d5977eedd2c91726");
    assert!(gates.iter().any(|(arch, _)| *arch == std::env::consts::ARCH));
    fs::create_dir(dir.path().join("windlass-gate-riscv64")).unwrap();
    let error = windlass_image::gates(Some(dir.path())).unwrap_err().to_string();
    assert!(error.contains("windlass-gate-riscv64"), "{error}");
}
