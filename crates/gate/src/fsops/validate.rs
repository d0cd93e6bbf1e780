//! Asking a command whether a new file is good, before it takes the place of the old one.

use std::path::Path;

use crate::{
    Context, Error,
    child::{self, Failure, Job},
    words,
};

/// Runs the command with `%s` replaced by the file, without a shell.
pub(super) fn run(command: &str, file: &Path, cx: &Context<'_>) -> Result<(), Error> {
    let refuse = |why: String| Err(Error::Failed(why));
    if !command.contains("%s") {
        return refuse(format!("`validate` must name the file as %s: {command}"));
    }
    let file = file.to_string_lossy();
    // Split first: the path may hold spaces.
    let words: Vec<String> = match words::split(command) {
        Ok(words) => words.into_iter().map(|word| word.replace("%s", &file)).collect(),
        Err(why) => return refuse(format!("cannot split `validate` into words: {why}")),
    };
    let Some((program, args)) = words.split_first() else { return refuse("`validate` is empty".into()) };
    let job = Job { program, args, dir: cx.cwd, env: cx.env, stdin: None, whole: false };
    match child::run(&job, cx) {
        Ok(finished) if finished.status.success() => Ok(()),
        Ok(finished) => {
            let said = [finished.stderr.text(), finished.stdout.text()].join("\n");
            let said = if said.trim().is_empty() { String::new() } else { format!(": {}", said.trim()) };
            refuse(format!("failed to validate ({}){said}", finished.status))
        }
        Err(Failure::Start(error)) => Err(Error::io("run", program.as_str())(error)),
        Err(Failure::Run(error)) => Err(error),
    }
}
