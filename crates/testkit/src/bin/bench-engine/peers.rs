//! Other engines on the same graphs, beside this one in the same minute.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

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

/// How long one peer may take for one graph.
const LIMIT: Duration = Duration::from_secs(90);

/// The peer that asks a server, and the name under which it is told where that is.
const SERVED: (&str, &str) = ("prefect", "PREFECT_API_URL");

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
            let server = match (peer == SERVED.0).then(|| Server::start(self)).transpose() {
                Ok(server) => server,
                Err(why) => {
                    println!("{peer}: left out: {why}");
                    continue;
                }
            };
            for shape in ["fan", "layered", "chain"] {
                match self.compare(peer, server.as_ref(), store, shape, steps) {
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

    fn compare(
        &self,
        peer: &str,
        server: Option<&Server>,
        store: &str,
        shape: &str,
        steps: usize,
    ) -> Result<Value> {
        let mut theirs = self.run(peer, server, shape, steps)?;
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

    /// A call of the script that leaves nothing outside of `folder`, where its standard error goes too.
    fn script(&self, args: &[&str], folder: &TempDir) -> Result<Command> {
        let mut command = Command::new(&self.python);
        command
            .arg("-B")
            .arg(&self.script)
            .args(args)
            .env("HOME", folder.path())
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .stderr(File::create(folder.path().join("stderr"))?);
        Ok(command)
    }

    fn run(&self, peer: &str, server: Option<&Server>, shape: &str, steps: usize) -> Result<Value> {
        let folder = tempfile::tempdir_in("target")?;
        let mut call = self.script(&[peer, shape, &steps.to_string()], &folder)?;
        let mut child = call.envs(server.map(|server| (SERVED.1, &server.url))).spawn()?;
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
        let result = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
        result.ok_or_else(|| last_words(&folder).into())
    }
}

/// The last line of what a call of the script wrote to standard error.
fn last_words(folder: &TempDir) -> String {
    let said = std::fs::read_to_string(folder.path().join("stderr")).unwrap_or_default();
    said.lines().last().unwrap_or("it said nothing").to_owned()
}

/// The server that a peer asks about its steps. It serves all of the peer's graphs and ends when this is dropped, or when
/// this process ends, for its standard input ends then.
struct Server {
    child: Child,
    url: String,
    folder: TempDir,
}

impl Server {
    /// Starts it, and waits until it answers.
    fn start(peers: &Peers) -> Result<Self> {
        let folder = tempfile::tempdir_in("target")?;
        let mut child = peers.script(&["serve", SERVED.0], &folder)?.stdin(Stdio::piped()).spawn()?;
        let mut url = String::new();
        if let Some(said) = child.stdout.take() {
            BufReader::new(said).read_line(&mut url)?;
        }
        let url = url.trim().to_owned();
        let server = Self { child, url, folder };
        if server.url.is_empty() { Err(last_words(&server.folder).into()) } else { Ok(server) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It was told; that it cannot be waited for changes nothing.
        let _ = self.child.wait();
    }
}

/// Whether there is such a Python.
pub(crate) fn found(python: &Path) -> bool {
    Command::new(python).arg("--version").stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
