//! How to reach a host: Ansible's connection variables with their types.

use serde_json::Value;
use windlass_engine::Secret;
use windlass_model::{Code, Diagnostic, Diagnostics};

use super::draft::shown;
use super::group::Vars;
use crate::remote::Method;

/// How steps get to a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionKind {
    /// It is this machine.
    Local,
    /// Over SSH.
    Ssh,
}

/// Whether and how steps become another user.
#[derive(Debug)]
pub struct Escalation {
    /// Whether they do.
    pub enabled: bool,
    /// By which program.
    pub method: Method,
    /// Whom they become.
    pub user: String,
    /// The program's own name, where it is not that of the method.
    pub exe: Option<String>,
    /// Further arguments of the program.
    pub flags: Option<String>,
    /// The password that the program asks for.
    pub password: Option<Secret>,
}

/// How to reach a host, as its variables say. What they do not say is `None`; `ssh_config` may say it.
#[derive(Debug)]
pub struct Connection {
    /// How steps get there.
    pub kind: ConnectionKind,
    /// The address: `ansible_host`, or else the name in the inventory.
    pub host: String,
    /// `ansible_port`
    pub port: Option<u16>,
    /// `ansible_user`
    pub user: Option<String>,
    /// `ansible_password`
    pub password: Option<Secret>,
    /// `ansible_ssh_private_key_file`, a path as it was written.
    pub private_key_file: Option<String>,
    /// `ansible_ssh_private_key`, the key itself.
    pub private_key: Option<Secret>,
    /// `ansible_ssh_private_key_passphrase`
    pub private_key_passphrase: Option<Secret>,
    /// `ansible_ssh_args`
    pub ssh_args: Option<String>,
    /// `ansible_ssh_common_args`
    pub ssh_common_args: Option<String>,
    /// `ansible_ssh_extra_args`
    pub ssh_extra_args: Option<String>,
    /// `ansible_ssh_executable`
    pub ssh_executable: Option<String>,
    /// `ansible_host_key_checking`
    pub host_key_checking: Option<bool>,
    /// `ansible_ssh_timeout` or `ansible_timeout`, in seconds: how long connecting may take.
    pub timeout_s: Option<u64>,
    /// `ansible_ssh_retries`
    pub retries: Option<u32>,
    /// Whether steps become another user.
    pub escalate: Escalation,
    /// `ansible_python_interpreter`
    pub python_interpreter: Option<String>,
    /// `ansible_shell_executable`
    pub shell_executable: Option<String>,
    /// `ansible_remote_tmp`
    pub remote_tmp: Option<String>,
}

/// Renders a value that may be a template.
pub type Render<'r> = dyn Fn(&Value) -> Result<Value, String> + 'r;

impl Connection {
    /// Reads the connection variables of the host `name` out of all of its variables.
    ///
    /// `render` is given each value that is used, and nothing else. Of two names for one thing the later one
    /// in Ansible's list wins, as there. Everything that is wrong is returned.
    pub fn of(name: &str, vars: &Vars, render: &Render<'_>) -> Result<Connection, Diagnostics> {
        let mut reader = Reader { name, vars, render, problems: Diagnostics::default() };
        let connection = reader.connection();
        reader.problems.into_result(connection)
    }
}

struct Reader<'v> {
    name: &'v str,
    vars: &'v Vars,
    render: &'v Render<'v>,
    problems: Diagnostics,
}

impl Reader<'_> {
    fn connection(&mut self) -> Connection {
        let host = self.text(&["ansible_host", "ansible_ssh_host"]).unwrap_or_else(|| self.name.to_owned());
        let user = self.text(&["ansible_user", "ansible_ssh_user"]);
        self.no_option("ansible_host", Some(&host));
        self.no_option("ansible_user", user.as_deref());
        Connection {
            kind: self.kind(),
            host,
            port: self.port(),
            user,
            password: self.secret(&["ansible_password", "ansible_ssh_pass", "ansible_ssh_password"]),
            private_key_file: self.text(&["ansible_private_key_file", "ansible_ssh_private_key_file"]),
            private_key: self.secret(&["ansible_private_key", "ansible_ssh_private_key"]),
            private_key_passphrase: self
                .secret(&["ansible_private_key_passphrase", "ansible_ssh_private_key_passphrase"]),
            ssh_args: self.text(&["ansible_ssh_args"]),
            ssh_common_args: self.text(&["ansible_ssh_common_args"]),
            ssh_extra_args: self.text(&["ansible_ssh_extra_args"]),
            ssh_executable: self.text(&["ansible_ssh_executable"]),
            host_key_checking: self.boolean(&["ansible_host_key_checking", "ansible_ssh_host_key_checking"]),
            timeout_s: self.number(&["ansible_timeout", "ansible_ssh_timeout"], 86_400),
            retries: self.number(&["ansible_ssh_retries"], 1000).and_then(|n| u32::try_from(n).ok()),
            escalate: self.escalate(),
            python_interpreter: self.text(&["ansible_python_interpreter"]),
            shell_executable: self.text(&["ansible_shell_executable"]),
            remote_tmp: self.text(&["ansible_remote_tmp"]),
        }
    }

    fn kind(&mut self) -> ConnectionKind {
        match self.text(&["ansible_connection"]).as_deref().map(bare) {
            None | Some("ssh" | "smart" | "paramiko" | "paramiko_ssh") => ConnectionKind::Ssh,
            Some("local") => ConnectionKind::Local,
            Some(other) => {
                let message = format!("the connection `{}` is not supported", shown(other));
                self.problem("ansible_connection", &message, "`ssh` and `local` are supported");
                ConnectionKind::Ssh
            }
        }
    }

    fn port(&mut self) -> Option<u16> {
        let port = self.number(&["ansible_port", "ansible_ssh_port"], u64::from(u16::MAX))?;
        if port == 0 {
            self.problem("ansible_port", "0 is no port", "name a port from 1 to 65535, or leave it out");
        }
        u16::try_from(port).ok()
    }

    fn escalate(&mut self) -> Escalation {
        let named = self.text(&["ansible_become_method"]);
        let named = named.as_deref().map_or("sudo", bare);
        let method = Method::named(named).unwrap_or_else(|| {
            let message = format!("the method `{}` is not supported", shown(named));
            self.problem("ansible_become_method", &message, "`sudo`, `su` and `doas` are supported");
            Method::Sudo
        });
        let own = |what: &str| format!("ansible_{}_{what}", method.name());
        let user = self.text(&["ansible_become_user", &own("user")]).unwrap_or_else(|| "root".to_owned());
        self.no_option("ansible_become_user", Some(&user));
        Escalation {
            enabled: self.boolean(&["ansible_become"]).unwrap_or_default(),
            method,
            user,
            exe: self.text(&["ansible_become_exe", &own("exe")]),
            flags: self.text(&["ansible_become_flags", &own("flags")]),
            password: self.secret(&["ansible_become_password", "ansible_become_pass", &own("pass")]),
        }
    }

    /// The value of the last of these names that has one, rendered.
    fn value<'n>(&mut self, names: &[&'n str]) -> Option<(&'n str, Value)> {
        let found = names.iter().rev().find_map(|name| Some((*name, self.vars.get(*name)?)));
        let (name, value) = found.filter(|(_, value)| !value.is_null())?;
        match (self.render)(value) {
            Ok(Value::Null) => None,
            Ok(value) => Some((name, value)),
            Err(why) => {
                self.problem(name, &format!("it cannot be rendered: {why}"), "look at the variables in it");
                None
            }
        }
    }

    fn text(&mut self, names: &[&str]) -> Option<String> {
        let (name, value) = self.value(names)?;
        match plain(&value) {
            Some(text) if text.is_empty() => None,
            Some(text) if text.chars().any(char::is_control) => {
                self.problem(name, "it has a control character in it", "write it on one line");
                None
            }
            Some(text) => Some(text),
            None => {
                self.problem(name, "a text is expected", "write one value, no list and no mapping");
                None
            }
        }
    }

    fn secret(&mut self, names: &[&str]) -> Option<Secret> {
        let (name, value) = self.value(names)?;
        let text = plain(&value);
        if text.is_none() {
            self.problem(name, "a text is expected", "write one value, no list and no mapping");
        }
        text.filter(|text| !text.is_empty()).map(Secret::new)
    }

    fn boolean(&mut self, names: &[&str]) -> Option<bool> {
        let (name, value) = self.value(names)?;
        let text = plain(&value).unwrap_or_default().to_ascii_lowercase();
        match text.as_str() {
            "yes" | "y" | "on" | "true" | "t" | "1" | "1.0" => Some(true),
            "no" | "n" | "off" | "false" | "f" | "0" | "0.0" => Some(false),
            _ => {
                self.problem(name, "a boolean is expected", "write `true` or `false`");
                None
            }
        }
    }

    fn number(&mut self, names: &[&str], most: u64) -> Option<u64> {
        let (name, value) = self.value(names)?;
        let number = plain(&value).and_then(|text| text.trim().parse().ok()).filter(|number| *number <= most);
        if number.is_none() {
            let message = format!("a whole number up to {most} is expected");
            self.problem(name, &message, "correct the number");
        }
        number
    }

    /// A value that programs could take as an option of theirs is refused.
    fn no_option(&mut self, variable: &str, value: Option<&str>) {
        if value.is_some_and(|value| value.starts_with('-')) {
            self.problem(
                variable,
                "it begins with `-`, as options of programs do",
                "name an address or a user",
            );
        }
    }

    fn problem(&mut self, variable: &str, message: &str, hint: &str) {
        let message = format!("`{variable}` of the host `{}`: {message}", shown(self.name));
        self.problems.push(Diagnostic::new(Code::BadValue, message).hint(hint));
    }
}

/// A plugin's name without its collection.
fn bare(name: &str) -> &str {
    ["ansible.builtin.", "ansible.legacy.", "community.general."]
        .iter()
        .find_map(|collection| name.strip_prefix(collection))
        .unwrap_or(name)
}

/// The text of a scalar.
fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(value) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(vars: Value) -> Result<Connection, Vec<String>> {
        let vars = vars.as_object().expect("variables are an object").clone();
        let render = |value: &Value| match value.as_str() {
            Some("{{ broken }}") => Err("`broken` is not defined".to_owned()),
            Some("{{ port }}") => Ok(json!("2200")),
            _ => Ok(value.clone()),
        };
        Connection::of("web1", &vars, &render)
            .map_err(|problems| problems.iter().map(|problem| problem.message.clone()).collect())
    }

    #[test]
    fn variables_have_types_and_older_names() {
        let plain = read(json!({})).unwrap();
        assert_eq!((plain.kind, plain.host.as_str(), plain.port), (ConnectionKind::Ssh, "web1", None));
        assert_eq!((plain.escalate.enabled, plain.escalate.user.as_str()), (false, "root"));
        let full = read(json!({
            "ansible_host": "10.0.0.1", "ansible_ssh_host": "10.0.0.2", "ansible_port": "{{ port }}",
            "ansible_user": "deploy", "ansible_ssh_pass": 12345, "ansible_become": "yes",
            "ansible_become_method": "community.general.doas", "ansible_doas_user": "app",
            "ansible_become_password": "a", "ansible_doas_pass": "b", "ansible_host_key_checking": false,
            "ansible_timeout": 5, "ansible_private_key_file": "~/.ssh/id", "ansible_ssh_common_args": "-J jump",
        }))
        .unwrap();
        assert_eq!((full.host.as_str(), full.port), ("10.0.0.2", Some(2200)));
        assert_eq!(full.password.as_ref().map(Secret::expose), Some("12345"));
        assert_eq!((full.escalate.enabled, full.escalate.method), (true, Method::Doas));
        assert_eq!(full.escalate.user, "app");
        assert_eq!(full.escalate.password.as_ref().map(Secret::expose), Some("b"));
        assert_eq!((full.host_key_checking, full.timeout_s), (Some(false), Some(5)));
        assert!(!format!("{full:?}").contains("12345"), "secrets cannot be printed");
        let local = read(json!({ "ansible_connection": "ansible.builtin.local" })).unwrap();
        assert_eq!(local.kind, ConnectionKind::Local);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let problems = read(json!({
            "ansible_host": "-oProxyCommand=x", "ansible_port": 70000, "ansible_user": "a\nb",
            "ansible_connection": "winrm", "ansible_become": "perhaps", "ansible_become_method": "runas",
            "ansible_timeout": [1], "ansible_python_interpreter": "{{ broken }}",
        }))
        .unwrap_err();
        for part in [
            "`ansible_host` of the host `web1`: it begins with `-`",
            "a whole number up to 65535",
            "control character",
            "`winrm` is not supported",
            "a boolean is expected",
            "`runas` is not supported",
            "up to 86400",
            "`broken` is not defined",
        ] {
            assert!(problems.iter().any(|problem| problem.contains(part)), "{part}: {problems:#?}");
        }
        assert_eq!(problems.len(), 8);
    }
}
