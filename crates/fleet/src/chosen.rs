//! The inventory of a request: what was loaded, what of it was asked for, and what a plan keeps of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use windlass_engine::{Hosts, Secret, Target};
use windlass_model::{Diagnostic, Inventory as Kept, Known, is_this_machine};

use crate::inventory::{Inventory, Vars, is_secret};

/// An inventory with the limit of a request (`--limit`).
#[derive(Clone)]
pub struct Chosen {
    inventory: Arc<Inventory>,
    sources: Vec<String>,
    limit: Option<String>,
}

impl Chosen {
    /// What was read from `sources`; of it only what `limit` means.
    pub fn new(inventory: Inventory, sources: Vec<String>, limit: Option<String>) -> Self {
        Self { inventory: Arc::new(inventory), sources, limit }
    }

    /// The inventory itself.
    pub fn inventory(&self) -> &Arc<Inventory> {
        &self.inventory
    }

    /// What is known of a host, and its passwords, named as a run's secrets are.
    pub(crate) fn parts(inventory: &Inventory, host: &str) -> (Known, Vec<(String, Secret)>) {
        let vars = inventory.vars(host);
        let mut known = Known { local: is_local(&vars, host), ..Known::default() };
        let mut passwords = Vec::new();
        for (name, value) in vars.iter() {
            if is_secret(name) && !is_template(value) && !value.is_null() {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                passwords.push((Target::secret_name(host, name), Secret::new(text)));
            } else {
                known.vars.insert(name.clone(), value.clone());
            }
        }
        (known, passwords)
    }
}

/// As in Ansible, only the connection says that a host is this machine; this machine's own names are it
/// unless the inventory says otherwise.
fn is_local(vars: &Vars, name: &str) -> bool {
    match vars.get("ansible_connection").and_then(Value::as_str) {
        Some(connection) => connection == "local",
        None => is_this_machine(name) && !vars.contains_key("ansible_host"),
    }
}

/// A password that is an expression (`{{ secrets.sudo }}`) is no secret itself, and is worked out when it is used.
fn is_template(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains("{{"))
}

impl std::fmt::Debug for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chosen").field("sources", &self.sources).field("limit", &self.limit).finish()
    }
}

impl Hosts for Chosen {
    fn select(&self, pattern: &str) -> Result<Vec<Arc<str>>, String> {
        let told = |wrong: Diagnostic| wrong.message;
        let all = self.inventory.select(pattern, None).map_err(|wrong| told(wrong.into()))?;
        all.some(pattern).map_err(told)?;
        let within = self.inventory.select(pattern, self.limit.as_deref());
        Ok(within.map_err(|wrong| told(wrong.into()))?.hosts)
    }

    fn inventory(&self) -> Kept {
        let hosts: BTreeMap<Arc<str>, Known> = self
            .inventory
            .hosts()
            .map(|host| (host.name().clone(), Self::parts(&self.inventory, host.name()).0))
            .collect();
        let members =
            |group| self.inventory.members(group).map(|host| host.name().clone()).collect::<Vec<_>>();
        let groups = self.inventory.groups().map(|group| (group.name().clone(), members(group))).collect();
        Kept::new(hosts, groups)
    }

    fn sources(&self) -> (Vec<String>, Option<String>) {
        (self.sources.clone(), self.limit.clone())
    }

    fn passwords(&self) -> Vec<(String, Secret)> {
        let hosts = self.inventory.hosts();
        hosts.flat_map(|host| Self::parts(&self.inventory, host.name()).1).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inventory::Options;

    fn load(text: &str, limit: Option<&str>) -> Chosen {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("hosts.ini");
        std::fs::write(&file, text).expect("it is written");
        let source = file.to_string_lossy().into_owned();
        let inventory = Inventory::load(&[&source], &Options::new(folder.path())).expect("it is good");
        Chosen::new(inventory, vec![source], limit.map(str::to_owned))
    }

    #[test]
    fn a_plan_keeps_variables_and_groups_and_no_password() {
        let chosen = load(
            "[web]\nw1 ansible_password=s3cret port=1\nw2 ansible_connection=local port=2\n\
             [web:vars]\nzone=a\nansible_become_password=\"{{ secrets.sudo }}\"\n",
            None,
        );
        let kept = Hosts::inventory(&chosen);
        assert!(!serde_json::to_string(&kept).expect("it is JSON").contains("s3cret"));
        assert_eq!(kept.common["zone"], "a");
        assert_eq!(kept.common["ansible_become_password"], "{{ secrets.sudo }}");
        assert!(kept.hosts["w2"].local && !kept.hosts["w1"].local);
        assert_eq!(kept.groups["web"].len(), 2);
        let passwords = chosen.passwords();
        assert_eq!(passwords.len(), 1);
        assert_eq!(passwords[0].0, "inventory:w1:ansible_password");
        assert_eq!(passwords[0].1.expose(), "s3cret");
    }

    #[test]
    fn a_limit_leaves_hosts_out_and_a_pattern_that_means_none_is_told() {
        let chosen = load("[web]\nw1\nw2\n[db]\nd1\n", Some("web"));
        assert_eq!(chosen.select("all"), Ok(vec!["w1".into(), "w2".into()]));
        assert_eq!(chosen.select("db"), Ok(vec![]), "the pattern is good, the limit leaves nothing of it");
        assert!(chosen.select("nowhere").is_err());
    }
}
