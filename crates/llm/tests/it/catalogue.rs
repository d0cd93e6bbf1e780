//! Lists of models: what comes with the program, and a person's own over it.

use windlass_llm::catalogue::{Catalogue, Role};
use windlass_model::{Money, Source};

fn money(text: &str) -> Money {
    Money::parse(text).expect(text)
}

/// What is wrong with a list, one problem on each line.
fn problems(text: &str) -> Vec<String> {
    let refused = Catalogue::builtin().extend(&Source::new("models.yaml", text)).expect_err(text);
    refused.iter().map(ToString::to_string).collect()
}

#[test]
fn the_six_models_of_claude_workflow_are_there_with_their_prices_and_roles() {
    let (compatible, builtin) = (Catalogue::compatible(), Catalogue::builtin());
    assert_eq!(compatible.len(), 6);
    for (id, input, output, role) in [
        ("claude-opus-4-5-20251101", "15", "75", Some(Role::Flagship)),
        ("claude-sonnet-4-5-20250929", "3", "15", Some(Role::Balanced)),
        ("claude-opus-4-20250514", "15", "75", None),
        ("claude-sonnet-4-20250514", "3", "15", None),
        ("claude-3-5-sonnet-20240620", "3", "15", None),
        ("claude-3-haiku-20240307", "0.25", "1.25", Some(Role::Fast)),
    ] {
        for catalogue in [&compatible, &builtin] {
            let model = catalogue.get(id).expect(id);
            assert_eq!((model.prices.input, model.prices.output), (money(input), money(output)), "{id}");
            assert_eq!((model.provider.as_str(), model.max_context), ("anthropic", 200_000), "{id}");
            assert!(model.supports_tools, "{id}");
        }
        assert_eq!(compatible.roles_of(id).next(), role, "{id}");
    }
    assert_eq!(
        compatible.get("claude-3-haiku-20240307").expect("there").average_cost_per_1m(),
        money("0.75")
    );
}

#[test]
fn every_role_is_played_by_a_model_of_each_provider() {
    let catalogue = Catalogue::builtin();
    for role in Role::ALL {
        assert_eq!(catalogue.find(role.as_str()).expect("it is played").provider, "anthropic");
        for provider in ["anthropic", "openai"] {
            let model = catalogue.of_role_at(role, provider).expect("it is played");
            assert_eq!(model.provider, provider);
        }
    }
}

#[test]
fn prices_make_sense() {
    for model in Catalogue::builtin().iter() {
        let prices = &model.prices;
        assert!(prices.input > Money::ZERO && prices.output > prices.input, "{}", model.id);
        assert!(prices.cache_read <= prices.input && prices.cache_write >= prices.input, "{}", model.id);
        assert!(u64::from(model.max_output.expect("known")) <= model.max_context, "{}", model.id);
    }
}

#[test]
fn an_entry_changes_what_it_says_and_keeps_the_rest() {
    let mut catalogue = Catalogue::builtin();
    let own = "models:\n- { id: claude-haiku-5-5, output_cost_per_1m: 0.4 }\n- { id: gpt-4o, input_cost_per_1m: 2 }\n";
    catalogue.extend(&Source::new("models.yaml", own)).expect("it is good");
    let haiku = catalogue.get("claude-haiku-5-5").expect("there");
    assert_eq!((haiku.prices.input, haiku.prices.output), (money("0.1"), money("0.4")));
    assert_eq!((haiku.max_context, haiku.supports_tools), (1_000_000, true));
    // A new price of input says nothing about the cache's, nor about long prompts.
    let gpt = catalogue.get("gpt-4o").expect("there");
    assert_eq!(gpt.prices.cache_read, money("2"));
    assert_eq!(haiku.long_prompt, None);
}

#[test]
fn json_and_yaml_say_the_same() {
    let (mut yaml, mut json) = (Catalogue::builtin(), Catalogue::builtin());
    let text = "models:\n- id: m\n  provider: local\n  max_context: 10\n  input_cost_per_1m: 0.10\n  output_cost_per_1m: 1\n  default_role: fast\n";
    yaml.extend(&Source::new("models.yaml", text)).expect("good");
    let text = r#"{"models":[{"id":"m","provider":"local","max_context":10,"input_cost_per_1m":0.10,"output_cost_per_1m":1,"default_role":"fast"}]}"#;
    json.extend(&Source::new("models.json", text)).expect("good");
    assert_eq!(yaml, json);
    assert_eq!(json.find("fast").expect("there").id, "m");
    assert_eq!(json.get("m").expect("there").prices.input, Money(100_000_000));
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let entry = |rest: &str| {
        format!("models:\n- {{ id: m, provider: p, max_context: 9, input_cost_per_1m: 1, {rest} }}\n")
    };
    for (text, place, part) in [
        (entry("output_cost_per_1m: -1"), "2:", "the amount `-1` is negative"),
        (entry("output_cost_per_1m: .nan"), "2:", "`.nan` is not an amount of money"),
        (entry("output_cost_per_1m: .inf"), "2:", "`.inf` is not an amount of money"),
        (entry("output_cost_per_1m: 1e3"), "2:", "is not an amount of money"),
        (entry("output_cost_per_1m: 0.0000000001"), "2:", "more than 9 decimals"),
        (entry("output_cost: 1"), "2:", "unknown key `output_cost`"),
        (entry("input: 1"), "2:", "`output_cost_per_1m`"),
        (entry("output_cost_per_1m: 1, default_role: flag"), "2:", "`default_role`"),
        (entry("output_cost_per_1m: 1, max_output: 0"), "2:", "`max_output`"),
        (entry("output_cost_per_1m: 1").replace("id: m", "id: fast"), "2:", "cannot be the id of a model"),
        (entry("output_cost_per_1m: 1").replace("id: m", "id: 'a b'"), "2:", "cannot be the id of a model"),
        ("models:\n- id: gpt-4o\n- id: gpt-4o\n".into(), "3:7", "the model `gpt-4o` is in this list twice"),
        ("models: []\nroles: { fast: gtp-4o }\n".into(), "2:", "there is no model `gtp-4o`"),
        ("model: []\n".into(), "1:", "`models`"),
    ] {
        let told = problems(&text);
        let found =
            told.iter().any(|line| line.starts_with(&format!("models.yaml:{place}")) && line.contains(part));
        assert!(found, "{text}: {told:#?}");
    }
}

#[test]
fn a_list_with_a_mistake_changes_nothing() {
    let mut catalogue = Catalogue::builtin();
    let own = "models:\n- { id: gpt-4o, input_cost_per_1m: 1 }\n- { id: gpt-5, input_cost_per_1m: x }\n";
    catalogue.extend(&Source::new("models.yaml", own)).expect_err("x is no price");
    assert_eq!(catalogue, Catalogue::builtin());
}

#[test]
fn an_unknown_name_offers_those_that_are_near() {
    let catalogue = Catalogue::builtin();
    for (name, near) in [
        ("claude-sonnet-4-5-20250930", "claude-sonnet-4-5-20250929"),
        ("Claude_Sonnet_4_5", "claude-sonnet-4-5"),
        ("claude-3-sonnet-20240229", "claude-3-5-sonnet-20240620"),
        ("gpt-4o-min", "gpt-4o-mini"),
        ("gpt-4o-audio-preview-2024", "gpt-4o"),
    ] {
        let unknown = catalogue.find(name).expect_err(name);
        assert!(unknown.nearest.iter().any(|other| other == near), "{name}: {unknown:?}");
        assert!(unknown.hint().contains(near), "{}", unknown.hint());
    }
    assert!(catalogue.find("zzz").expect_err("none").nearest.is_empty());
    assert!(catalogue.find(&"x".repeat(5000)).expect_err("none").to_string().len() < 200);
}

#[test]
fn a_role_is_given_to_known_models_only() {
    let mut catalogue = Catalogue::builtin();
    assert_eq!(catalogue.set_role(Role::Fast, "gpt-4o-mini"), Ok(()));
    assert_eq!(catalogue.find("fast").expect("there").id, "gpt-4o-mini");
    assert!(catalogue.set_role(Role::Fast, "claude-haiku-4-20250514").is_err());
}
