//! The program as its users have it: the real binary, its streams, its exit status.

mod budget;
mod documents;
mod e2e_cleanup;
mod e2e_crash;
mod e2e_determinism;
mod e2e_docs;
mod e2e_graphs;
mod e2e_limits;
mod e2e_process;
mod e2e_quickstart;
mod e2e_secrets;
mod e2e_signals;
mod e2e_support;
mod e2e_sweeps;
mod fleet;
mod foreseen;
mod hosts;
mod inventory;
mod kept;
mod lookups;
mod many_processes;
mod models;
mod portable;
mod prompts;
mod reference;
mod rounds;
mod runs;
mod saved_plans;
mod swarm;
mod undo;
mod usage;
mod watching;
mod workflow_json;

use windlass_testkit::TestEnv;

/// An environment for the program.
fn env() -> TestEnv {
    TestEnv::new(env!("CARGO_BIN_EXE_windlass"))
}

/// A workflow that fails once and succeeds when it is resumed after `fixed` was written.
const FAILS_ONCE: &str = r#"
workflow: release
tasks:
  - id: compile
    run: echo compiled >> log
    outputs: { word: "{{ stdout | trim }}" }
  - id: test
    needs: [compile]
    run: seq 1 30 >&2; test -e fixed
  - id: ship
    needs: [test]
    steps:
      - copy: { content: "shipped\n", dest: shipped.txt }
"#;
