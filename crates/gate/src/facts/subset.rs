//! Which parts are asked for, in the words of `gather_subset`.

use std::collections::BTreeSet;

use super::{PARTS, Part};
use crate::Error;

/// Parts that Ansible has and that are never found out here; asking for them gives nothing.
const NEVER: &[&str] = &[
    "caps",
    "system_capabilities",
    "system_capabilities_enforced",
    "facter",
    "fibre_channel_wwn",
    "iscsi",
    "nvme",
    "ohai",
    "python",
    "systemd",
];

/// The parts that a list of words asks for.
pub(crate) fn chosen(words: &[&str]) -> Result<Vec<&'static Part>, Error> {
    let all: BTreeSet<&str> = PARTS.iter().flat_map(names).chain(NEVER.iter().copied()).collect();
    let least = || PARTS.iter().filter(|part| part.always).map(|part| part.name);
    let (mut wanted, mut unwanted, mut named) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::<&str>::new());
    for word in std::iter::once("min").chain(words.iter().copied()) {
        match (word, word.strip_prefix('!')) {
            ("min", _) => wanted.extend(least()),
            ("all", _) => wanted.extend(all.iter().copied()),
            (_, Some("min")) => unwanted.extend(least()),
            (_, Some("all")) => {
                let least: BTreeSet<&str> = least().collect();
                unwanted.extend(all.difference(&least).copied());
            }
            (_, Some(word)) => {
                unwanted.insert(word);
                let part = PARTS.iter().find(|part| part.name == word);
                unwanted.extend(part.into_iter().flat_map(|part| part.ids).copied());
            }
            (word, None) if all.contains(word) => {
                wanted.insert(word);
                named.insert(word);
            }
            (word, None) => {
                let all: Vec<&str> = all.into_iter().collect();
                let message = format!(
                    "Bad subset '{word}' given to Ansible. gather_subset options allowed: all, {}",
                    all.join(", ")
                );
                return Err(Error::Failed(message));
            }
        }
    }
    let stays = |name: &str| wanted.contains(name) && (!unwanted.contains(name) || named.contains(name));
    Ok(PARTS.iter().filter(|part| names(part).any(stays)).collect())
}

fn names(part: &Part) -> impl Iterator<Item = &'static str> + use<> {
    std::iter::once(part.name).chain(part.ids.iter().copied())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_choose_parts_as_in_ansible() {
        let chosen = |words: &[&str]| -> Vec<&str> {
            super::chosen(words).unwrap().iter().map(|part| part.name).collect()
        };
        assert_eq!(chosen(&["all"]).len(), PARTS.len());
        let least = chosen(&["!all"]);
        assert!(least.contains(&"platform") && !least.contains(&"hardware"), "{least:?}");
        assert_eq!(chosen(&["!all", "!min", "network"]), ["network"]);
        assert_eq!(chosen(&["!all", "!min", "mounts"]), ["hardware"]);
        assert!(!chosen(&["all", "!hardware"]).contains(&"hardware"));
        assert!(chosen(&["all", "!mounts"]).contains(&"hardware"));
        assert!(chosen(&["!all", "facter"]) == least);
        let refused = super::chosen(&["networks"]).err().unwrap().to_string();
        assert!(refused.starts_with("Bad subset 'networks' given to Ansible."), "{refused}");
    }
}
