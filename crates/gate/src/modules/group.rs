//! `group`: makes, changes and removes groups.

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Rule, Spec, accounts,
    tool::{Said, Tool},
};

pub(super) struct Group;

static SPEC: Spec = Spec {
    name: "group",
    summary: "Makes, changes and removes groups.",
    params: &[
        Param::new("name", Kind::Str, "The group.").required(),
        Param::new("state", Kind::Str, "Whether it is to be there.")
            .default("\"present\"")
            .choices(&["absent", "present"]),
        Param::new("gid", Kind::Int, "Its number."),
        Param::new("system", Kind::Bool, "Whether a new group gets a number for system groups.").default("false"),
        Param::new("non_unique", Kind::Bool, "Whether another group may have the same number.").default("false"),
        Param::new("force", Kind::Bool, "Whether it goes even if it is a user's primary group.").default("false"),
        Param::new("local", Kind::Bool, "Whether only the host's own files are looked at.").default("false"),
        Param::new("gid_min", Kind::Int, "The lowest number that a new group may get."),
        Param::new("gid_max", Kind::Int, "The highest number that a new group may get."),
    ],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[Rule::NeededIf("non_unique", "true", &["gid"])],
};

impl Module for Group {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let (name, local) = (args.str("name"), args.bool("local"));
        if local && args.bool("force") {
            return Err(Error::Failed("force is not a valid option for local".into()));
        }
        if let Some(range) = ["gid_min", "gid_max"].iter().find(|range| local && args.has(range)) {
            return Err(Error::Failed(format!("'{range}' can not be used with 'local'")));
        }
        let group = accounts::group(name, local, cx)?;
        let tool = match (args.str("state"), &group) {
            ("absent", None) => None,
            ("absent", Some(_)) => Some(delete(args)),
            (_, None) => Some(add(args)),
            (_, Some(group)) => change(args, group),
        };
        let mut reply = Reply::changed(tool.is_some()).with("name", name).with("state", args.str("state"));
        if let Some(tool) = &tool
            && cx.checks()
        {
            accounts::foresee(tool.program(), tool.words(), name, cx)?;
        } else if let Some(tool) = tool {
            let said = tool.whole().arg("--").arg(name).run(cx)?;
            if !said.ok() {
                return Ok(Reply::failed(said.why()).with("name", name).with("rc", said.rc));
            }
            reply = heard(reply, said);
        }
        if let Some(group) = accounts::group(name, local, cx)? {
            reply = reply.with("gid", group.gid).with("system", args.bool("system"));
        }
        Ok(reply)
    }
}

fn delete(args: &Args) -> Tool {
    Tool::new("groupdel").args(args.bool("force").then_some("-f"))
}

fn add(args: &Args) -> Tool {
    let mut tool = number(Tool::new("groupadd"), args);
    tool = tool.args(args.bool("system").then_some("-r"));
    for (param, key) in [("gid_min", "GID_MIN"), ("gid_max", "GID_MAX")] {
        if let Some(limit) = args.opt_int(param) {
            tool = tool.args(["-K".to_owned(), format!("{key}={limit}")]);
        }
    }
    tool
}

fn change(args: &Args, group: &accounts::Group) -> Option<Tool> {
    let gid = args.opt_int("gid")?;
    (gid != i64::from(group.gid)).then(|| number(Tool::new("groupmod"), args))
}

fn number(tool: Tool, args: &Args) -> Tool {
    let Some(gid) = args.opt_int("gid") else { return tool };
    tool.args(["-g".to_owned(), gid.to_string()]).args(args.bool("non_unique").then_some("-o"))
}

/// Adds what a program said, where it said something.
pub(super) fn heard(mut reply: Reply, said: Said) -> Reply {
    for (name, text) in [("stdout", said.out), ("stderr", said.err)] {
        if !text.is_empty() {
            reply = reply.with(name, text);
        }
    }
    reply
}
