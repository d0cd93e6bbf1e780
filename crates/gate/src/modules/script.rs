//! `script`: runs a script that is not on the host.

use std::{fs::File, io::Read, path::Path};

use serde_json::Value;

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Rule, Spec,
    exec::{self, Exec},
    first_word, glob,
};

/// The caller brings the script, and says in `_script` where it put it. Without that, the script is the file
/// that the command names.
pub(super) struct Script;

/// How much of a script is looked at for its first line; the system itself looks at less.
const HEAD: u64 = 1024;

static SPEC: Spec = Spec {
    name: "script",
    summary: "Runs a script that is not on the host, with arguments.",
    params: &[
        exec::RAW,
        Param::new("cmd", Kind::Str, "The script, and its arguments."),
        Param::new("chdir", Kind::Path, "The folder to run it in."),
        Param::new(
            "creates",
            Kind::Path,
            "A path or pattern; if it matches anything, the script does not run.",
        ),
        Param::new(
            "removes",
            Kind::Path,
            "A path or pattern; if it matches nothing, the script does not run.",
        ),
        Param::new(
            "executable",
            Kind::Str,
            "The program that runs it; its own first line says, if not given.",
        ),
        Param::new("decrypt", Kind::Bool, "Taken for Ansible's sake; there are no vaults here.")
            .default("true"),
        Param::new("_script", Kind::Path, "Where the script was put; the caller sets it."),
    ],
    free_form: Some("_raw_params"),
    open: false,
    effect: Effect::Changes,
    check: Check::Skips("what a script changes is not known before it runs"),
    rules: &[Rule::OneOf(&["_raw_params", "cmd"]), Rule::Exclusive(&["_raw_params", "cmd"])],
};

impl Module for Script {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let exists = |path: &str| glob::any(cx.cwd, Path::new(&cx.expand(path)), cx.fs());
        match (args.path("creates"), args.path("removes")) {
            (Some(path), _) if exists(path) => {
                return Ok(Reply::skipped(format!("{path} exists, matching creates option")));
            }
            (_, Some(path)) if !exists(path) => {
                return Ok(Reply::skipped(format!("{path} does not exist, matching removes option")));
            }
            (None, None) if cx.checks() => {
                return Ok(Reply::unknown("Check mode is not supported for this task."));
            }
            _ if cx.checks() => return Ok(Reply { unknown: true, ..Reply::changed(true) }),
            _ => {}
        }
        let Some((script, rest)) = first_word(exec::text(args)) else {
            return Err(Error::Failed("no script is named, or a quote is not closed".into()));
        };
        let script = cx.path(args.path("_script").unwrap_or(&script));
        let runner = match args.path("executable") {
            Some(program) => format!("{program} "),
            None => runner(&script)?,
        };
        let line = format!("{runner}{}{rest}", quoted(&script.to_string_lossy()));
        let exec = Exec { cmd: Value::Null, program: "/bin/sh", args: &["-c".to_owned(), line] };
        let mut reply = exec.run(args, cx)?;
        // Where the script was put says nothing to anybody.
        reply.fields.remove("cmd");
        Ok(reply)
    }
}

/// What runs the script, as its first line says; the shell, if it does not. A script that is read in this way
/// runs from a filesystem where nothing may be executed, too.
fn runner(script: &Path) -> Result<String, Error> {
    let mut head = Vec::new();
    let file = File::open(script).map_err(Error::io("read", script))?;
    file.take(HEAD).read_to_end(&mut head).map_err(Error::io("read", script))?;
    if head.starts_with(b"\x7fELF") {
        return Ok(String::new());
    }
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let Some(line) = line.strip_prefix(b"#!") else { return Ok("/bin/sh ".into()) };
    let line = String::from_utf8_lossy(line);
    let line = line.trim();
    // As with the system: all that follows the program is one argument.
    Ok(match line.split_once([' ', '\t']) {
        Some((program, argument)) => format!("{} {} ", quoted(program), quoted(argument.trim())),
        None => format!("{} ", quoted(line)),
    })
}

/// A word that a shell takes as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}
