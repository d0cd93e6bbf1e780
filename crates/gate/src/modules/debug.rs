//! `debug`: shows a message or a value.

use serde_json::Value;

use crate::{Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Rule, Spec};

/// The caller evaluates `var`, since only it knows the variables: it is written as an expression, and handed
/// over as `{"expr": "the expression", "value": its value}`. The reply has the value under the expression. A
/// message may be any value; one that is not text is a field, `msg`, beside a reply without a message.
pub(super) struct Debug;

static SPEC: Spec = Spec {
    name: "debug",
    summary: "Shows a message or a value.",
    params: &[
        Param::new("msg", Kind::Raw, "The message."),
        Param::new("var", Kind::Raw, "An expression whose value is shown."),
        Param::new("verbosity", Kind::Int, "Shown only to those who ask for at least this much.").default("0"),
    ],
    free_form: None,
    open: false,
    effect: Effect::None,
    check: Check::Predicts,
    rules: &[Rule::Exclusive(&["msg", "var"])],
};

impl Module for Debug {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, _: &Context<'_>) -> Result<Reply, Error> {
        // How much somebody wants to see is the caller's to know; here nobody asked for more than the least.
        if args.int("verbosity") > 0 {
            return Ok(Reply { skipped: true, ..Reply::ok() }
                .with("skipped_reason", "Verbosity threshold not met."));
        }
        match (args.get("var"), args.get("msg")) {
            (Some(var), _) => match (var["expr"].as_str(), var.get("value")) {
                (Some(expr), Some(value)) => Ok(Reply::ok().with(expr, value.clone())),
                _ => Err(Error::Failed("`var` was not evaluated".into())),
            },
            (None, Some(Value::String(msg))) => Ok(Reply::ok().msg(msg)),
            (None, Some(msg)) => Ok(Reply::ok().with("msg", msg.clone())),
            (None, None) => Ok(Reply::ok().msg("Hello world!")),
        }
    }
}
