//! Measures the engine with steps that do nothing: what is left is the engine itself. `cargo xtask bench engine`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the person who measures")]

mod case;
mod disk;
mod graph;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde_json::{Value, json};

use case::{CASES, Case};

/// What a person asked for.
struct Options {
    steps: usize,
    only: Option<String>,
    save: bool,
    /// Set in the processes that measure one case each.
    case: Option<String>,
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> ExitCode {
    let done = options().and_then(|options| match &options.case {
        Some(name) => one(name, options.steps),
        None => all(&options),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-engine: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options> {
    let mut options = Options { steps: 100_000, only: None, save: true, case: None };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--steps" => options.steps = value()?.replace('_', "").parse()?,
            "--only" => options.only = Some(value()?),
            "--case" => options.case = Some(value()?),
            "--no-save" => options.save = false,
            _ => return Err(format!("unknown option {arg}").into()),
        }
    }
    Ok(options)
}

/// Measures one case in this process and prints it as JSON.
fn one(name: &str, steps: usize) -> Result<()> {
    let case = CASES.iter().find(|case| case.name == name).ok_or("no such case")?;
    println!("{}", case.measure(steps)?);
    Ok(())
}

/// Measures each case in a process of its own, so that each has a peak of memory of its own.
fn all(options: &Options) -> Result<()> {
    let sync = disk::sync_times(Path::new("target"))?;
    println!("disk: fdatasync p50 {} µs, p99 {} µs\n", sync.p50, sync.p99);
    println!(
        "{:<22} {:>9} {:>10} {:>12} {:>12} {:>9}",
        "case", "steps", "seconds", "steps/s", "bytes/step", "peak MB"
    );
    let mut results = Vec::new();
    let wanted = |case: &&Case| options.only.as_ref().is_none_or(|word| case.name.contains(word.as_str()));
    for case in CASES.iter().filter(wanted) {
        let output = Command::new(std::env::current_exe()?)
            .args(["--case", case.name, "--steps", &options.steps.to_string()])
            .output()?;
        if !output.status.success() {
            return Err(format!("{}: {}", case.name, String::from_utf8_lossy(&output.stderr)).into());
        }
        let result: Value = serde_json::from_slice(&output.stdout)?;
        println!(
            "{:<22} {:>9} {:>10.3} {:>12.0} {:>12.1} {:>9.1}",
            case.name,
            result["steps"],
            result["seconds"].as_f64().unwrap_or_default(),
            result["steps_per_second"].as_f64().unwrap_or_default(),
            result["bytes_per_step"].as_f64().unwrap_or_default(),
            result["peak_rss_bytes"].as_f64().unwrap_or_default() / 1e6,
        );
        results.push(result);
    }
    if options.save { save(&sync, &results) } else { Ok(()) }
}

fn save(sync: &disk::SyncTimes, results: &[Value]) -> Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let cores = std::thread::available_parallelism()?.get();
    let all = json!({
        "bench": "engine",
        "time": now,
        "version": env!("CARGO_PKG_VERSION"),
        "cores": cores,
        "fdatasync_us": { "p50": sync.p50, "p99": sync.p99 },
        "cases": results,
    });
    let file = PathBuf::from(format!("bench/results/engine-{now}.json"));
    std::fs::create_dir_all("bench/results")?;
    std::fs::write(&file, format!("{all:#}\n"))?;
    println!("\n{}", file.display());
    Ok(())
}
