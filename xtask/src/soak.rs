//! The long sweeps, in release builds: a slow program has fewer moments in which it can be hit.

use crate::cargo::{cargo, go};
use crate::{Chore, fuzz, rig};

/// How many random runs of modules are foreseen in check mode and then done.
const FORECASTS: u64 = 10_000;

/// How much of everything there is to be.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    seeds: u64,
    kills: u64,
    runs: u64,
}

/// Runs the sweeps over all modules, the simulator, the crash sweeps, several processes on one store, and the fuzz targets, for long.
pub(crate) fn run(args: &[&str]) -> Chore {
    let Wanted { seeds, kills, runs } = read(args)?;
    let sweep = |package: &str, target: &[&str], test: &str, variable: &str, count: u64| {
        println!("xtask: {test}, {count} times");
        go(cargo()
            .args(["test", "--release", "--package", package])
            .args(target)
            .args([test, "--", "--nocapture"])
            .env(variable, count.to_string()))
    };
    sweep("windlass-gate", &["--test", "it"], "everywhere", "WINDLASS_SEEDS", 1)?;
    sweep("windlass-gate", &["--test", "it"], "forecast", "WINDLASS_SEEDS", FORECASTS)?;
    sweep("windlass-engine", &["--lib"], "dispatch::sim", "WINDLASS_SEEDS", seeds)?;
    sweep("windlass-cli", &["--test", "it"], "many_processes", "WINDLASS_SOAK_RUNS", runs)?;
    sweep("windlass-cli", &["--test", "it"], "e2e_crash", "WINDLASS_SOAK_KILLS", kills)?;
    over_hosts()?;
    fuzz::soak()
}

/// The rollouts over test hosts, cut off after each of their records.
fn over_hosts() -> Chore {
    if let Err(why) = rig::prepare() {
        eprintln!("xtask: TEST HOSTS CANNOT BE HAD, AND THE SWEEP OVER THEM WAS LEFT OUT: {why}");
        return Ok(());
    }
    go(cargo()
        .args(["test", "--release", "--package", "windlass-cli", "--test", "it", "fleet::"])
        .args(["--", "--nocapture"])
        .env("WINDLASS_SOAK_KILLS", "1")
        .env(rig::ASKED, "1"))
}

fn read(args: &[&str]) -> Result<Wanted, String> {
    let mut wanted = Wanted { seeds: 1_000_000, kills: 500, runs: 40 };
    for pair in args.chunks(2) {
        let &[name, number] = pair else { return Err(format!("{} needs a number", pair[0])) };
        let place = match name {
            "--seeds" => &mut wanted.seeds,
            "--kills" => &mut wanted.kills,
            "--runs" => &mut wanted.runs,
            other => return Err(format!("soak has no option {other:?}: there are --seeds, --kills, --runs")),
        };
        let count = number.replace('_', "").parse().ok().filter(|count| *count > 0);
        *place = count.ok_or_else(|| format!("{name} needs a whole number above zero, not {number:?}"))?;
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sweep_has_a_number() {
        assert_eq!(read(&[]), Ok(Wanted { seeds: 1_000_000, kills: 500, runs: 40 }));
        let some = read(&["--runs", "2", "--seeds", "20_000"]);
        assert_eq!(some, Ok(Wanted { seeds: 20_000, kills: 500, runs: 2 }));
        for bad in [&["--seeds"][..], &["--seeds", "0"], &["--seeds", "x"], &["--seed", "1"]] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }
}
