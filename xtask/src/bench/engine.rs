//! `cargo xtask bench engine`: builds what is measured and what measures, and the other engines beside it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::flame;
use crate::Chore;
use crate::cargo::{cargo, go, root, target};

/// The other engines, in the versions that the results in the repository were made with.
const PEERS: [&str; 5] = [
    "langgraph==1.2.22",
    "langgraph-checkpoint-sqlite==3.1.2",
    "dbos==3.4.0",
    "prefect==3.7.2",
    "fastapi<0.120",
];

/// Measures the engine with steps that do nothing, or draws where its time goes.
pub(crate) fn measure(args: &[&str]) -> Chore {
    build()?;
    let bench = program("bench-engine");
    if let ["--flame", rest @ ..] = args {
        return flame::draw(&bench, rest);
    }
    let commits = target().join("release/examples/commits");
    let mut bench = Command::new(bench);
    bench
        .current_dir(root())
        .arg("--windlass")
        .arg(program("windlass"))
        .arg("--memory")
        .arg(program("bench-memory"))
        .arg("--commits")
        .arg(commits)
        .arg("--peers")
        .arg(root().join("bench/engine/peers.py"));
    match peers(&target().join("bench-peers-engine")) {
        Ok(python) => drop(bench.arg("--python").arg(python)),
        Err(why) => eprintln!("xtask: the other engines are left out: {why}"),
    }
    go(bench.args(args))
}

/// One build for all: in two, features of dependencies would differ, and most would be built twice.
fn build() -> Chore {
    let packages = ["windlass-cli", "windlass-testkit", "windlass-store"];
    let programs = ["windlass", "bench-engine", "bench-memory"];
    go(cargo()
        .args(["build", "--release", "--example", "commits"])
        .args(packages.iter().flat_map(|name| ["--package", name]))
        .args(programs.iter().flat_map(|name| ["--bin", name])))
}

fn program(name: &str) -> PathBuf {
    target().join("release").join(name)
}

/// The Python of a virtual environment with the other engines, made where it is missing. One that cannot be had is
/// left out; the bench says so.
fn peers(folder: &Path) -> Result<PathBuf, String> {
    if !folder.join("bin/pip").exists() {
        go(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let installed = go(Command::new(folder.join("bin/pip")).args(["install", "--quiet"]).args(PEERS));
        installed.unwrap_or_else(|why| eprintln!("xtask: {why}"));
    }
    Ok(folder.join("bin/python"))
}
