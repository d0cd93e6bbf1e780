//! The benches, in a release build.

mod engine;
mod flame;
mod llm;

pub(crate) use engine::measure as engine;
pub(crate) use llm::measure as llm;

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Chore;
use crate::cargo::{cargo, go, root, target};
use crate::{needs, rig};

/// What the peers of a fleet bench are installed by, and what its floors call.
const NEEDS: &[needs::Need] = &[("python3", "python3"), ("ssh", "openssh-client")];

/// The other tools of a fleet bench. The versions are those that the results in the repository were made with.
const PEERS: [&str; 3] = ["ansible-core==2.19.14", "mitogen==0.3.54", "pyinfra==3.10.0"];

/// Compares with other tools over test hosts. The comparison is written in Python, as the peers are.
pub(crate) fn fleet(args: &[&str]) -> Chore {
    needs::programs(NEEDS)?;
    rig::prepare()?;
    go(cargo().args(["build", "--release", "--package", "windlass-cli", "--bin", "windlass"]))?;
    go(cargo().args(["build", "--release", "--package", "windlass-testkit", "--bin", "rig"]))?;
    let target = target();
    let peers = peers(&target)?;
    let mut bench = Command::new("python3");
    // Python would keep compiled files beside the sources.
    bench.arg("-B").arg(root().join("bench/fleet/main.py"));
    for program in ["windlass", "rig"] {
        bench.arg(format!("--{program}")).arg(target.join("release").join(program));
    }
    bench.arg("--venv").arg(peers).arg("--results").arg(root().join("bench/results"));
    go(bench.args(args))
}

/// Runs the program over many simulated hosts.
pub(crate) fn swarm(args: &[&str]) -> Chore {
    needs::programs(&[("python3", "python3")])?;
    go(cargo().args(["build", "--release", "--package", "windlass-cli", "--bin", "windlass"]))?;
    go(cargo().args(["build", "--release", "--package", "windlass-swarm", "--bin", "swarm"]))?;
    let mut bench = Command::new("python3");
    bench.arg("-B").arg(root().join("bench/swarm.py"));
    for program in ["windlass", "swarm"] {
        bench.arg(format!("--{program}")).arg(target().join("release").join(program));
    }
    go(bench.arg("--results").arg(root().join("bench/results")).args(args))
}

/// The virtual environment with the peers, made where it is missing. A peer that cannot be had is left out; the
/// comparison says so.
fn peers(target: &Path) -> Result<PathBuf, String> {
    let folder = target.join("bench-peers");
    if !folder.join("bin/pip").exists() {
        go(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        for peer in PEERS {
            let installed = go(Command::new(folder.join("bin/pip")).args(["install", "--quiet", peer]));
            installed.unwrap_or_else(|why| eprintln!("xtask: {why}"));
        }
    }
    Ok(folder)
}

/// The Python of a virtual environment with these packages, made where it is missing.
fn venv(folder: &Path, packages: &[&str]) -> Result<PathBuf, String> {
    let done = folder.join("complete");
    if !done.exists() {
        go(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder))?;
        go(Command::new(folder.join("bin/pip")).args(["install", "--quiet"]).args(packages))?;
        std::fs::write(&done, "").map_err(|error| format!("{}: {error}", done.display()))?;
    }
    Ok(folder.join("bin/python"))
}
