//! `workflow.json`: the static configurations of claude-workflow, read as they are and run as documents.
//!
//! A configuration names steps, each of which a role does: a prompt to the role's model. It is read (`read`),
//! checked in the order in which claude-workflow checks (`check`), and becomes the tree of a workflow document with
//! the places of the configuration (`translate`): whatever is wrong later is shown where a person wrote it.

mod check;
mod read;
mod translate;

use std::sync::Arc;

use windlass_model::{Code, Diagnostic, Diagnostics, Location, Source, Span};
use windlass_yaml::{Kind, Node, Reader};

/// A document that a configuration became, with what is worth telling of it.
#[derive(Debug)]
pub(crate) struct Translated {
    /// The tree of a workflow document, if nothing is wrong.
    pub(crate) node: Option<Node>,
    pub(crate) problems: Diagnostics,
    pub(crate) warnings: Vec<String>,
}

/// Whether a text without anything in it was meant to be a configuration.
pub(crate) fn is_empty_config(source: &Source) -> bool {
    source.text.trim().is_empty() && source.name.rsplit('/').next() == Some("workflow.json")
}

/// Whether a tree is a configuration: its `workflow` is a mapping, where a document has a name.
pub(crate) fn is_config(source: &Source, node: &Node) -> bool {
    is_empty_config(source) || node.get("workflow").is_some_and(|inner| matches!(inner.value, Kind::Map(_)))
}

/// Reads, checks and translates a configuration.
pub(crate) fn translate(source: &Arc<Source>, node: &Node) -> Translated {
    if node.is_null() {
        let at = Location { source: source.clone(), span: Span::default() };
        let empty = Diagnostic::new(Code::ConfigEmpty, "workflow configuration is empty").at(at);
        let empty = empty.hint("begin with `{ \"workflow\": { \"name\": …, \"steps\": [ … ] } }`");
        return Translated { node: None, problems: empty.into(), warnings: Vec::new() };
    }
    let reader = Reader::new(source);
    let config = read::read(&reader, node);
    if reader.is_clean()
        && let Some(config) = &config
    {
        check::check(&reader, config);
    }
    let clean = reader.is_clean();
    let translated = config.filter(|_| clean).map(|config| translate::document(node.span, &config));
    let (node, warnings) = translated.unzip();
    Translated { node, problems: reader.into_problems(), warnings: warnings.unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use windlass_yaml::{Limits, parse};

    use super::*;

    fn translated(text: &str) -> (serde_json::Value, Vec<String>) {
        let source = Source::new("workflow.json", text);
        let node = parse(&source, &Limits::default()).expect("it is JSON");
        assert!(is_config(&source, &node));
        let translated = translate(&source, &node);
        assert!(translated.problems.is_empty(), "{}", translated.problems);
        (translated.node.expect("nothing is wrong").to_json(), translated.warnings)
    }

    #[test]
    fn a_configuration_becomes_a_document_of_prompts_in_batches() {
        let (document, warnings) = translated(
            r#"{"workflow": {"name": "pipeline", "type": "custom", "models": {"planner": "m"},
                "policy": {"timeout_ms": 1500, "max_parallelism": 3, "budget_limit": {"amount": 0.5, "currency": "EUR"}},
                "steps": [{"id": "plan", "role": "planner", "outputs": ["plan.md", "notes.md"]},
                          {"id": "do", "role": "doer", "depends_on": ["plan"]}]}}"#,
        );
        let expected = json!({
            "workflow": "pipeline",
            "policy": {
                "strategy": "batched", "max_parallelism": 3, "budget": { "amount": 0.5, "currency": "EUR" },
                "fail_fast": "true",
            },
            "tasks": [
                {
                    "id": "plan", "description": "role planner, for plan.md, notes.md",
                    "vars": { "metadata": { "role": "planner", "outputs": "[\"plan.md\",\"notes.md\"]" } },
                    "needs": [], "timeout": "1500ms",
                    "prompt": "Execute planner step: plan", "model": "m", "context": { "strategy": "none" },
                },
                {
                    "id": "do", "description": "role doer", "vars": { "metadata": { "role": "doer" } },
                    "needs": ["plan"], "timeout": "1500ms",
                    "prompt": "Execute doer step: do", "model": "claude-sonnet-4-20250514",
                    "context": { "strategy": "none" },
                },
            ],
        });
        assert_eq!(document, expected);
        assert_eq!(warnings, ["no model is named for the role `doer`: claude-sonnet-4-20250514 is asked"]);
    }

    #[test]
    fn what_is_not_said_is_what_the_client_of_claude_workflow_takes() {
        let (document, warnings) = translated(
            r#"{"version": 2, "workflow": {"name": "n", "type": "custom", "owner": "me", "policy": {"timeout_ms": 0},
                "steps": [{"id": "a", "role": "r", "retries": 3}]}}"#,
        );
        let policy = json!({
            "strategy": "batched", "max_parallelism": 1, "budget": { "amount": "10", "currency": "USD" },
            "fail_fast": "true",
        });
        assert_eq!((&document["policy"], &document["tasks"][0]["timeout"]), (&policy, &json!("300000ms")));
        let unknown = |key: &str| format!("`{key}` means nothing in a workflow.json");
        assert_eq!(warnings[..3], [unknown("step.retries"), unknown("workflow.owner"), unknown("version")]);
    }

    #[test]
    fn documents_are_no_configurations() {
        for text in ["workflow: hello\ntasks: []\n", "{\"tasks\": []}", "", "- a\n"] {
            let source = Source::new("hello.yaml", text);
            let node = parse(&source, &Limits::default()).expect("it parses");
            assert!(!is_config(&source, &node), "{text:?}");
        }
    }
}
