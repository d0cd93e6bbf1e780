//! What prompts may cost and do: budgets, limits of a step, the project's policy, and what is asked once.

use serde_json::json;
use windlass_testkit::{Fault, TestEnv};

use super::model::{CALL, answers, calls, code, result, spent, with};
use super::server::{Broken, heads, serve_after};
use crate::e2e_support::env;

#[test]
fn a_step_that_does_not_fit_is_refused_before_anything_is_paid() {
    let env = with(
        "policy: { budget: { amount: 0.0001, currency: USD } }
tasks:
  - { id: dear, prompt: 'say: x', model: tiny, max_output_tokens: 1000 }
",
    );
    let output = env.run(["run", "w.yaml"]);
    output.status(1);
    assert_eq!(calls(&env), 0, "nothing was asked");
    let error = env.state()["tasks"]["dear"]["error"].clone();
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.contains("are needed and 0.0001"), "what is left and what is needed is told: {error}");
}

#[test]
fn a_chain_ends_where_its_budget_does() {
    // One call may cost 0.00012 or so, and costs 0.00002.
    let mut tasks = "policy: { budget: { amount: 0.00017, currency: USD } }\ntasks:\n".to_owned();
    for n in 1..=9 {
        let needs = if n == 1 { String::new() } else { format!("needs: [t{}], ", n - 1) };
        tasks +=
            &format!("  - {{ id: t{n}, {needs}prompt: 'say: x', model: tiny, max_output_tokens: 20 }}\n");
    }
    let env = with(&tasks);
    env.run(["run", "w.yaml"]).status(1);
    let paid = calls(&env);
    assert!((1..9).contains(&paid), "{paid} calls");
    let spent = spent(&env);
    assert!(spent == paid as u64 * CALL && spent <= 170_000, "{spent} for {paid} calls");
}

#[test]
fn a_step_stops_at_its_own_limit() {
    let env = with(
        "tasks:
  - id: a
    prompt: rate it
    model: tiny
    max_output_tokens: 20
    max_cost: 0.0003
    schema_retries: 20
    output_schema: { type: object, required: [score] }
",
    );
    answers(&env, &[json!({"text": "no"})]);
    env.run(["run", "w.yaml"]).status(1);
    assert_eq!(code(&env, "a"), "WL0692");
    assert!((1..=300_000).contains(&spent(&env)), "{}", spent(&env));
}

#[test]
fn the_project_says_what_prompts_may_do() {
    let tasks = "tasks:
  - { id: a, prompt: x, model: claude-haiku-4-5 }
  - { id: b, prompt: x, model: tiny, provider: openai }
  - { id: c, prompt: x, model: tiny, max_cost: 1 }
  - { id: d, prompt: x, model: tiny, tools: [ { name: t, run: ls }, { name: s, slurp: { src: a } } ] }
  - { id: e, prompt: x, model: tiny, context: { strategy: truncate, max_tokens: 9000 } }
";
    let env = with(tasks);
    env.file(
        "windlass.yaml",
        "prompts:
  models: [tiny]
  providers: [local]
  tools: [slurp]
  max_step_cost: 0.5
  context: { strategy: truncate, max_tokens: 4000 }
",
    );
    let output = env.run(["validate", "w.yaml"]);
    output.status(1);
    let told = output.stderr() + &output.stdout();
    assert_eq!(told.matches("WL0687").count(), 5, "{told}");
    for line in [
        "claude-haiku-4-5 is not allowed",
        "provider openai is not allowed",
        "more than the 0.5",
        "may not be `run`",
        "9000 is more than the 4000",
    ] {
        assert!(told.contains(line), "{line}: {told}");
    }
}

#[test]
fn the_project_says_what_may_be_spent() {
    let tasks = "tasks:\n  - { id: a, prompt: 'say: x', model: tiny, max_output_tokens: 1000 }\n";
    for (said, whose) in [
        ("run: { amount: 0.0001, currency: USD }", "the run's budget refuses"),
        ("project: { tokens: 10 }", "the project's budget refuses"),
        ("day: { amount: 0.0001, currency: USD }", "the day's budget refuses"),
        ("month: { amount: 5, currency: EUR }", "the budget is in EUR"),
        ("keys: { local: { tokens: 10 } }", "the budget of key local refuses"),
    ] {
        let env = with(tasks);
        env.file("windlass.yaml", format!("budgets:\n  {said}\n"));
        // What a person sets does not loosen it.
        env.run(["budget", "set", "day", "--amount", "100", "--tokens", "100000"]).success();
        env.run(["run", "w.yaml"]).status(1);
        assert_eq!((calls(&env), code(&env, "a").as_str()), (0, "WL0626"), "{said}");
        let message = env.state()["tasks"]["a"]["error"]["message"].to_string();
        assert!(message.contains(whose), "{said}: {message}");
        env.file("windlass.yaml", "budgets:\n  run: { amount: 1, currency: USD }\n");
        env.run(["run", "w.yaml"]).success();
    }
    let env = with(tasks);
    env.file("windlass.yaml", "budgets:\n  week: { tokens: 1 }\n  day: { amount: 1 }\n");
    env.run(["run", "w.yaml"]).status(1).says("windlass.yaml").says("week").says("currency");
}

#[test]
fn what_a_dead_run_holds_back_is_named_and_can_be_counted() {
    let env = with("tasks:\n  - { id: a, prompt: 'say: x', model: tiny, max_output_tokens: 1000 }\n");
    let stands = || env.run(["budget", "show", "--json"]).success().json();
    env.call(["run", "w.yaml"]).fault(&Fault::KillAfter(2)).run().killed();
    let before = stands();
    let held = before["waiting"][0]["most"]["costs"]["USD"].as_f64().expect("it holds something back");
    assert_eq!(before["waiting"].as_array().map(Vec::len), Some(1), "{before}");
    env.run(["budget", "show"]).success().says("is not running");
    env.run(["budget", "release", "latest"]).success().says("1 attempt settled at the bound");
    let after = stands();
    assert_eq!(after["waiting"], json!([]));
    let project = &after["budgets"][0];
    assert_eq!((&project["budget"], &project["bound"]["costs"]["USD"]), (&json!("project"), &json!(held)));
    env.run(["resume"]).success();
    let used = stands()["budgets"][0]["used"]["costs"]["USD"].as_f64().expect("it was used");
    assert_eq!((used * 1e9).round() as u64, spent(&env), "the run counts the same, and once");
}

#[test]
fn the_same_question_is_paid_for_once() {
    let env = with("tasks:\n  - { id: a, prompt: 'say: x', model: tiny, cache: true }\n");
    for (cached, cost) in [(false, CALL), (true, 0)] {
        env.run(["run", "w.yaml"]).success();
        let a = result(&env, "a");
        assert_eq!((&a["text"], &a["cached"]), (&json!("x"), &json!(cached)));
        assert_eq!(spent(&env), cost);
    }
    assert_eq!(calls(&env), 1);
    let text = env.read("w.yaml").expect("it is there").replace("say: x", "say: y");
    env.file("w.yaml", text);
    env.run(["run", "w.yaml"]).success();
    assert_eq!((calls(&env), &result(&env, "a")["text"]), (2, &json!("y")), "another question is asked");
    let before =
        env.everything().iter().filter(|(path, _)| path.to_string_lossy().contains("/memos/")).count();
    env.run(["runs", "prune", "--older-than", "0s"]);
    let after =
        env.everything().iter().filter(|(path, _)| path.to_string_lossy().contains("/memos/")).count();
    assert_eq!((before, after), (2, 0), "what is kept can be pruned");
}

/// A run against a server whose first answers are broken: how many requests it heard, and what
/// each start held back.
fn run_against(faults: &'static [Broken], more: &str, budget: &str) -> (TestEnv, usize, Vec<f64>) {
    let (url, heard) = serve_after(faults, "well");
    let env = env();
    env.file(
        "w.yaml",
        format!(
            "workflow: faults
providers: {{ here: {{ kind: openai, base_url: \"{url}\" }} }}
models:
  - {{ id: far, provider: here, max_context: 100000, input_cost_per_1m: 1, output_cost_per_1m: 2, tokenizer: chars4 }}
{budget}tasks:
  - {{ id: a, prompt: hi, model: far, max_output_tokens: 100{more} }}
"
        ),
    );
    env.run(["run", "w.yaml"]);
    let starts = env.events();
    let starts = starts.iter().filter(|event| event["event"] == "step_started");
    let held = starts.filter_map(|event| event["reserved"]["cost"]["amount"].as_f64()).collect();
    let heard = heads(&heard).len();
    (env, heard, held)
}

#[test]
fn a_request_that_may_have_been_paid_for_is_made_again_by_a_new_attempt_alone() {
    let nano = |amount: f64| (amount * 1e9).round() as u64;
    let (env, heard, held) = run_against(&[Broken::Limited, Broken::Limited, Broken::Cut], "", "");
    assert_eq!((heard, held.len()), (3, 1), "what cost nothing is asked again, what was cut off is not");
    let message = env.state()["tasks"]["a"]["error"]["message"].to_string();
    assert!(message.contains("may have been paid for"), "{message}");
    let most = nano(held[0]);
    assert_eq!(spent(&env), most, "it counts at its bound, which was held back");

    let retry = ", retry: { max_attempts: 5, initial_delay: 10ms, errors: transient }";
    let (env, heard, held) = run_against(&[Broken::Cut, Broken::Cut], retry, "");
    assert_eq!((heard, held.len(), spent(&env)), (3, 3, 2 * most + CALL), "each attempt held back its own");

    let budget = format!("policy: {{ budget: {{ amount: {:.9}, currency: USD }} }}\n", 2.5 * held[0]);
    let (env, heard, _) = run_against(&[Broken::Cut; 5], retry, &budget);
    assert_eq!((heard, spent(&env), code(&env, "a").as_str()), (2, 2 * most, "WL0626"));
}
