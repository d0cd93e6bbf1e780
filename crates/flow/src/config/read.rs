//! A configuration as it was written.

use windlass_model::Span;
use windlass_yaml::{Map, Node, Reader, Spanned, Text};

/// A configuration.
#[derive(Debug)]
pub(super) struct Config {
    pub(super) at: Span,
    pub(super) name: Option<Text>,
    pub(super) kind: String,
    pub(super) steps: Vec<Step>,
    /// The model of each role.
    pub(super) models: Vec<(String, Text)>,
    pub(super) policy: Policy,
    pub(super) optional_roles: Vec<Text>,
    pub(super) optional_enabled: Vec<Text>,
    /// Keys that mean nothing, as claude-workflow passes over them.
    pub(super) unknown: Vec<String>,
}

/// A step of a configuration.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) at: Span,
    pub(super) id: Text,
    pub(super) role: Text,
    pub(super) depends_on: Vec<Text>,
    pub(super) outputs: Vec<Text>,
}

/// How it is to be run. What is not said, or 0, is the default.
#[derive(Debug, Default)]
pub(super) struct Policy {
    pub(super) timeout_ms: Option<Spanned<i64>>,
    pub(super) max_parallelism: Option<Spanned<i64>>,
    /// The amount as it stands, with its currency.
    pub(super) budget: Option<(Node, Option<Text>)>,
}

/// Reads a configuration; values of a wrong type are noted.
pub(super) fn read(reader: &Reader, node: &Node) -> Option<Config> {
    let mut outer = reader.map(node)?;
    let mut map = outer.map("workflow")?;
    let mut unknown = Vec::new();
    let config = Config {
        at: map.span(),
        name: map.text("name"),
        kind: map.text("type").map(|kind| kind.value).unwrap_or_default(),
        steps: steps(reader, &mut map, &mut unknown),
        models: models(reader, &mut map),
        policy: policy(&mut map, &mut unknown),
        optional_roles: list(reader, &mut map, "optional_roles"),
        optional_enabled: list(reader, &mut map, "optional_enabled"),
        unknown: Vec::new(),
    };
    pass_over(&mut map, "workflow.", &mut unknown);
    pass_over(&mut outer, "", &mut unknown);
    Some(Config { unknown, ..config })
}

fn steps(reader: &Reader, map: &mut Map<'_, '_>, unknown: &mut Vec<String>) -> Vec<Step> {
    let nodes = map.list("steps").map(|list| list.value).unwrap_or_default();
    let step = |node: &Node| {
        let mut map = reader.map(node)?;
        let nothing = Text::new(String::new(), node.span);
        let step = Step {
            at: node.span,
            id: map.text("id").unwrap_or_else(|| nothing.clone()),
            role: map.text("role").unwrap_or(nothing),
            depends_on: list(reader, &mut map, "depends_on"),
            outputs: list(reader, &mut map, "outputs"),
        };
        pass_over(&mut map, "step.", unknown);
        Some(step)
    };
    nodes.iter().filter_map(step).collect()
}

fn list(reader: &Reader, map: &mut Map<'_, '_>, key: &str) -> Vec<Text> {
    let nodes = map.list(key).map(|list| list.value).unwrap_or_default();
    nodes.iter().filter_map(|node| reader.text(node)).collect()
}

fn models(reader: &Reader, map: &mut Map<'_, '_>) -> Vec<(String, Text)> {
    let pairs = map.pairs("models").map(|pairs| pairs.value).unwrap_or_default();
    let pair = |(role, model): &(Node, Node)| Some((role.as_str()?.to_owned(), reader.text(model)?));
    pairs.iter().filter_map(pair).collect()
}

fn policy(map: &mut Map<'_, '_>, unknown: &mut Vec<String>) -> Policy {
    let Some(mut map) = map.map("policy") else { return Policy::default() };
    let positive = |number: Spanned<i64>| Some(number).filter(|number| number.value > 0);
    let mut policy = Policy {
        timeout_ms: map.int("timeout_ms").and_then(positive),
        max_parallelism: map.int("max_parallelism").and_then(positive),
        budget: None,
    };
    if let Some(mut limit) = map.map("budget_limit") {
        let amount = limit.node("amount").filter(|node| !node.is_null()).cloned();
        let currency = limit.text("currency");
        policy.budget = amount.map(|amount| (amount, currency));
        pass_over(&mut limit, "budget_limit.", unknown);
    }
    pass_over(&mut map, "policy.", unknown);
    policy
}

/// Takes what nobody took.
fn pass_over(map: &mut Map<'_, '_>, before: &str, unknown: &mut Vec<String>) {
    let names = map.rest().into_iter().filter_map(|(key, _)| key.as_str());
    unknown.extend(names.map(|name| format!("{before}{name}")));
}
