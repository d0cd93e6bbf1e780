//! `windlass validate`: all problems of documents, in one go.

use std::path::PathBuf;

use serde_json::{Value, json};
use windlass_engine::Request;

use super::request::Typed;
use crate::app::App;
use crate::compose;
use crate::error::{Error, problem_json};
use crate::exit::Exit;
use crate::render::Tone;

/// Looks for all problems of documents, and touches nothing
///
/// Every problem of every document is shown on its line, with a hint. The exit status is 1 if there is one.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass validate workflow.yaml
  windlass validate deploy/*.yaml -e @production.yaml
  windlass validate workflow.yaml --json | jq '.documents[].problems'")]
pub(crate) struct Args {
    /// The documents
    #[arg(required = true, value_hint = clap::ValueHint::FilePath)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    typed: Typed,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let mut documents = Vec::new();
        for file in &self.files {
            let request = Request { dry_run: true, ..self.typed.mean(file, app)? };
            let problems = match compose::plan(app, request) {
                Ok(_) => Vec::new(),
                Err(error) => {
                    let problems = error.diagnostics();
                    if !app.json {
                        app.ui.problems(&problems);
                    }
                    problems.iter().map(problem_json).collect()
                }
            };
            if !app.json && problems.is_empty() {
                app.ui.say(&format!("{} {}", app.ui.palette.paint(Tone::Good, "ok"), file.display()));
            }
            documents.push((file.display().to_string(), problems));
        }
        finish(documents, app)
    }
}

fn finish(documents: Vec<(String, Vec<Value>)>, app: &App) -> Result<Exit, Error> {
    let valid = documents.iter().all(|(_, problems)| problems.is_empty());
    if app.json {
        let documents: Vec<Value> = documents
            .into_iter()
            .map(|(file, problems)| json!({ "file": file, "valid": problems.is_empty(), "problems": problems }))
            .collect();
        app.out.json(&json!({ "valid": valid, "documents": documents }))?;
    }
    Ok(if valid { Exit::Done } else { Exit::Failed })
}
