//! `command`: runs a program, without a shell.

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Rule, Spec,
    exec::{self, Exec},
    words,
};

pub(super) struct Command;

static SPEC: Spec = Spec {
    name: "command",
    summary: "Runs a program, without a shell.",
    params: &[
        exec::RAW,
        exec::CMD,
        Param::new("argv", Kind::List(&Kind::Str), "The program and its arguments, one by one."),
        exec::CHDIR,
        exec::CREATES,
        exec::REMOVES,
        exec::STDIN,
        exec::STDIN_NEWLINE,
        exec::STRIP,
        Param::new("expand_argument_vars", Kind::Bool, "Whether `~` and `$NAME` in arguments are expanded.")
            .default("true"),
    ],
    free_form: Some("_raw_params"),
    open: false,
    effect: Effect::Changes,
    check: Check::Skips(exec::UNKNOWN),
    rules: &[
        Rule::OneOf(&["_raw_params", "cmd", "argv"]),
        Rule::Exclusive(&["_raw_params", "cmd", "argv"]),
    ],
};

impl Module for Command {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let mut words = match args.has("argv") {
            true => args.strs("argv").into_iter().map(str::to_owned).collect(),
            false => words::split(exec::text(args))
                .map_err(|why| Error::Failed(format!("cannot split the command into words: {why}")))?,
        };
        if words.first().is_none_or(String::is_empty) {
            return Ok(Reply::failed("no command given").with("rc", 256));
        }
        let cmd = words.clone().into();
        if args.bool("expand_argument_vars") {
            for word in &mut words {
                *word = cx.expand(word);
            }
        }
        let exec = Exec { cmd, program: &words[0], args: &words[1..] };
        exec.run(args, cx)
    }
}
