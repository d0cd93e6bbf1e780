//! The measurements of the program itself, from outside: how soon it is there, and how much it takes.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Result;
use crate::clock::median;

/// How often what takes milliseconds is repeated.
const OFTEN: usize = 30;

/// How many steps the live view is measured over.
const LIVE_STEPS: usize = 1_000;

/// The program in a folder of its own.
pub(crate) struct Program {
    path: PathBuf,
    folder: tempfile::TempDir,
}

/// What one call took.
struct Call {
    seconds: f64,
    /// The most memory that it was seen to have, in bytes.
    memory: u64,
}

impl Program {
    pub(crate) fn new(path: &Path) -> Result<Self> {
        let folder = tempfile::tempdir_in("target")?;
        fs::create_dir(folder.path().join(".git"))?;
        Ok(Self { path: path.canonicalize()?, folder })
    }

    /// All measurements.
    pub(crate) fn measure(&self) -> Result<Vec<Value>> {
        let mut all = vec![self.version()?, self.ten_steps()?, self.idle()?, self.plan()?];
        all.extend(self.live()?);
        Ok(all)
    }

    fn file(&self, name: &str, content: &str) -> Result<()> {
        Ok(fs::write(self.folder.path().join(name), content)?)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command.args(args);
        self.surround(&mut command);
        command
    }

    /// The surroundings of every call: nothing of the caller's own.
    fn surround(&self, command: &mut Command) {
        let home = self.folder.path().join("home");
        command
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .env("WINDLASS_HOME", home.join("state"))
            .env("TERM", "xterm-256color")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
    }

    /// How long a call takes.
    fn seconds(&self, args: &[&str]) -> Result<f64> {
        let mut command = self.command(args);
        let begun = Instant::now();
        let status = command.status()?;
        let seconds = begun.elapsed().as_secs_f64();
        if status.success() { Ok(seconds) } else { Err(format!("{command:?}: {status}").into()) }
    }

    fn version(&self) -> Result<Value> {
        let calls = (0..OFTEN).map(|_| self.seconds(&["--version"])).collect::<Result<Vec<_>>>()?;
        let least = calls.iter().copied().fold(f64::INFINITY, f64::min);
        Ok(json!({ "case": "program version", "seconds": median(calls), "least_seconds": least }))
    }

    /// Ten commands one after another, and the same commands without the program.
    fn ten_steps(&self) -> Result<Value> {
        let steps: String = (0..10).fold(String::new(), |mut text, n| {
            writeln!(text, "      - command: /bin/true\n        name: step {n}").expect("a string takes all");
            text
        });
        self.file("ten.yaml", &format!("workflow: ten\ntasks:\n  - id: all\n    steps:\n{steps}"))?;
        let (mut whole, mut own) = (Vec::new(), Vec::new());
        for _ in 0..OFTEN {
            whole.push(self.seconds(&["run", "ten.yaml", "-q"])?);
            let begun = Instant::now();
            for _ in 0..10 {
                let mut alone = Command::new("/bin/true");
                self.surround(&mut alone);
                alone.status()?;
            }
            own.push(begun.elapsed().as_secs_f64());
        }
        let (whole, own) = (median(whole), median(own));
        Ok(json!({
            "case": "program ten steps",
            "seconds": whole,
            "commands_alone_seconds": own,
            "beside_seconds": whole - own,
        }))
    }

    /// What a run takes that waits for a command.
    fn idle(&self) -> Result<Value> {
        self.file("idle.yaml", "workflow: idle\ntasks:\n  - { id: wait, run: exec sleep 8 }\n")?;
        let mut child = self.command(&["run", "idle.yaml", "--id", "idle", "-q"]).spawn()?;
        std::thread::sleep(Duration::from_secs(2));
        let (memory, own) = (status(child.id(), "VmRSS:"), status(child.id(), "RssAnon:"));
        let waits = child.try_wait()?.is_none();
        child.wait()?;
        if !waits {
            return Err("the run that was to wait for a command ended".into());
        }
        Ok(json!({ "case": "program idle", "memory_bytes": memory, "own_bytes": own }))
    }

    /// The plan of a playbook-like document over a thousand hosts.
    fn plan(&self) -> Result<Value> {
        let steps: String = (0..120).fold(String::new(), |mut text, n| {
            let step =
                format!("      - copy: {{ content: \"{{{{ inventory_hostname }}}} {n}\", dest: /tmp/{n} }}");
            writeln!(text, "{step}").expect("a string takes all");
            text
        });
        self.file(
            "wide.yaml",
            &format!("workflow: wide\ntasks:\n  - id: all\n    hosts: all\n    steps:\n{steps}"),
        )?;
        let hosts: String = (0..1_000).map(|n| format!("host{n:04} rack={}\n", n % 40)).collect();
        self.file("hosts.ini", &hosts)?;
        let calls = (0..9)
            .map(|_| watched(self.command(&["plan", "wide.yaml", "-i", "hosts.ini"])))
            .collect::<Result<Vec<_>>>()?;
        let memory = calls.iter().map(|call| call.memory).max();
        let seconds = median(calls.iter().map(|call| call.seconds).collect());
        Ok(json!({ "case": "program plan 1000x120", "seconds": seconds, "memory_bytes": memory }))
    }

    /// One graph with the live view on a terminal, and without. `script` is the terminal.
    fn live(&self) -> Result<Option<Value>> {
        if Command::new("script").arg("--version").stdout(Stdio::null()).status().is_err() {
            return Ok(None);
        }
        let tasks: String =
            (0..LIVE_STEPS).map(|n| format!("  - {{ id: t{n}, debug: {{ msg: x }} }}\n")).collect();
        self.file("many.yaml", &format!("workflow: many\ntasks:\n{tasks}"))?;
        let under = |more: &str| {
            let mut command = Command::new("script");
            let call = format!("{} run many.yaml {more}", self.path.display());
            command.args(["-qec", &call, "/dev/null"]);
            self.surround(&mut command);
            Ok::<_, Box<dyn std::error::Error>>(watched(command)?.seconds)
        };
        let (mut on, mut off) = (Vec::new(), Vec::new());
        for _ in 0..7 {
            off.push(under("-q")?);
            on.push(under("")?);
        }
        let (on, off) = (median(on), median(off));
        Ok(Some(json!({
            "case": "program live view",
            "steps": LIVE_STEPS,
            "on_seconds": on,
            "off_seconds": off,
            "slower": on / off - 1.0,
        })))
    }
}

/// Runs a command to its end and looks at its memory meanwhile. A failure is an error.
fn watched(mut command: Command) -> Result<Call> {
    let begun = Instant::now();
    let mut child: Child = command.spawn()?;
    let mut memory = 0;
    let status = loop {
        memory = memory.max(status(child.id(), "VmHWM:"));
        if let Some(status) = child.try_wait()? {
            break status;
        }
        std::thread::sleep(Duration::from_micros(300));
    };
    let seconds = begun.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("{command:?}: {status}").into());
    }
    Ok(Call { seconds, memory })
}

/// A line of what the system says of a process, in bytes; 0 where it says nothing.
fn status(process: u32, line: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let rest = text.lines().find_map(|found| found.strip_prefix(line));
    rest.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default() * 1024
}
