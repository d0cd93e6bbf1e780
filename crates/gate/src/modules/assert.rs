//! `assert`: fails unless every condition holds.

use serde_json::Value;

use crate::{Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec};

/// The caller evaluates the conditions, since only it knows the variables: each is written as an expression,
/// and handed over as `{"condition": "the expression", "result": true or false}`, all of them in a list. A
/// plain truth value is a condition already.
pub(super) struct Assert;

static SPEC: Spec = Spec {
    name: "assert",
    summary: "Fails unless every condition holds.",
    params: &[
        Param::new("that", Kind::Raw, "The conditions.").required(),
        Param::new("fail_msg", Kind::Raw, "What to say if one does not hold.")
            .default("\"Assertion failed\"")
            .aliases(&["msg"]),
        Param::new("success_msg", Kind::Raw, "What to say if all hold.").default("\"All assertions passed\""),
        Param::new("quiet", Kind::Bool, "Whether success is worth no lines.").default("false"),
    ],
    free_form: None,
    open: false,
    effect: Effect::None,
    check: Check::Predicts,
    rules: &[],
};

impl Module for Assert {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, _: &Context<'_>) -> Result<Reply, Error> {
        let that = match args.get("that") {
            Some(Value::Array(conditions)) => conditions.as_slice(),
            Some(one) => std::slice::from_ref(one),
            None => &[],
        };
        for condition in that {
            let (text, holds) = judge(condition)?;
            if !holds {
                return Ok(Reply::failed(message(args, "fail_msg")).with("assertion", text).with("evaluated_to", false));
            }
        }
        Ok(Reply::ok().msg(message(args, "success_msg")))
    }
}

/// The text of a condition, and whether it holds.
fn judge(condition: &Value) -> Result<(Value, bool), Error> {
    match (condition, condition["result"].as_bool()) {
        (Value::Bool(holds), _) => Ok((condition.clone(), *holds)),
        (Value::Object(_), Some(holds)) => Ok((condition["condition"].clone(), holds)),
        _ => Err(Error::Failed(format!("the condition {condition} was not evaluated"))),
    }
}

/// A message is text or a list of lines.
fn message(args: &Args, name: &str) -> String {
    match args.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(lines)) => {
            let lines: Vec<String> =
                lines.iter().map(|line| line.as_str().map_or_else(|| line.to_string(), str::to_owned)).collect();
            lines.join("\n")
        }
        Some(other) => other.to_string(),
        None => String::new(),
    }
}
