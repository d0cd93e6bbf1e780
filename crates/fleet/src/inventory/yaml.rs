//! Inventories in Ansible's YAML format, of which JSON is a part.

use std::sync::Arc;

use serde_json::Value;
use windlass_model::{Code, Diagnostic, Location, Source};
use windlass_yaml::{Kind, Node};

use super::draft::{Draft, shown};
use super::hosts;

/// Reads a document, which is a mapping, into an inventory; problems are noted there.
pub(super) fn read(draft: &mut Draft, source: &Arc<Source>, entries: &[(Node, Node)]) {
    let mut reader = Reader { draft, source };
    for (name, group) in entries {
        reader.group(name, group);
    }
}

struct Reader<'d> {
    draft: &'d mut Draft,
    source: &'d Arc<Source>,
}

impl Reader<'_> {
    /// Reads a group. Documents are at most as deep as the limits of the YAML reader, which bounds this.
    fn group(&mut self, name: &Node, body: &Node) {
        let place = self.place(name);
        let text = name.as_str().unwrap_or_default();
        if !matches!(body.value, Kind::Map(_) | Kind::Null) {
            let message = format!(
                "`{}` is passed over: a group is a mapping, this is {}",
                shown(text),
                body.kind_name()
            );
            return self.draft.warn(Some(&place), message);
        }
        if name.is_odd_key() {
            return self
                .problem(name, format!("the name of a group must be a text; quote it: \"{}\"", shown(text)));
        }
        let Some(group) = self.draft.add_group(text, &place) else { return };
        for (key, value) in body.as_map().unwrap_or_default() {
            match key.as_str().unwrap_or_default() {
                "vars" => self.section(group, key, value, Self::vars),
                "children" => self.section(group, key, value, Self::children),
                "hosts" => self.section(group, key, value, Self::hosts),
                other => {
                    let message = format!(
                        "`{}` is passed over: a group has `hosts`, `children` and `vars`, and nothing else",
                        shown(other)
                    );
                    let place = self.place(key);
                    self.draft.warn(Some(&place), message);
                }
            }
        }
    }

    fn section(
        &mut self,
        group: usize,
        key: &Node,
        value: &Node,
        read: fn(&mut Self, usize, &[(Node, Node)]),
    ) {
        match &value.value {
            Kind::Null => {}
            Kind::Map(entries) => read(self, group, entries),
            // One name alone is a mapping with nothing under it.
            Kind::Str(_) => {
                let nothing = Node::new(value.span, Kind::Null);
                read(self, group, &[(value.clone(), nothing)]);
            }
            _ => {
                let section = key.as_str().unwrap_or_default();
                let group = self.draft.groups[group].name.clone();
                let message = format!(
                    "`{section}` of the group `{}` is a mapping of names, found {}",
                    shown(&group),
                    value.kind_name()
                );
                let hint = format!("write each name with a colon: `{section}:` and below it `name:`");
                let problem = Diagnostic::new(Code::BadInventory, message).at(value.location(self.source));
                self.draft.problem(problem.hint(hint));
            }
        }
    }

    fn vars(&mut self, group: usize, entries: &[(Node, Node)]) {
        let name = self.draft.groups[group].name.clone();
        for (key, value) in entries {
            self.draft.set(
                &name,
                key.as_str().unwrap_or_default(),
                value.to_json(),
                &key.location(self.source),
            );
        }
    }

    fn children(&mut self, group: usize, entries: &[(Node, Node)]) {
        for (name, body) in entries {
            self.group(name, body);
            // A child that was passed over may be known from elsewhere; if not, that is a problem.
            if !name.is_odd_key() {
                self.draft.add_child(group, name.as_str().unwrap_or_default(), &name.location(self.source));
            }
        }
    }

    fn hosts(&mut self, group: usize, entries: &[(Node, Node)]) {
        for (name, body) in entries {
            let text = name.as_str().unwrap_or_default();
            if name.is_odd_key() {
                self.problem(
                    name,
                    format!("the name of a host must be a text; quote it: \"{}\"", shown(text)),
                );
                continue;
            }
            let place = self.place(name);
            let Some((names, port)) = hosts::expand(self.draft, text, &place) else { continue };
            let Some(vars) = self.host_vars(body) else { continue };
            hosts::add(self.draft, &names, port, group, &vars, &place);
        }
    }

    /// The variables of a host; whatever is empty or zero is none, as in Ansible.
    fn host_vars(&mut self, body: &Node) -> Option<Vec<(String, Value)>> {
        let is_nothing = match &body.value {
            Kind::Null | Kind::Bool(false) | Kind::Int(0) => true,
            Kind::Float(value) => *value == 0.0,
            Kind::Str(text) => text.is_empty(),
            Kind::List(items) => items.is_empty(),
            Kind::Bool(true) | Kind::Int(_) | Kind::Map(_) => false,
        };
        if is_nothing {
            return Some(Vec::new());
        }
        let Some(entries) = body.as_map() else {
            self.problem(body, format!("a host has a mapping of variables, found {}", body.kind_name()));
            return None;
        };
        let var =
            |(key, value): &(Node, Node)| (key.as_str().unwrap_or_default().to_owned(), value.to_json());
        Some(entries.iter().map(var).collect())
    }

    fn place(&self, node: &Node) -> Location {
        node.location(self.source)
    }

    fn problem(&mut self, node: &Node, message: String) {
        self.draft.problem(Diagnostic::new(Code::BadInventory, message).at(node.location(self.source)));
    }
}
