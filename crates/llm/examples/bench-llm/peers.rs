//! LangGraph on the same graph with the same model, beside this program in the same minute.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::program::{Program, fan, prompts};
use crate::server::serve;
use crate::{DELAY, Result, THREADS};

/// The Python with the peer in it, and the script that runs it.
pub(crate) struct Peer {
    pub(crate) python: PathBuf,
    pub(crate) script: PathBuf,
}

impl Peer {
    /// Runs so many prompts with the journal in memory and on the disk, against a server that takes its time and one
    /// that does not. What does not run is told of and left out.
    pub(crate) fn compare(&self, program: &Program, count: usize) -> Vec<Value> {
        let mut all = Vec::new();
        for store in ["memory", "sqlite"] {
            for delay in [DELAY, Duration::ZERO] {
                match self.one(program, store, delay, count) {
                    Ok(result) => all.push(result),
                    Err(why) => println!("langgraph {store}: left out: {why}"),
                }
            }
        }
        all
    }

    fn one(&self, program: &Program, store: &str, delay: Duration, count: usize) -> Result<Value> {
        let url = serve("openai", delay)?;
        let mut theirs = self.run(store, &url, count)?;
        let mine = program.run(&fan(&prompts(count), &url))?;
        let number = |field: &str| theirs[field].as_f64().unwrap_or_default();
        let (seconds, cpu) = (number("seconds"), number("cpu_seconds"));
        let (wall, processor) = (seconds / mine.wall, cpu / mine.cpu);
        println!(
            "langgraph {} {store:<6} {count} prompts, {delay:?} each: {seconds:.2} s, {cpu:.2} s of processor: \
             {wall:.1} × and {processor:.1} × of windlass on disk",
            theirs["version"].as_str().unwrap_or_default()
        );
        theirs["delay_ms"] = json!(delay.as_millis() as u64);
        theirs["windlass"] = json!({ "store": "durable", "seconds": mine.wall, "cpu_seconds": mine.cpu });
        theirs["times_windlass"] = wall.into();
        theirs["times_windlass_cpu"] = processor.into();
        Ok(theirs)
    }

    fn run(&self, store: &str, url: &str, count: usize) -> Result<Value> {
        let folder = tempfile::tempdir_in("target")?;
        let output = Command::new(&self.python)
            .arg("-B")
            .arg(&self.script)
            .args([store, url, &count.to_string(), &THREADS.to_string()])
            .env("HOME", folder.path())
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().last().and_then(|line| serde_json::from_str(line).ok()).ok_or_else(|| {
            let said = String::from_utf8_lossy(&output.stderr);
            said.lines().last().unwrap_or("it said nothing").to_owned().into()
        })
    }
}
