//! `systemd`: starts, stops, enables and masks units.

mod unit;

use crate::{Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec};

pub(super) struct Systemd;

static SPEC: Spec = COMMON;

/// What the module says of itself under either name.
pub(super) const COMMON: Spec = Spec {
    name: "systemd",
    summary: "Starts, stops, enables and masks units of systemd.",
    params: &[NAME, STATE, ENABLED, MASKED, DAEMON_RELOAD, DAEMON_REEXEC, SCOPE, NO_BLOCK, FORCE],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[],
};

pub(super) const NAME: Param =
    Param::new("name", Kind::Str, "The unit; a service where it has no suffix.").aliases(&["service", "unit"]);
pub(super) const STATE: Param = Param::new("state", Kind::Str, "Whether it is to run; `restarted` and `reloaded` always act.")
    .choices(&["reloaded", "restarted", "started", "stopped"]);
pub(super) const ENABLED: Param = Param::new("enabled", Kind::Bool, "Whether it starts with the host.");
pub(super) const MASKED: Param = Param::new("masked", Kind::Bool, "Whether nothing can start it.");
pub(super) const DAEMON_RELOAD: Param =
    Param::new("daemon_reload", Kind::Bool, "Whether systemd reads its files again first.")
        .default("false")
        .aliases(&["daemon-reload"]);
pub(super) const DAEMON_REEXEC: Param =
    Param::new("daemon_reexec", Kind::Bool, "Whether systemd starts itself again first.")
        .default("false")
        .aliases(&["daemon-reexec"]);
pub(super) const SCOPE: Param = Param::new("scope", Kind::Str, "Whose systemd it is: the host's, this user's, or every user's.")
    .default("\"system\"")
    .choices(&["system", "user", "global"]);
pub(super) const NO_BLOCK: Param =
    Param::new("no_block", Kind::Bool, "Whether to go on before the unit has started or stopped.").default("false");
pub(super) const FORCE: Param = Param::new("force", Kind::Bool, "Whether links that are in the way are replaced.");


impl Module for Systemd {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        run(args, cx)
    }
}

/// What `systemd`, its other name and `service` do.
pub(super) fn run(args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
    for param in ["state", "enabled", "masked"] {
        if args.has(param) && !args.has("name") {
            return Err(Error::Failed(format!("missing parameter(s) required by '{param}': name")));
        }
    }
    unit::run(args, cx)
}
