//! `fail`: fails, with a message.

use crate::{Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec};

pub(super) struct Fail;

static SPEC: Spec = Spec {
    name: "fail",
    summary: "Fails, with a message.",
    params: &[Param::new("msg", Kind::Str, "Why.").default("\"Failed as requested from task\"")],
    free_form: None,
    open: false,
    effect: Effect::None,
    check: Check::Predicts,
    rules: &[],
};

impl Module for Fail {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, _: &Context<'_>) -> Result<Reply, Error> {
        Ok(Reply::failed(args.str("msg")))
    }
}
