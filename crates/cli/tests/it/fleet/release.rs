//! The mixed document of the examples over real hosts: tests here, notes by a model under a budget, a rollout there;
//! cut off after any record, and gone on with.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;
use windlass_testkit::rig::Rig;
use windlass_testkit::{Fault, TestEnv};

use crate::e2e_support::{copy, env, lines};

const RUN: [&str; 4] = ["run", "examples/llm/release.yaml", "-i", "rig.ini"];

/// Where it is rolled out to.
const SITE: &str = "/srv/windlass-site";

/// Stands before the example's model, and counts.
const COUNTING: &str = "#!/bin/sh\necho asked >>calls\nexec ./stand-in.py\n";

fn lay_out(rig: &Rig) -> TestEnv {
    let env = env();
    copy(&env, "examples/llm");
    let example = |name: &str| env.read(&format!("examples/llm/{name}")).expect("it is an example");
    // What is in a cache would hide that a question is asked twice.
    let text = example("release.yaml").replace("/tmp/windlass-example-site", SITE);
    let text: Vec<&str> = text.lines().filter(|line| !line.contains("cache: true")).collect();
    env.file("examples/llm/stand-in.py", example("model.py")).file("examples/llm/model.py", COUNTING);
    env.file("examples/llm/release.yaml", text.join("\n"));
    for name in ["model.py", "stand-in.py"] {
        let path = env.project().join("examples/llm").join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    }
    let names: Vec<String> = rig.hosts().iter().map(|host| host.name().to_string()).collect();
    env.file("rig.ini", format!("{}\n[web]\n{}\n", rig.inventory(), names.join("\n")));
    for host in rig.hosts() {
        host.exec(&format!("rm -rf {SITE}")).success();
    }
    env
}

/// What holds however often it was cut off: the hosts have the notes, and what was paid is counted.
fn check(rig: &Rig, env: &TestEnv, after: u64) {
    for host in rig.hosts() {
        let notes = host.exec(&format!("cat {SITE}/{}/notes.txt", host.name()));
        let due = "1.4.2: Release notes: The cache is kept between builds\n";
        assert_eq!(notes.stdout(), due, "after record {after}");
    }
    let events = env.events();
    let of_notes = |word: &str| -> Vec<u64> {
        let notes = events.iter().filter(|event| event["event"] == word && event["task"] == "notes");
        notes.filter_map(|event| event["seq"].as_u64()).collect()
    };
    let (starts, ends) = (of_notes("step_started"), of_notes("step_finished"));
    assert_eq!(ends.len(), 1, "after record {after}");
    assert!(
        starts.iter().all(|start| *start < ends[0]),
        "after record {after}: asked again after its answer"
    );
    let calls = lines(env, "examples/llm/calls");
    assert!(
        (1..=starts.len()).contains(&calls),
        "after record {after}: {calls} calls in {} starts",
        starts.len()
    );
    let usage = env.state()["usage"].clone();
    let (tokens, cost) = (usage["tokens"].as_u64(), usage["cost"]["amount"].as_f64());
    let told = Some(of_one_call(env) * calls as u64);
    assert!(tokens >= told, "after record {after}: {tokens:?} tokens are counted, and {told:?} were used");
    assert!(cost.is_some_and(|cost| cost > 0.0 && cost <= 0.02), "after record {after}: {cost:?}");
}

/// How many tokens the model says that it used.
fn of_one_call(env: &TestEnv) -> u64 {
    let result = &env.state()["tasks"]["notes"]["steps"][0]["hosts"]["localhost"]["result"];
    let requests = result["requests"].as_array().cloned().unwrap_or_default();
    requests.iter().filter_map(|request: &Value| request["usage"]["tokens"].as_u64()).sum()
}

#[test]
fn the_mixed_document_is_finished_whenever_it_was_cut_off() {
    let Some(rig) = Rig::for_test(2) else { return };
    let clean = lay_out(&rig);
    clean.run(RUN).success();
    check(&rig, &clean, 0);
    assert_eq!(lines(&clean, "examples/llm/calls"), 1);
    for record in super::crashes(&clean, [2, 5, 8, 11, 14, 17, 20]) {
        let env = lay_out(&rig);
        env.call(RUN).fault(&Fault::KillAfter(record)).run().killed();
        env.run(["resume"]).success();
        check(&rig, &env, record);
    }
}
