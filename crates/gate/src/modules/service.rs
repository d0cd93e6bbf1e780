//! `service`: starts, stops and enables services, by whatever runs them on the host: so far systemd.

use std::path::Path;

use super::systemd;
use crate::{Args, Context, Effect, Error, Kind, Module, Param, Reply, Check, Spec};

pub(super) struct Service;

static SPEC: Spec = Spec {
    name: "service",
    summary: "Starts, stops and enables services.",
    params: &[
        systemd::NAME.required(),
        systemd::STATE,
        systemd::ENABLED,
        Param::new("use", Kind::Str, "Who runs the services.").default("\"auto\"").choices(&["auto", "systemd"]),
        Param::new("arguments", Kind::Str, "Of no use with systemd.").default("\"\"").aliases(&["args"]),
        Param::new("pattern", Kind::Str, "Of no use with systemd."),
        Param::new("runlevel", Kind::Str, "Of no use with systemd.").default("\"default\""),
        Param::new("sleep", Kind::Int, "Of no use with systemd."),
        systemd::MASKED,
        systemd::DAEMON_RELOAD,
        systemd::DAEMON_REEXEC,
        systemd::SCOPE,
        systemd::NO_BLOCK,
        systemd::FORCE,
    ],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[],
};

impl Module for Service {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        if args.str("use") == "auto" && !Path::new("/run/systemd/system").is_dir() {
            return Err(Error::Failed("systemd does not run this host, and no other manager of services is known".into()));
        }
        systemd::run(args, cx)
    }
}
