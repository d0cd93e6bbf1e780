//! The fuzz targets of `fuzz/`: built with instrumentation, and each run for some time.

use std::collections::VecDeque;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use crate::cargo::{cargo, go, host, root, target};
use crate::{Chore, needs};

/// The targets, the slowest first.
const TARGETS: &[&str] =
    &["document", "expression", "records", "plan", "inventory", "frames", "reply", "ssh", "duration"];

/// What libFuzzer needs of the compiler: counters of edges, and what is compared with what. The sanitizers
/// would need an unstable compiler, and find what safe code cannot do.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
                     -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                     -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";

/// The most memory that a target may ever have taken, in megabytes.
const MEMORY_MB: u32 = 512;

/// The most seconds for one input.
const TIMEOUT_S: u32 = 10;

/// How long each target runs in a soak, in seconds.
const SOAK_S: u32 = 600;

/// What was asked for.
struct Wanted<'a> {
    targets: Vec<&'a str>,
    seconds: u32,
    keep: bool,
}

/// Runs targets: all of them, or those named.
pub(crate) fn run(args: &[&str]) -> Chore {
    let wanted = read(args)?;
    needs::programs(&[("c++", "g++")])?;
    build()?;
    let left = Mutex::new(VecDeque::from(wanted.targets.clone()));
    let lanes = thread::available_parallelism().map_or(1, usize::from).min(wanted.targets.len());
    let work = || {
        let next = || left.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let mut failed = Vec::new();
        while let Some(name) = next() {
            failed.extend(Target(name).run(wanted.seconds).err());
        }
        failed
    };
    let failed: Vec<String> = thread::scope(|scope| {
        let lanes: Vec<_> = (0..lanes).map(|_| scope.spawn(work)).collect();
        lanes.into_iter().flat_map(|lane| lane.join().expect("a lane does not panic")).collect()
    });
    if !failed.is_empty() {
        return Err(failed.join("\n"));
    }
    if wanted.keep { wanted.targets.iter().try_for_each(|name| Target(name).keep()) } else { Ok(()) }
}

/// Runs every target for as long as a soak takes.
pub(crate) fn soak() -> Chore {
    run(&["--seconds", &SOAK_S.to_string()])
}

fn read<'a>(args: &[&'a str]) -> Result<Wanted<'a>, String> {
    let mut wanted = Wanted { targets: Vec::new(), seconds: 30, keep: false };
    let mut args = args.iter();
    while let Some(&arg) = args.next() {
        match arg {
            "--keep" => wanted.keep = true,
            "--seconds" => {
                let number = args.next().and_then(|number| number.parse().ok()).filter(|n| *n > 0);
                wanted.seconds = number.ok_or("--seconds takes a whole number above zero")?;
            }
            name if TARGETS.contains(&name) => wanted.targets.push(name),
            other => return Err(format!("no target {other:?}: there are {}", TARGETS.join(", "))),
        }
    }
    if wanted.targets.is_empty() {
        wanted.targets = TARGETS.to_vec();
    }
    Ok(wanted)
}

/// Where the targets are built, and what they find is kept.
fn folder() -> PathBuf {
    target().join("fuzz")
}

fn build() -> Chore {
    println!("xtask: building the fuzz targets");
    take_lock()?;
    go(cargo()
        .current_dir(root().join("fuzz"))
        .args(["build", "--release", "--quiet", "--target", &host()?, "--target-dir"])
        .arg(folder())
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .env("RUSTFLAGS", FLAGS))
}

/// Gives the targets the versions that the program is built with. What is fuzzed is what is shipped, and no
/// second lock file grows old.
fn take_lock() -> Chore {
    let (ours, seen) = (root().join("Cargo.lock"), folder().join("program.lock"));
    let failed = |error: std::io::Error| format!("{}: {error}", ours.display());
    let text = fs::read(&ours).map_err(failed)?;
    let theirs = root().join("fuzz/Cargo.lock");
    if theirs.exists() && fs::read(&seen).is_ok_and(|seen| seen == text) {
        return Ok(());
    }
    fs::create_dir_all(folder()).map_err(failed)?;
    fs::write(theirs, &text).and_then(|()| fs::write(seen, &text)).map_err(failed)
}

/// One target, by its name.
#[derive(Clone, Copy)]
struct Target<'a>(&'a str);

impl Target<'_> {
    /// Runs it from the kept inputs and from what earlier runs on this machine found.
    fn run(self, seconds: u32) -> Chore {
        let name = self.0;
        let (found, broken) = (self.made("corpus")?, self.made("artifacts")?);
        let log = folder().join(format!("{name}.log"));
        let failed = |error: std::io::Error| format!("{}: {error}", log.display());
        let out = fs::File::create(&log).map_err(failed)?;
        let status = self
            .command()?
            .args([&found, &self.kept()])
            .arg(format!("-max_total_time={seconds}"))
            .arg(format!("-rss_limit_mb={MEMORY_MB}"))
            .arg(format!("-timeout={TIMEOUT_S}"))
            .arg(format!("-dict={}", root().join(format!("fuzz/dictionaries/{name}.dict")).display()))
            .arg(format!("-artifact_prefix={}/", broken.display()))
            .arg("-print_final_stats=1")
            .stdout(out.try_clone().map_err(failed)?)
            .stderr(out)
            .status()
            .map_err(failed)?;
        let text = String::from_utf8_lossy(&fs::read(&log).map_err(failed)?).into_owned();
        let inputs = number(&text, "stat::number_of_executed_units:");
        let memory = number(&text, "stat::peak_rss_mb:");
        if !status.success() || inputs == 0 {
            let broken = broken.display();
            return Err(format!("{}\nfuzz {name}: {status}; the input lies in {broken}", tail(&text)));
        }
        println!("xtask: fuzz {name}: {inputs} inputs in {seconds} s, at most {memory} MB");
        Ok(())
    }

    /// Takes the inputs that reach what no kept one reaches into the repository.
    fn keep(self) -> Chore {
        let few = ["-merge=1", "-set_cover_merge=1", "-use_counters=0", "-use_cmp=0", "-max_len=4096"];
        let (found, kept) = (self.made("corpus")?, self.kept());
        go(self.command()?.args(few).args([kept, found]).stdout(Stdio::null()).stderr(Stdio::null()))
    }

    fn command(self) -> Result<Command, String> {
        Ok(Command::new(folder().join(host()?).join("release").join(self.0)))
    }

    /// The inputs that the repository keeps.
    fn kept(self) -> PathBuf {
        root().join("fuzz/corpus").join(self.0)
    }

    /// A folder of the target's own, made where it is missing.
    fn made(self, what: &str) -> Result<PathBuf, String> {
        let path = folder().join(what).join(self.0);
        fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(path)
    }
}

/// The number after a word at the beginning of a line; 0 where there is none.
fn number(text: &str, word: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(word));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

/// The end of a log, from the panic on where there is one.
fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let panicked = lines.iter().position(|line| line.contains("panicked at"));
    let from = panicked.unwrap_or(lines.len().saturating_sub(30));
    lines[from..].iter().take(30).copied().collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_targets_and_options() {
        let wanted = read(&[]).expect("nothing is needed");
        assert_eq!((wanted.targets.as_slice(), wanted.seconds, wanted.keep), (TARGETS, 30, false));
        let wanted = read(&["plan", "--seconds", "5", "--keep", "records"]).expect("they are good");
        assert_eq!((wanted.targets, wanted.seconds, wanted.keep), (vec!["plan", "records"], 5, true));
        for bad in [&["plans"][..], &["--seconds"], &["--seconds", "x"], &["--seconds", "0"]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn every_target_has_inputs_and_words() {
        for name in TARGETS {
            let inputs = fs::read_dir(Target(name).kept()).expect("the folder is there").count();
            assert!(inputs >= 5, "{name}: {inputs} kept inputs");
            for file in [format!("fuzz_targets/{name}.rs"), format!("dictionaries/{name}.dict")] {
                assert!(root().join("fuzz").join(&file).is_file(), "{file}");
            }
        }
        let files = fs::read_dir(root().join("fuzz/fuzz_targets")).expect("the folder is there").count();
        assert_eq!(files, TARGETS.len());
    }

    #[test]
    fn statistics_are_read_and_a_panic_is_shown() {
        let text = "INFO: x\nthread panicked at src/a.rs\nwhy\nstat::peak_rss_mb:   40\n";
        assert_eq!((number(text, "stat::peak_rss_mb:"), number(text, "stat::none:")), (40, 0));
        assert!(tail(text).starts_with("thread panicked"));
    }
}
