//! `apt`: installs, upgrades and removes packages of Debian and its relatives.

mod cache;
mod call;
mod deb;
mod pick;
mod services;
mod version;

use serde_json::Value;

use crate::{Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Rule, Spec};

use call::Call;

pub(super) struct Apt;

pub(super) static SPEC: Spec = Spec {
    name: "apt",
    summary: "Installs, upgrades and removes packages of Debian and its relatives.",
    params: &[
        Param::new("name", Kind::List(&Kind::Str), "The packages: `name`, `name=1.2`, `name>=1.2`; `*` is any text.")
            .aliases(&["package", "pkg"]),
        Param::new("state", Kind::Str, "Whether they are to be there, and which version.")
            .default("\"present\"")
            .choices(&["absent", "build-dep", "latest", "present", "fixed"]),
        Param::new("update_cache", Kind::Bool, "Whether the lists of packages are fetched first.")
            .aliases(&["update-cache"]),
        Param::new("cache_valid_time", Kind::Int, "For how many seconds lists are new enough.").default("0"),
        Param::new("update_cache_retries", Kind::Int, "How often fetching lists is tried.").default("5"),
        Param::new("update_cache_retry_max_delay", Kind::Int, "How many seconds lie between two tries at most.")
            .default("12"),
        Param::new("deb", Kind::Path, "A package file on the host, or several with commas between."),
        Param::new("upgrade", Kind::Str, "Whether all packages are upgraded.")
            .default("\"no\"")
            .choices(&["dist", "full", "no", "safe", "yes"]),
        Param::new("default_release", Kind::Str, "The release to prefer.").aliases(&["default-release"]),
        Param::new("install_recommends", Kind::Bool, "Whether recommended packages come along.")
            .aliases(&["install-recommends"]),
        Param::new("only_upgrade", Kind::Bool, "Whether only packages that are there are touched.").default("false"),
        Param::new("purge", Kind::Bool, "Whether settings go with a package.").default("false"),
        Param::new("autoremove", Kind::Bool, "Whether packages go that nothing needs any more.").default("false"),
        Param::new("fail_on_autoremove", Kind::Bool, "Whether it is a failure if a package would go.")
            .default("false"),
        Param::new("autoclean", Kind::Bool, "Whether old package files go.").default("false"),
        Param::new("clean", Kind::Bool, "Whether all kept package files go first.").default("false"),
        Param::new("force", Kind::Bool, "Whether packages without signature, and older ones, are taken.")
            .default("false"),
        Param::new("allow_unauthenticated", Kind::Bool, "Whether packages without signature are taken.")
            .default("false")
            .aliases(&["allow-unauthenticated"]),
        Param::new("allow_downgrade", Kind::Bool, "Whether an older version may replace a newer one.")
            .default("false")
            .aliases(&["allow-downgrade", "allow_downgrades", "allow-downgrades"]),
        Param::new("allow_change_held_packages", Kind::Bool, "Whether packages on hold may change.").default("false"),
        Param::new("dpkg_options", Kind::Str, "Options for `dpkg`, with commas between.")
            .default("\"force-confdef,force-confold\""),
        Param::new("policy_rc_d", Kind::Int, "What the host's policy answers when a package would start a service."),
        Param::new("lock_timeout", Kind::Int, "How many seconds to wait for others who install.").default("60"),
        Param::new("force_apt_get", Kind::Bool, "Of no use: `apt-get` does everything.").default("false"),
        Param::new("auto_install_module_deps", Kind::Bool, "Of no use: nothing else is needed.").default("true"),
    ],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[
        Rule::Exclusive(&["deb", "name", "upgrade"]),
    ],
};

impl Module for Apt {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        run(args, cx)
    }
}

/// Does what the parameters ask for, in Ansible's order: clean, lists, upgrade, file, packages.
pub(super) fn run(args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
    let call = Call { args, cx };
    let names: Vec<&str> = args.strs("name").into_iter().map(str::trim).filter(|name| !name.is_empty()).collect();
    let upgrade = Some(args.str("upgrade")).filter(|mode| *mode != "no" && !mode.is_empty());
    let fixed = args.str("state") == "fixed";
    let nothing_more = names.is_empty() && upgrade.is_none() && !args.has("deb") && !fixed;
    let mut cleaned = None;
    if args.bool("clean") {
        cleaned = Some(call.clean()?);
    }
    let update = args.bool("update_cache") || args.int("cache_valid_time") > 0;
    let lists = if update { cache::update(&call)? } else { cache::Lists::untouched() };
    if nothing_more && !args.bool("autoremove") && !args.bool("autoclean") {
        return Ok(match cleaned {
            Some(reply) if !update => reply,
            cleaned => lists.reply(cleaned.is_some() || lists.updated),
        });
    }
    let reply = if let Some(mode) = upgrade {
        call.upgrade(mode)?
    } else if let Some(files) = args.path("deb") {
        deb::install(&call, files)?
    } else if names.contains(&"*") {
        everything(&call, &names)?
    } else if names.is_empty() && fixed {
        call.install(Vec::new(), "install")?
    } else if names.is_empty() {
        call.tidy()?
    } else {
        packages(&call, &names)?
    };
    Ok(reply.with("cache_updated", lists.updated).with("cache_update_time", lists.time))
}

/// `name: "*"` with `state: latest` upgrades all that is installed.
fn everything(call: &Call<'_>, names: &[&str]) -> Result<Reply, Error> {
    if call.args.str("state") != "latest" {
        return Err(Error::Failed("`name: \"*\"` is for `state: latest`".into()));
    }
    if names.len() > 1 {
        return Err(Error::Failed("unable to install additional packages when upgrading all installed packages".into()));
    }
    call.upgrade("yes")
}

fn packages(call: &Call<'_>, names: &[&str]) -> Result<Reply, Error> {
    if call.args.str("state") == "build-dep" {
        return call.install(names.iter().map(|name| (*name).to_owned()).collect(), "build-dep");
    }
    let wishes = pick::wishes(call, names)?;
    if call.args.str("state") == "absent" {
        return call.remove(pick::unwanted(call, &wishes)?);
    }
    let words = pick::wanted(call, &wishes)?;
    let reply = call.install(words, "install")?;
    if !reply.failed && !call.cx.checks() {
        call.keep(&wishes)?;
    }
    Ok(reply)
}

/// The part of apt-get's output that says what is going to happen.
fn plan(out: &str) -> Value {
    let lines: Vec<&str> = out.lines().collect();
    let begin = lines.iter().position(|line| line.starts_with("Reading state information...")).map_or(0, |at| at + 1);
    let end = lines.iter().position(|line| line.contains(" upgraded, ")).map_or(lines.len(), |at| at + 1);
    let plan = lines.get(begin..end).unwrap_or_default();
    if plan.is_empty() { Value::from("") } else { Value::from(format!("{}\n", plan.join("\n"))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_is_cut_out_of_the_output() {
        let out = "Reading package lists...\nReading state information...\nThe following NEW packages will be installed:\n  a\n0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.\nInst a (1 x)\n";
        let due = "The following NEW packages will be installed:\n  a\n0 upgraded, 1 newly installed, 0 to remove and 0 not upgraded.\n";
        assert_eq!(plan(out), Value::from(due));
        assert_eq!(plan(""), Value::from(""));
    }
}
