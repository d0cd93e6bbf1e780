//! `windlass explain`: the pages behind error codes.

use serde_json::json;
use windlass_model::Code;

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;
use crate::render::{Grid, markdown};

/// Explains an error by its code; without one, lists all codes
///
/// Every expected error has a stable code, such as WL0105, and a page that says what it means and what to do.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass explain WL0105
  windlass explain 0105
  windlass explain          list all codes")]
pub(crate) struct Args {
    /// The code, in any case, with or without its `WL`
    code: Option<String>,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        match &self.code {
            None => list(app)?,
            Some(text) => page(find(text)?, app)?,
        }
        Ok(Exit::Done)
    }
}

fn find(text: &str) -> Result<Code, Error> {
    Code::find(text).ok_or_else(|| {
        let message = format!("there is no error code {text:?}");
        Error::told(Code::NoSuchCode, message).hint("`windlass explain` lists all codes")
    })
}

fn page(code: Code, app: &App) -> Result<(), Error> {
    if app.json {
        return app.out.json(&json!({ "code": code, "title": title(code), "page": code.page() }));
    }
    app.out.block(&markdown(code.page(), app.ui.data))
}

fn list(app: &App) -> Result<(), Error> {
    if app.json {
        let all: Vec<_> =
            Code::ALL.iter().map(|&code| json!({ "code": code, "title": title(code) })).collect();
        return app.out.json(&all);
    }
    let mut grid = Grid::new(&["CODE", "WHAT IT SAYS"]);
    Code::ALL.iter().for_each(|&code| grid.row([code.to_string(), title(code).to_owned()]));
    app.out.text(&grid.show(app.ui.data, app.ui.data_width()))
}

/// The first line of a page, behind its code.
fn title(code: Code) -> &'static str {
    let first = code.page().lines().next().unwrap_or("");
    first.split_once(": ").map_or(first, |(_, title)| title)
}
