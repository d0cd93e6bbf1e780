//! Measures the engine with steps that do nothing: what is left is the engine itself. `cargo xtask bench engine`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the person who measures")]

mod case;
mod clock;
mod disk;
mod goals;
mod graph;
mod peers;
mod program;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use serde_json::{Value, json};

use case::CASES;
use peers::Peers;
use program::Program;

/// What a person asked for, and where the programs are.
#[derive(Default)]
struct Options {
    steps: Option<usize>,
    only: Option<String>,
    no_save: bool,
    /// The programs that are measured or that measure; what is missing is left out.
    windlass: Option<PathBuf>,
    memory: Option<PathBuf>,
    commits: Option<PathBuf>,
    python: Option<PathBuf>,
    peers: Option<PathBuf>,
    /// Set in the processes that measure one case each.
    case: Option<String>,
}

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How many turns are taken beside bare SQLite, and how many commits each has.
const TURNS: usize = 15;
const TURN: usize = 300;

/// How many steps each graph has, where nobody says.
const STEPS: usize = 1_000_000;

fn main() -> ExitCode {
    let done = options().and_then(|options| match &options.case {
        Some(name) => one(name, options.steps.unwrap_or(STEPS)),
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
    let mut options = Options::default();
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--steps" => options.steps = Some(value()?.replace('_', "").parse()?),
            "--only" => options.only = Some(value()?),
            "--case" => options.case = Some(value()?),
            "--no-save" => options.no_save = true,
            "--windlass" => options.windlass = Some(value()?.into()),
            "--memory" => options.memory = Some(value()?.into()),
            "--commits" => options.commits = Some(value()?.into()),
            "--python" => options.python = Some(value()?.into()),
            "--peers" => options.peers = Some(value()?.into()),
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

/// Measures one case in a process of its own, so that each has a peak of memory of its own.
fn child(name: &str, steps: usize) -> Result<Value> {
    let mut measured =
        lines(Command::new(std::env::current_exe()?).args(["--case", name, "--steps", &steps.to_string()]))?;
    measured.pop().ok_or_else(|| format!("{name} said nothing").into())
}

/// The lines of JSON that a program prints.
fn lines(command: &mut Command) -> Result<Vec<Value>> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn all(options: &Options) -> Result<()> {
    std::fs::create_dir_all("target")?;
    let (sync, load) = (disk::sync_times(Path::new("target"))?, clock::load());
    println!("disk: fdatasync p50 {} µs, p99 {} µs; load {load}\n", sync.p50, sync.p99);
    let wanted = |name: &str| options.only.as_ref().is_none_or(|word| name.contains(word.as_str()));
    let mut cases = graphs(options, &wanted)?;
    if let Some(memory) = options.memory.as_ref().filter(|_| wanted("memory of")) {
        cases.extend(lines(Command::new(memory).arg(options.steps.unwrap_or(100_000).to_string()))?);
    }
    if let Some(windlass) = options.windlass.as_ref().filter(|_| wanted("program")) {
        cases.extend(Program::new(windlass)?.measure()?);
    }
    cases.iter().skip_while(|case| case["steps_per_second"].is_f64()).for_each(|case| println!("{case}"));
    let goals = goals::table(&cases);
    println!();
    let peers = match (&options.python, &options.peers) {
        (Some(python), Some(script)) if wanted("peers") && peers::found(python) => {
            Peers { python: std::path::absolute(python)?, script: script.canonicalize()? }.measure()
        }
        _ => {
            println!("other engines: left out, there is no Python with them");
            Vec::new()
        }
    };
    if options.no_save {
        return Ok(());
    }
    save(json!({
        "bench": "engine",
        "version": env!("CARGO_PKG_VERSION"),
        "cores": std::thread::available_parallelism()?.get(),
        "load": [load, clock::load()],
        "fdatasync_us": { "p50": sync.p50, "p99": sync.p99 },
        "goals": goals,
        "cases": cases,
        "peers": peers,
    }))
}

/// The graphs, each in a process of its own.
fn graphs(options: &Options, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Value>> {
    println!(
        "{:<22} {:>9} {:>9} {:>9} {:>12} {:>12} {:>13} {:>8}",
        "case", "steps", "seconds", "CPU s", "steps/s", "steps/CPU s", "journal B/step", "peak MB"
    );
    let steps = options.steps.unwrap_or(STEPS);
    let mut results = Vec::new();
    for case in CASES.iter().filter(|case| wanted(case.name)) {
        let mut result = child(case.name, steps)?;
        if case.name == "memory chain" {
            let tenth = child(case.name, steps / 10)?;
            let each = |case: &Value| case["steps_per_cpu_second"].as_f64();
            result["cpu_growth"] = each(&tenth).zip(each(&result)).map(|(small, large)| small / large).into();
        }
        if let Some(commits) = options.commits.as_ref().filter(|_| case.name == "durable effect chain") {
            result["of_bare_commits"] = of_bare_commits(commits, case.name)?.into();
        }
        let number = |field: &str| result[field].as_f64().unwrap_or_default();
        println!(
            "{:<22} {:>9} {:>9.3} {:>9.3} {:>12.0} {:>12.0} {:>14.1} {:>8.1}",
            case.name,
            result["steps"],
            number("seconds"),
            number("cpu_seconds"),
            number("steps_per_second"),
            number("steps_per_cpu_second"),
            number("journal_bytes_per_step"),
            number("peak_rss_bytes") / 1e6,
        );
        results.push(result);
    }
    Ok(results)
}

/// How fast a case is beside bare SQLite, which makes a small row durable again and again. A busy disk is ten times
/// as fast in one second as in the next: hence short turns, and the middle of many.
fn of_bare_commits(program: &Path, case: &str) -> Result<f64> {
    let turn = || {
        let bare = lines(Command::new(program).args(["target", &TURN.to_string()]))?.pop();
        let bare = bare.and_then(|rate| rate.as_f64()).ok_or("the bare commits gave no number")?;
        let mine = child(case, TURN)?["steps_per_second"].as_f64().unwrap_or_default();
        Ok(mine / bare)
    };
    Ok(clock::median((0..TURNS).map(|_| turn()).collect::<Result<_>>()?))
}

fn save(mut results: Value) -> Result<()> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    results["time"] = now.into();
    let file = PathBuf::from(format!("bench/results/engine-{now}.json"));
    std::fs::create_dir_all("bench/results")?;
    std::fs::write(&file, format!("{results:#}\n"))?;
    println!("\n{}", file.display());
    Ok(())
}
