//! `shell`: runs a command line in a shell.

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Rule, Spec,
    exec::{self, Exec},
};

pub(super) struct Shell;

static SPEC: Spec = Spec {
    name: "shell",
    summary: "Runs a command line in a shell.",
    params: &[
        exec::RAW,
        exec::CMD,
        exec::CHDIR,
        exec::CREATES,
        exec::REMOVES,
        exec::STDIN,
        exec::STDIN_NEWLINE,
        exec::STRIP,
        Param::new("executable", Kind::Path, "The shell.").default("\"/bin/sh\""),
    ],
    free_form: Some("_raw_params"),
    open: false,
    effect: Effect::Changes,
    check: Check::Skips(exec::UNKNOWN),
    rules: &[Rule::OneOf(&["_raw_params", "cmd"]), Rule::Exclusive(&["_raw_params", "cmd"])],
};

impl Module for Shell {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let text = exec::text(args);
        if text.trim().is_empty() {
            return Ok(Reply::failed("no command given").with("rc", 256));
        }
        let shell = cx.expand(args.str("executable"));
        let exec =
            Exec { cmd: text.into(), program: &shell, args: &["-c".to_owned(), text.to_owned()] };
        exec.run(args, cx)
    }
}
