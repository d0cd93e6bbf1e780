//! Parameters as a person wrote them: read with the places where they stand, and checked before anything runs.

use serde_json::{Map, Value};
use windlass_engine::{CompileContext, StepCall};
use windlass_gate::{Kind, ParamError, Spec};
use windlass_model::{Code, Diagnostic, Span};
use windlass_yaml::{Kind as NodeKind, Node, nearest};

/// The parameters under the names that were written; `None` when a problem was noted.
pub(super) fn read(spec: &Spec, call: &StepCall<'_>, cx: &CompileContext) -> Option<Map<String, Value>> {
    let raw = match call.input.as_map() {
        Some(entries) => Value::Object(entries.iter().map(|(key, value)| entry(spec, key, value)).collect()),
        None => call.input.text().map_or_else(|| call.input.to_json(), Value::from),
    };
    let mut params =
        spec.expand(raw).map_err(|problem| cx.note(diagnostic(spec, &problem, call, cx))).ok()?;
    params.extend(args(call).iter().map(|(key, value)| entry(spec, key, value)));
    Some(params)
}

/// The parameters that stand under `args` beside a text; they win over those in it.
fn args<'a>(call: &StepCall<'a>) -> &'a [(Node, Node)] {
    let args = call.keys.iter().find(|(key, _)| *key == "args");
    args.and_then(|(_, node)| node.as_map()).unwrap_or_default()
}

fn entry(spec: &Spec, key: &Node, value: &Node) -> (String, Value) {
    let name = key.as_str().unwrap_or_default();
    (name.to_owned(), written(kind(spec, name), value))
}

fn kind(spec: &Spec, name: &str) -> Kind {
    spec.param(name).map_or(Kind::Raw, |param| param.kind)
}

/// A value, with numbers as they were written where text is wanted: a version `1.10` is not `1.1`, and a mode
/// `0644` has its zero.
fn written(kind: Kind, node: &Node) -> Value {
    match (&kind, &node.value) {
        (Kind::Str | Kind::Path | Kind::Pattern | Kind::Mode, NodeKind::Int(_) | NodeKind::Float(_)) => {
            node.text().map_or_else(|| node.to_json(), Value::from)
        }
        (Kind::List(item), NodeKind::List(items)) => items.iter().map(|node| written(**item, node)).collect(),
        _ => node.to_json(),
    }
}

/// Checks the parameters, with templates in them taken on trust, and notes every problem at its key.
pub(super) fn lint(
    spec: &Spec,
    params: &Map<String, Value>,
    call: &StepCall<'_>,
    cx: &CompileContext,
) -> bool {
    let problems = spec.lint(Value::Object(params.clone())).err().unwrap_or_default();
    problems.iter().for_each(|problem| cx.note(diagnostic(spec, problem, call, cx)));
    problems.is_empty()
}

fn diagnostic(spec: &Spec, problem: &ParamError, call: &StepCall<'_>, cx: &CompileContext) -> Diagnostic {
    let span = problem.param.as_deref().and_then(|name| key_span(call, name)).unwrap_or(call.word_span);
    let diagnostic = cx.problem(Code::BadParams, span, problem.message.clone());
    let near = problem.param.as_deref().and_then(|name| meant(spec, name));
    near.or_else(|| problem.hint.clone()).into_iter().fold(diagnostic, Diagnostic::hint)
}

/// The parameter that a name was meant to be. Documents find slips of more kinds than the gate, which is small.
fn meant(spec: &Spec, name: &str) -> Option<String> {
    if spec.open || spec.param(name).is_some() {
        return None;
    }
    let names = spec.params.iter().flat_map(|param| param.aliases.iter().copied().chain([param.name]));
    let near = nearest(name, names.filter(|name| !name.starts_with('_')))?;
    Some(format!("did you mean `{near}`?"))
}

/// Where a parameter's name stands.
fn key_span(call: &StepCall<'_>, name: &str) -> Option<Span> {
    let mut entries = call.input.as_map().unwrap_or_default().iter().chain(args(call));
    entries.find(|(key, _)| key.as_str() == Some(name)).map(|(key, _)| key.span)
}

/// Where a parameter's value stands; the word, where the parameters are one text.
pub(super) fn value_span(call: &StepCall<'_>, name: &str) -> Span {
    value(call, name).map_or(call.word_span, |node| node.span)
}

/// A parameter's value, where it stands in a mapping.
pub(super) fn value<'a>(call: &StepCall<'a>, name: &str) -> Option<&'a Node> {
    let of = |entries: &'a [(Node, Node)]| entries.iter().find(|(key, _)| key.as_str() == Some(name));
    call.input.as_map().and_then(of).or_else(|| of(args(call))).map(|(_, value)| value)
}

/// The parameters under their own names, without those that were given as nothing.
pub(super) fn canonical(spec: &Spec, written: Map<String, Value>) -> Map<String, Value> {
    let own = |name: String| spec.param(&name).map_or(name, |param| param.name.to_owned());
    let given = written.into_iter().filter(|(_, value)| !value.is_null());
    given.map(|(name, value)| (own(name), value)).collect()
}

/// Whether a text is a template, which only the run itself can render.
pub(super) fn is_template(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|open| text.contains(open))
}
