//! A host's own arguments that mean the same whoever reads them: for them nobody has to ask `ssh -G`.
//!
//! Those are the few that inventories are full of, in their plain form. Whatever else is among the words, a token or
//! a `~` included, leaves all of them to OpenSSH.

use std::path::PathBuf;

use super::scan::HARMLESS;
use crate::HostKeys;

/// What simple arguments say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Simple {
    pub(super) user_known_hosts: Option<PathBuf>,
    pub(super) host_keys: Option<HostKeys>,
    pub(super) identities_only: Option<bool>,
}

impl Simple {
    /// Reads arguments, if all of them are simple.
    pub(super) fn read(args: &[String]) -> Option<Self> {
        let (mut said, mut args) = (Self::default(), args.iter());
        while let Some(arg) = args.next() {
            let option = match arg.strip_prefix("-o")? {
                "" => args.next()?,
                attached => attached,
            };
            let (key, value) = option.split_once('=')?;
            said.take(&key.trim().to_ascii_lowercase(), value.trim())?;
        }
        Some(said)
    }

    /// As for OpenSSH, what is said first counts.
    fn take(&mut self, key: &str, value: &str) -> Option<()> {
        let yes = |value| match value {
            "yes" | "true" => Some(true),
            "no" | "false" => Some(false),
            _ => None,
        };
        match key {
            "userknownhostsfile" => {
                let plain = value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte));
                let file = (plain && value.starts_with('/')).then(|| PathBuf::from(value))?;
                self.user_known_hosts.get_or_insert(file);
            }
            "stricthostkeychecking" => {
                let keys = match value {
                    "yes" | "true" | "ask" => HostKeys::Strict,
                    "accept-new" => HostKeys::AcceptNew,
                    "no" | "false" | "off" => HostKeys::Off,
                    _ => return None,
                };
                self.host_keys.get_or_insert(keys);
            }
            "identitiesonly" => drop(self.identities_only.get_or_insert(yes(value)?)),
            // Without a `ControlPath` there is no master to share.
            "controlmaster" | "controlpersist" => {}
            // These two are harmless in files, where what they say is kept.
            "gssapiauthentication" | "hashknownhosts" if yes(value)? => return None,
            key if HARMLESS.contains(&key) => {}
            _ => return None,
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Simple> {
        let args: Vec<String> = text.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect();
        Simple::read(&args)
    }

    #[test]
    fn simple_arguments_are_understood() {
        assert_eq!(read(""), Some(Simple::default()));
        assert_eq!(
            read("-o ControlMaster=auto -oControlPersist=60s -o LogLevel=ERROR"),
            Some(Simple::default())
        );
        let said =
            read("-o UserKnownHostsFile=/a/b -o StrictHostKeyChecking=accept-new -o userknownhostsfile=/c");
        let expected = Simple {
            user_known_hosts: Some("/a/b".into()),
            host_keys: Some(HostKeys::AcceptNew),
            identities_only: None,
        };
        assert_eq!(said, Some(expected));
        let said = read("-oIdentitiesOnly=yes -oGSSAPIAuthentication=no -oStrictHostKeyChecking=no");
        assert_eq!(
            said.map(|said| (said.identities_only, said.host_keys)),
            Some((Some(true), Some(HostKeys::Off)))
        );
    }

    #[test]
    fn one_that_is_not_leaves_all_to_openssh() {
        for text in [
            "-v",
            "-F none",
            "-o",
            "-o UserKnownHostsFile",
            "-o UserKnownHostsFile=~/x",
            "-o UserKnownHostsFile=/a/%h",
            "-o UserKnownHostsFile=none",
            "-o UserKnownHostsFile=/a -o ControlPath=/b",
            "-o ProxyJump=bastion",
            "-o StrictHostKeyChecking=maybe",
            "-o IdentitiesOnly=perhaps",
            "-o HashKnownHosts=yes",
            "-o User=ops",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
