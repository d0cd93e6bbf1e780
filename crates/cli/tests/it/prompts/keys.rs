//! Keys of providers: had before anything runs, sent to their provider, and seen nowhere else.

use super::server::{heads, serve};
use crate::e2e_support::{env, with};

/// A key that no test's folder has by chance.
const KEY: &str = "sk-test-3f9a0c77e1";

const MODELS: &str = "models:
  - { id: tiny, provider: openai, max_context: 100000, input_cost_per_1m: 1, output_cost_per_1m: 2, tokenizer: chars4 }
  - { id: own, provider: own, max_context: 100000, input_cost_per_1m: 0, output_cost_per_1m: 0, tokenizer: chars4 }
";

#[test]
fn a_missing_key_is_told_before_anything_runs() {
    let document = "workflow: keys\ntasks:\n  - { id: first, run: touch ran }\n  - { id: a, needs: [first], prompt: hi, model: claude-haiku-4-5 }\n";
    let env = with(document);
    let output = env.run(["run", "w.yaml"]);
    output.status(1);
    assert!(output.stderr().contains("ANTHROPIC_API_KEY is not set"), "{output:?}");
    assert!(output.stderr().contains("export ANTHROPIC_API_KEY"), "{output:?}");
    assert!(!env.has("ran"), "nothing runs");
    env.run(["plan", "w.yaml"]).success();
}

#[test]
fn a_key_is_sent_to_its_provider_and_seen_nowhere() {
    // The model repeats the key, as models repeat what they are told.
    let (url, heard) = serve("the key is sk-test-3f9a0c77e1, they say");
    let document = format!(
        "workflow: keys\n{MODELS}tasks:\n  - {{ id: a, prompt: hi, model: tiny, cache: true }}\n  - {{ id: b, needs: [a], prompt: '{{{{ tasks.a.output }}}}', model: tiny }}\n"
    );
    let env = with(&document).var("OPENAI_API_KEY", KEY).var("OPENAI_BASE_URL", &url);
    let output = env.run(["run", "w.yaml"]);
    output.success();
    assert!(!format!("{output:?}").contains(KEY), "{output:?}");
    let heads = heads(&heard);
    assert_eq!(heads.len(), 2);
    assert!(heads.iter().all(|head| head.contains(&format!("Bearer {KEY}"))), "{heads:?}");
    let bodies = heard.lock().expect("no test panicked");
    assert!(bodies.iter().all(|(_, body)| !body.to_string().contains(KEY)), "{bodies:?}");
    for (path, content) in env.everything() {
        assert!(!String::from_utf8_lossy(&content).contains(KEY), "{} has the key", path.display());
    }
    assert_eq!(env.state()["tasks"]["a"]["output"], "the key is ********, they say");
    assert_eq!(env.state()["usage"]["tokens"], 30);
}

#[test]
fn a_provider_of_ones_own_has_a_declared_secret_as_its_key() {
    let (url, heard) = serve("well");
    let document = format!(
        "workflow: keys\nsecrets: {{ mine: {{ file: key }} }}\nproviders: {{ own: {{ kind: openai, base_url: \"{url}\", key: mine }} }}\n{MODELS}tasks:\n  - {{ id: a, prompt: hi, model: own, max_output_tokens: 7 }}\n"
    );
    let env = env();
    env.file("w.yaml", document).file("key", "sk-of-my-own-12345\n");
    env.run(["run", "w.yaml"]).success();
    let bodies = heard.lock().expect("no test panicked");
    assert!(bodies[0].0.contains("Bearer sk-of-my-own-12345"));
    assert_eq!((&bodies[0].1["model"], &bodies[0].1["max_tokens"]), (&"own".into(), &7.into()));
    assert_eq!(env.state()["tasks"]["a"]["output"], "well");
}

#[test]
fn a_service_that_is_not_there_fails_the_step_by_name() {
    let document = format!(
        "workflow: keys\nproviders: {{ own: {{ kind: openai, base_url: \"http://127.0.0.1:9/v1\" }} }}\n{MODELS}tasks:\n  - {{ id: a, prompt: hi, model: own, timeout: 2s }}\n"
    );
    let env = with(&document);
    let output = env.run(["run", "w.yaml"]);
    output.status(1);
    let error = env.state()["tasks"]["a"]["error"].to_string();
    assert!(error.contains("WL06"), "{error}");
    assert_eq!(env.state()["usage"]["tokens"], 0, "what was never reached took nothing");
}

#[test]
fn the_users_proxy_is_asked_for_models_too() {
    let (proxy, heard) = serve("by way of a proxy");
    let document = format!("workflow: far\n{MODELS}tasks:\n  - {{ id: a, prompt: hi, model: tiny }}\n");
    let env = with(&document)
        .var("OPENAI_API_KEY", KEY)
        .var("OPENAI_BASE_URL", "http://models.invalid/v1")
        .var("http_proxy", proxy.trim_end_matches("/v1"));
    env.run(["run", "w.yaml"]).success();
    assert_eq!(env.state()["tasks"]["a"]["output"], "by way of a proxy");
    let heads = heads(&heard);
    assert!(heads[0].starts_with("POST http://models.invalid/v1/chat/completions "), "{heads:?}");
}
