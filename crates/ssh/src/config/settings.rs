//! What the configuration says, in our own words: everything that the in-process client needs to know of a host.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::dump::{Dump, paths};
use super::scan::Extras;
use super::simple::Simple;
use super::tokens::Tokens;
use crate::endpoint::{check_host, check_user};
use crate::known::Identity;
use crate::{Endpoint, Error, HostKeys, Options};

/// The settings for one host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) family: Option<Family>,
    /// Those of the inventory first. Files that are not there are passed over.
    pub(crate) identity_files: Vec<PathBuf>,
    pub(crate) certificate_files: Vec<PathBuf>,
    pub(crate) identities_only: bool,
    pub(crate) agent: Agent,
    pub(crate) known_as: Identity,
    /// The first of them is where a new key is written.
    pub(crate) user_known_hosts: Vec<PathBuf>,
    pub(crate) global_known_hosts: Vec<PathBuf>,
    pub(crate) host_keys: HostKeys,
    pub(crate) hash_known_hosts: bool,
    pub(crate) jumps: Vec<Hop>,
    /// What may be tried, in this order.
    pub(crate) methods: Vec<Method>,
    /// The `ssh` program may try GSSAPI where all of that failed.
    pub(crate) gssapi: bool,
    pub(crate) keepalive: Duration,
    pub(crate) keepalive_max: usize,
    /// Where the user's differ from OpenSSH's own.
    pub(crate) algorithms: Algorithms,
    /// Shorter RSA keys count as none.
    pub(crate) min_rsa_bits: u32,
    pub(crate) set_env: Vec<(String, String)>,
}

/// Lists of algorithms that the user restricts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Algorithms {
    pub(crate) kex: Option<Vec<String>>,
    pub(crate) ciphers: Option<Vec<String>>,
    pub(crate) macs: Option<Vec<String>>,
    pub(crate) host_keys: Option<Vec<String>>,
    pub(crate) user_keys: Option<Vec<String>>,
    pub(crate) authorities: Option<Vec<String>>,
}

/// Which addresses count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Family {
    V4,
    V6,
}

/// Where the agent listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Agent {
    None,
    Socket(PathBuf),
}

/// A host on the way.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Hop {
    pub(crate) user: Option<String>,
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

/// A way to prove who we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Method {
    PublicKey,
    Keyboard,
    Password,
}

/// The keys that OpenSSH tries where nothing else is said, in its order.
const DEFAULT_KEYS: [&str; 5] = ["id_rsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk"];

impl Settings {
    /// What holds where the configuration says nothing of importance.
    pub(super) fn plain(endpoint: &Endpoint, options: &Options, extras: Extras, own: Simple) -> Self {
        let port = endpoint.port.unwrap_or(22);
        let home = |name: &str| options.home.join(".ssh").join(name);
        let identity_files = match endpoint.identity_files.as_slice() {
            [] => DEFAULT_KEYS.map(home).to_vec(),
            files => files.to_vec(),
        };
        Self {
            host: endpoint.host.clone(),
            port,
            user: endpoint.user.clone().unwrap_or_else(|| options.user.clone()),
            family: None,
            identity_files,
            certificate_files: Vec::new(),
            identities_only: own.identities_only.unwrap_or(false),
            agent: options.agent.clone().map_or(Agent::None, Agent::Socket),
            known_as: Identity::new(&endpoint.host, port, None),
            user_known_hosts: match own.user_known_hosts {
                Some(file) => vec![file],
                None => vec![home("known_hosts"), home("known_hosts2")],
            },
            global_known_hosts: vec!["/etc/ssh/ssh_known_hosts".into(), "/etc/ssh/ssh_known_hosts2".into()],
            host_keys: match endpoint.host_key_checking {
                HostKeys::Strict => own.host_keys.unwrap_or(HostKeys::Strict),
                said => said,
            },
            hash_known_hosts: extras.hash_known_hosts,
            jumps: Vec::new(),
            methods: vec![Method::PublicKey, Method::Keyboard, Method::Password],
            gssapi: extras.gssapi,
            keepalive: options.keepalive,
            keepalive_max: 3,
            algorithms: Algorithms::default(),
            min_rsa_bits: 1024,
            set_env: Vec::new(),
        }
    }

    /// Reads what `ssh -G` printed for this host, beside what it prints for no configuration at all. The error
    /// says what only the `ssh` program understands.
    pub(super) fn read(
        dump: &Dump,
        baseline: &Dump,
        endpoint: &Endpoint,
        options: &Options,
    ) -> Result<Result<Self, String>, Error> {
        let host = dump.some("hostname").unwrap_or(&endpoint.host).to_owned();
        check_host(&host)?;
        let port = match dump.get("port").map(str::parse::<u16>) {
            Some(Ok(port)) if port > 0 => port,
            None => 22,
            Some(_) => return Err(Error::Config(format!("{} has no port that is one", endpoint.name))),
        };
        let user = dump.some("user").unwrap_or(&options.user).to_owned();
        check_user(&user)?;
        let jumps = dump.some("proxyjump").map_or(Ok(Vec::new()), read_hops)?;
        let alias = dump.some("hostkeyalias");
        let tokens = Tokens {
            host: host.clone(),
            original: endpoint.host.clone(),
            alias: alias.unwrap_or(&endpoint.host).to_owned(),
            port,
            remote: user.clone(),
            local: options.user.clone(),
            home: options.home.to_string_lossy().into_owned(),
        };
        Ok(Self::rest(dump, baseline, endpoint, options, &tokens, jumps))
    }

    fn rest(
        dump: &Dump,
        baseline: &Dump,
        endpoint: &Endpoint,
        options: &Options,
        tokens: &Tokens,
        jumps: Vec<Hop>,
    ) -> Result<Self, String> {
        let all = |key: &str| dump.all(key).map(|path| tokens.path(path)).collect::<Result<Vec<_>, _>>();
        let list = |key: &str| match dump.some(key) {
            Some(value) => paths(value).iter().map(|path| tokens.path(path)).collect(),
            None => Ok(Vec::new()),
        };
        let number = |key: &str| dump.get(key).and_then(|n| n.parse().ok()).filter(|n| *n > 0);
        let set_env = dump.all("setenv").filter_map(|pair| pair.split_once('='));
        Ok(Self {
            host: tokens.host.clone(),
            port: tokens.port,
            user: tokens.remote.clone(),
            family: match dump.get("addressfamily") {
                Some("inet") => Some(Family::V4),
                Some("inet6") => Some(Family::V6),
                _ => None,
            },
            identity_files: identity_files(&all("identityfile")?, endpoint),
            certificate_files: all("certificatefile")?,
            identities_only: dump.on("identitiesonly"),
            agent: agent(dump.get("identityagent"), options, tokens)?,
            known_as: Identity::new(&tokens.host, tokens.port, dump.some("hostkeyalias")),
            user_known_hosts: list("userknownhostsfile")?,
            global_known_hosts: list("globalknownhostsfile")?,
            host_keys: host_keys(dump, endpoint.host_key_checking),
            hash_known_hosts: dump.on("hashknownhosts"),
            jumps,
            methods: methods(dump),
            gssapi: dump.on("gssapiauthentication"),
            keepalive: number("serveraliveinterval").map_or(options.keepalive, Duration::from_secs),
            keepalive_max: number("serveralivecountmax").map_or(3, |n| usize::try_from(n).unwrap_or(3)),
            algorithms: Algorithms::read(dump, baseline),
            min_rsa_bits: number("requiredrsasize").and_then(|n| n.try_into().ok()).unwrap_or(1024),
            set_env: set_env.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        })
    }
}

/// `ssh` was told of the inventory's keys by `-i`, so that they are in its list; a list of its own defaults may
/// hold keys for which there is no file, which is no matter.
fn identity_files(listed: &[PathBuf], endpoint: &Endpoint) -> Vec<PathBuf> {
    let mut files = endpoint.identity_files.clone();
    files.extend(listed.iter().filter(|file| !endpoint.identity_files.contains(file)).cloned());
    files
}

fn agent(value: Option<&str>, options: &Options, tokens: &Tokens) -> Result<Agent, String> {
    match value {
        None | Some("SSH_AUTH_SOCK" | "$SSH_AUTH_SOCK") => {
            Ok(options.agent.clone().map_or(Agent::None, Agent::Socket))
        }
        Some("none") => Ok(Agent::None),
        Some(variable) if variable.starts_with('$') => Err("an agent named by the environment".into()),
        Some(path) => tokens.path(path).map(Agent::Socket),
    }
}

/// The inventory decides where it says more than nothing; otherwise the user's own configuration does.
fn host_keys(dump: &Dump, inventory: HostKeys) -> HostKeys {
    match (inventory, dump.get("stricthostkeychecking")) {
        (HostKeys::Strict, Some("accept-new")) => HostKeys::AcceptNew,
        (HostKeys::Strict, Some("no" | "off" | "false")) => HostKeys::Off,
        (said, _) => said,
    }
}

fn methods(dump: &Dump) -> Vec<Method> {
    let preferred =
        dump.some("preferredauthentications").unwrap_or("publickey,keyboard-interactive,password");
    let off = |key: &str| matches!(dump.get(key), Some("no" | "false"));
    let method = |word: &str| match word {
        "publickey" if !off("pubkeyauthentication") => Some(Method::PublicKey),
        "keyboard-interactive" if !off("kbdinteractiveauthentication") => Some(Method::Keyboard),
        "password" if !off("passwordauthentication") => Some(Method::Password),
        _ => None,
    };
    preferred.split(',').filter_map(method).collect()
}

impl Algorithms {
    fn read(dump: &Dump, baseline: &Dump) -> Self {
        let list = |key: &str| {
            let value = dump.get(key).filter(|value| Some(*value) != baseline.get(key))?;
            Some(value.split(',').map(str::to_owned).collect())
        };
        Self {
            kex: list("kexalgorithms"),
            ciphers: list("ciphers"),
            macs: list("macs"),
            host_keys: list("hostkeyalgorithms"),
            user_keys: list("pubkeyacceptedalgorithms"),
            authorities: list("casignaturealgorithms"),
        }
    }
}

/// Reads `ProxyJump`: `[user@]host[:port]`, `[user@][v6]:port` and `ssh://` forms, with commas in between.
pub(crate) fn read_hops(text: &str) -> Result<Vec<Hop>, Error> {
    text.split(',').map(|word| hop(word.trim())).collect()
}

fn hop(word: &str) -> Result<Hop, Error> {
    let refuse = |why| Error::Name { kind: "jump host", name: word.escape_debug().take(80).collect(), why };
    let rest = word.strip_prefix("ssh://").unwrap_or(word).trim_end_matches('/');
    let (user, rest) = rest.rsplit_once('@').map_or((None, rest), |(user, rest)| (Some(user), rest));
    let (host, port) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or_else(|| refuse("has a bracket that stays open"))?;
            (host, port.strip_prefix(':'))
        }
        // More than one colon without brackets is an address of IPv6 and no port.
        None if rest.matches(':').count() > 1 => (rest, None),
        None => rest.split_once(':').map_or((rest, None), |(host, port)| (host, Some(port))),
    };
    check_host(host)?;
    user.map_or(Ok(()), check_user)?;
    let port = match port.map(str::parse::<u16>) {
        None => None,
        Some(Ok(port)) if port > 0 => Some(port),
        Some(_) => return Err(refuse("has no port that is one")),
    };
    Ok(Hop { user: user.map(str::to_owned), host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options { agent: Some("/run/agent".into()), ..Options::new("/home/ann".into(), "ann".into()) }
    }

    fn read(dump: &str, baseline: &str) -> Settings {
        let (dump, baseline) = (Dump::parse(dump), Dump::parse(baseline));
        Settings::read(&dump, &baseline, &Endpoint::new("web1"), &options())
            .expect("valid")
            .expect("understood")
    }

    #[test]
    fn a_dump_becomes_settings() {
        let settings = read(
            "user ops\nhostname 10.0.0.1\nport 2222\nidentityfile ~/.ssh/%n\nidentitiesonly yes\nidentityagent none\n\
             userknownhostsfile /a /b\nglobalknownhostsfile none\nhostkeyalias Web\nstricthostkeychecking accept-new\n\
             proxyjump me@b1:2200,[::1]:22\npasswordauthentication no\nserveraliveinterval 7\n\
             kexalgorithms curve25519-sha256\nciphers a,b\nsetenv A=b c\naddressfamily inet\nrequiredrsasize 2048\n",
            "kexalgorithms other\nciphers a,b\n",
        );
        assert_eq!(
            (settings.host.as_str(), settings.port, settings.user.as_str()),
            ("10.0.0.1", 2222, "ops")
        );
        assert_eq!(settings.identity_files, [PathBuf::from("/home/ann/.ssh/web1")]);
        assert!(settings.identities_only);
        assert_eq!(settings.agent, Agent::None);
        assert_eq!(settings.user_known_hosts, [PathBuf::from("/a"), "/b".into()]);
        assert!(settings.global_known_hosts.is_empty());
        assert_eq!(settings.known_as.name, "web");
        assert_eq!(settings.host_keys, HostKeys::AcceptNew);
        assert_eq!(settings.jumps.len(), 2);
        assert_eq!(settings.methods, [Method::PublicKey, Method::Keyboard]);
        assert_eq!(settings.keepalive, Duration::from_secs(7));
        assert_eq!(settings.algorithms.kex, Some(vec!["curve25519-sha256".to_owned()]));
        assert_eq!(settings.algorithms.ciphers, None);
        assert_eq!(settings.set_env, [("A".to_owned(), "b c".to_owned())]);
        assert_eq!((settings.family, settings.min_rsa_bits), (Some(Family::V4), 2048));
    }

    #[test]
    fn the_inventory_decides_about_host_keys_where_it_says_more_than_nothing() {
        for (said, inventory, expected) in [
            ("ask", HostKeys::Strict, HostKeys::Strict),
            ("true", HostKeys::Strict, HostKeys::Strict),
            ("false", HostKeys::Strict, HostKeys::Off),
            ("accept-new", HostKeys::Off, HostKeys::Off),
            ("true", HostKeys::AcceptNew, HostKeys::AcceptNew),
        ] {
            let dump = Dump::parse(&format!("stricthostkeychecking {said}"));
            assert_eq!(host_keys(&dump, inventory), expected, "{said}");
        }
    }

    #[test]
    fn jump_hosts_are_read_as_openssh_reads_them() {
        let hop = |user: Option<&str>, host: &str, port| {
            Some(Hop { user: user.map(str::to_owned), host: host.into(), port })
        };
        for (text, expected) in [
            ("b1", hop(None, "b1", None)),
            ("me@b1:2200", hop(Some("me"), "b1", Some(2200))),
            ("a@b@b1", hop(Some("a@b"), "b1", None)),
            ("ssh://me@b1:22/", hop(Some("me"), "b1", Some(22))),
            ("[::1]:22", hop(None, "::1", Some(22))),
            ("fe80::1%eth0", hop(None, "fe80::1%eth0", None)),
            ("-oProxyCommand=id", None),
            ("me@-x", None),
            ("b1:0", None),
            ("b1:x", None),
            ("[::1", None),
            ("b;1", None),
            ("", None),
        ] {
            assert_eq!(super::hop(text).ok(), expected, "{text}");
        }
    }
}
