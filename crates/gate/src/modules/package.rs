//! `package`: installs, upgrades and removes packages, by the host's own manager: so far apt.

use super::apt;
use crate::{Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec, tool};

pub(super) struct Package;

static SPEC: Spec = Spec {
    name: "package",
    summary: "Installs, upgrades and removes packages by the host's own manager.",
    params: &[
        Param::new("name", Kind::List(&Kind::Str), "The packages.").required(),
        Param::new("state", Kind::Str, "Whether they are to be there: `present`, `absent` or `latest`.").required(),
        Param::new("use", Kind::Str, "The manager.").default("\"auto\"").choices(&["auto", "apt"]),
    ],
    free_form: None,
    // Whatever else the manager takes.
    open: true,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[],
};

impl Module for Package {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        if tool::find("apt-get", cx).is_none() {
            return Err(Error::Failed("this host has no manager of packages that is known (apt)".into()));
        }
        let mut given = args.map().clone();
        given.remove("use");
        apt::run(&Args::check(&apt::SPEC, given.into())?, cx)
    }
}
