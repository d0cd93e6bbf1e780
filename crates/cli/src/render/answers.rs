//! What each host said to one question: `windlass exec`, as Ansible's people know it.

use serde_json::Value;
use windlass_model::{RunState, Status, StepRun};

use super::tame;
use super::{Palette, Tone, status::UNKNOWN};

/// A block for each host, in the plan's order.
pub(crate) fn answers(state: &RunState, palette: Palette) -> String {
    let plan = state.plan();
    let Some(task) = plan.tasks.first() else { return String::new() };
    let hosts = plan.hosts_of(task).iter().enumerate();
    let block = |(position, &host): (usize, &u32)| {
        let run = state.steps_on(0, position as u32).first()?;
        Some(answer(&plan.hosts[host as usize], run, palette))
    };
    hosts.filter_map(block).collect()
}

fn answer(host: &str, run: &StepRun, palette: Palette) -> String {
    let (word, tone) = match run.status() {
        Some(Status::Changed) => ("CHANGED", Tone::Change),
        Some(Status::Ok) => ("SUCCESS", Tone::Good),
        Some(Status::Skipped) if run.is_unknown() => ("UNKNOWN", UNKNOWN.tone),
        Some(Status::Skipped) => ("SKIPPED", Tone::Faint),
        Some(Status::Unreachable) => ("UNREACHABLE!", Tone::Bad),
        Some(_) => ("FAILED!", Tone::Bad),
        None => ("NOT DONE", Tone::Faint),
    };
    let outcome = run.outcome();
    let result = outcome.as_ref().map(|outcome| outcome.result().clone()).unwrap_or_default();
    let rc = result.get("rc").and_then(Value::as_i64);
    let head = match rc {
        Some(rc) => format!("{host} | {word} | rc={rc} >>"),
        None => format!("{host} | {word}"),
    };
    let mut text = format!("{}\n", palette.paint(tone, &head));
    let said = if rc.is_some() { streams(&result) } else { fields(&result) };
    for line in said.lines() {
        text.push_str(&tame(line));
        text.push('\n');
    }
    let why = outcome.as_ref().and_then(|outcome| outcome.error().map(|error| error.message.clone()));
    let why = why.or_else(|| outcome.as_ref().and_then(|outcome| outcome.reason().map(str::to_owned)));
    if let Some(why) = why.filter(|why| !said.contains(why.as_str())) {
        text.push_str(&format!("{}\n", palette.paint(tone, &tame(&why))));
    }
    text
}

/// What a command said.
fn streams(result: &Value) -> String {
    let text =
        |name: &str| result.get(name).and_then(Value::as_str).unwrap_or_default().trim_end().to_owned();
    [text("stdout"), text("stderr")]
        .into_iter()
        .filter(|text| !text.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// What another module said, without what the head of the block says already.
fn fields(result: &Value) -> String {
    let Value::Object(fields) = result else { return String::new() };
    let kept = fields
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "changed" | "failed" | "unreachable" | "diff"));
    let line = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("  {name}: {text}"),
        other => format!("  {name}: {other}"),
    };
    kept.map(line).collect::<Vec<_>>().join("\n")
}
