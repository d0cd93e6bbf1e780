//! A run as a tree: tasks, their steps, and hosts where there are several, each with its state.

use serde_json::Value;
use windlass_model::{At, RunState, StepRun, TaskRun};

use super::{Mark, Palette, Tone, date, duration, fit, run_tone, step_mark, summary, tame, task_mark};

/// The run as a tree, each line in at most `width` columns.
pub(crate) fn tree(state: &RunState, id: &str, palette: Palette, width: usize) -> String {
    let mut lines = vec![head(state, id, palette)];
    let order = state.plan().order().unwrap_or_default();
    let last = order.len().saturating_sub(1);
    for (n, task) in order.into_iter().enumerate() {
        task_lines(state, task, n == last, palette, &mut lines);
    }
    lines.iter().map(|line| format!("{}\n", fit(line, width))).collect()
}

fn head(state: &RunState, id: &str, palette: Palette) -> String {
    let when = state.started_at.map(|at| format!("  {}", date(at))).unwrap_or_default();
    let took = match (state.started_at, state.finished_at) {
        (Some(from), Some(to)) => format!("  {}", duration(to.saturating_sub(from))),
        _ => String::new(),
    };
    format!(
        "{}  {}  {id}{}{}",
        palette.paint(Tone::Strong, &state.plan().name),
        palette.paint(run_tone(state.status), state.status.word()),
        palette.paint(Tone::Faint, &format!("{when}{took}")),
        summary::used(&state.used),
    )
}

fn task_lines(state: &RunState, task: u32, last: bool, palette: Palette, lines: &mut Vec<String>) {
    let spec = &state.plan().tasks[task as usize];
    let mark = task_mark(state, task);
    let stage = spec.stage.map(|stage| format!("{} › ", state.plan().stages[stage as usize].name));
    let name =
        format!("{}{}", palette.paint(Tone::Faint, stage.as_deref().unwrap_or("")), state.round_id(task));
    let note = note(&state.tasks[task as usize], palette);
    let branch = palette.paint(Tone::Faint, if last { "└─" } else { "├─" });
    past(state, task, palette, lines);
    lines.push(format!("{branch} {} {name}{}{note}", mark.sign(palette), worded(mark, palette)));
    let stem = palette.paint(Tone::Faint, if last { "   " } else { "│  " });
    let before = lines.len();
    for step in 0..spec.steps.len() as u32 {
        step_lines(state, task, step, &stem, palette, lines);
    }
    outputs(&state.tasks[task as usize], &stem, palette, lines);
    // The last branch ends the tree of its task.
    if let Some(line) = lines[before..].iter_mut().rev().find(|line| line.contains('├')) {
        *line = line.replacen('├', "└", 1);
    }
}

/// Why a task did not complete.
fn note(run: &TaskRun, palette: Palette) -> String {
    let reason = run.detail.as_ref().and_then(|detail| detail.reason.as_deref());
    reason.map(|reason| palette.paint(Tone::Faint, &format!("  {}", tame(reason)))).unwrap_or_default()
}

fn worded(mark: Mark, palette: Palette) -> String {
    match mark.word {
        "ok" | "pending" => String::new(),
        _ => format!("  {}", mark.word(palette)),
    }
}

fn step_lines(state: &RunState, task: u32, step: u32, stem: &str, palette: Palette, lines: &mut Vec<String>) {
    let spec = &state.plan().tasks[task as usize];
    let hosts = state.plan().hosts_of(spec);
    let item = &spec.steps[step as usize];
    let branch = palette.paint(Tone::Faint, "├─");
    let cleanup = if step >= spec.cleanup { palette.paint(Tone::Faint, "cleanup ") } else { String::new() };
    let title = format!("{cleanup}{} {}", tame(item.title()), palette.paint(Tone::Faint, &item.action));
    let at = At { task, step, host: 0, item: None };
    if let [_] = hosts {
        let Some(run) = state.step(at) else { return };
        let mark = step_mark(run);
        lines.push(format!("{stem}{branch} {} {title}{}", mark.sign(palette), run_note(run, mark, palette)));
        return;
    }
    lines.push(format!("{stem}{branch} {title}"));
    for (host, &index) in hosts.iter().enumerate() {
        let Some(run) = state.step(At { host: host as u32, ..at }) else { continue };
        let mark = step_mark(run);
        let name = &state.plan().hosts[index as usize];
        lines.push(format!("{stem}     {} {name}{}", mark.sign(palette), run_note(run, mark, palette)));
    }
}

/// State, time, attempts, and the reason or error of an execution.
fn run_note(run: &StepRun, mark: Mark, palette: Palette) -> String {
    let mut note = worded(mark, palette);
    if run.status().is_some() && run.attempts > 0 {
        note.push_str(&palette.paint(Tone::Faint, &format!("  {}", duration(run.duration_ms.into()))));
    }
    if run.attempts > 1 {
        note.push_str(&palette.paint(Tone::Change, &format!("  {} attempts", run.attempts)));
    }
    let Some(detail) = &run.detail else { return note };
    if let Some(used) = detail.usage.as_ref().filter(|used| !used.is_zero()) {
        note.push_str(&palette.paint(Tone::Faint, &summary::used(used)));
    }
    if let Some(why) = detail.error.as_ref().map(|e| e.message.as_str()).or(detail.reason.as_deref()) {
        note.push_str(&palette.paint(Tone::Faint, &format!("  {}", tame(why))));
    }
    note
}

/// The rounds of a repeated stage before the present one, each on a line with what the task handed on.
fn past(state: &RunState, task: u32, palette: Palette, lines: &mut Vec<String>) {
    for ((_, round), past) in state.past.range((task, 0)..=(task, u32::MAX)) {
        let outputs = past.detail.as_ref().and_then(|detail| detail.outputs.as_deref());
        let named = outputs.and_then(Value::as_object).into_iter().flatten();
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let named: Vec<String> =
            named.map(|(name, value)| format!("{name} = {}", tame(text(value).trim_end()))).collect();
        let id = &state.plan().tasks[task as usize].id;
        let line = format!("├─ · {id} in round {round}  {}", named.join(", "));
        lines.push(palette.paint(Tone::Faint, line.trim_end()));
    }
}

fn outputs(run: &TaskRun, stem: &str, palette: Palette, lines: &mut Vec<String>) {
    let Some(Value::Object(outputs)) = run.detail.as_ref().and_then(|d| d.outputs.as_deref()) else { return };
    for (name, value) in outputs {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let arrow = palette.paint(Tone::Faint, "→");
        lines.push(format!("{stem}   {arrow} {name} = {}", tame(value.trim_end())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Story;

    #[test]
    fn a_run_is_a_tree_of_tasks_and_steps() {
        let text = tree(&Story::failed().state, "r1", Palette::PLAIN, 100);
        let (head, rest) = text.split_once('\n').expect("lines");
        assert!(head.starts_with("release  failed  r1  2023-11-1") && head.ends_with("  14s"), "{head}");
        assert_eq!(
            rest,
            "\
├─ ✚ compile  changed
│  └─ ✚ run shell  changed  1.5s
├─ ✚ config  changed
│  ├─ ✚ render the configuration template  changed  1.5s
│  └─ ✓ copy copy  1.5s
├─ ✗ test  failed
│  └─ ✗ run shell  failed  1.5s  exit status 101
└─ ○ sign-off  not run
   └─ ○ approve approve  skipped  test failed
"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let text = tree(&Story::failed().state, "r1", Palette::new(true), 24);
        assert!(text.lines().all(|line| super::super::columns(line) <= 24), "{text}");
    }
}
