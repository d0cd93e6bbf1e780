//! Check mode over several steps: it says of each what the real run then says, and touches nothing.

use std::{collections::BTreeMap, path::Path};

use proptest::prelude::*;
use serde_json::{Value, json};
use windlass_gate::{Args, Forecast, Part, Reply, find};

use crate::calls::{Thing, calls, name, pack, picture, plant, thing, under};

type Call = (&'static str, Value);

/// Modules that only look, and calls that need more than one step to be right.
fn looks() -> impl Strategy<Value = Call> {
    let find =
        json!({"paths": ".", "recurse": true, "file_type": "any", "hidden": true, "get_checksum": true});
    prop_oneof![
        (name(), any::<bool>()).prop_map(|(path, follow)| ("stat", json!({"path": path, "follow": follow}))),
        name().prop_map(|path| ("slurp", json!({"src": path}))),
        Just(("find", find)),
        (name(), 0..3u32).prop_map(|(path, uid)| (
            "file",
            json!({"path": path, "owner": uid.to_string(), "group": "daemon"})
        )),
        name().prop_map(|path| ("file", json!({"path": path, "mode": "g+s"}))),
        (name(), name()).prop_map(|(creates, path)| (
            "command",
            json!({"cmd": format!("true {path}"), "creates": creates})
        )),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Call>> {
    (calls(), prop::collection::vec((looks(), any::<prop::sample::Index>()), 0..6)).prop_map(
        |(mut calls, looks)| {
            for (look, at) in looks {
                calls.insert(at.index(calls.len() + 1), look);
            }
            calls
        },
    )
}

/// What is to be the same of a result: all but what only the moment decides.
fn told(module: &str, done: Result<Reply, String>) -> Value {
    let reply = match done {
        Ok(reply) => reply,
        Err(error) => return json!({"error": error}),
    };
    let mut value = reply.to_json();
    scrub(module, &mut value);
    value
}

fn scrub(module: &str, value: &mut Value) {
    // Archives have the times of what is in them.
    let packed = ["checksum", "size", "md5sum"];
    let moment = ["atime", "mtime", "ctime", "inode", "dev", "device_type", "blocks", "block_size", "nlink"];
    match value {
        Value::Object(map) => {
            let folder = map.get("state").is_some_and(|state| state == "directory")
                || map.get("isdir") == Some(&true.into());
            let archive = module == "archive"
                || map
                    .get("path")
                    .is_some_and(|path| path.as_str().is_some_and(|path| path.ends_with("pack")));
            map.retain(|name, _| {
                let name = name.as_str();
                let apart = moment.contains(&name) || name.starts_with("backup");
                let packed = packed.contains(&name) || name == "diff";
                !(apart || folder && name == "size" || archive && packed)
            });
            map.values_mut().for_each(|value| scrub(module, value));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| scrub(module, item)),
        Value::String(text) => {
            // The names of backups have a time in them.
            if text.ends_with('~') {
                text.truncate(0);
            }
            *text = text.replace("Would not run", "Did not run");
        }
        _ => {}
    }
}

fn call(root: &Path, forecast: Option<&Forecast>, (module, params): &Call) -> Value {
    let found = find(module).unwrap();
    let args = Args::check(found.spec(), params.clone()).unwrap();
    let done = under(root, forecast, |cx| windlass_gate::run(found, &args, cx));
    told(module, done.map_err(|error| error.to_string()))
}

/// What processes of one host foresaw, as they tell one another of it.
#[derive(Default)]
struct Told(BTreeMap<String, Value>);

impl Told {
    /// One that knows all of it and nothing else.
    fn forecast(&self) -> Forecast {
        let forecast = Forecast::new();
        forecast.learn(self.0.values().map(|part| serde_json::from_value::<Part>(part.clone()).unwrap()));
        forecast
    }

    fn hear(&mut self, forecast: &Forecast) {
        let parts = forecast.untold().into_iter();
        self.0.extend(parts.map(|part| (part.key(), serde_json::to_value(part).unwrap())));
    }
}

/// What is foreseen of steps that are each done by another process.
fn apart(root: &Path, calls: &[Call]) -> Vec<Value> {
    let mut told = Told::default();
    let mut one = |step| {
        let forecast = told.forecast();
        let said = call(root, Some(&forecast), step);
        told.hear(&forecast);
        said
    };
    calls.iter().map(&mut one).collect()
}

/// The first step of which something else was said than came of it.
fn differs(things: &[(String, Thing)], calls: &[Call]) -> Option<String> {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    things.iter().for_each(|(name, thing)| plant(root, name, thing));
    pack(root);
    let (before, forecast) = (picture(root), Forecast::new());
    let foreseen: Vec<Value> = calls.iter().map(|step| call(root, Some(&forecast), step)).collect();
    let others = apart(root, calls);
    if let Some(at) = (0..calls.len()).find(|at| others[*at] != foreseen[*at]) {
        let (one, other) = (&foreseen[at], &others[at]);
        return Some(format!("step {at} {:?}\nin one process {one:#}\nin others {other:#}", calls[at]));
    }
    if before != picture(root) {
        return Some("check mode wrote".into());
    }
    calls.iter().zip(foreseen).enumerate().find_map(|(at, (step, foreseen))| {
        let done = call(root, None, step);
        // Of a command that would run, nothing is known but that, and what fails after it may fail by it.
        if foreseen["unknown"] == true && (done["error"].is_string() || done["failed"] == true)
            || step.0 == "command" && done["changed"] == true
        {
            return None;
        }
        (done != foreseen).then(|| format!("step {at} {step:?}\nforeseen {foreseen:#}\ndone {done:#}"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn check_mode_says_of_many_steps_what_they_do(
        things in prop::collection::vec((name(), thing()), 0..10),
        calls in steps(),
    ) {
        // What differs once may do so since the second changed between two steps.
        let differs = differs(&things, &calls).and_then(|_| differs(&things, &calls));
        prop_assert!(differs.is_none(), "{}", differs.unwrap_or_default());
    }
}

/// How many random runs are tried: more by `cargo xtask soak`.
fn cases() -> u32 {
    std::env::var("WINDLASS_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(100)
}

#[test]
fn another_user_learns_no_content_that_it_could_not_read() {
    let dir = tempfile::tempdir().unwrap();
    let forecast = Forecast::new();
    for (name, mode) in [("open", "0644"), ("hidden", "0600")] {
        let params = json!({"dest": name, "content": format!("what is {name}"), "mode": mode});
        call(dir.path(), Some(&forecast), &("copy", params));
    }
    let parts = forecast.untold();
    let told = |uid| {
        let shown: Vec<Part> = parts.iter().map(|part| part.shown_to(uid)).collect();
        serde_json::to_string(&shown).unwrap()
    };
    let me = rustix::process::geteuid().as_raw();
    // "what is open" and "what is hidden", in base64.
    for (uid, open, hidden) in [(0, true, true), (me, true, true), (54_321, true, false)] {
        let said = told(uid);
        assert_eq!(said.contains("d2hhdCBpcyBvcGVu"), open, "{uid}: {said}");
        assert_eq!(said.contains("d2hhdCBpcyBoaWRkZW4="), hidden, "{uid}: {said}");
    }
    assert!(forecast.untold().is_empty(), "each part is told once");
}
