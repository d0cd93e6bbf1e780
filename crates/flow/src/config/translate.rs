//! A configuration as the tree of a workflow document.

use windlass_model::Span;
use windlass_yaml::{Kind, Node, Text};

use super::read::{Config, Step};

/// The model of a role that none is named for, as claude-workflow's client has it.
const MODEL: &str = "claude-sonnet-4-20250514";

/// What its client takes where a configuration does not say: milliseconds for a step, dollars for a run.
const TIMEOUT_MS: i64 = 300_000;
const BUDGET: (&str, &str) = ("10", "USD");

/// The tree of a document, and what is worth telling.
pub(super) fn document(at: Span, config: &Config) -> (Node, Vec<String>) {
    let mut warnings: Vec<String> =
        config.unknown.iter().map(|key| format!("`{key}` means nothing in a workflow.json")).collect();
    let name = config.name.as_ref().map_or(at, |name| name.span);
    let tasks = config.steps.iter().map(|step| task(config, step, &mut warnings)).collect();
    let document = map(
        at,
        [
            ("workflow", text(name, config.name.as_ref().map_or("", |name| name.as_str()))),
            ("policy", policy(at, config)),
            ("tasks", Node::new(at, Kind::List(tasks))),
        ],
    );
    (document, warnings)
}

/// Batches, as its runtime has them; one step at a time unless more are asked for.
fn policy(at: Span, config: &Config) -> Node {
    let policy = &config.policy;
    let width = policy.max_parallelism;
    let (amount, currency) = match &policy.budget {
        Some((amount, currency)) => (amount.clone(), currency.clone()),
        None => (text(at, BUDGET.0), None),
    };
    let currency = currency.filter(|currency| !currency.is_empty());
    let currency = currency.map_or_else(|| text(at, BUDGET.1), |currency| text(currency.span, &currency));
    map(
        at,
        [
            ("strategy", text(at, "batched")),
            (
                "max_parallelism",
                Node::new(width.map_or(at, |n| n.span), Kind::Int(width.map_or(1, |n| n.value))),
            ),
            ("budget", map(amount.span, [("amount", amount), ("currency", currency)])),
            // Its runs start nothing more after a failure.
            ("fail_fast", text(at, "true")),
        ],
    )
}

/// A step: a prompt to the model of its role, after the outputs of the steps that it depends on.
fn task(config: &Config, step: &Step, warnings: &mut Vec<String>) -> Node {
    let Step { at, id, role, depends_on, outputs } = step;
    let own = config.models.iter().find(|(name, _)| *name == role.value).map(|(_, model)| model);
    let model = match own.filter(|model| !model.is_empty()) {
        Some(model) => text(model.span, model),
        None => {
            let told = format!("no model is named for the role `{}`: {MODEL} is asked", role.value);
            if !warnings.contains(&told) {
                warnings.push(told);
            }
            text(role.span, MODEL)
        }
    };
    let names: Vec<&str> = outputs.iter().map(|output| output.as_str()).collect();
    let mut about = format!("role {}", role.value);
    if !names.is_empty() {
        about += &format!(", for {}", names.join(", "));
    }
    // Its runtime hands these on with the task, the list as a text of JSON, and no model is told of them.
    let list = serde_json::to_string(&names).expect("texts can be written");
    let outputs = (!names.is_empty()).then(|| ("outputs", text(*at, &literal(&list))));
    let metadata = [("role", text(role.span, &literal(&role.value)))].into_iter().chain(outputs);
    let timeout = config.policy.timeout_ms;
    let limit = format!("{}ms", timeout.map_or(TIMEOUT_MS, |limit| limit.value));
    map(
        *at,
        [
            ("id", text(id.span, id)),
            ("description", text(*at, &about)),
            ("vars", map(*at, [("metadata", map(*at, metadata))])),
            ("needs", Node::new(*at, Kind::List(depends_on.iter().map(same).collect()))),
            ("timeout", text(timeout.map_or(*at, |limit| limit.span), &limit)),
            ("prompt", text(role.span, &literal(&format!("Execute {} step: {}", role.value, id.value)))),
            ("model", model),
            ("context", map(*at, [("strategy", text(*at, "none"))])),
        ],
    )
}

/// A text that is not taken for a template, whatever is in it: no brace is left that could open a mark.
fn literal(text: &str) -> String {
    let marks = ["{{", "{%", "{#"];
    if marks.iter().any(|mark| text.contains(mark)) {
        text.replace('{', "{{ '{' }}")
    } else {
        text.to_owned()
    }
}

fn same(written: &Text) -> Node {
    text(written.span, written)
}

fn text(at: Span, text: &str) -> Node {
    Node::new(at, Kind::Str(text.to_owned()))
}

fn map<'k>(at: Span, entries: impl IntoIterator<Item = (&'k str, Node)>) -> Node {
    let entries = entries.into_iter().map(|(key, value)| (text(at, key), value));
    Node::new(at, Kind::Map(entries.collect()))
}
