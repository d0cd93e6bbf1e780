//! Bare expressions among parameters: `assert: that:` and `debug: var:`. The plan keeps them as they are, and
//! the run evaluates them.

use serde_json::{Map, Value};
use windlass_engine::{CompileContext, StepCall};
use windlass_expr::Expression;
use windlass_model::{Code, Span};
use windlass_yaml::Node;

use super::params;

/// Checks every condition of `that`.
pub(super) fn assert(map: &mut Map<String, Value>, call: &StepCall<'_>, cx: &CompileContext) -> bool {
    let node = params::value(call, "that");
    let span = |index: Option<usize>| {
        let item = index.and_then(|index| node.and_then(Node::as_list)?.get(index));
        item.or(node).map_or(call.word_span, |node| node.span)
    };
    match map.get_mut("that") {
        Some(Value::Array(items)) => {
            let check = |(index, item): (usize, &mut Value)| expression(item, span(Some(index)), cx);
            items.iter_mut().enumerate().map(check).filter(|good| !good).count() == 0
        }
        Some(item) => expression(item, span(None), cx),
        None => true,
    }
}

/// Checks the expression of `var`.
pub(super) fn debug(map: &mut Map<String, Value>, call: &StepCall<'_>, cx: &CompileContext) -> bool {
    map.get_mut("var").is_none_or(|value| expression(value, params::value_span(call, "var"), cx))
}

/// Takes braces around the whole away, so that what is evaluated is what was written and not what came of it.
/// Other texts with braces are templates of expressions, which nobody can read before they are rendered.
fn expression(value: &mut Value, span: Span, cx: &CompileContext) -> bool {
    let Value::String(text) = value else { return true };
    let bare = bare(text);
    if params::is_template(bare) {
        return true;
    }
    if let Err(error) = Expression::parse(bare) {
        let problem = cx.problem(Code::ExpressionSyntax, span, format!("`{bare}`: {error}"));
        cx.note(match error.hint {
            Some(hint) => problem.hint(hint),
            None => problem.hint("an expression is written without braces, and texts in it with quotes"),
        });
        return false;
    }
    *text = bare.to_owned();
    true
}

/// The text within braces that enclose all of it.
fn bare(text: &str) -> &str {
    let trimmed = text.trim();
    let inner = trimmed.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    match inner {
        Some(inner) if !inner.contains("{{") && !inner.contains("}}") => inner.trim(),
        _ => trimmed,
    }
}
