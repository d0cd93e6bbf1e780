//! The tests: all of them, and those of the repository itself.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::cargo::{cargo, go};
use crate::{Chore, gate, needs, oracles, rig};

/// Installs what the tests need and passes them. A run without a single test is a failure: it shows nothing.
pub(crate) fn all(args: &[&str]) -> Chore {
    needs::install()?;
    let begun = Instant::now();
    let (hosts, oracles) = (rig::prepare(), oracles::prepare());
    let mut tests = cargo();
    tests.args(["test", "--workspace", "--no-fail-fast"]).args(args);
    if hosts.is_ok() {
        tests.env(rig::ASKED, "1");
    }
    if let Ok(folder) = &oracles {
        tests.env(oracles::ASKED, folder).env(oracles::ANSIBLE, folder.join("venv/bin/ansible"));
    }
    let passed = counted(&mut tests);
    // Last, where it is read.
    if let Err(why) = hosts {
        eprintln!("xtask: TESTS ON TEST HOSTS WERE NOT RUN: {why}");
    }
    if let Err(why) = oracles {
        eprintln!(
            "xtask: TESTS WITH ANSIBLE AND THE OFFICIAL CLIENTS OF LANGUAGE MODELS WERE NOT RUN: {why}"
        );
    }
    let weighed = if args.is_empty() { gate::weigh() } else { Ok(()) };
    let passed = passed?;
    if passed == 0 {
        return Err("no test ran".into());
    }
    println!("xtask: {passed} tests passed in {} s", begun.elapsed().as_secs());
    weighed
}

/// Runs the checks of the repository itself.
pub(crate) fn tidy() -> Chore {
    go(cargo().args(["test", "--quiet", "--package", "windlass-testkit", "--test", "it", "tidy"]))
}

/// Runs the tests that compare with what others wrote.
pub(crate) fn oracles() -> Chore {
    let folder = oracles::prepare()?;
    go(cargo()
        .args(["test", "--package", "windlass-llm", "--test", "it", "oracles"])
        .env(oracles::ASKED, folder))
}

/// Asks real services. What they answer costs money, though little.
pub(crate) fn live(args: &[&str]) -> Chore {
    go(cargo()
        .args(["test", "--package", "windlass-llm", "--test", "it", "live"])
        .args(args)
        .args(["--", "--nocapture"])
        .env("WINDLASS_LIVE", "1"))
}

/// Runs the tests that compare with stored files in the mode in which they write them.
pub(crate) fn bless() -> Chore {
    go(cargo().args(["test", "--workspace", "--no-fail-fast"]).env("WINDLASS_BLESS", "1").env("BLESS", "1"))
}

/// Runs a test command, shows what it says, and counts the tests that passed.
fn counted(command: &mut Command) -> Result<u64, String> {
    let failed = |error: std::io::Error| format!("cargo test: {error}");
    let mut child = command.stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut passed = 0;
    for line in BufReader::new(child.stdout.take().expect("it is piped")).lines() {
        let line = line.map_err(failed)?;
        passed += passed_in(&line);
        println!("{line}");
    }
    let status = child.wait().map_err(failed)?;
    if status.success() { Ok(passed) } else { Err(format!("some tests failed ({status})")) }
}

/// `test result: ok. 12 passed; 0 failed; …` has 12.
fn passed_in(line: &str) -> u64 {
    let Some(rest) = line.strip_prefix("test result: ok. ") else { return 0 };
    rest.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::passed_in;

    #[test]
    fn passed_tests_are_counted_where_a_result_says_so() {
        assert_eq!(passed_in("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured"), 12);
        assert_eq!(passed_in("test result: FAILED. 12 passed; 3 failed"), 0);
        assert_eq!(passed_in("test tests::it_is_ok ... ok"), 0);
    }
}
