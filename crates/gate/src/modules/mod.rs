//! The table of modules.
//!
//! To add one, write `src/modules/NAME.rs` with a unit struct that implements [`Module`] and a `static SPEC`,
//! and add one line to the table below. Names, parameters, defaults and results are Ansible's; check mode says
//! exactly what a real run would.

use std::path::{Path, PathBuf};

use crate::{Args, Context, Error, Module, accounts};

/// Declares the files and the table from the same line.
macro_rules! table {
    ($($file:ident::$module:ident,)*) => {
        $(mod $file;)*
        static TABLE: &[&dyn Module] = &[$(&$file::$module),*];
    };
}

table! {
    apt::Apt,
    archive::Archive,
    assemble::Assemble,
    assert::Assert,
    blockinfile::Blockinfile,
    command::Command,
    copy::Copy,
    debug::Debug,
    fail::Fail,
    file::File,
    find::Find,
    get_url::GetUrl,
    getent::Getent,
    group::Group,
    hostname::Hostname,
    include_vars::IncludeVars,
    lineinfile::Lineinfile,
    package::Package,
    pause::Pause,
    ping::Ping,
    replace::Replace,
    script::Script,
    service::Service,
    set_fact::SetFact,
    setup::Setup,
    shell::Shell,
    slurp::Slurp,
    stat::Stat,
    systemd::Systemd,
    systemd_service::SystemdService,
    tempfile::Tempfile,
    template::Template,
    unarchive::Unarchive,
    uri::Uri,
    user::User,
    wait_for::WaitFor,
}

/// The archive that a run of `archive` makes, and what it packs.
pub(crate) fn archived(args: &Args, cx: &Context<'_>) -> Result<(Option<PathBuf>, Vec<PathBuf>), Error> {
    archive::touches(args, cx)
}

/// Every path that a run of `unarchive` is going to change.
pub(crate) fn unarchived(args: &Args, cx: &Context<'_>) -> Result<Vec<PathBuf>, Error> {
    unarchive::touches(args, cx)
}

/// Makes the home folder of a new user, with what every one begins with.
pub(crate) fn make_home(
    home: &Path,
    user: &accounts::User,
    skeleton: Option<&str>,
    cx: &Context<'_>,
) -> Result<(), Error> {
    user::home::make(home, user, skeleton, cx)
}

/// The module of this name; `ansible.builtin.` and `ansible.legacy.` before it change nothing.
pub fn find(name: &str) -> Option<&'static dyn Module> {
    let short = ["ansible.builtin.", "ansible.legacy."].iter().find_map(|prefix| name.strip_prefix(prefix));
    let short = short.unwrap_or(name);
    all().find(|module| module.spec().name == short)
}

/// Every module, in the order of their names.
pub fn all() -> impl Iterator<Item = &'static dyn Module> {
    TABLE.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Rule};

    #[test]
    fn names_are_sorted_and_found() {
        let names: Vec<_> = all().map(|module| module.spec().name).collect();
        assert!(names.is_sorted(), "{names:?}");
        for name in names {
            for full in [name.to_owned(), format!("ansible.builtin.{name}"), format!("ansible.legacy.{name}")]
            {
                assert_eq!(find(&full).map(|module| module.spec().name), Some(name));
            }
        }
        assert!(find("no_such_module").is_none() && find("community.general.copy").is_none());
    }

    #[test]
    fn specs_are_sound() {
        for spec in all().map(Module::spec) {
            assert!(spec.summary.ends_with('.'), "{}", spec.name);
            let mut names: Vec<_> =
                spec.params.iter().flat_map(|param| param.aliases.iter().chain([&param.name])).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "a name twice in {}", spec.name);
            for param in spec.params {
                assert!(param.doc.ends_with('.'), "{}.{}", spec.name, param.name);
                assert!(!(param.required && param.default.is_some()), "{}.{}", spec.name, param.name);
                if let Some(json) = param.default {
                    let default: serde_json::Value = serde_json::from_str(json).unwrap();
                    assert!(param.kind != Kind::Str || default.is_string(), "{}.{}", spec.name, param.name);
                    assert!(param.kind != Kind::Bool || default.is_boolean(), "{}.{}", spec.name, param.name);
                    assert!(param.kind != Kind::Int || default.is_i64(), "{}.{}", spec.name, param.name);
                }
            }
            for rule in spec.rules {
                let names = match rule {
                    Rule::OneOf(names) | Rule::Exclusive(names) | Rule::Together(names) => names.to_vec(),
                    Rule::NeededIf(name, _, names) => [&[*name], *names].concat(),
                };
                for name in names {
                    assert!(spec.params.iter().any(|param| param.name == name), "{}: {name}", spec.name);
                }
            }
            assert!(spec.free_form.is_none_or(|name| spec.param(name).is_some()), "{}", spec.name);
        }
    }

    #[test]
    fn defaults_pass_their_own_check() {
        for spec in all().map(Module::spec) {
            for param in spec.params.iter().filter(|param| param.default.is_some()) {
                let default: serde_json::Value = serde_json::from_str(param.default.unwrap()).unwrap();
                let raw = serde_json::json!({ param.name: default });
                let problems = Args::check(spec, raw).err().unwrap_or_default();
                assert!(
                    !problems.iter().any(|problem| problem.param.as_deref() == Some(param.name)),
                    "{problems:?}"
                );
            }
        }
    }
}
