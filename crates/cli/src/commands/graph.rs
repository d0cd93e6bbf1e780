//! `windlass graph`: a document or a run as a picture.

use std::path::PathBuf;

use clap::ValueEnum;
use windlass_engine::Request;

use super::request::Typed;
use crate::app::App;
use crate::compose;
use crate::error::Error;
use crate::exit::Exit;
use crate::graph::{Picture, svg, text};

/// Shows the tasks of a document, or of a run, as a graph
///
/// On a terminal it is drawn with boxes and lines, or as a list where it would be too wide. As an SVG it needs
/// nothing but a browser. A run's graph shows the state of each task.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass graph workflow.yaml
  windlass graph workflow.yaml -o workflow.svg
  windlass graph --run latest
  windlass graph --run latest --format svg > run.svg")]
pub(crate) struct Args {
    /// The workflow document
    #[arg(required_unless_present = "run", conflicts_with = "run", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,

    #[command(flatten)]
    typed: Typed,

    /// A run in place of a document: its id, the beginning of one, or `latest`
    #[arg(long, value_name = "RUN")]
    run: Option<String>,

    /// How it is drawn; by default `svg` for an output that ends in .svg, `text` otherwise
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,

    /// Write it to this file instead of standard output
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
}

/// How a graph is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// With box characters
    Text,
    /// As an SVG document
    Svg,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let picture = self.picture(app)?;
        if app.json {
            app.out.json(&picture.to_json())?;
            return Ok(Exit::Done);
        }
        let drawn = match (self.format(), &self.output) {
            (Format::Svg, _) => svg(&picture),
            (Format::Text, None) => text(&picture, app.ui.data, app.ui.data_width()),
            (Format::Text, Some(_)) => text(&picture, crate::render::Palette::PLAIN, app.ui.data_width()),
        };
        match &self.output {
            Some(path) => std::fs::write(path, drawn).map_err(Error::file(path))?,
            None => app.out.text(&drawn)?,
        }
        Ok(Exit::Done)
    }

    fn format(&self) -> Format {
        let svg = self.output.as_ref().is_some_and(|path| path.extension().is_some_and(|end| end == "svg"));
        self.format.unwrap_or(if svg { Format::Svg } else { Format::Text })
    }

    fn picture(&self, app: &App) -> Result<Picture, Error> {
        if let Some(run) = &self.run {
            let (store, id) = app.find(run)?;
            let (_, state) = compose::runtime(app, store)?.load(&id)?;
            return Ok(Picture::of_run(&state, id.as_str()));
        }
        // Without a run there is a file: the arguments say so.
        let file = self.file.clone().unwrap_or_default();
        let request = Request { dry_run: true, ..self.typed.mean(&file, app)? };
        Ok(Picture::of_plan(&compose::plan(app, request)?.plan))
    }
}
