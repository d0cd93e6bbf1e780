//! The live view's content: what runs, what waits for a person, how much is done. Pure: time is given to it.

use std::collections::BTreeMap;

use windlass_model::{At, Event, Fragment, Phase, Record, RunState};

use super::narrate::{Manner, narrate};
use crate::render::{Counts, Palette, Tone, columns, counts, duration, fit, pad, step_name, tame};

/// At most so many running steps are shown, however high the terminal is.
const RUNNING: usize = 10;

/// At most so many lines that stay come with one frame; of more, only failures are shown.
const STAYING: usize = 60;

const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// A step under way.
#[derive(Clone, Debug)]
struct Running {
    name: String,
    since: u64,
    last: String,
    waiting: bool,
}

/// What the live view shows.
#[derive(Debug)]
pub(super) struct Board {
    manner: Manner,
    counts: Counts,
    started: u64,
    running: BTreeMap<At, Running>,
    /// Open questions by step.
    questions: BTreeMap<At, (String, String)>,
    /// What the stop that was asked for waits for.
    stopping: Option<&'static str>,
    stay: Vec<String>,
    left_out: usize,
}

/// Whether steps are open again that were counted.
fn is_new_start(event: &Event) -> bool {
    let round = matches!(event, Event::PlanExtended { fragment: Fragment::Round { .. }, .. });
    round || matches!(event, Event::RunStarted { .. })
}

impl Board {
    pub(super) fn new(manner: Manner) -> Self {
        Self {
            manner,
            counts: Counts::default(),
            started: 0,
            running: BTreeMap::new(),
            questions: BTreeMap::new(),
            stopping: None,
            stay: Vec::new(),
            left_out: 0,
        }
    }

    /// Takes over where the run stands; `now` is when this driver began.
    pub(super) fn begin(&mut self, id: &str, state: &RunState, now: u64) {
        self.manner.run = id.to_owned();
        self.counts = counts(state);
        self.started = now;
    }

    /// Takes over what happened.
    pub(super) fn records(&mut self, state: &RunState, records: &[Record]) {
        for record in records {
            self.track(state, record);
            self.tell(state, record);
        }
        // Counting anew costs one look at each step: only where events cannot tell it.
        if records.iter().any(|record| is_new_start(&record.event)) {
            self.counts = counts(state);
        }
    }

    fn tell(&mut self, state: &RunState, record: &Record) {
        let dull = match &record.event {
            Event::StepFinished { at, outcome } => at.item.is_none() && outcome.status.is_success(),
            _ => false,
        };
        if dull && self.stay.len() >= STAYING {
            self.left_out += 1;
        } else {
            self.stay.extend(narrate(state, record, &self.manner));
        }
    }

    fn track(&mut self, state: &RunState, record: &Record) {
        match &record.event {
            Event::StepStarted { at, .. } => {
                let name = step_name(state.plan(), *at);
                let new = || Running { name, since: record.time, last: String::new(), waiting: false };
                self.running.entry(*at).or_insert_with(new).waiting = false;
            }
            Event::StepRetried { at, error, .. } => {
                if let Some(running) = self.running.get_mut(at) {
                    running.waiting = true;
                    running.last = tame(&error.message);
                }
            }
            Event::StepFinished { at, outcome } => {
                self.running.remove(at);
                self.questions.remove(at);
                if at.item.is_none() {
                    self.counts.add(outcome);
                }
            }
            Event::ApprovalAsked { at, prompt } => {
                self.running.remove(at);
                let task = state.plan().tasks[at.task as usize].id.to_string();
                self.questions.insert(*at, (task, tame(prompt)));
            }
            Event::ApprovalGiven { at, .. } => {
                self.questions.remove(at);
            }
            Event::RunStarted { .. } => self.resume(state),
            _ => {}
        }
    }

    /// Questions that were open when the run was taken up.
    fn resume(&mut self, state: &RunState) {
        self.running.clear();
        for (at, approval) in state.approvals.iter().filter(|(_, approval)| approval.answer.is_none()) {
            if state.step(*at).is_some_and(|run| run.phase == Phase::Asking) {
                let task = state.plan().tasks[at.task as usize].id.to_string();
                self.questions.insert(*at, (task, tame(&approval.prompt)));
            }
        }
    }

    /// A line that a step printed.
    pub(super) fn line(&mut self, at: At, line: &str) {
        if let Some(running) = self.running.get_mut(&at) {
            let line = tame(line);
            if !line.trim().is_empty() {
                running.last = line;
            }
        }
    }

    /// The run is to stop, and this is what it waits for.
    pub(super) fn stop(&mut self, waits: &'static str) {
        self.stopping = Some(waits);
    }

    /// The question that a key answers.
    pub(super) fn question(&self) -> Option<At> {
        self.questions.keys().next().copied().filter(|_| self.manner.asks)
    }

    /// The lines that stay since the last frame. The terminal wraps them where they are long: they are whole.
    pub(super) fn take_stay(&mut self) -> Vec<String> {
        let mut lines = std::mem::take(&mut self.stay);
        if self.left_out > 0 {
            let more = format!("  … and {} more steps", self.left_out);
            lines.push(self.manner.palette.paint(Tone::Faint, &more));
            self.left_out = 0;
        }
        lines
    }

    /// The region: running steps, questions, and the bar. `beat` turns the spinners.
    pub(super) fn frame(&self, now: u64, beat: usize, width: usize, height: usize) -> Vec<String> {
        // A line as wide as the terminal would wrap on some, and the last row scrolls.
        let width = width.saturating_sub(1).max(10);
        let room = height.saturating_sub(3 + self.questions.len().min(3)).clamp(1, RUNNING);
        let mut lines = self.running_lines(now, beat, width, room);
        lines.extend(self.question_lines());
        if let Some(waits) = self.stopping {
            lines.push(self.manner.palette.paint(Tone::Change, waits));
        }
        lines.push(self.bar(now, width));
        lines.iter().map(|line| fit(line, width)).collect()
    }

    fn running_lines(&self, now: u64, beat: usize, width: usize, room: usize) -> Vec<String> {
        let palette = self.manner.palette;
        // A loop is shown by its items.
        let shown: Vec<&Running> = self.running.values().take(room).collect();
        let wide = shown.iter().map(|r| columns(&r.name)).max().unwrap_or(0).min(width * 2 / 5);
        let mut lines: Vec<String> = shown
            .iter()
            .map(|running| {
                let sign = if running.waiting { "↻" } else { SPINNER[beat % SPINNER.len()] };
                format!(
                    "{} {}  {:>5}  {}",
                    palette.paint(if running.waiting { Tone::Change } else { Tone::Busy }, sign),
                    pad(&fit(&running.name, wide), wide),
                    clock(now.saturating_sub(running.since)),
                    palette.paint(Tone::Faint, &running.last),
                )
            })
            .collect();
        if self.running.len() > room {
            let more = format!("  … and {} more running", self.running.len() - room);
            lines.push(palette.paint(Tone::Faint, &more));
        }
        lines
    }

    fn question_lines(&self) -> Vec<String> {
        let palette = self.manner.palette;
        let show = |(n, (task, prompt)): (usize, &(String, String))| {
            let how = match (self.manner.asks, n) {
                (true, 0) => format!("  {}", palette.paint(Tone::Strong, "y yes · n no")),
                (true, _) => String::new(),
                (false, _) => format!("  windlass runs approve {} {task}", self.manner.run),
            };
            format!("{} {task}: {prompt}{how}", palette.paint(Tone::Ask, "?"))
        };
        self.questions.values().take(3).enumerate().map(show).collect()
    }

    fn bar(&self, now: u64, width: usize) -> String {
        let palette = self.manner.palette;
        let Counts { done, total, .. } = self.counts;
        let failed = self.counts.failed + self.counts.unreachable;
        let mut text = format!("  {done}/{total}");
        for (count, word, tone) in [
            (self.running.len(), "running", Tone::Busy),
            (self.counts.changed, "changed", Tone::Change),
            (failed, "failed", Tone::Bad),
        ] {
            if count > 0 {
                text.push_str(&format!(" · {}", palette.paint(tone, &format!("{count} {word}"))));
            }
        }
        text.push_str(&format!(" · {}", clock(now.saturating_sub(self.started))));
        let room = width.saturating_sub(columns(&text)).min(40);
        format!("{}{text}", meter(done, total, room, failed > 0, palette))
    }

    /// How the run stands, in one line, for whoever asks when it is over.
    #[cfg(test)]
    fn counts(&self) -> Counts {
        self.counts
    }
}

/// A bar of `room` columns.
fn meter(done: usize, total: usize, room: usize, failed: bool, palette: Palette) -> String {
    let halves = (done.min(total) * room * 2).checked_div(total).unwrap_or(0);
    let half = halves % 2 == 1;
    let full = "━".repeat(halves / 2) + if half { "╸" } else { "" };
    let rest = "─".repeat(room - halves / 2 - usize::from(half));
    let tone = if failed { Tone::Bad } else { Tone::Good };
    format!("{}{}", palette.paint(tone, &full), palette.paint(Tone::Faint, &rest))
}

/// A time that ticks: `0:07`, `12:31`, `1h02m`.
fn clock(ms: u64) -> String {
    let seconds = ms / 1000;
    if seconds < 3600 { format!("{}:{:02}", seconds / 60, seconds % 60) } else { duration(ms) }
}

#[cfg(test)]
mod tests {
    use windlass_model::Status;

    use super::super::narrate::tests::manner;
    use super::*;
    use crate::fixture::Story;

    fn board(story: &Story) -> Board {
        let mut board = Board::new(Manner { marks: true, asks: true, ..manner() });
        board.begin("r1", &RunState::new(story.state.plan().clone()), 1_700_000_000_000);
        // One batch for each event, as a slow run has it.
        let mut state = RunState::new(story.state.plan().clone());
        for record in &story.records {
            state.apply(record).expect("it was legal before");
            board.records(&state, std::slice::from_ref(record));
        }
        board
    }

    #[test]
    fn a_frame_shows_what_runs_what_asks_and_how_much_is_done() {
        let mut story = Story::release();
        story.start().begin("compile/run").finish("compile/run", Status::Changed);
        story.begin("test/run").begin("config/render").ask("sign-off/approve", "Release?");
        let mut board = board(&story);
        board.line(story.at("test/run"), "running \u{1b}[1m3\u{1b}[0m tests\r");
        board.line(story.at("test/run"), "   ");
        assert_eq!(board.take_stay()[0], "✚ compile/run  changed  1.5s");
        assert_eq!(
            board.frame(1_700_000_064_000, 2, 60, 24),
            [
                "⠹ config/render   0:59  ",
                "⠹ test/run        1:00  running 3 tests",
                "? sign-off: Release?  y yes · n no",
                "━━━━╸──────────────────  1/5 · 2 running · 1 changed · 1:04",
            ]
        );
        assert_eq!(board.question(), Some(story.at("sign-off/approve")));
    }

    #[test]
    fn live_counts_are_those_of_the_state() {
        let story = Story::failed();
        assert_eq!(board(&story).counts(), Counts { running: 0, ..counts(&story.state) });
    }

    #[test]
    fn no_line_is_wider_and_no_frame_higher_than_the_terminal() {
        let mut story = Story::release();
        story.start().begin("compile/run").begin("test/run").begin("config/render").begin("config/copy");
        let mut board = board(&story);
        board.line(story.at("test/run"), &"日本".repeat(100));
        for (width, height) in [(10, 4), (20, 5), (200, 50)] {
            let frame = board.frame(0, 0, width, height);
            assert!(frame.iter().all(|line| columns(line) < width.max(11)), "{frame:?}");
            assert!(frame.len() < height, "{frame:?}");
        }
        assert_eq!(board.frame(0, 0, 60, 5).len(), 4, "two running, how many more, and the bar");
    }

    #[test]
    fn a_flood_of_steps_is_cut_but_failures_are_not() {
        let mut story = Story::release();
        story.start();
        let mut board = board(&story);
        board.stay = vec![String::new(); STAYING];
        story.begin("compile/run").finish("compile/run", Status::Ok);
        board.records(&story.state, &story.records[1..]);
        story.begin("test/run").fail("test/run", "exit status 1", serde_json::Value::Null);
        board.records(&story.state, &story.records[3..]);
        let lines = board.take_stay();
        assert!(lines.iter().any(|line| line.contains("✗ test/run failed")), "{lines:?}");
        assert_eq!(lines.last().map(String::as_str), Some("  … and 1 more steps"));
    }
}
