//! `set_fact`: sets variables for later steps.

use serde_json::Map;

use crate::{Args, Check, Context, Effect, Error, Kind, Module, Param, ParamError, Reply, Spec};

pub(super) struct SetFact;

static SPEC: Spec = Spec {
    name: "set_fact",
    summary: "Sets variables for later steps.",
    params: &[
        Param::new("cacheable", Kind::Bool, "Whether the variables outlive the run as facts.").default("false"),
    ],
    free_form: None,
    open: true,
    effect: Effect::None,
    check: Check::Predicts,
    rules: &[],
};

impl Module for SetFact {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, _: &Context<'_>) -> Result<Reply, Error> {
        let facts: Map<_, _> = args
            .map()
            .iter()
            .filter(|(name, _)| *name != "cacheable")
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        let mut problems: Vec<ParamError> = facts.keys().filter(|name| !is_name(name)).map(|name| bad(name)).collect();
        if facts.is_empty() {
            problems.push(ParamError::whole("set_fact needs at least one variable to set"));
        }
        if !problems.is_empty() {
            return Err(Error::BadParams(problems));
        }
        let reply = Reply { facts, ..Reply::ok() };
        Ok(reply.with("_ansible_facts_cacheable", args.bool("cacheable")))
    }
}

fn is_name(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn bad(name: &str) -> ParamError {
    ParamError::of(name, format!("{name:?} cannot be the name of a variable"))
        .hint("names are letters, digits and underscores, and begin with no digit")
}
