//! Outputs too long for a result: cut there, with a notice, and kept whole in the store.

use serde_json::Value;
use windlass_engine::Blobs;
use windlass_engine::redact::Redactor;
use windlass_gate::Reply;

use crate::local::CAPTURE;

/// How much of each output stream is taken for the store, in bytes. It is all in memory until the command
/// ends, for each of the commands that run at once.
pub(super) const WHOLE: usize = 8 << 20;

/// Cuts the streams of a reply to what a result keeps. `stdout_truncated_bytes` says how much that leaves out,
/// and `stdout_blob` names the content in the store that has all of it.
pub(super) fn shorten(mut reply: Reply, scope: &windlass_expr::Value, blobs: &dyn Blobs) -> Reply {
    for stream in ["stdout", "stderr"] {
        let Some(Value::String(text)) = reply.fields.get_mut(stream) else { continue };
        if text.len() <= CAPTURE {
            continue;
        }
        let whole = std::mem::take(text);
        let kept = &whole[..whole.floor_char_boundary(CAPTURE)];
        let notice = format!("{stream}_truncated_bytes");
        let lost = reply.fields.get(&notice).and_then(Value::as_u64).unwrap_or_default();
        reply = reply
            .with(&notice, lost + (whole.len() - kept.len()) as u64)
            .with(&format!("{stream}_lines"), kept.lines().collect::<Vec<_>>())
            .with(stream, kept);
        // The command has done its work: that the store has no room for its words must not fail it now. The
        // notice stands in any case.
        if let Ok(Some(id)) = blobs.keep(redactor(scope).text(&whole).as_bytes()) {
            reply = reply.with(&format!("{stream}_blob"), id.as_str());
        }
    }
    reply
}

/// Takes the run's secrets out of what goes to the store, where results lie without them too.
fn redactor(scope: &windlass_expr::Value) -> Redactor {
    let secrets = scope.get_attr("secrets").unwrap_or_default();
    let names: Vec<_> = secrets.try_iter().into_iter().flatten().collect();
    let values: Vec<String> =
        names.iter().filter_map(|name| secrets.get_item(name).ok()?.as_str().map(str::to_owned)).collect();
    Redactor::new(values.iter().map(String::as_str))
}
