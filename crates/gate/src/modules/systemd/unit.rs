//! One unit: how it is, and what makes it as it should be.

use std::path::Path;

use serde_json::{Map, Value};

use crate::{Args, Context, Error, Reply, tool::{Said, Tool}};

/// Answers of `systemctl is-enabled` that show that the unit is there, even where `show` cannot say so.
const KNOWN: [&str; 11] = [
    "disabled", "enabled", "enabled-runtime", "generated", "indirect", "linked", "linked-runtime", "masked",
    "masked-runtime", "static", "transient",
];

/// Does what the parameters ask for, in Ansible's order: reload, mask, enable, state.
pub(super) fn run(args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
    let ctl = Ctl { args, cx };
    let mut reply = Reply::ok();
    for word in ["daemon_reload", "daemon_reexec"] {
        if args.bool(word) {
            let word = word.replace('_', "-");
            let said = ctl.act(&[&word])?;
            if !said.ok() {
                return Err(Error::Failed(format!("failure {} during {word}: {}", said.rc, said.why())));
            }
        }
    }
    let Some(name) = args.opt_str("name") else {
        return Ok(reply.with("name", Value::Null).with("status", Map::new()));
    };
    if let Some(sign) = name.chars().find(|c| matches!(c, '*' | '?' | '[')) {
        let why = "This module does not currently support using glob patterns";
        return Err(Error::Failed(format!("{why}, found '{sign}' in service name: {name}")));
    }
    let unit = Unit::look(&ctl, name)?;
    reply = reply.with("name", name).with("status", unit.status.clone());
    if unit.script && !unit.loaded {
        let why = "is actually an init script but the system is managed by systemd";
        reply = reply.with("warnings", vec![format!("The service ({name}) {why}")]);
    }
    unit.mask(&ctl, &mut reply)?;
    unit.enable(&ctl, &mut reply)?;
    unit.bring(&ctl, &mut reply)?;
    Ok(reply)
}

/// How `systemctl` is called.
struct Ctl<'a> {
    args: &'a Args,
    cx: &'a Context<'a>,
}

impl Ctl<'_> {
    /// Flags, a verb, and names.
    fn ask(&self, words: &[&str]) -> Result<Said, Error> {
        let mut tool = Tool::new("systemctl");
        let scope = self.args.str("scope");
        if matches!(scope, "user" | "global") {
            tool = tool.arg(format!("--{scope}"));
            if !self.cx.env.contains_key("XDG_RUNTIME_DIR") && std::env::var_os("XDG_RUNTIME_DIR").is_none() {
                let user = rustix::process::geteuid().as_raw();
                tool = tool.env("XDG_RUNTIME_DIR", format!("/run/user/{user}"));
            }
        }
        for (param, flag) in [("no_block", "--no-block"), ("force", "--force")] {
            if self.args.bool(param) {
                tool = tool.arg(flag);
            }
        }
        // A name that begins with a dash is a name still.
        let names = words.iter().position(|word| !word.starts_with('-')).map_or(words.len(), |verb| verb + 1);
        tool.args(words[..names].to_vec()).arg("--").args(words[names..].to_vec()).run(self.cx)
    }

    /// Like [`Ctl::ask`], but only in a real run: in check mode everything would go well.
    fn act(&self, words: &[&str]) -> Result<Said, Error> {
        if self.cx.checks() {
            return Ok(Said { rc: 0, out: String::new(), err: String::new() });
        }
        self.ask(words)
    }
}

struct Unit<'a> {
    name: &'a str,
    /// What `systemctl show` says.
    status: Map<String, Value>,
    /// Whether systemd knows the unit.
    loaded: bool,
    /// Whether there is a script of System V by this name.
    script: bool,
}

impl<'a> Unit<'a> {
    fn look(ctl: &Ctl<'_>, name: &'a str) -> Result<Self, Error> {
        let script = Path::new("/etc/init.d").join(name).is_file();
        let said = ctl.ask(&["show", name])?;
        if said.ok() && !ignored(&said) {
            let status = properties(&said.out);
            let load = status.get("LoadState").and_then(Value::as_str).unwrap_or("not-found");
            let loaded = load != "not-found";
            if loaded && load != "masked" && let Some(why) = status.get("LoadError").and_then(Value::as_str) {
                return Err(Error::Failed(format!("Error loading unit file '{name}': {why}")));
            }
            return Ok(Self { name, loaded, script, status });
        }
        // As in a change root, where nobody answers: the files alone tell.
        let state = ctl.ask(&["is-enabled", name])?;
        let listed = || ctl.ask(&["list-unit-files", name]).map(|said| said.ok());
        let loaded = KNOWN.contains(&state.out.trim()) || listed()?;
        if !loaded && !script && said.err.contains("Failed to connect") {
            return Err(Error::Failed(said.why().to_owned()));
        }
        Ok(Self { name, loaded, script, status: Map::new() })
    }

    /// Fails where there is nothing by this name.
    fn there(&self) -> Result<(), Error> {
        if self.loaded || self.script {
            return Ok(());
        }
        Err(Error::Failed(format!("Could not find the requested service {}: host", self.name)))
    }

    fn mask(&self, ctl: &Ctl<'_>, reply: &mut Reply) -> Result<(), Error> {
        if !ctl.args.has("masked") {
            return Ok(());
        }
        let masked = ctl.ask(&["is-enabled", self.name])?.out.trim() == "masked";
        if masked == ctl.args.bool("masked") {
            return Ok(());
        }
        let verb = if masked { "unmask" } else { "mask" };
        let said = ctl.act(&[verb, self.name])?;
        if !said.ok() {
            self.there()?;
            return Err(Error::Failed(format!("Failed to {verb} the service ({}): {}", self.name, said.why())));
        }
        reply.changed = true;
        Ok(())
    }

    fn enable(&self, ctl: &Ctl<'_>, reply: &mut Reply) -> Result<(), Error> {
        if !ctl.args.has("enabled") {
            return Ok(());
        }
        self.there()?;
        let wanted = ctl.args.bool("enabled");
        if self.enabled(ctl)? != wanted {
            let verb = if wanted { "enable" } else { "disable" };
            let said = ctl.act(&[verb, self.name])?;
            if !said.ok() {
                let why = format!("{}{}", said.out, said.err);
                return Err(Error::Failed(format!("Unable to {verb} service {}: {}", self.name, why.trim())));
            }
            reply.changed = true;
        }
        reply.fields.insert("enabled".into(), wanted.into());
        Ok(())
    }

    fn enabled(&self, ctl: &Ctl<'_>) -> Result<bool, Error> {
        let said = ctl.ask(&["--full", "is-enabled", self.name])?;
        let state = said.out.trim();
        if said.ok() {
            // These start with the host by chance, or only until its next boot, where systemd does not say how.
            return Ok(!matches!(state, "enabled-runtime" | "indirect" | "alias"));
        }
        let own = ctl.args.opt_str("scope").is_none_or(|scope| scope == "system");
        Ok(said.rc == 1 && own && self.script && !state.ends_with("disabled") && self.script_enabled())
    }

    /// Whether a script of System V is linked into a runlevel.
    fn script_enabled(&self) -> bool {
        (0..=6).chain(['S' as u32]).any(|level| {
            let level = if level > 6 { "S".to_owned() } else { level.to_string() };
            let links = std::fs::read_dir(format!("/etc/rc{level}.d")).into_iter().flatten().flatten();
            links.map(|link| link.file_name().to_string_lossy().into_owned()).any(|link| {
                let rest = link.strip_prefix('S').and_then(|rest| rest.get(2..));
                rest == Some(self.name)
            })
        })
    }

    fn bring(&self, ctl: &Ctl<'_>, reply: &mut Reply) -> Result<(), Error> {
        let Some(wanted) = ctl.args.opt_str("state") else { return Ok(()) };
        self.there()?;
        let Some(active) = self.status.get("ActiveState").and_then(Value::as_str) else {
            return Err(Error::Failed("Service is in unknown state".into()));
        };
        let (verb, state) = action(active, wanted);
        reply.fields.insert("state".into(), state.into());
        let Some(verb) = verb else { return Ok(()) };
        let said = ctl.act(&[verb, self.name])?;
        if !said.ok() {
            return Err(Error::Failed(format!("Unable to {verb} service {}: {}", self.name, said.why())));
        }
        reply.changed = true;
        Ok(())
    }
}

/// What to do with a unit that is `active`, and the state that the reply names.
fn action(active: &str, wanted: &str) -> (Option<&'static str>, &'static str) {
    let running = matches!(active, "active" | "activating");
    match wanted {
        "started" => ((!running).then_some("start"), "started"),
        "stopped" => ((running || active == "deactivating").then_some("stop"), "stopped"),
        _ if !running => (Some("start"), "started"),
        "restarted" => (Some("restart"), "started"),
        _ => (Some("reload"), "started"),
    }
}

/// Whether systemctl says that it does nothing here.
fn ignored(said: &Said) -> bool {
    [&said.out, &said.err].iter().any(|text| {
        !text.contains('=') && (text.contains("ignoring request") || text.contains("ignoring command"))
    })
}

/// The properties that `systemctl show` prints. Those about commands may go over several lines, in braces.
fn properties(text: &str) -> Map<String, Value> {
    let mut all = Map::new();
    let mut open: Option<(&str, String)> = None;
    for line in text.lines() {
        if let Some((name, mut value)) = open.take() {
            value.push('\n');
            value.push_str(line);
            match line.trim_end().ends_with('}') {
                true => drop(all.insert(name.into(), value.trim().into())),
                false => open = Some((name, value)),
            }
        } else if let Some((name, value)) = line.split_once('=') {
            let value = value.trim();
            if name.starts_with("Exec") && value.starts_with('{') && !value.ends_with('}') {
                open = Some((name, value.to_owned()));
            } else {
                all.insert(name.into(), value.into());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn properties_may_go_over_several_lines() {
        let text = "Id=a.service\nExecStart={ path=/bin/sh ; argv[]=/bin/sh -c x\ny ; }\nDescription={ not more\nA=b=c\n";
        let due = json!({
            "Id": "a.service",
            "ExecStart": "{ path=/bin/sh ; argv[]=/bin/sh -c x\ny ; }",
            "Description": "{ not more",
            "A": "b=c",
        });
        assert_eq!(Value::from(properties(text)), due);
    }

    #[test]
    fn what_to_do_follows_from_what_is() {
        let table = [
            ("active", "started", None, "started"),
            ("activating", "started", None, "started"),
            ("inactive", "started", Some("start"), "started"),
            ("failed", "started", Some("start"), "started"),
            ("active", "stopped", Some("stop"), "stopped"),
            ("deactivating", "stopped", Some("stop"), "stopped"),
            ("inactive", "stopped", None, "stopped"),
            ("active", "restarted", Some("restart"), "started"),
            ("inactive", "restarted", Some("start"), "started"),
            ("active", "reloaded", Some("reload"), "started"),
            ("failed", "reloaded", Some("start"), "started"),
        ];
        for (active, wanted, verb, state) in table {
            assert_eq!(action(active, wanted), (verb, state), "{active} {wanted}");
        }
    }
}
