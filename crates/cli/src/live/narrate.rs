//! What is said of each event: lines that stay, the same on a terminal and in a pipe but for marks and colours.

use windlass_model::{At, Event, Fragment, Outcome, Phase, Record, RunState, Scope, Status, StepRun};

use crate::render::{Palette, Tone, diffs, duration, failure, fit, status_mark, step_mark, step_name, tame};

/// How many columns of an item are shown.
const ITEM: usize = 60;

/// How events are told.
#[derive(Clone, Debug)]
pub(crate) struct Manner {
    /// The colours.
    pub(crate) palette: Palette,
    /// Whether each line begins with a mark.
    pub(crate) marks: bool,
    /// Whether differences are shown.
    pub(crate) diff: bool,
    /// Whether the output of steps is shown.
    pub(crate) output: bool,
    /// Whether steps that only stood in the way of a failure are named too.
    pub(crate) blocked: bool,
    /// Whether the person who reads it can answer questions with a key.
    pub(crate) asks: bool,
    /// The run's id, for what to type.
    pub(crate) run: String,
}

/// The lines that an event is worth; most are worth none. `state` may be some events ahead.
pub(super) fn narrate(state: &RunState, record: &Record, manner: &Manner) -> Vec<String> {
    match &record.event {
        Event::StepFinished { at, outcome } if at.item.is_none() => finished(state, *at, outcome, manner),
        Event::StepFinished { at, outcome } => item_finished(state, *at, outcome, manner),
        Event::PlanExtended { fragment: Fragment::Round { stage, round }, .. } => {
            let stage = tame(state.plan().stages[*stage as usize].name.as_str());
            vec![manner.palette.paint(Tone::Change, &format!("stage {stage}: round {round}"))]
        }
        Event::StageFailed { error, .. } => {
            vec![manner.palette.paint(Tone::Bad, &tame(&error.message))]
        }
        Event::StepRetried { at, attempt, error, delay_ms, .. } => {
            let what = format!(
                "attempt {attempt} failed: {}, again in {}",
                tame(&error.message),
                duration(*delay_ms)
            );
            vec![line(state, *at, "↻", Tone::Change, &what, manner)]
        }
        Event::ApprovalAsked { at, prompt } => {
            let task = &state.plan().tasks[at.task as usize].id;
            let how = format!("    windlass runs approve {} {task}", manner.run);
            let what = format!("asks: {}", tame(prompt));
            let mut lines = vec![line(state, *at, "?", Tone::Ask, &what, manner)];
            lines.extend((!manner.asks).then(|| manner.palette.paint(Tone::Faint, &how)));
            lines
        }
        Event::ApprovalGiven { at, approved, by, note } => {
            let note = if note.is_empty() { String::new() } else { format!(": {}", tame(note)) };
            let what = format!("{} by {}{note}", if *approved { "approved" } else { "rejected" }, tame(by));
            vec![line(state, *at, "?", Tone::Ask, &what, manner)]
        }
        Event::StepHeld { at } => {
            let what = "held: it may have run to its end before the run was cut off";
            let how = format!("    windlass resume {} --in-doubt rerun|skip|fail", manner.run);
            vec![line(state, *at, "!", Tone::Ask, what, manner), manner.palette.paint(Tone::Faint, &how)]
        }
        Event::UndoStarted { scope } => {
            vec![manner.palette.paint(Tone::Change, &format!("taking back {}", scope_name(state, *scope)))]
        }
        Event::StepUndone { at, error: None } => {
            let mark = status_mark(Status::Undone);
            vec![line(state, *at, mark.sign, mark.tone, mark.word, manner)]
        }
        Event::StepUndone { at, error: Some(error) } => {
            let what = format!("could not be taken back: {}", tame(&error.message));
            vec![line(state, *at, "✗", Tone::Bad, &what, manner)]
        }
        Event::UndoFinished { scope, error: Some(error) } => {
            let what = format!("{} was not taken back: {}", scope_name(state, *scope), tame(&error.message));
            vec![manner.palette.paint(Tone::Bad, &what)]
        }
        Event::CleanupDone { error: Some(error), .. } => {
            vec![manner.palette.paint(Tone::Bad, &format!("cleanup failed: {}", tame(error)))]
        }
        _ => Vec::new(),
    }
}

fn scope_name(state: &RunState, scope: Scope) -> String {
    let plan = state.plan();
    match scope {
        Scope::Global | Scope::Pipeline => "the run".to_owned(),
        Scope::Stage(stage) => format!("stage {}", tame(plan.stages[stage as usize].name.as_str())),
        Scope::Task(task) => format!("task {}", plan.tasks[task as usize].id),
    }
}

fn finished(state: &RunState, at: At, outcome: &Outcome, manner: &Manner) -> Vec<String> {
    let Some(run) = state.step(at) else { return Vec::new() };
    let mut before = run.clone();
    let run = match run.status() {
        Some(_) => run,
        // The next round of its stage has begun since.
        None => {
            before.phase = Phase::Done(outcome.status);
            before.detail.clone_from(&outcome.detail);
            &before
        }
    };
    let blocked = run.detail.as_ref().is_some_and(|detail| detail.blocked);
    if blocked && !manner.blocked {
        return Vec::new();
    }
    let mut lines: Vec<String> = match (run.status(), failure(state, at, manner.palette)) {
        (Some(Status::Failed | Status::Unreachable), Some(text)) if manner.marks => {
            text.lines().map(str::to_owned).collect()
        }
        (Some(Status::Failed | Status::Unreachable), Some(text)) => {
            // The first line says in words what the mark says; in a pipe it is like that of any other step.
            let rest = text.lines().skip(1).map(str::to_owned);
            std::iter::once(step_line(state, at, run, manner)).chain(rest).collect()
        }
        _ => vec![step_line(state, at, run, manner)],
    };
    let Some(detail) = &run.detail else { return lines };
    if manner.diff {
        lines.extend(diffs(&detail.result, manner.palette).lines().map(str::to_owned));
    }
    if manner.output && run.status().is_some_and(Status::is_success) {
        lines.extend(output(&detail.result, manner.palette));
    }
    lines
}

/// What one item of a loop changed and said, where that is asked for: the loop as a whole has neither.
fn item_finished(state: &RunState, at: At, outcome: &Outcome, manner: &Manner) -> Vec<String> {
    let diffs = if manner.diff { diffs(outcome.result(), manner.palette) } else { String::new() };
    let wanted = manner.output || !diffs.is_empty();
    let item = at.item.and_then(|item| state.expansions.get(&at.whole())?.items.get(item as usize));
    let (Some(item), true) = (item, wanted) else { return Vec::new() };
    let run =
        StepRun { phase: Phase::Done(outcome.status), detail: outcome.detail.clone(), ..StepRun::default() };
    let mark = step_mark(&run);
    let item = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
    let what = format!("{}  {}", manner.palette.paint(mark.tone, mark.word), fit(&tame(&item), ITEM));
    let mut lines = vec![line(state, at.whole(), mark.sign, mark.tone, &what, manner)];
    lines.extend(diffs.lines().map(str::to_owned));
    if manner.output {
        lines.extend(output(outcome.result(), manner.palette));
    }
    lines
}

/// `task/step  changed  0.3s`, and why where it was skipped or let through.
fn step_line(state: &RunState, at: At, run: &StepRun, manner: &Manner) -> String {
    let mark = step_mark(run);
    let mut what = manner.palette.paint(mark.tone, mark.word);
    if run.attempts > 0 {
        what.push_str(&manner.palette.paint(Tone::Faint, &format!("  {}", duration(run.duration_ms.into()))));
    }
    if run.attempts > 1 {
        what.push_str(&format!("  {} attempts", run.attempts));
    }
    let why = run.detail.as_ref().and_then(|detail| match run.status() {
        Some(Status::Failed | Status::Unreachable) => None,
        _ => detail.error.as_ref().map(|e| e.message.as_str()).or(detail.reason.as_deref()),
    });
    if let Some(why) = why {
        what.push_str(&manner.palette.paint(Tone::Faint, &format!("  ({})", tame(why))));
    }
    line(state, at, mark.sign, mark.tone, &what, manner)
}

fn line(state: &RunState, at: At, sign: &str, tone: Tone, what: &str, manner: &Manner) -> String {
    let mut name = step_name(state.plan(), at);
    let id = &state.plan().tasks[at.task as usize].id;
    name.replace_range(..id.as_str().len(), &state.round_id(at.task));
    if manner.marks {
        format!("{} {name}  {what}", manner.palette.paint(tone, sign))
    } else {
        format!("{name}  {what}")
    }
}

/// What a step printed, each line behind a bar.
fn output(result: &serde_json::Value, palette: Palette) -> Vec<String> {
    let bar = palette.paint(Tone::Faint, "│");
    let stream = |name: &str| result.get(name).and_then(serde_json::Value::as_str).unwrap_or("").to_owned();
    let text = format!("{}\n{}", stream("stdout"), stream("stderr"));
    text.lines().filter(|line| !line.is_empty()).map(|line| format!("    {bar} {}", tame(line))).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;
    use crate::fixture::Story;

    pub(in crate::live) fn manner() -> Manner {
        Manner {
            palette: Palette::PLAIN,
            marks: false,
            diff: false,
            output: false,
            blocked: false,
            asks: false,
            run: "r1".into(),
        }
    }

    fn told(story: &Story, manner: &Manner) -> Vec<String> {
        story.records.iter().flat_map(|record| narrate(&story.state, record, manner)).collect()
    }

    #[test]
    fn each_finished_step_is_one_line_in_a_pipe() {
        let lines = told(&Story::failed(), &manner());
        assert_eq!(
            lines[..4],
            [
                "compile/run  changed  1.5s",
                "config/render  changed  1.5s",
                "config/copy  ok  1.5s",
                "test/run  failed  1.5s",
            ]
        );
        assert_eq!(lines[4], "  shell: exit status 101");
        assert!(
            !lines.iter().any(|line| line.starts_with("sign-off")),
            "what was blocked is not told: {lines:?}"
        );
    }

    #[test]
    fn differences_and_output_are_told_where_they_are_wanted() {
        let mut story = Story::release();
        story.start().begin("compile/run").finish_with(
            "compile/run",
            Status::Changed,
            json!({"stdout": "one\ntwo\n", "diff": {"before": "a\n", "after": "b\n"}}),
        );
        let lines = told(&story, &Manner { diff: true, output: true, marks: true, ..manner() });
        assert_eq!(
            lines,
            [
                "✚ compile/run  changed  1.5s",
                "--- before",
                "+++ after",
                "@@ -1 +1 @@",
                "-a",
                "+b",
                "    │ one",
                "    │ two",
            ]
        );
    }

    #[test]
    fn a_question_says_how_to_answer_it() {
        let mut story = Story::release();
        story.start().ask("sign-off/approve", "Release?");
        assert_eq!(
            told(&story, &manner()),
            ["sign-off/approve  asks: Release?", "    windlass runs approve r1 sign-off",]
        );
    }

    #[test]
    fn a_skipped_step_says_why() {
        let mut story = Story::release();
        story.start().skip("config/copy", "rendered.changed is false");
        assert_eq!(told(&story, &manner()), ["config/copy  skipped  (rendered.changed is false)"]);
    }
}
