//! The chores of this repository, as `cargo xtask <chore>`: tests with what they need, benches, sweeps.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a chore talks to the person who runs it")]

mod bench;
mod cargo;
mod dist;
mod fuzz;
mod gate;
mod needs;
mod oracles;
mod rig;
mod soak;
mod test;

use std::process::ExitCode;

const HELP: &str = "\
The chores of this repository.

Usage: cargo xtask <CHORE>

Chores:
  test [ARGS]     install what the tests need where it is missing, then run all tests, doc tests included;
                  ARGS go to `cargo test`; with root, tests on test hosts are among them; without ARGS, the gate
                  is built as for a release, too, and weighed
  oracles         only the tests that compare with the official clients of language models and with a mock of others
  live [ARGS]     ask real services of language models one small thing each, with the keys of the environment,
                  for five cents at most; ARGS go to `cargo test`
  tidy            run only the checks of the repository itself: edges between crates, pages, files
  bench engine    measure the engine with steps that do nothing, beside its goals and other engines, which are
                  installed in target/bench-peers-engine; writes bench/results/*.json
                    --steps N      steps in each graph (default 1000000)
                    --only WORD    only the cases whose name contains WORD
                    --no-save      write no results
                    --flame        draw where the time goes instead, into target/flames
  bench fleet     compare with other tools over test hosts, in turns; installs the others in target/bench-peers
                    --hosts N,N    how many test hosts (default 1,10)
                    --work WORDS   which workloads (default ping,cmd10,file10,tmpl10)
                    --tools WORDS  which tools (default all)
                    --runs N       how many rounds (default 3)
                    --rtt MS       over a way whose round trips take so long
                    --no-save      write no results
  bench swarm     connect to many simulated hosts and run one module on each
                    --hosts N,N    how many (default 1000)
                    --chunk N,N    how many of them at once (default 10,100)
                    --runs N       how many rounds (default 3)
                    --no-save      write no results
  bench llm       measure what prompts cost, as requests and as steps of runs, beside LangGraph
                    --requests N   how many in each round (default 1000)
                    --no-save      write no results
  rig prepare     make the base of all test hosts where it is missing
  rig up N        boot N test hosts to look around in, until input ends
  rig sweep       take down test hosts whose test was killed
  soak            the long sweeps: all modules, the simulator, several processes on one store, the crash sweeps
                  with random kill times, those over test hosts after each record, then ten minutes of each fuzz target
                    --seeds N      how many seeds of the simulator (default 1000000)
                    --runs N       how many runs each process starts (default 40)
                    --kills N      how many kills (default 500)
  fuzz [TARGET…]  try hostile inputs on what reads documents, plans, records, inventories, frames and more
                    --seconds N    how long each (default 30)
                    --keep         keep the inputs that reach new code in fuzz/corpus
  dist            pack a release: the program, completions, the manual, licences, checksums
  bless           write the golden files anew: the command line's reference, diagnostics, transcripts
  help            this text
";

/// How a chore ends: a failure says why.
type Chore = Result<(), String>;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let chore = match args.as_slice() {
        [] | ["help" | "-h" | "--help", ..] => {
            print!("{HELP}");
            Ok(())
        }
        [_, .., "-h" | "--help"] => {
            print!("{HELP}");
            Ok(())
        }
        ["test", rest @ ..] => test::all(rest),
        ["tidy"] => test::tidy(),
        ["oracles"] => test::oracles(),
        ["live", rest @ ..] => test::live(rest),
        ["soak", rest @ ..] => soak::run(rest),
        ["fuzz", rest @ ..] => fuzz::run(rest),
        ["dist"] => dist::pack(),
        ["rig", "prepare"] => rig::prepare(),
        ["rig", rest @ ..] => rig::call(rest),
        ["bless"] => test::bless(),
        ["bench", "engine", rest @ ..] => bench::engine(rest),
        ["bench", "fleet", rest @ ..] => bench::fleet(rest),
        ["bench", "llm", rest @ ..] => bench::llm(rest),
        ["bench", "swarm", rest @ ..] => bench::swarm(rest),
        other => Err(format!("no chore {:?}: `cargo xtask help` lists them", other.join(" "))),
    };
    match chore {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("xtask: {why}");
            ExitCode::FAILURE
        }
    }
}
