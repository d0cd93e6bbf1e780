//! What was typed: the options that every command has, and the commands. What it means is each command's to say.

use std::path::PathBuf;

use clap::builder::Styles;
use clap::builder::styling::AnsiColor;
use clap::{ArgAction, Parser, Subcommand, ValueEnum};

use crate::commands::{
    apply, budget, completions, connections, doctor, exec, explain, gate, graph, init, inventory, keeper,
    man, models, plan, resume, run, runs, schema, show, validate,
};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Yellow.on_default().bold())
    .usage(AnsiColor::Yellow.on_default().bold())
    .literal(AnsiColor::Green.on_default())
    .placeholder(AnsiColor::Cyan.on_default());

/// Rolls out what a document says, durably: plan it, run it, watch it, stop it, resume it.
///
/// A workflow is a YAML document with tasks. Windlass plans it, runs what can run at once, keeps every step in
/// a journal, and goes on where it was after a failure, Ctrl-C, a crash or a power cut. Results are data on
/// standard output; talk goes to standard error.
#[derive(Debug, Parser)]
#[command(
    name = "windlass",
    version,
    styles = STYLES,
    max_term_width = 100,
    infer_subcommands = false,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "Start with `windlass init`, then `windlass run workflow.yaml`. \
                  `windlass COMMAND --help` shows examples.",
    after_long_help = "\
Examples:
  windlass init                       write a starter workflow
  windlass run workflow.yaml          run it
  windlass run workflow.yaml --check  say what it would change, and change nothing
  windlass plan workflow.yaml         show what would be done
  windlass resume                     go on with the last run that did not complete
  windlass runs show latest           look at the newest run
  windlass explain WL0105             explain an error

Exit status:
  0  all went well
  1  something failed: the message says what to do
  2  stopped on the way (Ctrl-C, SIGTERM, SIGHUP): `windlass resume` goes on

Environment:
  WINDLASS_HOME         keep runs here instead of in `.windlass/`
  WINDLASS_SSH_PERSIST  how long connections to hosts are kept for later runs, as in `10m`, or `off`
  NO_COLOR              no colours"
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(run::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Show(show::Args),
    Validate(validate::Args),
    Graph(graph::Args),
    Exec(exec::Args),
    Gate(gate::Args),
    Connections(connections::Args),
    Resume(resume::Args),
    Runs(runs::Args),
    Inventory(inventory::Args),
    Models(models::Args),
    Budget(budget::Args),
    Init(init::Args),
    Schema(schema::Args),
    Explain(explain::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    Man(man::Args),
    #[command(hide = true)]
    Keeper(keeper::Args),
}

/// Options that every command has.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Print exactly one JSON document on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Print events on standard output while they happen, as JSON lines
    #[arg(long, global = true, conflicts_with = "json")]
    pub(crate) events: bool,

    /// Act as if the command were given in this folder
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true, value_hint = clap::ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,

    /// Say only what went wrong
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Say more: the output of steps, and why each was skipped
    #[arg(short, long, global = true, action = ArgAction::SetTrue)]
    pub(crate) verbose: bool,

    /// When to use colours
    #[arg(long, value_name = "WHEN", default_value = "auto", global = true)]
    pub(crate) color: When,

    /// Which diagnostics go to standard error
    #[arg(long, value_name = "LEVEL", default_value = "warn", global = true)]
    pub(crate) log_level: Level,

    /// How diagnostics look
    #[arg(long, value_name = "FORMAT", default_value = "text", global = true)]
    pub(crate) log_format: Format,
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum When {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How important a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Level {
    /// No diagnostics
    Off,
    /// What ends a command
    Error,
    /// What is worth a look
    Warn,
    /// What the program does
    Info,
    /// How it does it
    Debug,
    /// Every event
    Trace,
}

/// How diagnostics look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// One JSON object on each line
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_commands_are_well_formed() {
        super::Args::command().debug_assert();
    }
}
