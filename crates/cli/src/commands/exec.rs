//! `windlass exec`: one module on many hosts, without a document.

use serde_json::{Value, json};
use windlass_engine::{Document, Request};
use windlass_model::Source;

use super::hosts::Hosts;
use crate::app::App;
use crate::drive::{self, Settings};
use crate::error::Error;
use crate::exit::Exit;

/// Does one thing on many hosts
///
/// The pattern says which hosts of the inventory: names, groups, `web*:!web9`, `all`. The module is one that
/// steps of documents have, and its arguments are written as there: a command line, or `name=value` words.
/// Options come before the pattern: all that follows the module is the module's. It is a run like every other:
/// it is in `windlass runs`, and goes on after Ctrl-C with `windlass resume`.
#[derive(Debug, clap::Args)]
#[command(after_long_help = "\
Examples:
  windlass exec -i hosts.yaml all ping
  windlass exec -i hosts.yaml 'web*:!web9' command uptime
  windlass exec -i hosts.ini -b db shell 'df -h | tail -1'
  windlass exec -i hosts.ini --check --diff web copy src=app.conf dest=/etc/app.conf
  windlass exec -i web1,web2, all command id      hosts without a file")]
pub(crate) struct Args {
    #[command(flatten)]
    hosts: Hosts,

    /// Which hosts
    pattern: String,

    /// The module: `command`, `shell`, `copy`, `file`, …
    module: String,

    /// Its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<String>,

    /// Say what would change, and change nothing
    #[arg(long)]
    check: bool,

    /// Show how texts and files change
    #[arg(long)]
    diff: bool,

    /// Stop at the first host that fails
    #[arg(long)]
    fail_fast: bool,
}

/// Modules whose arguments are a command line, taken as it stands.
const FREE: [&str; 4] = ["command", "shell", "script", "run"];

impl Args {
    pub(super) fn run(self, app: &App) -> Result<Exit, Error> {
        let document = json!({
            "workflow": "exec",
            "tasks": [{ "id": "exec", "hosts": self.pattern, "steps": [{ &*self.module: self.input() }] }],
        });
        let source = Source::new("the command line", document.to_string());
        let request = Request {
            document: Some(Document::Text { source, root: app.folder.clone() }),
            env: app.env.clone(),
            check: self.check,
            diff: self.diff,
            fail_fast: self.fail_fast.then_some(true),
            invoker: app.invoker,
            hosts: self.hosts.load(None, app)?,
            chunk: self.hosts.chunk,
            role: self.hosts.role(),
            ..Request::default()
        };
        let settings = Settings { diff: self.diff, answers: true, ..Settings::default() };
        drive::start(app, request, settings)
    }

    /// What stands after the module's word in a document.
    fn input(&self) -> Value {
        let name = self.module.rsplit('.').next().unwrap_or_default();
        match self.args.as_slice() {
            [] => Value::Null,
            words if FREE.contains(&name) => line(words).into(),
            words => words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ").into(),
        }
    }
}

/// The words of a command. One word is the whole line already; of several, the shell that we were called from
/// has taken the quotes away, and those with spaces in them get them back.
fn line(words: &[String]) -> String {
    match words {
        [line] => line.clone(),
        words => words.iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" "),
    }
}

fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,@%+{}|&;<>*?$~[]!^#".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// A `name=value` word whose value may hold spaces.
fn quoted(word: &str) -> String {
    match word.split_once('=') {
        Some((name, value)) if value.contains(char::is_whitespace) && !value.starts_with(['"', '\'']) => {
            format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        }
        _ => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_spaces() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(line(&words(&["df -h | tail -1"])), "df -h | tail -1");
        assert_eq!(line(&words(&["echo", "a b", "c", "it's", ""])), r"echo 'a b' c 'it'\''s' ''");
        assert_eq!(quoted("msg=a b"), r#"msg="a b""#);
        assert_eq!(quoted("mode=0644"), "mode=0644");
    }
}
