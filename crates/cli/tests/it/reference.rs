//! The reference of the command line, `docs/cli.md`, which is made of the program's own help.

use std::path::Path;

use super::env;

/// Every command, in the order of the reference.
const COMMANDS: &[&str] = &[
    "",
    "run",
    "plan",
    "apply",
    "show",
    "validate",
    "graph",
    "resume",
    "runs",
    "runs list",
    "runs show",
    "runs events",
    "runs logs",
    "runs approve",
    "runs reject",
    "runs resume",
    "runs abort",
    "runs undo",
    "runs prune",
    "runs replay",
    "runs trace",
    "runs audit",
    "runs export",
    "runs import",
    "runs backup",
    "inventory",
    "inventory list",
    "inventory graph",
    "inventory host",
    "budget",
    "budget show",
    "budget set",
    "models",
    "models list",
    "models show",
    "init",
    "schema",
    "explain",
    "doctor",
    "exec",
    "gate",
    "connections",
    "completions",
];

const HEAD: &str = "\
# The command line

This page is made of the program's own help. Every command also takes the global options, which are shown once,
at the top.
";

fn help(command: &str) -> String {
    let args = command.split_whitespace().chain(["--help"]);
    let output = env().run(args);
    output.success();
    output.stdout()
}

/// The help without the global options, which would repeat on every page.
fn own(help: &str) -> String {
    let Some((before, rest)) = help.split_once("Global options:\n") else { return help.to_owned() };
    match rest.split_once("\nExamples:\n") {
        Some((_, examples)) => format!("{before}Examples:\n{examples}"),
        None => before.to_owned(),
    }
}

fn reference() -> String {
    COMMANDS.iter().fold(HEAD.to_owned(), |page, command| {
        let help = help(command);
        let help = if command.is_empty() { help } else { own(&help) };
        let lines: Vec<&str> = help.lines().map(str::trim_end).collect();
        let title = format!("windlass {command}");
        page + &format!("\n## `{}`\n\n```text\n{}\n```\n", title.trim_end(), lines.join("\n").trim_end())
    })
}

#[test]
fn the_reference_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
    let made = reference();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &made).expect("the reference can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "docs/cli.md is not current: run the tests with BLESS=1 to write it anew");
}

#[test]
fn every_command_is_in_the_reference_and_shows_examples() {
    for parent in ["", "runs"] {
        let help = help(parent);
        let list = help.split_once("Commands:\n").expect("it has commands").1;
        let names = list.lines().take_while(|line| !line.trim().is_empty());
        for name in names.filter_map(|line| line.split_whitespace().next()) {
            let full = format!("{parent} {name}");
            assert!(COMMANDS.contains(&full.trim()), "{full} is not in the reference");
        }
    }
    for command in COMMANDS {
        assert!(help(command).contains("\nExamples:\n"), "windlass {command} --help shows no examples");
    }
}
