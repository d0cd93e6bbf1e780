//! `ping`: answers, and so shows that modules run at all.

use crate::{Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec};

pub(super) struct Ping;

static SPEC: Spec = Spec {
    name: "ping",
    summary: "Answers `pong`.",
    params: &[Param::new("data", Kind::Str, "What to answer; `crash` fails on purpose.").default("\"pong\"")],
    free_form: None,
    open: false,
    effect: Effect::None,
    check: Check::Predicts,
    rules: &[],
};

impl Module for Ping {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, _: &Context<'_>) -> Result<Reply, Error> {
        match args.str("data") {
            "crash" => Err(Error::Failed("boom".into())),
            data => Ok(Reply::ok().with("ping", data)),
        }
    }
}
