//! `windlass completions`: what a shell needs to complete commands.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::app::App;
use crate::error::Error;
use crate::exit::Exit;

/// Prints what a shell needs to complete commands and options
///
/// Where to put it depends on the shell.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass completions bash > ~/.local/share/bash-completion/completions/windlass
  windlass completions zsh > ~/.zfunc/_windlass
  windlass completions fish > ~/.config/fish/completions/windlass.fish")]
pub(crate) struct Args {
    /// The shell
    shell: Shell,
}

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut crate::args::Args::command(), "windlass", &mut script);
        app.out.text(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Done)
    }
}
