//! `windlass runs logs`: what the steps of a run printed.

use std::ops::ControlFlow;
use std::time::Duration;

use serde_json::{Value, json};
use windlass_model::{Code, Event, Outcome, Plan, Record, RunId};
use windlass_store::Store;

use crate::app::App;
use crate::compose;
use crate::error::Error;
use crate::exit::Exit;
use crate::render::{Palette, Tone, step_name, tame};

/// The time between two looks at a run that goes on.
const LOOK: Duration = Duration::from_millis(200);

/// Shows what the steps of a run printed, each line behind its step's name
///
/// Outputs are shown whole, where the store has them whole, as each step ends.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass runs logs latest
  windlass runs logs 3fz build          one task only
  windlass runs logs 3fz build/test     one step only
  windlass runs logs 3fz -f             go on until the run ends")]
pub(crate) struct Args {
    /// The run: its id, the beginning of one, or `latest`
    run: String,

    /// Only this task, or this step of one, as `task/step`
    step: Option<String>,

    /// Go on until the run ends
    #[arg(short, long)]
    follow: bool,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let (store, id) = app.find(&self.run)?;
        let (_, state) = compose::runtime(app, store.clone())?.load(&id)?;
        let plan = state.plan();
        if let Some(step) = &self.step {
            check(plan, step)?;
        }
        if app.json && self.follow {
            let message = "one JSON document cannot follow a run";
            return Err(Error::told(Code::BadArgument, message).hint("use `runs events -f --events`"));
        }
        let mut all = Vec::new();
        let wanted = |name: &str| self.step.as_deref().is_none_or(|step| is_of(name, step));
        follow(Follow { store: &store, id: &id, endless: self.follow, app }, &mut |record| {
            let Event::StepFinished { at, outcome } = &record.event else { return Ok(()) };
            let name = step_name(plan, *at);
            if !wanted(&name) {
                return Ok(());
            }
            if app.json {
                let stream = |name: &str| stream_text(&store, outcome.result(), name).0;
                let (stdout, stderr) = (stream("stdout"), stream("stderr"));
                all.push(json!({ "step": name, "state": outcome.status.word(), "stdout": stdout, "stderr": stderr }));
                return Ok(());
            }
            app.out.text(&output(&store, &name, outcome, app.ui.data))
        })?;
        if app.json {
            app.out.json(&all)?;
        }
        Ok(Exit::Done)
    }
}

/// A run whose records are read, now or until it ends.
pub(super) struct Follow<'a> {
    pub(super) store: &'a Store,
    pub(super) id: &'a RunId,
    pub(super) endless: bool,
    pub(super) app: &'a App,
}

/// Calls `each` with every record. An endless one goes on until the run's driver has gone, or the reader.
pub(super) fn follow(
    follow: Follow<'_>,
    each: &mut dyn FnMut(&Record) -> Result<(), Error>,
) -> Result<(), Error> {
    let Follow { store, id, endless, app } = follow;
    let mut next = 1;
    loop {
        // Asked before reading: what a driver wrote before it went is read in this round.
        let over = !endless || !store.is_driven(id);
        let mut failed = None;
        store.visit(id, next, &mut |records| {
            for record in &records {
                next = record.seq + 1;
                if let Err(error) = each(record) {
                    failed = Some(error);
                    return ControlFlow::Break(());
                }
            }
            if app.out.is_closed() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        match failed {
            Some(error) => return Err(error),
            None if over || app.out.is_closed() => return Ok(()),
            None => std::thread::sleep(LOOK),
        }
    }
}

fn output(store: &Store, name: &str, outcome: &Outcome, palette: Palette) -> String {
    let mut text = String::new();
    for (stream, tone) in [("stdout", Tone::Faint), ("stderr", Tone::Change)] {
        let (whole, lost) = stream_text(store, outcome.result(), stream);
        let head = palette.paint(tone, &format!("{name} │"));
        whole.lines().for_each(|line| text.push_str(&format!("{head} {}\n", tame(line))));
        if lost > 0 {
            text.push_str(&format!(
                "{head} {}\n",
                palette.paint(Tone::Faint, &format!("… {lost} bytes were not kept"))
            ));
        }
    }
    if let Some(error) = outcome.error() {
        let head = palette.paint(Tone::Bad, &format!("{name} │"));
        text.push_str(&format!(
            "{head} {}: {} [{}]\n",
            outcome.status.word(),
            tame(&error.message),
            error.code
        ));
    }
    text
}

/// A stream of a result, whole where the store kept it, and how many bytes are lost.
fn stream_text(store: &Store, result: &Value, stream: &str) -> (String, u64) {
    let field = |name: &str| result.get(format!("{stream}{name}"));
    let blob = field("_blob").and_then(Value::as_str).and_then(windlass_model::BlobId::new);
    if let Some(whole) = blob.and_then(|id| store.blobs().get(&id).ok()) {
        return (String::from_utf8_lossy(&whole).into_owned(), 0);
    }
    let text = field("").and_then(Value::as_str).unwrap_or("").to_owned();
    (text, field("_truncated_bytes").and_then(Value::as_u64).unwrap_or(0))
}

/// Whether the execution `task/step[n]@host` belongs to `task` or `task/step`.
fn is_of(name: &str, wanted: &str) -> bool {
    name.strip_prefix(wanted).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '[', '@']))
}

/// Names a task or step that is not there, before nothing is shown for it.
fn check(plan: &Plan, wanted: &str) -> Result<(), Error> {
    let (task, step) = wanted.split_once('/').map_or((wanted, None), |(task, step)| (task, Some(step)));
    let found = plan.task(task).map(|task| &plan.tasks[task as usize]);
    let steps = |step: &str| found.is_some_and(|task| task.steps.iter().any(|s| is_of(step, s.id.as_str())));
    if found.is_some() && step.is_none_or(steps) {
        return Ok(());
    }
    let error = Error::told(Code::NoSuchTask, format!("the run has no task or step {wanted:?}"));
    let near = windlass_yaml::nearest(task, plan.tasks.iter().map(|task| task.id.as_str()));
    Err(match near {
        Some(near) => error.hint(format!("did you mean {near:?}?")),
        None => error.hint("`windlass runs show` lists its tasks and steps"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_named_by_its_task_too() {
        for (name, wanted, fits) in [
            ("build/test", "build", true),
            ("build/test@web1", "build/test", true),
            ("build/test[3]", "build/test", true),
            ("builder/test", "build", false),
            ("build/test", "build/te", false),
        ] {
            assert_eq!(is_of(name, wanted), fits, "{name} {wanted}");
        }
    }

    #[test]
    fn a_task_that_is_not_there_is_told() {
        let plan = crate::fixture::release();
        assert!(check(&plan, "config").is_ok() && check(&plan, "config/render").is_ok());
        let error = check(&plan, "confg").expect_err("it is not there");
        assert!(error.diagnostics().to_string().contains("did you mean \"config\"?"));
        assert!(check(&plan, "config/rendr").is_err());
    }
}
