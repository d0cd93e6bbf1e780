//! One request on its way: on a thread that may block, told of while it is answered, ended when the step is.

use std::time::Duration;

use windlass_engine::StepContext;
use windlass_engine::Stream;
use windlass_llm::{Client, Delta, Patience, Progress, Request};
use windlass_model::{Code, Failure};

use super::client::{self, Asking};

/// Asks, and shows the answer line by line while it comes, where it is `shown`.
pub(super) async fn ask(
    client: &Client,
    (request, prompt): (&Request, u64),
    step: &StepContext,
    shown: bool,
) -> Asking {
    let (client, request) = (client.clone(), request.clone());
    let (patience, mut lines) = (patience(step), Lines::new(step));
    let work = tokio::task::spawn_blocking(move || {
        let mut hear = |progress: Progress<'_>| {
            if shown {
                lines.hear(&progress);
            }
        };
        let asking = client::ask(&client, (&request, prompt), &mut hear, &patience);
        lines.end();
        asking
    });
    work.await.unwrap_or_else(|gone| Asking::broken(&gone.to_string()))
}

/// As long as the step may go on.
fn patience(step: &StepContext) -> Patience {
    let cancel = step.cancel.clone();
    let patience = Patience::new(move || !cancel.is_cancelled());
    match step.deadline {
        Some(end) => patience.until(end),
        None => patience,
    }
}

/// Why there is no answer, as the step's failure.
pub(super) fn failure(provider: &str, error: &windlass_llm::Error) -> Failure {
    let failure = Failure::new(error.code(), format!("{provider}: {error}"));
    match (error.code(), error.transient()) {
        (Code::Cancelled, _) => failure,
        (_, true) => failure.transient(),
        (_, false) => failure.permanent(),
    }
}

/// Words as they come, shown in whole lines.
struct Lines {
    progress: windlass_engine::Progress,
    open: String,
}

impl Lines {
    fn new(step: &StepContext) -> Self {
        Self { progress: step.progress.clone(), open: String::new() }
    }

    fn hear(&mut self, progress: &Progress<'_>) {
        match progress {
            Progress::Delta(Delta::Text(text)) => {
                self.open.push_str(text);
                while let Some((line, rest)) = self.open.split_once('\n') {
                    self.progress.line(Stream::Stdout, line);
                    self.open = rest.to_owned();
                }
            }
            Progress::Delta(Delta::Call(tool)) => {
                self.end();
                self.progress.line(Stream::Stderr, &format!("calls {tool}"));
            }
            Progress::Attempt(attempt) => {
                if let (Some(why), Some(wait)) = (&attempt.message, attempt.wait_ms) {
                    self.end();
                    let wait = Duration::from_millis(wait);
                    self.progress.line(Stream::Stderr, &format!("{why}; asked again in {wait:.1?}"));
                }
            }
            Progress::Restart => self.open.clear(),
        }
    }

    fn end(&mut self) {
        let open = std::mem::take(&mut self.open);
        if !open.is_empty() {
            self.progress.line(Stream::Stdout, &open);
        }
    }
}
