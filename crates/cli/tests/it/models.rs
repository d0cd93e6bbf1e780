//! `windlass models`: what is known of language models, and a person's own.

use super::env;

#[test]
fn the_list_has_prices_and_roles() {
    let env = env();
    let list = env.run(["models", "list"]);
    let text = list.success().stdout();
    let line =
        |id: &str| text.lines().find(|line| line.starts_with(id)).unwrap_or_else(|| panic!("{id}: {text}"));
    let words = |id: &str| line(id).split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        words("claude-sonnet-4-5 "),
        ["claude-sonnet-4-5", "anthropic", "200k", "3", "15", "0.3", "3.75"]
    );
    assert!(line("claude-haiku-5-5").ends_with("fast"), "{text}");
    let openai = env.run(["models", "list", "--provider", "openai", "--json"]).json();
    let models = openai["models"].as_array().expect("a list");
    assert!(models.len() > 5 && models.iter().all(|model| model["provider"] == "openai"), "{openai}");
}

#[test]
fn one_is_shown_by_its_id_or_by_its_role() {
    let env = env();
    let shown = env.run(["models", "show", "claude-haiku-5-5"]);
    shown.success();
    assert!(shown.stdout().contains("above 100000 tokens: input 0.5, output 2.5"), "{}", shown.stdout());
    assert!(
        shown.stdout().contains("10000 tokens in and 1000 out cost 0.00175 at most"),
        "{}",
        shown.stdout()
    );
    let fast = env.run(["models", "show", "fast", "--json"]).json();
    assert_eq!((&fast["id"], &fast["roles"][0]), (&"claude-haiku-5-5".into(), &"fast".into()));
    assert_eq!(fast["input_cost_per_1m"].to_string(), "0.1");
}

#[test]
fn an_unknown_one_offers_those_that_are_near() {
    env().run(["models", "show", "claude-sonet-4-5"]).status(1).says("WL0680").says("claude-sonnet-4-5");
}

#[test]
fn lists_of_the_project_and_of_the_folder_come_over_it() {
    let env = env();
    env.file(
        "windlass.yaml",
        "models:\n- { id: tiny, provider: local, max_context: 512, input_cost_per_1m: 0, output_cost_per_1m: 0 }\n",
    );
    env.file("models.json", r#"{"models":[{"id":"tiny","output_cost_per_1m":0.5,"default_role":"fast"}]}"#);
    let tiny = env.run(["models", "show", "fast", "--json"]).json();
    assert_eq!((&tiny["id"], &tiny["output_cost_per_1m"]), (&"tiny".into(), &0.5.into()));
    env.file("models.yaml", "models:\n- { id: tiny, input_cost_per_1m: -1 }\n");
    env.run(["models", "list"]).status(1).says("models.yaml:2:").says("the amount `-1` is negative");
}
