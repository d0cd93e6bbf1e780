//! `setup`: tells what is to be known of the host, as facts for later steps.

use crate::{
    Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec,
    facts::{Asked, chosen, collect},
    glob::fnmatch,
};

pub(super) struct Setup;

static SPEC: Spec = Spec {
    name: "setup",
    summary: "Tells what is to be known of the host: its system, hardware and network.",
    params: &[
        Param::new("gather_subset", Kind::List(&Kind::Str), "What to find out; `!` before a word leaves it out.")
            .default("[\"all\"]"),
        Param::new("gather_timeout", Kind::Int, "How long one part may take; a file system gets 10 seconds.")
            .default("10"),
        Param::new("filter", Kind::List(&Kind::Str), "Patterns of names; only facts that match are told.")
            .default("[]"),
        Param::new("fact_path", Kind::Path, "The folder of the host's own facts.")
            .default("\"/etc/ansible/facts.d\""),
    ],
    free_form: None,
    open: false,
    effect: Effect::None,
    check: Check::Predicts,
    rules: &[],
};

impl Module for Setup {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let words = args.strs("gather_subset");
        let fact_path = cx.path(args.str("fact_path"));
        let mut facts = collect(&chosen(&words)?, &Asked { fact_path: &fact_path, cx })?;
        facts.insert("gather_subset".into(), words.into());
        facts.insert("module_setup".into(), true.into());
        let filter = args.strs("filter");
        if !filter.is_empty() {
            facts.retain(|name, _| filter.iter().any(|pattern| matches(pattern, name)));
        }
        Ok(Reply { facts, ..Reply::ok() })
    }
}

/// As in Ansible, a pattern may leave out the prefix that facts have.
fn matches(pattern: &str, name: &str) -> bool {
    let prefixed = ["ansible_", "facter", "ohai"].iter().any(|prefix| pattern.starts_with(prefix));
    pattern.is_empty()
        || fnmatch(pattern, name)
        || (!prefixed && name.strip_prefix("ansible_").is_some_and(|name| fnmatch(pattern, name)))
}
