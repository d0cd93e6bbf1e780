//! What prompts may cost and do: budgets, limits of a step, the project's policy, and what is asked once.

use serde_json::json;

use super::model::{CALL, answers, calls, code, result, spent, with};

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
