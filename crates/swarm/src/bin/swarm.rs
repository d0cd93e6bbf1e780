//! Simulated hosts by hand: `swarm N` prints an inventory of N of them, keeps them until its input ends, and says
//! then what they have seen.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the person who runs it")]

use std::process::ExitCode;
use std::time::Duration;

use windlass_swarm::Swarm;

fn main() -> ExitCode {
    let Some(count) = std::env::args().nth(1).and_then(|word| word.parse().ok()) else {
        eprintln!("Usage: swarm N     N simulated hosts, until input ends");
        return ExitCode::from(2);
    };
    match Swarm::start(count, Duration::ZERO) {
        Ok(swarm) => {
            println!("{}", swarm.inventory());
            std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
            eprintln!("{:?}", swarm.seen());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("swarm: {error}");
            ExitCode::FAILURE
        }
    }
}
