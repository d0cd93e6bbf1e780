//! A step that failed: what it was, where, what it said last, and what to do.

use serde_json::Value;
use windlass_model::{At, Detail, LOCALHOST, Plan, RunState, StepRun};

use super::{Palette, Tone, duration, tame};

/// How many of the last lines of its output are shown.
const LINES: usize = 10;

/// How many items of a loop are shown, where several failed.
const ITEMS: usize = 3;

/// The name of an execution: `task/step`, with `[n]` for an item, with `@host` where it is not this machine.
pub(crate) fn step_name(plan: &Plan, at: At) -> String {
    let task = &plan.tasks[at.task as usize];
    let mut name = format!("{}/{}", task.id, task.steps[at.step as usize].id);
    if let Some(item) = at.item {
        name.push_str(&format!("[{item}]"));
    }
    let hosts = plan.hosts_of(task);
    let host = hosts.get(at.host as usize).map(|&host| &*plan.hosts[host as usize]);
    match host {
        Some(host) if hosts.len() > 1 || host != LOCALHOST => format!("{name}@{host}"),
        _ => name,
    }
}

/// A failed step in some lines; `None` where it did not fail.
pub(crate) fn failure(state: &RunState, at: At, palette: Palette) -> Option<String> {
    let run = state.step(at)?;
    let detail = run.detail.as_deref()?;
    detail.error.as_ref()?;
    let mut text = head(state, at, run, detail, palette);
    let items = failed_items(state, at);
    if items.is_empty() {
        text.push_str(&body(state, at, detail, palette));
    }
    for &item in items.iter().take(ITEMS) {
        let Some(detail) = state.step(item).and_then(|run| run.detail.as_deref()) else { continue };
        let message = detail.error.as_ref().map_or("", |error| error.message.as_str());
        text.push_str(&format!("  item {}: {message}\n", item_label(state, item)));
        text.push_str(&body(state, item, detail, palette));
    }
    if items.len() > ITEMS {
        text.push_str(&format!("  … and {} more items failed\n", items.len() - ITEMS));
    }
    Some(text)
}

fn head(state: &RunState, at: At, run: &StepRun, detail: &Detail, palette: Palette) -> String {
    let plan = state.plan();
    let step = &plan.tasks[at.task as usize].steps[at.step as usize];
    let title = if step.title() == step.id.as_str() { String::new() } else { format!(" ({})", step.title()) };
    let tries = if run.attempts > 1 { format!(" after {} attempts", run.attempts) } else { String::new() };
    let word = run.status().map_or("failed", |status| status.word());
    let (code, message) = detail
        .error
        .as_ref()
        .map_or((String::new(), ""), |error| (format!(" [{}]", error.code), error.message.as_str()));
    let first = format!("✗ {}{title} {word}{tries}", step_name(plan, at));
    format!(
        "{}{}\n  {}: {message}\n",
        palette.paint(Tone::Bad, &first),
        palette.paint(Tone::Faint, &format!(" in {}{code}", duration(run.duration_ms.into()))),
        step.action,
    )
}

/// What was run, its last lines, and the hint.
fn body(state: &RunState, at: At, detail: &Detail, palette: Palette) -> String {
    let mut text = String::new();
    if let Some(command) = command(&detail.result) {
        text.push_str(&format!("  $ {command}\n"));
    }
    text.push_str(&last_lines(&detail.result, palette));
    if let Some(hint) = detail.error.as_ref().and_then(|error| error.hint.as_ref()) {
        text.push_str(&format!("  {} {hint}\n", palette.paint(Tone::Skip, "hint:")));
    }
    let step = &state.plan().tasks[at.task as usize].steps[at.step as usize];
    if step.more().no_log {
        text.push_str("  its result is not shown: the step says `no_log`\n");
    }
    text
}

/// The command line of a result, where it has one: a text or a list of arguments.
fn command(result: &Value) -> Option<String> {
    let text = match result.get("cmd")? {
        Value::String(text) => text.clone(),
        Value::Array(words) => words.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => return None,
    };
    let mut lines = text.trim_end().lines();
    let first = tame(lines.next()?);
    Some(if lines.next().is_some() { format!("{first} …") } else { first })
}

fn last_lines(result: &Value, palette: Palette) -> String {
    let stream = |name: &str| result.get(name).and_then(Value::as_str).unwrap_or("").trim_end();
    let (name, text) = match (stream("stderr"), stream("stdout")) {
        ("", "") => return String::new(),
        ("", stdout) => ("stdout", stdout),
        (stderr, _) => ("stderr", stderr),
    };
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(LINES);
    let head = if from == 0 {
        format!("  {name}:\n")
    } else {
        format!("  {name}, its last {LINES} lines ({from} more before them):\n")
    };
    let bar = palette.paint(Tone::Faint, "│");
    lines[from..].iter().fold(head, |text, line| text + &format!("    {bar} {}\n", tame(line)))
}

fn failed_items(state: &RunState, at: At) -> Vec<At> {
    let Some(expansion) = state.expansions.get(&at) else { return Vec::new() };
    let failed = |run: &StepRun| run.status().is_some_and(|status| !status.is_success());
    let items = expansion.runs.iter().enumerate().filter(|(_, run)| failed(run));
    items.map(|(item, _)| at.item(item as u32)).collect()
}

/// An item as people wrote it, cut where it is long.
fn item_label(state: &RunState, at: At) -> String {
    let item = at.item.unwrap_or(0) as usize;
    let value = state.expansions.get(&at.whole()).and_then(|expansion| expansion.items.get(item));
    match value {
        Some(Value::String(text)) => super::fit(&tame(text), 60),
        Some(value) => super::fit(&tame(&value.to_string()), 60),
        None => item.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Story;

    #[test]
    fn a_failure_says_what_where_its_last_lines_and_a_hint() {
        let story = Story::failed();
        let text = failure(&story.state, story.at("test/run"), Palette::PLAIN).expect("it failed");
        let lines: String = (25..=34).map(|n| format!("    │ line {n}\n")).collect();
        assert_eq!(
            text,
            format!(
                "✗ test/run failed in 1.5s [WL0602]\n  shell: exit status 101\n  $ cargo test\n  \
                 stderr, its last 10 lines (24 more before them):\n{lines}  hint: look at its stderr\n"
            )
        );
        assert_eq!(failure(&story.state, story.at("compile/run"), Palette::PLAIN), None);
    }

    #[test]
    fn without_stderr_stdout_is_shown() {
        let mut story = Story::release();
        let result = serde_json::json!({"cmd": ["a", "b\u{1b}[2J"], "stdout": "only\tthis\n", "stderr": ""});
        story.start().begin("compile/run").fail("compile/run", "exit status 1", result);
        let text = failure(&story.state, story.at("compile/run"), Palette::PLAIN).expect("it failed");
        assert!(text.contains("  $ a b\n  stdout:\n    │ only    this\n"), "{text}");
    }
}
