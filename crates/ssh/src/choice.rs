//! Which client makes a connection: the one in this process, or the `ssh` program. A pure decision with a reason.

use crate::config::Dump;

/// Who connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// The client in this process.
    InProcess,
    /// The `ssh` program, and why.
    Program(String),
}

/// What is known beside the options.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts {
    /// A master of the user's own listens at its `ControlPath`.
    pub(crate) live_master: bool,
    /// All keys there are lie on hardware, and no agent holds them.
    pub(crate) only_hardware_keys: bool,
    /// The inventory has a password.
    pub(crate) password: bool,
}

/// Options that the in-process client follows.
const FOLLOWED: &[&str] = &[
    "addressfamily",
    "batchmode",
    "canonicaldomains",
    "canonicalizefallbacklocal",
    "canonicalizehostname",
    "canonicalizemaxdots",
    "canonicalizepermittedcnames",
    "casignaturealgorithms",
    "certificatefile",
    "ciphers",
    "connectionattempts",
    "connecttimeout",
    "globalknownhostsfile",
    "gssapiauthentication",
    "hashknownhosts",
    "host",
    "hostkeyalgorithms",
    "hostkeyalias",
    "hostname",
    "identitiesonly",
    "identityagent",
    "identityfile",
    "kbdinteractiveauthentication",
    "kexalgorithms",
    "macs",
    "passwordauthentication",
    "port",
    "preferredauthentications",
    "proxycommand",
    "proxyjump",
    "pubkeyacceptedalgorithms",
    "pubkeyauthentication",
    "requiredrsasize",
    "serveralivecountmax",
    "serveraliveinterval",
    "setenv",
    "stricthostkeychecking",
    "user",
    "userknownhostsfile",
];

/// Options that mean nothing for commands without a terminal, or that change no more than speed and talk.
const IDLE: &[&str] = &[
    "addkeystoagent",
    "checkhostip",
    "clearallforwardings",
    "compression",
    "controlmaster",
    "controlpath",
    "controlpersist",
    "dynamicforward",
    "enableescapecommandline",
    "escapechar",
    "exitonforwardfailure",
    "fingerprinthash",
    "forwardx11",
    "forwardx11timeout",
    "forwardx11trusted",
    "gatewayports",
    "gssapidelegatecredentials",
    "gssapikexalgorithms",
    "gssapirenewalforcesrekey",
    "gssapitrustdns",
    "hostbasedacceptedalgorithms",
    "ignoreunknown",
    "ipqos",
    "localforward",
    "loglevel",
    "logverbose",
    "numberofpasswordprompts",
    "obscurekeystroketiming",
    "permitremoteopen",
    "rekeylimit",
    "remoteforward",
    "requesttty",
    "securitykeyprovider",
    "sendenv",
    "streamlocalbindmask",
    "streamlocalbindunlink",
    "syslogfacility",
    "tcpkeepalive",
    "updatehostkeys",
    "visualhostkey",
    "warnweakcrypto",
    "xauthlocation",
];

/// Decides by the options, as far as they differ from what holds without a configuration. An option that is in
/// neither table goes to the program that knows it.
pub(crate) fn choose(options: Option<(&Dump, &Dump)>, facts: Facts) -> Choice {
    let program = |why: &str| Choice::Program(why.to_owned());
    if facts.live_master {
        return program("a master connection is open at ControlPath");
    }
    if let Some((dump, baseline)) = options {
        if dump.some("proxycommand").is_some() {
            return program("ProxyCommand is set");
        }
        if gssapi_only(dump, facts) {
            return program("GSSAPI is the only way to authenticate");
        }
        let odd = |key: &&str| !FOLLOWED.contains(key) && !IDLE.contains(key);
        if let Some(option) = dump.differing(baseline).into_iter().find(odd) {
            return Choice::Program(format!("the option {option} is set"));
        }
    }
    if facts.only_hardware_keys {
        return program("the key is on hardware and in no agent");
    }
    Choice::InProcess
}

/// Keys and passwords are switched off, or there are none to send.
fn gssapi_only(dump: &Dump, facts: Facts) -> bool {
    let off = |key: &str| matches!(dump.get(key), Some("no" | "false"));
    let preferred = dump.some("preferredauthentications");
    let wanted = |word: &str| preferred.is_none_or(|list| list.split(',').any(|w| w == word));
    let keys = !off("pubkeyauthentication") && wanted("publickey");
    let words = facts.password
        && ((!off("passwordauthentication") && wanted("password"))
            || (!off("kbdinteractiveauthentication") && wanted("keyboard-interactive")));
    dump.on("gssapiauthentication") && wanted("gssapi-with-mic") && !keys && !words
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "host any\nhostname any\nuser ann\nport 22\nforwardagent no\ngssapiauthentication no\n\
                        pubkeyauthentication true\nproxyusefdpass no\ncompression no\n";

    fn why(changes: &str, facts: Facts) -> Option<String> {
        let baseline = Dump::parse(BASE);
        let changed: Vec<&str> = changes.lines().map(|l| l.split(' ').next().expect("a word")).collect();
        let kept = BASE.lines().filter(|l| !changed.contains(&l.split(' ').next().expect("a word")));
        let text: Vec<&str> = kept.chain(changes.lines()).collect();
        match choose(Some((&Dump::parse(&text.join("\n")), &baseline)), facts) {
            Choice::InProcess => None,
            Choice::Program(why) => Some(why),
        }
    }

    #[test]
    fn the_client_in_this_process_takes_what_it_understands() {
        for changes in [
            "",
            "hostname 10.0.0.1\nuser ops\nport 2222",
            "gssapiauthentication yes\nsendenv LANG\nhashknownhosts yes",
            "proxyjump bastion\nidentityfile ~/.ssh/x\ncompression yes",
            "proxycommand none",
            "ciphers aes256-gcm@openssh.com\nrequiredrsasize 2048",
            "controlmaster auto\ncontrolpath /tmp/x\ncontrolpersist 60",
        ] {
            assert_eq!(why(changes, Facts::default()), None, "{changes}");
        }
        assert_eq!(choose(None, Facts::default()), Choice::InProcess);
    }

    #[test]
    fn the_program_takes_the_rest_and_the_reason_is_said() {
        let none = Facts::default();
        for (changes, facts, expected) in [
            ("proxycommand nc %h %p", none, "ProxyCommand is set"),
            (
                "gssapiauthentication yes\npubkeyauthentication no",
                none,
                "GSSAPI is the only way to authenticate",
            ),
            (
                "gssapiauthentication yes\npreferredauthentications gssapi-with-mic",
                Facts { password: true, ..none },
                "GSSAPI is the only way to authenticate",
            ),
            ("pkcs11provider /usr/lib/opensc.so", none, "the option pkcs11provider is set"),
            ("forwardagent yes", none, "the option forwardagent is set"),
            ("knownhostscommand /bin/x", none, "the option knownhostscommand is set"),
            ("revokedhostkeys /etc/krl", none, "the option revokedhostkeys is set"),
            ("bindaddress 10.0.0.2", none, "the option bindaddress is set"),
            ("somethingnew yes", none, "the option somethingnew is set"),
            ("", Facts { live_master: true, ..none }, "a master connection is open at ControlPath"),
            ("", Facts { only_hardware_keys: true, ..none }, "the key is on hardware and in no agent"),
        ] {
            assert_eq!(why(changes, facts).as_deref(), Some(expected), "{changes}");
        }
    }

    #[test]
    fn a_password_in_the_inventory_is_a_way_beside_gssapi() {
        let changes = "gssapiauthentication yes\npubkeyauthentication no";
        assert_eq!(why(changes, Facts { password: true, ..Facts::default() }), None);
    }
}
