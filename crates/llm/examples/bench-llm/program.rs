//! Prompts as steps of runs: the program itself, with its journal on the disk.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::clock::{Took, median, of_child};
use crate::server::serve;
use crate::{DELAY, Result, THREADS};

/// How often each document is run; the median counts.
const ROUNDS: usize = 3;

/// How many steps are taken from the rest, so that the program's own start and end are not counted as theirs.
const FEW: usize = 100;

/// The program, in a folder of its own.
pub(crate) struct Program {
    path: PathBuf,
    folder: tempfile::TempDir,
}

impl Program {
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let folder = tempfile::tempdir_in("target")?;
        fs::create_dir(folder.path().join(".git"))?;
        Ok(Self { path: path.canonicalize()?, folder })
    }

    /// So many prompts at once to a server that takes its time: the whole call of the program, beside the time that
    /// the server takes at best.
    pub(crate) fn many(&self, count: usize) -> Result<Value> {
        let url = serve("openai", DELAY)?;
        let took = self.median(&fan(&prompts(count), &url))?;
        let times = took.wall / crate::bound(count);
        println!(
            "\n{count} prompts as a run of the program, {THREADS} at once, {DELAY:?} each: {:.2} s, {times:.2} × the bound",
            took.wall
        );
        Ok(json!({
            "case": "run many", "prompts": count, "seconds": took.wall, "cpu_seconds": took.cpu, "times_bound": times,
        }))
    }

    /// What one prompt's step takes of the processor, over all threads, with its records and their commits; and a
    /// step that only says something, whose records and commits are alike.
    pub(crate) fn step(&self, count: usize, bare_us: f64) -> Result<Value> {
        let url = serve("openai", Duration::ZERO)?;
        let prompt = self.each(count, |count| fan(&prompts(count), &url))?;
        let talk = self.each(count, |count| fan(&talks(count), &url))?;
        let over = prompt - bare_us;
        println!(
            "a prompt's step: {prompt:.0} µs of all threads, {over:.0} µs over the bare call; a step that says something: {talk:.0} µs"
        );
        Ok(json!({
            "case": "prompt step", "cpu_us": prompt, "bare_us": bare_us, "over_bare_ms": over / 1e3, "other_step_us": talk,
        }))
    }

    /// Microseconds of the processor for each step more.
    fn each(&self, count: usize, document: impl Fn(usize) -> String) -> Result<f64> {
        let few = self.median(&document(FEW))?.cpu;
        let all = self.median(&document(FEW + count))?.cpu;
        Ok((all - few) * 1e6 / count as f64)
    }

    fn median(&self, document: &str) -> Result<Took> {
        let took = (0..ROUNDS).map(|_| self.run(document)).collect::<Result<Vec<_>>>()?;
        let (wall, cpu) = took.iter().map(|took| (took.wall, took.cpu)).unzip();
        Ok(Took { wall: median(wall), cpu: median(cpu) })
    }

    /// Runs a document, and sees that nothing of it failed.
    pub(crate) fn run(&self, document: &str) -> Result<Took> {
        fs::write(self.folder.path().join("w.yaml"), document)?;
        let home = self.folder.path().join("home");
        let mut command = Command::new(&self.path);
        command
            .args(["run", "w.yaml", "-q"])
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .env("WINDLASS_HOME", home.join("state"))
            .stdin(Stdio::null());
        let (output, took) = of_child(|| Ok(command.output()?))?;
        if output.status.success() {
            return Ok(took);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!("{}: {}", output.status, said.lines().take(5).collect::<Vec<_>>().join("; ")).into())
    }
}

/// A document of tasks that wait for nobody.
pub(crate) fn fan(tasks: &str, url: &str) -> String {
    format!(
        "workflow: bench
policy: {{ max_parallelism: {THREADS}, budget: {{ amount: 100, currency: USD }} }}
providers: {{ mock: {{ kind: openai, base_url: \"{url}\" }} }}
models: [ {{ id: x, provider: mock, max_context: 100000, input_cost_per_1m: 1, output_cost_per_1m: 2 }} ]
tasks:
{tasks}"
    )
}

/// Prompts, each with words of its own.
pub(crate) fn prompts(count: usize) -> String {
    lines(count, |n| {
        format!("prompt: \"Write some words about number {n}.\", model: x, max_output_tokens: 1000")
    })
}

fn talks(count: usize) -> String {
    lines(count, |n| format!("debug: {{ msg: \"some words about number {n}\" }}"))
}

fn lines(count: usize, task: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut text, n| {
        writeln!(text, "  - {{ id: t{n}, {} }}", task(n)).expect("a string takes all");
        text
    })
}
