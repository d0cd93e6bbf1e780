//! Runs in files: carried elsewhere, shown once more, traced, copied; and stores put right.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use windlass_testkit::{Fault, TestEnv};

use super::{FAILS_ONCE, env};

/// A retry, a loop, a long output, a skipped step and a secret, beside each other and in a row.
const RICH: &str = r#"
workflow: rich
secrets: { token: { env: TOKEN } }
tasks:
  - id: flaky
    run: "test -e again || { touch again; exit 1; }"
    retry: { max_attempts: 3, initial_delay: 10ms, errors: any }
  - id: each
    steps:
      - { name: list, loop: [x, y, z], run: "echo {{ item }}" }
  - id: long
    run: seq 1 180000
  - id: secret
    environment: { T: "{{ secrets.token }}" }
    run: "echo the token is $T"
  - id: last
    needs: [flaky, each, long, secret]
    steps:
      - { name: never, when: "1 == 2", run: "true" }
      - { name: done, run: "true" }
"#;

const SECRET: &str = "s3cret-hunter2-token";

fn rich() -> TestEnv {
    let env = env().var("TOKEN", SECRET);
    env.file("a.yaml", RICH);
    env.run(["run", "a.yaml", "--id", "rich"]).success();
    env
}

fn whole(env: &TestEnv, id: &str) -> Value {
    let mut shown = env.run(["runs", "show", id, "--json"]).success().json();
    shown["run_id"] = Value::Null;
    shown
}

#[test]
fn a_run_is_carried_to_another_store_and_looks_the_same_there() {
    let (there, here) = (rich(), env());
    there.run(["runs", "export", "rich", "-o", "rich.run"]).success().says("wrote run rich");
    let file = there.read("rich.run").expect("it was written");
    here.file("rich.run", &file);
    let told = here.run(["runs", "import", "rich.run", "--as", "monday", "--json"]).success().json();
    assert_eq!((&told["run_id"], &told["was"]), (&json!("monday"), &json!("rich")));
    assert_eq!(
        (&told["outputs"], &told["lost"], &told["state"]),
        (&json!(1), &json!(0), &json!("completed"))
    );
    assert_eq!(whole(&here, "monday"), whole(&there, "rich"));
    let logs = |env: &TestEnv, id: &str| env.run(["runs", "logs", id]).success().stdout();
    let said = logs(&here, "monday");
    assert_eq!(said, logs(&there, "rich"));
    assert!(said.contains("long/run │ 180000\n"), "outputs are whole");
    here.run(["runs", "list"]).success();
    assert_eq!(here.run(["runs", "list", "--json"]).json()[0]["imported"], true);
    assert!(here.run(["runs", "show", "monday"]).stdout().contains("imported: it was run rich"));
    here.run(["runs", "import", "rich.run", "--as", "monday"]).status(1).says("WL0705");
    here.run(["runs", "import", "rich.run", "--as", "latest"]).status(1).says("WL0901");
}

#[test]
fn no_secret_is_in_an_exported_run_or_a_trace() {
    let env = rich();
    env.run(["runs", "export", "rich", "-o", "rich.run"]).success();
    env.run(["runs", "trace", "rich", "-o", "trace.json"]).success();
    for name in ["rich.run", "trace.json"] {
        let text = env.read(name).expect("it was written");
        assert!(!text.contains(SECRET), "{name}");
    }
    assert!(env.read("rich.run").expect("it was written").contains("the token is"), "what was said is there");
}

#[test]
fn a_pipe_carries_a_run_too() {
    let (there, here) = (rich(), env());
    let file = there.run(["runs", "export", "rich"]).success().stdout();
    here.file("rich.run", &file);
    here.call(["runs", "import", "-"]).after_shell("exec < rich.run").run().success();
    assert_eq!(here.run(["runs", "export", "rich"]).success().stdout().lines().count(), file.lines().count());
    there.run(["runs", "export", "rich", "--json"]).status(1).says("WL0901").says("-o");
}

#[test]
fn nobody_goes_on_with_an_imported_run() {
    let (there, here) = (env(), env());
    there.file("a.yaml", FAILS_ONCE);
    there.run(["run", "a.yaml", "--id", "r"]).status(1);
    there.run(["runs", "export", "r", "-o", "r.run"]).success();
    here.file("r.run", there.read("r.run").expect("it was written"));
    here.run(["runs", "import", "r.run"]).success();
    here.run(["resume", "r"]).status(1).says("WL0733").says("was imported");
    here.run(["runs", "abort", "r"]).status(1).says("WL0733");
    here.run(["runs", "undo", "r"]).status(1).says("WL0733");
    let shown = here.run(["runs", "replay", "r", "--instant"]).success().stdout();
    assert!(shown.contains("failed") && !shown.contains("resume"), "{shown}");
    here.run(["resume"]).success().says("nothing to resume");
    here.run(["doctor"]).success();
    assert!(!here.has("log"), "nothing was run here");
}

#[test]
fn a_damaged_file_is_refused_with_its_line() {
    let (there, here) = (rich(), env());
    there.run(["runs", "export", "rich", "-o", "rich.run"]).success();
    let file = there.read("rich.run").expect("it was written");
    here.file("cut", &file[..file.len() / 2]).file("other", "a: 1\n");
    here.run(["runs", "import", "cut"]).status(1).says("WL0730").says("line ");
    here.run(["runs", "import", "other"]).status(1).says("WL0730").says("line 1");
    here.run(["runs", "import", "nowhere"]).status(1).says("WL0906");
    assert_eq!(here.run(["runs", "list", "--json"]).json(), json!([]));
}

#[test]
fn a_replay_at_once_says_what_the_run_said() {
    let env = env();
    env.file("a.yaml", FAILS_ONCE);
    for (id, code) in [("one", 1), ("two", 0)] {
        let ran = env.run(["run", "a.yaml", "--id", id]);
        ran.status(code);
        let again = env.run(["runs", "replay", id, "--instant"]);
        again.success();
        assert_eq!((again.stdout(), again.stderr()), (ran.stdout(), ran.stderr()), "{id}");
        env.file("fixed", "");
    }
    let events = |args: &[&str]| env.run(args.iter().copied()).json_lines();
    assert_eq!(
        events(&["runs", "replay", "two", "--instant", "--events", "-q"]),
        events(&["runs", "events", "two", "--events"])
    );
    assert_eq!(env.run(["runs", "replay", "two", "--instant", "--json", "-q"]).json()["state"], "completed");
}

#[test]
fn a_replay_takes_as_long_as_it_is_told_and_leaves_out_when_nobody_drove() {
    let env = env();
    env.file("a.yaml", "workflow: x\ntasks: [{ id: nap, run: sleep 2; test -e fixed }]\n");
    env.run(["run", "a.yaml", "--id", "nap-again"]).status(1);
    std::thread::sleep(Duration::from_secs(3));
    env.file("fixed", "");
    env.run(["resume", "nap-again"]).success();
    let took = |args: &[&str]| {
        let begun = Instant::now();
        env.run(args.iter().copied()).success();
        begun.elapsed()
    };
    let slow = took(&["runs", "replay", "nap-again"]);
    assert!(slow >= Duration::from_secs(4), "both naps are shown: {slow:?}");
    let fast = took(&["runs", "replay", "nap-again", "--speed", "100"]);
    assert!(fast * 2 < slow, "{fast:?} is not much less than {slow:?}");
    env.run(["runs", "replay", "nap-again", "--speed", "0"]).status(1).says("between 0.001");
}

#[test]
fn a_trace_has_a_slice_for_each_attempt() {
    let env = rich();
    env.run(["runs", "trace", "rich", "-o", "trace.json"]).success().says("perfetto");
    let text = env.read("trace.json").expect("it was written");
    let trace: Vec<Value> = serde_json::from_str(&text).expect("a JSON array");
    let mut open: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    let mut slices = Vec::new();
    for event in &trace {
        let track = event["tid"].as_u64().expect("a track");
        match event["ph"].as_str().expect("a phase") {
            "B" => {
                let name = event["name"].as_str().expect("a name");
                open.entry(track).or_default().push(name);
                slices.push(open[&track].join(" > "));
            }
            "E" => drop(open.entry(track).or_default().pop().expect("it began")),
            _ => {}
        }
    }
    assert!(open.values().all(Vec::is_empty), "{open:?}");
    for wanted in ["run", "flaky > run", "flaky > run (attempt 2)", "each > list > list [2]", "last > done"] {
        assert!(slices.iter().any(|slice| slice == wanted), "{wanted} is not in {slices:?}");
    }
    let tracks = trace.iter().filter(|event| event["name"] == "thread_name").count();
    assert_eq!(tracks, 6, "the run and five tasks");
    let piped: Value = env.run(["runs", "trace", "rich"]).success().json();
    assert_eq!(piped.as_array().map(Vec::len), Some(trace.len()));
}

#[test]
fn a_backup_is_a_state_folder() {
    let env = rich();
    let folder = env.root().join("copy");
    let args = ["runs", "backup", folder.to_str().expect("text")];
    env.run(args).success().says("copied 1 runs");
    env.run(args).status(1).says("WL0734");
    let before = whole(&env, "rich");
    let state = env.state_folder();
    std::fs::remove_dir_all(&state).expect("removed");
    std::fs::rename(&folder, &state).expect("moved");
    assert_eq!(whole(&env, "rich"), before);
    env.run(["doctor"]).success();
}

#[test]
fn the_doctor_puts_right_what_a_killed_run_left() {
    let env = env();
    env.file("a.yaml", FAILS_ONCE).file("fixed", "");
    env.call(["run", "a.yaml", "--id", "r"]).fault(&Fault::KillAfter(4)).run().killed();
    let found = |args: &[&str]| {
        let checks = env.run(args.iter().copied()).json();
        let of = |name: &str| {
            let all = checks["checks"].as_array().expect("a list").iter();
            all.filter(|check| check["check"] == name)
                .map(|check| check["found"].to_string())
                .collect::<String>()
        };
        of("store")
    };
    assert!(found(&["doctor", "--json"]).contains("leases are of drivers that died"));
    std::fs::write(env.state_folder().join("runs/r/run_state.json"), "{\"sta").expect("torn");
    assert!(found(&["doctor", "--json"]).contains("torn, or not what the journal has"));
    assert!(found(&["doctor", "--repair", "--json"]).contains("whole"));
    let text = std::fs::read(env.state_folder().join("runs/r/run_state.json")).expect("it is there");
    serde_json::from_slice::<Value>(&text).expect("whole again");
    env.run(["resume", "r"]).success();
}
