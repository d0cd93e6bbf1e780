//! `windlass runs events`: what happened in a run, fact by fact.

use windlass_model::projection::{Attempts, event_line};
use windlass_model::{Event, Plan, Record, RunId};

use super::logs::{Follow, follow};
use crate::app::App;
use crate::compose;
use crate::error::Error;
use crate::exit::Exit;
use crate::render::{Palette, Tone, pad_left, step_name};

/// Shows the events of a run
///
/// For people they are lines; with `--json` they are one JSON list, with `--events` JSON lines as in
/// `events.jsonl`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass runs events latest
  windlass runs events latest --events | jq -c 'select(.event == \"step_finished\")'")]
pub(crate) struct Args {
    /// The run: its id, the beginning of one, or `latest`
    run: String,

    /// Go on until the run ends
    #[arg(short, long, conflicts_with = "json")]
    follow: bool,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let (store, id) = app.find(&self.run)?;
        let (_, state) = compose::runtime(app, store.clone())?.load(&id)?;
        let plan = state.plan();
        let mut attempts = Attempts::default();
        if app.json {
            let records = store.scan(&id, 1)?;
            let lines: Vec<_> =
                records.iter().map(|r| event_line(plan, &id, r).told(attempts.note(plan, r))).collect();
            app.out.json(&lines)?;
            return Ok(Exit::Done);
        }
        let first = state.started_at.unwrap_or(0);
        follow(Follow { store: &store, id: &id, endless: self.follow, app }, &mut |record: &Record| {
            if app.events {
                return app.out.json_line(&event_line(plan, &id, record).told(attempts.note(plan, record)));
            }
            app.out.text(&line(plan, &id, record, first, app.ui.data))
        })?;
        Ok(Exit::Done)
    }
}

fn line(plan: &Plan, _: &RunId, record: &Record, first: u64, palette: Palette) -> String {
    let seconds = record.time.saturating_sub(first) as f64 / 1000.0;
    let time =
        palette.paint(Tone::Faint, &format!("{} {seconds:>9.3}", pad_left(&record.seq.to_string(), 5)));
    let place = record.event.at().map(|at| format!("  {}", step_name(plan, at))).unwrap_or_default();
    format!(
        "{time}  {}{place}{}\n",
        palette.paint(Tone::Strong, record.event.word()),
        palette.paint(Tone::Faint, &note(plan, &record.event))
    )
}

/// What an event says besides its word and its place.
fn note(plan: &Plan, event: &Event) -> String {
    let text = match event {
        Event::RunStarted { resumed, .. } => if *resumed { "resumed" } else { "" }.to_owned(),
        Event::RunInterrupted { reason } => reason.clone(),
        Event::RunFinished { status, .. } => status.word().to_owned(),
        Event::TaskFinished { task, end, .. } => {
            format!("{} {end:?}", plan.tasks[*task as usize].id).to_lowercase()
        }
        Event::StepStarted { attempt, .. } if *attempt > 1 => format!("attempt {attempt}"),
        Event::StepsSent { at, last } => {
            format!("up to {}", plan.tasks[at.task as usize].steps[*last as usize].id)
        }
        Event::StepRetried { error, .. } => error.message.clone(),
        Event::StepFinished { outcome, .. } => outcome.status.word().to_owned(),
        Event::ApprovalAsked { prompt, .. } => prompt.clone(),
        Event::ApprovalGiven { approved, by, .. } => {
            format!("{} by {by}", if *approved { "approved" } else { "rejected" })
        }
        Event::DoubtResolved { verdict, .. } => format!("{verdict:?}").to_lowercase(),
        Event::StateSet { key, .. } => key.clone(),
        Event::CleanupAdded { entry, .. } => entry.label.clone(),
        Event::CleanupDone { error, .. } => error.clone().unwrap_or_default(),
        // The word and the place say all of the others.
        _ => String::new(),
    };
    if text.is_empty() { text } else { format!("  {}", crate::render::tame(&text)) }
}
