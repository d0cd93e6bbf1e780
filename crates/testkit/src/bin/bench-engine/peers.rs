//! Other engines on the same graphs, beside this one in the same minute.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::clock::median;
use crate::{Result, child};

/// The peers: the script's word, the store of Windlass that is their like, and how many steps they get. Prefect
/// asks its server about each step several times.
const PEERS: &[(&str, &str, usize)] = &[
    ("langgraph-memory", "memory", 500),
    ("langgraph-sqlite", "durable", 500),
    ("dbos-sqlite", "durable", 500),
    ("prefect", "durable", 100),
];

/// How long one peer may take for one graph. Some start servers first.
const LIMIT: Duration = Duration::from_secs(300);

/// The Python with the peers in it, and the script that runs them.
pub(crate) struct Peers {
    pub(crate) python: PathBuf,
    pub(crate) script: PathBuf,
}

impl Peers {
    /// Runs every peer on every shape, each beside Windlass, and prints a line for each. A peer that does not run is
    /// told of and left out.
    #[must_use]
    pub(crate) fn measure(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for &(peer, store, steps) in PEERS {
            for shape in ["fan", "layered", "chain"] {
                match self.compare(peer, store, shape, steps) {
                    Ok(result) => {
                        println!(
                            "{:<18} {:<9} {:<8} {:>5} steps {:>9.3} s, {:>8.3} s of processor: {:>6.0}× and {:>6.0}× of windlass",
                            peer,
                            result["version"].as_str().unwrap_or_default(),
                            shape,
                            result["steps"],
                            result["seconds"].as_f64().unwrap_or_default(),
                            result["cpu_seconds"].as_f64().unwrap_or_default(),
                            result["times_windlass"].as_f64().unwrap_or_default(),
                            result["times_windlass_cpu"].as_f64().unwrap_or_default(),
                        );
                        all.push(result);
                    }
                    Err(why) => {
                        println!("{peer} {shape}: left out: {why}");
                        break;
                    }
                }
            }
        }
        all
    }

    fn compare(&self, peer: &str, store: &str, shape: &str, steps: usize) -> Result<Value> {
        let mut theirs = self.run(peer, shape, steps)?;
        let mine: Vec<Value> =
            (0..3).map(|_| child(&format!("{store} {shape}"), steps)).collect::<Result<_>>()?;
        let number = |field: &str| median(mine.iter().filter_map(|case| case[field].as_f64()).collect());
        let (seconds, cpu) = (number("seconds"), number("cpu_seconds"));
        let ratio = |field: &str, mine: f64| theirs[field].as_f64().unwrap_or_default() / mine;
        let (wall, processor) = (ratio("seconds", seconds), ratio("cpu_seconds", cpu));
        theirs["windlass"] = json!({ "store": store, "seconds": seconds, "cpu_seconds": cpu });
        theirs["times_windlass"] = wall.into();
        theirs["times_windlass_cpu"] = processor.into();
        Ok(theirs)
    }

    fn run(&self, peer: &str, shape: &str, steps: usize) -> Result<Value> {
        let folder = tempfile::tempdir_in("target")?;
        let mut child = Command::new(&self.python)
            .arg("-B")
            .arg(&self.script)
            .args([peer, shape, &steps.to_string()])
            .env("HOME", folder.path())
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(folder.path().join("stderr"))?)
            .spawn()?;
        let begun = Instant::now();
        while child.try_wait()?.is_none() {
            if begun.elapsed() > LIMIT {
                child.kill()?;
                child.wait()?;
                return Err(format!("it took longer than {} s", LIMIT.as_secs()).into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let output = child.wait_with_output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().last().and_then(|line| serde_json::from_str(line).ok()).ok_or_else(|| {
            let said = std::fs::read_to_string(folder.path().join("stderr")).unwrap_or_default();
            said.lines().last().unwrap_or("it said nothing").to_owned().into()
        })
    }
}

/// Whether there is such a Python.
pub(crate) fn found(python: &Path) -> bool {
    Command::new(python).arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
