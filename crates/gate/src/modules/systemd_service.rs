//! `systemd_service`: the newer name of `systemd`.

use super::systemd;
use crate::{Args, Context, Error, Module, Reply, Spec};

pub(super) struct SystemdService;

static SPEC: Spec = Spec { name: "systemd_service", ..systemd::COMMON };

impl Module for SystemdService {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        systemd::run(args, cx)
    }
}
