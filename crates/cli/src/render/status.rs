//! How states look: one mark and one colour each, and how many steps ended how.

use windlass_model::{Outcome, Phase, RunState, RunStatus, Status, StepRun, TaskEnd};

use super::{Palette, Tone};

/// A mark with its colour and its word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// One column.
    pub(crate) sign: &'static str,
    /// Its colour.
    pub(crate) tone: Tone,
    /// The word for it.
    pub(crate) word: &'static str,
}

impl Mark {
    const fn new(sign: &'static str, tone: Tone, word: &'static str) -> Self {
        Self { sign, tone, word }
    }

    /// The sign in its colour.
    pub(crate) fn sign(self, palette: Palette) -> String {
        palette.paint(self.tone, self.sign)
    }

    /// The word in its colour.
    pub(crate) fn word(self, palette: Palette) -> String {
        palette.paint(self.tone, self.word)
    }
}

/// The mark of one execution of a step.
pub(crate) fn step_mark(run: &StepRun) -> Mark {
    match run.phase {
        Phase::Pending => Mark::new("·", Tone::Faint, "pending"),
        Phase::Running => Mark::new("▸", Tone::Busy, "running"),
        Phase::InDoubt => Mark::new("!", Tone::Bad, "in doubt"),
        Phase::Held => Mark::new("!", Tone::Ask, "held"),
        Phase::Waiting => Mark::new("↻", Tone::Change, "retrying"),
        Phase::Asking => Mark::new("?", Tone::Ask, "waits for approval"),
        Phase::Done(Status::Skipped) if run.is_unknown() => UNKNOWN,
        Phase::Done(status) => status_mark(status),
    }
}

/// The mark of a step of which a check cannot know what it would do.
pub(crate) const UNKNOWN: Mark = Mark::new("◌", Tone::Ask, "unknown");

/// The mark of an execution that ended like this.
pub(crate) fn status_mark(status: Status) -> Mark {
    match status {
        Status::Ok => Mark::new("✓", Tone::Good, status.word()),
        Status::Changed => Mark::new("✚", Tone::Change, status.word()),
        Status::Skipped => Mark::new("○", Tone::Skip, status.word()),
        Status::Failed | Status::Unreachable => Mark::new("✗", Tone::Bad, status.word()),
        Status::Cancelled => Mark::new("⊘", Tone::Bad, status.word()),
        Status::Undone => Mark::new("↶", Tone::Skip, status.word()),
    }
}

/// The mark of a task: how it ended, or what the steps of it that count most are at.
pub(crate) fn task_mark(state: &RunState, task: u32) -> Mark {
    let run = &state.tasks[task as usize];
    match run.end {
        Some(TaskEnd::Completed) if task_changed(state, task) => status_mark(Status::Changed),
        Some(TaskEnd::Completed) => status_mark(Status::Ok),
        Some(TaskEnd::Failed) => status_mark(Status::Failed),
        Some(TaskEnd::Skipped) => status_mark(Status::Skipped),
        Some(TaskEnd::Blocked) => Mark::new("○", Tone::Faint, "not run"),
        Some(TaskEnd::Undone) => status_mark(Status::Undone),
        None if run.started => open_mark(state, task),
        None => Mark::new("·", Tone::Faint, "pending"),
    }
}

fn open_mark(state: &RunState, task: u32) -> Mark {
    let urgent = |run: &&StepRun| !matches!(run.phase, Phase::Pending | Phase::Done(_) | Phase::Running);
    let spec = &state.plan().tasks[task as usize];
    let hosts = 0..state.plan().hosts_of(spec).len() as u32;
    let found = hosts.flat_map(|host| state.steps_on(task, host)).find(urgent);
    found.map_or(Mark::new("▸", Tone::Busy, "running"), step_mark)
}

fn task_changed(state: &RunState, task: u32) -> bool {
    let spec = &state.plan().tasks[task as usize];
    let hosts = 0..state.plan().hosts_of(spec).len() as u32;
    hosts.flat_map(|host| state.steps_on(task, host)).any(|run| run.status() == Some(Status::Changed))
}

/// The colour of a run's status.
pub(crate) fn run_tone(status: RunStatus) -> Tone {
    match status {
        RunStatus::Completed => Tone::Good,
        RunStatus::Failed | RunStatus::Aborted => Tone::Bad,
        RunStatus::Interrupted => Tone::Change,
        RunStatus::Running => Tone::Busy,
        RunStatus::Pending => Tone::Faint,
    }
}

/// How many steps ended how, on all hosts. Each is counted once, loops as one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Of all.
    pub(crate) total: usize,
    /// Ended, however.
    pub(crate) done: usize,
    /// Under way.
    pub(crate) running: usize,
    /// Without a change.
    pub(crate) ok: usize,
    /// With a change.
    pub(crate) changed: usize,
    /// Left out.
    pub(crate) skipped: usize,
    /// Left out, since a check cannot know what it would do.
    pub(crate) unknown: usize,
    /// Failed.
    pub(crate) failed: usize,
    /// Could not be reached.
    pub(crate) unreachable: usize,
    /// Ended before they could finish.
    pub(crate) cancelled: usize,
    /// Taken back.
    pub(crate) undone: usize,
}

/// Counts the steps of a run.
pub(crate) fn counts(state: &RunState) -> Counts {
    let mut counts = Counts { total: state.steps.len(), ..Counts::default() };
    for run in &state.steps {
        match run.outcome() {
            Some(outcome) => counts.add(&outcome),
            None => counts.running += usize::from(run.phase != Phase::Pending),
        }
    }
    counts
}

impl Counts {
    /// Counts one more step that ended like this.
    pub(crate) fn add(&mut self, outcome: &Outcome) {
        self.done += 1;
        let slot = match outcome.status {
            Status::Skipped if outcome.is_unknown() => &mut self.unknown,
            Status::Ok => &mut self.ok,
            Status::Changed => &mut self.changed,
            Status::Skipped => &mut self.skipped,
            Status::Failed => &mut self.failed,
            Status::Unreachable => &mut self.unreachable,
            Status::Cancelled => &mut self.cancelled,
            Status::Undone => &mut self.undone,
        };
        *slot += 1;
    }

    /// `ok=7 changed=0 skipped=1 failed=0`; rare ends appear only where there are some.
    pub(crate) fn line(&self, palette: Palette) -> String {
        let always = [
            ("ok", self.ok, Tone::Good),
            ("changed", self.changed, Tone::Change),
            ("skipped", self.skipped, Tone::Skip),
            ("failed", self.failed, Tone::Bad),
        ];
        let rare = [
            ("unknown", self.unknown, UNKNOWN.tone),
            ("unreachable", self.unreachable, Tone::Bad),
            ("cancelled", self.cancelled, Tone::Bad),
            ("undone", self.undone, Tone::Skip),
            ("not-run", self.total - self.done, Tone::Faint),
        ];
        let show = |(word, count, tone): (&str, usize, Tone)| {
            let text = format!("{word}={count}");
            if count == 0 { text } else { palette.paint(tone, &text) }
        };
        let rare = rare.into_iter().filter(|(_, count, _)| *count > 0);
        always.into_iter().chain(rare).map(show).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Story;

    #[test]
    fn every_step_is_counted_once() {
        let mut story = Story::release();
        story.start().finish("compile/run", Status::Changed).finish("config/render", Status::Ok);
        story.skip("config/copy", "rendered.changed is false");
        let counts = counts(&story.state);
        assert_eq!(counts.line(Palette::PLAIN), "ok=1 changed=1 skipped=1 failed=0 not-run=2");
        assert_eq!((counts.done, counts.total), (3, 5));
    }

    #[test]
    fn a_task_shows_what_counts_most_of_it() {
        let mut story = Story::release();
        let word = |story: &Story, id: &str| {
            task_mark(&story.state, story.state.plan().task(id).expect("it is there")).word
        };
        assert_eq!(word(&story, "compile"), "pending");
        story.start().begin("compile/run");
        assert_eq!(word(&story, "compile"), "running");
        story.finish("compile/run", Status::Changed).end("compile", TaskEnd::Completed);
        assert_eq!(word(&story, "compile"), "changed");
        story.ask("sign-off/approve", "Release?");
        assert_eq!(word(&story, "sign-off"), "waits for approval");
    }
}
