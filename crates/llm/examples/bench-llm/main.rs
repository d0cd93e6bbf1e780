//! Measures what prompts cost: as requests, as steps of runs, and beside LangGraph. `cargo xtask bench llm`.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the person who measures")]

mod client;
mod clock;
mod goals;
mod peers;
mod program;
mod server;
mod texts;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use peers::Peer;
use program::Program;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// How many requests are made at once where many are made, and how long the server takes for each.
const THREADS: usize = 64;
const DELAY: Duration = Duration::from_millis(50);

/// What a person asked for, and where the programs are.
struct Options {
    requests: usize,
    save: bool,
    /// The program that is measured; without it there are no runs.
    windlass: Option<PathBuf>,
    /// The Python with LangGraph, and the script for it.
    python: Option<PathBuf>,
    peers: Option<PathBuf>,
}

fn main() -> ExitCode {
    match options().and_then(|options| all(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-llm: {error}");
            ExitCode::FAILURE
        }
    }
}

fn options() -> Result<Options> {
    let mut options = Options { requests: 1000, save: true, windlass: None, python: None, peers: None };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value = || args.next().ok_or_else(|| format!("{arg} needs a value"));
        match arg.as_str() {
            "--requests" => options.requests = value()?.parse()?,
            "--no-save" => options.save = false,
            "--windlass" => options.windlass = Some(value()?.into()),
            "--python" => options.python = Some(value()?.into()),
            "--peers" => options.peers = Some(value()?.into()),
            _ => return Err(format!("unknown option {arg}").into()),
        }
    }
    Ok(options)
}

/// The seconds that so many requests take at best.
fn bound(count: usize) -> f64 {
    DELAY.as_secs_f64() * count.div_ceil(THREADS) as f64
}

fn all(options: &Options) -> Result<()> {
    let (count, load) = (options.requests, clock::load());
    std::fs::create_dir_all("target")?;
    let mut cases = vec![client::parser()];
    cases.extend(client::formats(count)?);
    cases.push(client::many(count)?);
    println!();
    cases.extend(texts::tokens()?);
    cases.push(texts::contexts()?);
    let mut peers = Vec::new();
    if let Some(windlass) = &options.windlass {
        let program = Program::new(windlass)?;
        let bare = cases
            .iter()
            .find(|case| case["case"] == "client openai")
            .and_then(|case| case["bare_us"].as_f64());
        cases.push(program.many(count)?);
        cases.push(program.step(count, bare.unwrap_or_default())?);
        peers = compare(options, &program)?;
    }
    let (lines, goals) = windlass_testkit::goals::table(goals::GOALS, &cases);
    println!("\n{}", lines.join("\n"));
    let results = json!({
        "bench": "llm",
        "version": env!("CARGO_PKG_VERSION"),
        "cores": std::thread::available_parallelism()?.get(),
        "load": [load, clock::load()],
        "goals": goals,
        "cases": cases,
        "peers": peers,
    });
    if options.save { keep(results) } else { Ok(()) }
}

fn compare(options: &Options, program: &Program) -> Result<Vec<Value>> {
    let (Some(python), Some(script)) = (&options.python, &options.peers) else {
        println!("LangGraph: left out, there is no Python with it");
        return Ok(Vec::new());
    };
    let peer = Peer { python: std::path::absolute(python)?, script: script.canonicalize()? };
    println!();
    Ok(peer.compare(program, options.requests))
}

fn keep(mut results: Value) -> Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    results["time"] = now.into();
    let file = format!("bench/results/llm-{now}.json");
    std::fs::create_dir_all("bench/results")?;
    std::fs::write(&file, format!("{results:#}\n"))?;
    println!("\n{file}");
    Ok(())
}
