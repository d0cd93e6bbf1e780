//! `hostname`: sets the host's name, now and for its next boot.

use std::{fs, io::ErrorKind, path::Path};

use serde_json::{Map, Value};

use crate::{
    Args, Check, Context, Diff, Effect, Error, Kind, Module, Param, Reply, Spec,
    fsops::replace::{Fresh, Perms, Replace},
    tool::{self, Tool},
};

pub(super) struct Hostname;

static SPEC: Spec = Spec {
    name: "hostname",
    summary: "Sets the host's name, now and for its next boot.",
    params: &[
        Param::new("name", Kind::Str, "The name.").required(),
        Param::new("use", Kind::Str, "How it is set; by what runs the host if it is not given.")
            .choices(&["alpine", "debian", "generic", "redhat", "systemd"]),
    ],
    free_form: None,
    open: false,
    effect: Effect::Changes,
    check: Check::Predicts,
    rules: &[],
};

/// Where the name for the next boot stands.
const FILE: &str = "/etc/hostname";

/// The longest name that the kernel takes.
const LONGEST: usize = 64;

impl Module for Hostname {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let name = args.str("name");
        if name.is_empty() || name.len() > LONGEST {
            return Err(Error::Failed(format!("a host's name has 1 to {LONGEST} characters: '{name}' has {}", name.len())));
        }
        let now = fs::read_to_string("/proc/sys/kernel/hostname")
            .map_err(Error::io("read", "/proc/sys/kernel/hostname"))?;
        let now = now.trim();
        let kept = kept(cx)?;
        let changed = now != name || kept != name;
        if changed && cx.checks() {
            keep(name, cx)?;
        } else if changed {
            set(name, kept != name, now != name, cx)?;
        }
        let mut reply = Reply::changed(changed).with("name", name);
        reply.facts = facts(name);
        if changed {
            let before = if now == name { &kept } else { now };
            let side = |name: &str| Value::from(format!("hostname = {name}\n"));
            reply.diff = cx.diff.then(|| Diff { before: side(before), after: side(name), ..Diff::default() });
        }
        Ok(reply)
    }
}

/// The name for the next boot; empty if there is none.
fn kept(cx: &Context<'_>) -> Result<String, Error> {
    match cx.fs().read(Path::new(FILE)) {
        Ok(text) => Ok(String::from_utf8_lossy(&text).lines().find(|line| !line.starts_with('#')).unwrap_or_default().trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Error::io("read", FILE)(error)),
    }
}

/// Sets the name for the next boot first, then the one that holds now: programs that watch the second find the
/// first in place.
fn set(name: &str, kept: bool, now: bool, cx: &Context<'_>) -> Result<(), Error> {
    let managed = Path::new("/run/systemd/system").is_dir() && tool::find("hostnamectl", cx).is_some();
    if kept && !(managed && ok(Tool::new("hostnamectl").args(["--pretty", "--static", "set-hostname", name]), cx)?) {
        // systemd reads this file as well, and may lack the service behind its own tool.
        keep(name, cx)?;
    }
    if now && !(managed && ok(Tool::new("hostnamectl").args(["--transient", "set-hostname", name]), cx)?) {
        let said = Tool::new("hostname").arg(name).run(cx)?;
        if !said.ok() {
            return Err(Error::Failed(format!("cannot set the host's name: {}", said.why())));
        }
    }
    Ok(())
}

/// Writes the name for the next boot.
fn keep(name: &str, cx: &Context<'_>) -> Result<(), Error> {
    let dest = Path::new(FILE);
    let old = cx.fs().metadata(dest).ok();
    let may = (old.map(|meta| meta.uid), old.map(|meta| meta.gid));
    let perms = Perms { mode: old.map_or(0o644, |meta| meta.mode & 0o7777), must: (None, None), may };
    let text = format!("{name}\n");
    let replace = Replace { dest, perms, sync: true, accept: &|_| Ok(()) };
    match replace.run(Fresh::Read(&mut text.as_bytes()), cx) {
        // In a container it may be a mount of its own, which nothing can take the place of.
        Err(Error::Io { source, .. }) if source.kind() == ErrorKind::ResourceBusy => {
            fs::write(dest, text).map_err(Error::io("write", dest))
        }
        done => done.map(drop),
    }
}

fn ok(tool: Tool, cx: &Context<'_>) -> Result<bool, Error> {
    tool.run(cx).map(|said| said.ok())
}

fn facts(name: &str) -> Map<String, Value> {
    let full = full(name, &fs::read_to_string("/etc/hosts").unwrap_or_default());
    let (short, _) = name.split_once('.').unwrap_or((name, ""));
    let domain = full.split_once('.').map_or("", |(_, domain)| domain).to_owned();
    let facts: [(&str, String); 4] = [
        ("ansible_hostname", short.to_owned()),
        ("ansible_nodename", name.to_owned()),
        ("ansible_domain", domain),
        ("ansible_fqdn", full),
    ];
    facts.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect()
}

/// The first name with a domain in the line of `/etc/hosts` that has the name; else the name itself.
fn full(name: &str, hosts: &str) -> String {
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut names = lines.map(|line| line.split_whitespace().skip(1).collect::<Vec<_>>());
    let line = names.find(|names| names.contains(&name)).unwrap_or_default();
    line.into_iter().find(|other| other.contains('.')).unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::full;

    #[test]
    fn the_full_name_stands_in_the_hosts_file() {
        let hosts = "127.0.0.1 localhost\n# 10.0.0.9 web.example.org web\n10.0.0.1\tweb1.example.org web1 web\n";
        assert_eq!(full("web", hosts), "web1.example.org");
        assert_eq!(full("web1.example.org", hosts), "web1.example.org");
        assert_eq!(full("other", hosts), "other");
    }
}
