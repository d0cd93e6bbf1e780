//! The program's talk with a person: what it says on standard error, how loud, how wide, in which colours.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Arc;

use windlass_model::{Diagnostic, Diagnostics};

use crate::args::{Globals, Level, When};
use crate::live::Screen;
use crate::log::Log;
use crate::render::{self, Palette, Tone};

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Volume {
    /// Only what went wrong.
    Quiet,
    /// What a person wants to know.
    Normal,
    /// The output of steps too.
    Verbose,
}

/// The program's talk with a person.
#[derive(Clone, Debug)]
pub(crate) struct Ui {
    /// Colours on standard error.
    pub(crate) palette: Palette,
    /// Colours on standard output.
    pub(crate) data: Palette,
    /// How much is said.
    pub(crate) volume: Volume,
    /// Whether standard error is a terminal that can be drawn on.
    pub(crate) draws: bool,
    /// Whether a person can be asked: standard input is a terminal too.
    pub(crate) asks: bool,
    /// Where everything on standard error goes through.
    pub(crate) screen: Arc<Screen>,
    log: Arc<Log>,
}

/// The width of what goes to a file or a pipe: it does not follow the terminal that happens to be there.
const FILE_WIDTH: usize = 100;

impl Ui {
    /// The talk that the options, the environment and the streams make possible.
    pub(crate) fn new(globals: &Globals, env: &BTreeMap<String, String>) -> Self {
        let (out, err) = (std::io::stdout().is_terminal(), std::io::stderr().is_terminal());
        let dumb = env.get("TERM").is_some_and(|term| term == "dumb");
        let screen = Arc::new(Screen::default());
        Self {
            palette: Palette::new(colours(globals.color, env, err && !dumb)),
            data: Palette::new(colours(globals.color, env, out && !dumb)),
            volume: match (globals.quiet, globals.verbose) {
                (true, _) => Volume::Quiet,
                (_, true) => Volume::Verbose,
                _ => Volume::Normal,
            },
            draws: err && !dumb,
            asks: err && std::io::stdin().is_terminal(),
            log: Arc::new(Log::new(globals.log_level, globals.log_format, screen.clone())),
            screen,
        }
    }

    /// Says something that a person wants to know.
    pub(crate) fn say(&self, text: &str) {
        if self.volume > Volume::Quiet {
            self.screen.print(text);
        }
    }

    /// Says something that went wrong, however quiet it is to be.
    pub(crate) fn complain(&self, text: &str) {
        self.screen.print(text);
    }

    /// Shows problems with their places; as diagnostics where a program reads them.
    pub(crate) fn problems(&self, problems: &Diagnostics) {
        if self.log.is_json() {
            return problems.iter().for_each(|problem| self.log_problem(problem));
        }
        self.complain(&render::diagnostics(problems, self.palette, self.width()));
    }

    fn log_problem(&self, problem: &Diagnostic) {
        let place = problem.location.as_ref().map(ToString::to_string).unwrap_or_default();
        let hint = problem.hint.clone().unwrap_or_default();
        let fields: [(&str, &dyn std::fmt::Display); 3] =
            [("code", &problem.code), ("place", &place), ("hint", &hint)];
        self.log.write(Level::Error, &problem.message, &fields);
    }

    /// Says what is worth a look.
    pub(crate) fn warn(&self, text: &str) {
        if self.log.is_json() {
            self.log.write(Level::Warn, text, &[]);
        } else if self.volume > Volume::Quiet {
            self.screen.print(&format!("{} {text}", self.palette.paint(Tone::Change, "warning:")));
        }
    }

    /// The width of standard error.
    pub(crate) fn width(&self) -> usize {
        if self.draws { crate::live::size().0 } else { FILE_WIDTH }
    }

    /// The width of standard output.
    pub(crate) fn data_width(&self) -> usize {
        if std::io::stdout().is_terminal() { crate::live::size().0 } else { FILE_WIDTH }
    }

    /// Whether diagnostics of this level are written.
    pub(crate) fn logs(&self, level: Level) -> bool {
        self.log.writes(level)
    }

    /// Notes a diagnostic.
    pub(crate) fn log(&self, level: Level, message: &str, fields: &[(&str, &dyn std::fmt::Display)]) {
        self.log.write(level, message, fields);
    }
}

fn colours(when: When, env: &BTreeMap<String, String>, terminal: bool) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => terminal && env.get("NO_COLOR").is_none_or(String::is_empty),
    }
}
