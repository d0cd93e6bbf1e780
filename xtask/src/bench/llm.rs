//! `cargo xtask bench llm`: builds what is measured and what measures, and LangGraph beside it.

use std::process::Command;

use super::venv;
use crate::Chore;
use crate::cargo::{cargo, go, root, target};

/// LangGraph with its store and its client, in the versions that the results in the repository were made with.
const PEERS: [&str; 3] =
    ["langgraph==1.2.22", "langgraph-checkpoint-sqlite==3.1.2", "langchain-openai==1.7.3"];

/// Measures what prompts cost, as requests and as steps of runs.
pub(crate) fn measure(args: &[&str]) -> Chore {
    let packages = ["--package", "windlass-cli", "--package", "windlass-llm"];
    go(cargo().args(["build", "--release", "--bin", "windlass", "--example", "bench-llm"]).args(packages))?;
    let built = target().join("release");
    let mut bench = Command::new(built.join("examples/bench-llm"));
    bench.current_dir(root()).arg("--windlass").arg(built.join("windlass"));
    match venv(&target().join("bench-peers-llm"), &PEERS) {
        Ok(python) => {
            bench.arg("--python").arg(python).arg("--peers").arg(root().join("bench/llm/peers.py"));
        }
        Err(why) => eprintln!("xtask: LangGraph is left out: {why}"),
    }
    go(bench.args(args))
}
