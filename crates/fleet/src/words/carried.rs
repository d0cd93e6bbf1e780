//! What other steps than `copy` and `template` carry to a host: archives, scripts, and the parts of a file. They
//! are read while planning, as the files of those are.

use serde_json::{Map, Value};
use windlass_engine::{CompileContext, StepCall};
use windlass_gate::first_word;
use windlass_model::Code;

use super::{params, sources};
use crate::jinja;

/// The parts of an `assemble` step, where they are not on the host.
pub(super) fn assemble(map: &mut Map<String, Value>, call: &StepCall<'_>, cx: &CompileContext) -> bool {
    match map.get("remote_src") {
        Some(value) if sources::is_false(value) => sources::whole(map, call, cx),
        _ => true,
    }
}

/// The archive of an `unarchive` step, where it is not on the host.
pub(super) fn unarchive(map: &mut Map<String, Value>, call: &StepCall<'_>, cx: &CompileContext) -> bool {
    let remote = map.get("remote_src").is_some_and(|value| jinja::truth(value) != Some(false));
    if remote || map.get("copy").is_some_and(|value| jinja::truth(value) != Some(true)) {
        return true;
    }
    let Some(src) = sources::known(map) else { return true };
    let span = params::value_span(call, "src");
    if src.contains("://") {
        let problem =
            cx.problem(Code::BadParams, span, "a URL is fetched by the host itself, and not from here");
        cx.note(problem.hint("say `remote_src: true`"));
        return false;
    }
    sources::file(&src, false, span, map, cx)
}

/// The file that a `uri` step sends, where it is not on the host.
pub(super) fn uri(map: &mut Map<String, Value>, call: &StepCall<'_>, cx: &CompileContext) -> bool {
    if map.get("remote_src").is_some_and(|value| jinja::truth(value) != Some(false)) {
        return true;
    }
    let Some(src) = sources::known(map) else { return true };
    sources::file(&src, false, params::value_span(call, "src"), map, cx)
}

/// The script of a `script` step: the first word of its text.
pub(super) fn script(map: &mut Map<String, Value>, call: &StepCall<'_>, cx: &CompileContext) -> bool {
    let text = map.get("_raw_params").or_else(|| map.get("cmd")).and_then(Value::as_str).unwrap_or_default();
    let Some((name, _)) = first_word(text) else { return true };
    // A name that is computed is known when the step runs.
    if params::is_template(&name) {
        return true;
    }
    let span = params::value(call, "cmd").map_or(call.input.span, |node| node.span);
    sources::file(&name, false, span, map, cx)
}
