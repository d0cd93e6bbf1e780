//! What a target's variables mean: where to connect, and whom to become there.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Map, Value};
use windlass_engine::Target;
use windlass_expr::to_json;
use windlass_model::{Code, Failure};
use windlass_ssh::{Endpoint, HostKeys, Secret};

use crate::inventory::{Connection, ConnectionKind, is_secret, split};
use crate::remote::{Become, Method};

/// How a target is reached.
pub(super) struct Way {
    /// Where to connect; none for this machine.
    pub(super) endpoint: Option<Endpoint>,
    /// Whom to become there.
    pub(super) role: Option<Role>,
}

/// Whom to become.
pub(super) struct Role {
    pub(super) method: Method,
    pub(super) user: String,
    password: Option<String>,
}

impl Role {
    pub(super) fn wanted(&self) -> Result<Become, Failure> {
        let wanted = Become::new(self.method, &self.user)?;
        Ok(match &self.password {
            Some(password) => wanted.password(password.clone()),
            None => wanted,
        })
    }
}

impl Way {
    /// Reads a target's variables.
    pub(super) fn of(target: &Target) -> Result<Self, Failure> {
        let vars = variables(target)?;
        let connection =
            Connection::of(&target.host, &vars, &|value| Ok(value.clone())).map_err(|wrong| {
                let told: Vec<String> = wrong.iter().map(|problem| problem.message.clone()).collect();
                Failure::new(Code::BadParams, told.join("; ")).permanent()
            })?;
        let role = role(target, &connection)?;
        let remote = connection.kind == ConnectionKind::Ssh && !target.local;
        Ok(Self { endpoint: if remote { Some(endpoint(target, &connection)?) } else { None }, role })
    }
}

/// Whether a step on this machine is to be done as another user.
pub(crate) fn becomes(target: &Target) -> bool {
    target.role.on.unwrap_or_else(|| {
        let on = target.vars.get_attr("ansible_become").unwrap_or_default();
        let text = on.to_string().to_lowercase();
        matches!(text.as_str(), "true" | "yes" | "on" | "1")
    })
}

/// The variables of the connection, worked out, with the passwords.
fn variables(target: &Target) -> Result<Map<String, Value>, Failure> {
    let mut vars = Map::new();
    let names = target.vars.try_iter().into_iter().flatten();
    let names = names.filter_map(|name| name.as_str().map(str::to_owned));
    for name in names.filter(|name| name.starts_with("ansible_")) {
        let Ok(value) = target.vars.get_attr(&name) else { continue };
        let value = to_json(&value).map_err(|error| {
            let why = format!("variable {name} of host {}: {error}", target.host);
            Failure::new(Code::ExpressionFailed, why).permanent()
        })?;
        vars.insert(name, value);
    }
    for name in crate::inventory::secrets() {
        debug_assert!(is_secret(name));
        if let Some(password) = target.password(name) {
            vars.insert(name.to_owned(), password.expose().into());
        }
    }
    Ok(vars)
}

/// The document's word comes before the host's.
fn role(target: &Target, connection: &Connection) -> Result<Option<Role>, Failure> {
    let (said, host) = (&target.role, &connection.escalate);
    if !said.on.unwrap_or(host.enabled) {
        return Ok(None);
    }
    let user = said.user.clone().unwrap_or_else(|| host.user.clone());
    // As in Ansible: nobody becomes who they are already.
    if connection.user.as_deref() == Some(&user) {
        return Ok(None);
    }
    let method = match &said.method {
        None => host.method,
        Some(name) => {
            Method::named(name).ok_or_else(|| refused(format!("become_method {name:?} is not known")))?
        }
    };
    if host.exe.is_some() || host.flags.as_deref().is_some_and(|flags| !flags.split_whitespace().all(is_ours))
    {
        let name = method.name();
        return Err(refused(format!("another program or other flags for {name} are not supported")).hint(
            "remove `ansible_become_exe` and `ansible_become_flags`: the environment is the user's own (-H)",
        ));
    }
    let password = host.password.as_ref().map(|word| word.expose().to_owned());
    Ok(Some(Role { method, user, password }))
}

/// What `sudo` is called with anyway.
fn is_ours(flag: &str) -> bool {
    matches!(flag, "-H" | "-S" | "-n")
}

fn refused(why: String) -> Failure {
    Failure::new(Code::BadParams, why).permanent()
}

fn endpoint(target: &Target, connection: &Connection) -> Result<Endpoint, Failure> {
    if connection.private_key.is_some() || connection.private_key_passphrase.is_some() {
        let text = format!("the variables of host {} hold a private key or its passphrase", target.host);
        return Err(
            refused(text).hint("name a key file that has no passphrase, or give the key to `ssh-agent`")
        );
    }
    let mut endpoint = Endpoint::new(&connection.host);
    endpoint.name = target.host.to_string();
    endpoint.port = connection.port;
    endpoint.user.clone_from(&connection.user);
    endpoint.password = connection.password.as_ref().map(|word| Secret::new(word.expose().to_owned()));
    endpoint.identity_files = connection.private_key_file.iter().map(PathBuf::from).collect();
    for words in [&connection.ssh_args, &connection.ssh_common_args, &connection.ssh_extra_args] {
        let Some(words) = words else { continue };
        let words = split(words).map_err(|why| {
            let text = format!("the ssh arguments of host {} cannot be read: {why}", target.host);
            Failure::new(Code::BadParams, text).permanent()
        })?;
        endpoint.ssh_args.extend(words);
    }
    if connection.host_key_checking == Some(false) {
        endpoint.host_key_checking = HostKeys::Off;
    }
    if let Some(seconds) = connection.timeout_s {
        endpoint.connect_timeout = Duration::from_secs(seconds.clamp(1, 3600));
    }
    Ok(endpoint)
}
