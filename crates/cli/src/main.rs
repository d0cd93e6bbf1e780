//! The program `windlass`: reads what was typed, does it, and says how it went.

mod app;
mod args;
mod commands;
mod compose;
mod drive;
mod error;
mod exit;
mod fault;
#[cfg(test)]
mod fixture;
mod graph;
mod keeping;
mod lines;
mod live;
mod log;
mod out;
mod project;
mod render;
mod signals;
mod sink;
mod ui;

use std::collections::BTreeMap;
use std::process::ExitCode;

use clap::Parser;

use app::App;
use args::Args;
use error::Error;
use exit::Exit;
use ui::Ui;

fn main() -> ExitCode {
    let env: BTreeMap<String, String> = std::env::vars_os()
        .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
        .collect();
    match Args::try_parse() {
        Ok(args) => go(args, env).into(),
        Err(error) => usage(&error).into(),
    }
}

fn go(args: Args, env: BTreeMap<String, String>) -> Exit {
    let ui = Ui::new(&args.globals, &env);
    let app = match App::new(&args.globals, env, ui.clone()) {
        Ok(app) => app,
        Err(error) => return fail(&error, &ui),
    };
    match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| commands::run(args.command, &app))) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => {
            if app.json {
                // What was asked for is one JSON document, whatever happens.
                let _ = app.out.json(&error.to_json());
            }
            fail(&error, &ui)
        }
        Err(_) => {
            ui.screen.close();
            ui.complain("this is a bug in Windlass: what stands above belongs into its report");
            Exit::Failed
        }
    }
}

fn fail(error: &Error, ui: &Ui) -> Exit {
    ui.problems(&error.diagnostics());
    error.exit()
}

/// Help and version are answers; anything else that cannot be read is a usage error.
fn usage(error: &clap::Error) -> Exit {
    // Nothing is left to be told when even the streams are closed.
    let _ = error.print();
    if error.use_stderr() { Exit::Failed } else { Exit::Done }
}
