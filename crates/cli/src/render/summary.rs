//! How a run ended: what changed, how many steps ended how, how long it took, and what to do next.

use std::path::Path;

use windlass_model::{At, Cost, RunState, RunStatus, Status, StepRun, Usage};

use super::{Palette, Tone, columns, counts, duration, failure, pad, run_tone, step_name, tame};

/// How many changes are named.
const NAMED: usize = 20;

/// How many failures are shown.
const FAILURES: usize = 10;

/// What a summary is told besides the run's state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending<'a> {
    /// The run's id, for what to type.
    pub(crate) id: &'a str,
    /// Whether the run came from another store, where alone it can go on.
    pub(crate) imported: bool,
    /// Whether the run only said what it would change.
    pub(crate) check: bool,
    /// Whether the failed steps are shown too, where nothing showed them before.
    pub(crate) failures: bool,
    /// The folder that paths are shown from.
    pub(crate) folder: &'a Path,
}

/// How a run ended.
pub(crate) fn summary(state: &RunState, ending: &Ending<'_>, palette: Palette) -> String {
    let mut text = String::new();
    if ending.failures {
        text.push_str(&failed_steps(state, palette));
    }
    text.push_str(&changes(state, ending, palette));
    text.push_str(&format!("{}\n", headline(state, ending.check, palette)));
    for line in next_steps(state, ending) {
        text.push_str(&format!("  {line}\n"));
    }
    text
}

/// All steps on all hosts, in the order of their tasks.
pub(crate) fn steps(state: &RunState) -> impl Iterator<Item = (At, &StepRun)> {
    let order = state.plan().order().unwrap_or_default();
    order.into_iter().flat_map(move |task| {
        let spec = &state.plan().tasks[task as usize];
        (0..state.plan().hosts_of(spec).len() as u32).flat_map(move |host| {
            let steps = state.steps_on(task, host).iter().enumerate();
            steps.map(move |(step, run)| (At { task, step: step as u32, host, item: None }, run))
        })
    })
}

fn failed_steps(state: &RunState, palette: Palette) -> String {
    let bad = |run: &StepRun| matches!(run.status(), Some(Status::Failed | Status::Unreachable));
    let all: Vec<At> = steps(state).filter(|(_, run)| bad(run)).map(|(at, _)| at).collect();
    let mut text: String =
        all.iter().take(FAILURES).filter_map(|&at| failure(state, at, palette)).map(|f| f + "\n").collect();
    if all.len() > FAILURES {
        text.push_str(&format!("… and {} more failed steps\n\n", all.len() - FAILURES));
    }
    text
}

fn changes(state: &RunState, ending: &Ending<'_>, palette: Palette) -> String {
    let changed: Vec<(String, String)> = steps(state)
        .filter(|(_, run)| run.status() == Some(Status::Changed))
        .map(|(at, run)| (step_name(state.plan(), at), what(run, ending.folder)))
        .collect();
    if changed.is_empty() {
        return String::new();
    }
    let wide = changed.iter().take(NAMED).map(|(name, _)| columns(name)).max().unwrap_or(0);
    let mut text =
        format!("{}\n", palette.paint(Tone::Strong, if ending.check { "Would change:" } else { "Changed:" }));
    for (name, what) in changed.iter().take(NAMED) {
        let line = format!("{}  {}", pad(name, wide), palette.paint(Tone::Faint, what));
        text.push_str(&format!("  {} {}\n", palette.paint(Tone::Change, "✚"), line.trim_end()));
    }
    if changed.len() > NAMED {
        text.push_str(&format!("  … and {} more\n", changed.len() - NAMED));
    }
    text.push('\n');
    text
}

/// What a step changed, where its result names it: a path, shown from `folder`.
fn what(run: &StepRun, folder: &Path) -> String {
    let Some(detail) = &run.detail else { return String::new() };
    let name = ["dest", "path"].iter().find_map(|key| detail.result.get(*key)?.as_str());
    let inside = |name: &str| {
        let rest = Path::new(name).strip_prefix(folder).ok()?.to_str()?;
        (!rest.is_empty()).then(|| rest.to_owned())
    };
    name.map(|name| tame(&inside(name).unwrap_or_else(|| name.to_owned()))).unwrap_or_default()
}

fn headline(state: &RunState, check: bool, palette: Palette) -> String {
    let word = palette.paint(run_tone(state.status), state.status.word());
    let took = match (state.started_at, state.finished_at) {
        (Some(from), Some(to)) => format!(" in {}", duration(to.saturating_sub(from))),
        _ => String::new(),
    };
    let check = if check { " (check mode: nothing was changed)" } else { "" };
    let used = used(&state.used);
    let name = palette.paint(Tone::Strong, &state.plan().name);
    format!("{name} {word}{took}{check}  {}{used}", counts(state).line(palette))
}

/// What was used, where anything was.
pub(super) fn used(usage: &Usage) -> String {
    if usage.is_zero() {
        return String::new();
    }
    let Cost { amount, currency } = &usage.cost;
    let money = if currency.is_empty() { String::new() } else { format!(" cost={amount} {currency}") };
    format!("  tokens={}{money}", usage.tokens)
}

fn next_steps(state: &RunState, ending: &Ending<'_>) -> Vec<String> {
    let id = ending.id;
    let mut lines = Vec::new();
    if let Some(reason) = &state.interrupted_by {
        lines.push(format!("stopped by {reason}"));
    }
    if let Some(error) = &state.error {
        lines.push(format!("{} [{}]", error.message, error.code));
    }
    if ending.check {
        return lines;
    }
    if ending.imported {
        lines.push(format!("windlass runs show {id}"));
        return lines;
    }
    for (at, approval) in state.approvals.iter().filter(|(_, approval)| approval.answer.is_none()) {
        let task = &state.plan().tasks[at.task as usize].id;
        lines.push(format!("{task} asks: {}", tame(&approval.prompt)));
        lines.push(format!("  windlass runs approve {id} {task}"));
    }
    match state.status {
        RunStatus::Failed => {
            lines.push(format!("windlass resume {id}     try again what failed"));
            lines.push(format!("windlass runs logs {id}  see the output of its steps"));
        }
        RunStatus::Interrupted | RunStatus::Pending => {
            lines.push(format!("windlass resume {id}  go on where it stopped"));
        }
        RunStatus::Completed | RunStatus::Aborted | RunStatus::Running => {
            lines.push(format!("windlass runs show {id}"));
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use windlass_model::{Event, TaskEnd};

    use super::*;
    use crate::fixture::{Story, shape};

    fn shown(story: &Story, failures: bool) -> String {
        let ending =
            Ending { id: "r1", imported: false, check: false, failures, folder: Path::new("/work/site") };
        summary(&story.state, &ending, Palette::PLAIN)
    }

    #[test]
    fn a_failed_run_says_what_changed_and_how_to_go_on() {
        let story = Story::failed();
        assert_eq!(
            shown(&story, false),
            "\
Changed:
  ✚ compile/run
  ✚ config/render  out/app.conf

release failed in 14s  ok=1 changed=2 skipped=1 failed=1
  test/run: exit status 101 [WL0602]
  windlass resume r1     try again what failed
  windlass runs logs r1  see the output of its steps
"
        );
        assert!(shown(&story, true).starts_with("✗ test/run failed"));
    }

    #[test]
    fn nobody_is_told_to_go_on_with_an_imported_run() {
        let ending =
            Ending { id: "r1", imported: true, check: false, failures: false, folder: Path::new("/") };
        let text = summary(&Story::failed().state, &ending, Palette::PLAIN);
        assert!(text.ends_with("  test/run: exit status 101 [WL0602]\n  windlass runs show r1\n"), "{text}");
    }

    #[test]
    fn a_run_without_changes_says_changed_0() {
        let mut story = Story::new(shape(&[("a", &[])]));
        story.start().begin("a/noop").finish("a/noop", Status::Ok).end("a", TaskEnd::Completed);
        story.tell(Event::RunFinished { status: RunStatus::Completed, error: None });
        assert_eq!(
            shown(&story, true),
            "shape completed in 4.0s  ok=1 changed=0 skipped=0 failed=0\n  windlass runs show r1\n"
        );
    }

    #[test]
    fn an_interrupted_run_names_what_it_waits_for() {
        let mut story = Story::release();
        story.start().ask("sign-off/approve", "Release?");
        story.tell(Event::RunInterrupted { reason: "SIGINT".into() });
        let text = shown(&story, true);
        assert!(
            text.contains(
                "  stopped by SIGINT\n  sign-off asks: Release?\n    windlass runs approve r1 sign-off\n"
            ),
            "{text}"
        );
        assert!(text.ends_with("  windlass resume r1  go on where it stopped\n"), "{text}");
    }
}
