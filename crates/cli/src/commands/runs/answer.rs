//! `windlass runs approve` and `reject`: yes or no to a step that asks.

use serde_json::json;
use windlass_engine::Command;
use windlass_model::{At, Code, Phase, Plan, RunState};

use crate::app::App;
use crate::compose;
use crate::error::Error;
use crate::exit::Exit;
use crate::render::step_name;

/// Says yes to a step that asks a person
///
/// The step is named by its task; where only one asks, it need not be named.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass runs approve latest
  windlass runs approve 3fz sign-off --note 'checked by Ada'")]
pub(crate) struct Approve {
    #[command(flatten)]
    answer: Answer,
}

/// Says no to a step that asks a person: the step fails
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass runs reject latest
  windlass runs reject 3fz sign-off --note 'the changelog is missing'")]
pub(crate) struct Reject {
    #[command(flatten)]
    answer: Answer,
}

#[derive(Debug, clap::Args)]
struct Answer {
    /// The run: its id, the beginning of one, or `latest`
    run: String,

    /// The step: `task`, `task/step` or `task/step@host`
    step: Option<String>,

    /// What to add, for whoever reads it later
    #[arg(long, default_value = "", hide_default_value = true)]
    note: String,
}

impl Approve {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        self.answer.give(true, app)
    }
}

impl Reject {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        self.answer.give(false, app)
    }
}

impl Answer {
    fn give(self, approved: bool, app: &App) -> Result<Exit, Error> {
        let (store, id) = app.find(&self.run)?;
        let runtime = compose::runtime(app, store.clone())?;
        let (_, state) = runtime.load(&id)?;
        let at = asking(&state, self.step.as_deref())?;
        let (by, note) = (app.person(), self.note);
        runtime.post(&id, &Command::Answer { at, approved, by, note })?;
        let (step, word) = (step_name(state.plan(), at), if approved { "approved" } else { "rejected" });
        if app.json {
            app.out.json(&json!({ "run_id": id, "step": step, "approved": approved }))?;
        } else {
            app.ui.say(&format!("{word} {step} of run {id}"));
        }
        if !store.is_driven(&id) {
            app.ui.say(&format!("the run is not going on; it hears this with `windlass resume {id}`"));
        }
        Ok(Exit::Done)
    }
}

/// The one step that asks, or the one of that name.
fn asking(state: &RunState, name: Option<&str>) -> Result<At, Error> {
    let open = |at: &At| state.step(*at).is_some_and(|run| run.phase == Phase::Asking);
    let unanswered = state.approvals.iter().filter(|(_, approval)| approval.answer.is_none());
    let all: Vec<At> = unanswered.map(|(at, _)| *at).filter(open).collect();
    let found: Vec<At> = match name {
        None => all.clone(),
        Some(name) => all.iter().copied().filter(|&at| is_named(state.plan(), at, name)).collect(),
    };
    let list = |all: &[At]| all.iter().map(|&at| step_name(state.plan(), at)).collect::<Vec<_>>().join(", ");
    match (found.as_slice(), name) {
        ([one], _) => Ok(*one),
        (_, _) if all.is_empty() => {
            let message = format!("no step of the run waits for an answer: it is {}", state.status.word());
            Err(Error::told(Code::NothingWaits, message).hint("`windlass runs show` shows where it stands"))
        }
        ([], name) => {
            let message = format!("{} does not wait for an answer", name.unwrap_or("the step"));
            Err(Error::told(Code::NothingWaits, message).hint(format!("these do: {}", list(&all))))
        }
        (several, _) => {
            let message = format!("{} steps wait for an answer", several.len());
            Err(Error::told(Code::NothingWaits, message).hint(format!("name one: {}", list(several))))
        }
    }
}

fn is_named(plan: &Plan, at: At, name: &str) -> bool {
    let full = step_name(plan, at);
    let task = plan.tasks[at.task as usize].id.as_str();
    full == name || task == name || full.split(['@', '[']).next() == Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::Story;

    #[test]
    fn the_one_that_asks_need_not_be_named() {
        let mut story = Story::release();
        story.start();
        assert!(asking(&story.state, None).is_err(), "nobody asks yet");
        story.ask("sign-off/approve", "Release?");
        for name in [None, Some("sign-off"), Some("sign-off/approve")] {
            assert_eq!(asking(&story.state, name).ok(), Some(story.at("sign-off/approve")), "{name:?}");
        }
        let error = asking(&story.state, Some("config")).expect_err("it does not ask");
        assert!(error.diagnostics().to_string().contains("these do: sign-off/approve"));
    }

    #[test]
    fn of_several_one_must_be_named() {
        let mut story = Story::release();
        story.start().ask("sign-off/approve", "Release?").ask("config/render", "Really?");
        let error = asking(&story.state, None).expect_err("which one?");
        assert!(error.diagnostics().to_string().contains("name one: config/render, sign-off/approve"));
    }
}
