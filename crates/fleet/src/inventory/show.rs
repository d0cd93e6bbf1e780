//! Inventories as `ansible-inventory` shows them: as data, and as a graph.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

pub use super::emit::yaml;
use super::group::{Group, Host, Vars};
use super::loaded::Inventory;
use super::secret::masked;

/// The most lines of a graph: groups with several parents are drawn below each of them.
const MOST_LINES: usize = 200_000;

/// What is shown.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Only these hosts.
    pub only: Option<HashSet<Arc<str>>>,
    /// Passwords as they are, not masked.
    pub secrets: bool,
}

impl View {
    fn has(&self, host: &Host) -> bool {
        self.only.as_ref().is_none_or(|only| only.contains(host.name()))
    }

    fn vars(&self, vars: &Vars) -> Vars {
        if self.secrets { vars.clone() } else { masked(vars) }
    }
}

/// The variables of one host, as `ansible-inventory --host` has them.
pub fn host(inventory: &Inventory, host: &Host, view: &View) -> Vars {
    // Made of the layers, so that a look at all hosts does not keep a copy for each.
    let [shared, own] = inventory.layers(host.name());
    let mut vars = view.vars(&shared);
    vars.extend(view.vars(&own));
    vars
}

/// All groups with their hosts and children, and the variables of all hosts: what a dynamic inventory prints,
/// and `ansible-inventory --list`.
pub fn list(inventory: &Inventory, view: &View) -> Value {
    let mut whole = Map::new();
    for group in inventory.groups() {
        let mut shown = Map::new();
        let hosts = names(inventory.direct_hosts(group).filter(|host| view.has(host)).map(Host::name));
        if &**group.name() != "all" && !hosts.is_empty() {
            shown.insert("hosts".to_owned(), hosts.into());
        }
        let children = names(inventory.children(group).map(Group::name));
        if !children.is_empty() {
            shown.insert("children".to_owned(), children.into());
        }
        if !shown.is_empty() {
            whole.insert(group.name().to_string(), shown.into());
        }
    }
    let mut vars = Map::new();
    for host in inventory.hosts().filter(|host| view.has(host)) {
        let own = self::host(inventory, host, view);
        if !own.is_empty() {
            vars.insert(host.name().to_string(), own.into());
        }
    }
    whole.insert("_meta".to_owned(), json!({ "hostvars": vars, "profile": "inventory_legacy" }));
    whole.into()
}

fn names<'n>(names: impl Iterator<Item = &'n Arc<str>>) -> Vec<Value> {
    names.map(|name| Value::from(&**name)).collect()
}

/// The same as nested groups, in the form of a YAML inventory: `ansible-inventory --list --yaml`.
///
/// Each group and each host is told once, where it comes first; elsewhere only its name stands.
pub fn tree(inventory: &Inventory, view: &View) -> Value {
    let mut seen = Seen::default();
    match inventory.group("all").map(|all| branch(inventory, all, view, &mut seen)) {
        Some(body) if !body.is_empty() => json!({ "all": body }),
        _ => json!({}),
    }
}

#[derive(Default)]
struct Seen {
    groups: HashSet<Arc<str>>,
    hosts: HashSet<Arc<str>>,
}

/// Groups lie only so deep in each other, which bounds the recursion.
fn branch(inventory: &Inventory, group: &Group, view: &View, seen: &mut Seen) -> Map<String, Value> {
    let mut children = Map::new();
    for child in inventory.children(group) {
        if seen.groups.contains(child.name()) {
            children.insert(child.name().to_string(), json!({}));
            continue;
        }
        let body = branch(inventory, child, view, seen);
        seen.groups.insert(child.name().clone());
        if !body.is_empty() {
            children.insert(child.name().to_string(), body.into());
        }
    }
    let mut hosts = Map::new();
    for host in inventory.direct_hosts(group).filter(|host| view.has(host)) {
        let is_first = seen.hosts.insert(host.name().clone());
        let vars = if is_first { self::host(inventory, host, view) } else { Map::new() };
        hosts.insert(host.name().to_string(), vars.into());
    }
    let mut body = Map::new();
    if !children.is_empty() {
        body.insert("children".to_owned(), children.into());
    }
    if !hosts.is_empty() && &**group.name() != "all" {
        body.insert("hosts".to_owned(), hosts.into());
    }
    body
}

/// Groups, the groups below them and their hosts as indented lines: `ansible-inventory --graph`, with
/// variables if `vars` asks for them.
///
/// A limit leaves the hosts out that it does not mean. A graph that would have too many lines ends with one
/// that says so.
pub fn graph(inventory: &Inventory, group: &Group, vars: bool, view: &View) -> String {
    let mut drawing = Drawing { inventory, view, vars, lines: Vec::new() };
    drawing.group(group, 0);
    if drawing.lines.len() >= MOST_LINES {
        drawing.lines.push(format!("… more than {MOST_LINES} lines"));
    }
    let mut text = drawing.lines.join("\n");
    text.push('\n');
    text
}

struct Drawing<'i> {
    inventory: &'i Inventory,
    view: &'i View,
    vars: bool,
    lines: Vec<String>,
}

impl Drawing<'_> {
    fn line(&mut self, text: &str, depth: usize) {
        let lead = if depth == 0 { String::new() } else { format!("{}--", "  |".repeat(depth)) };
        self.lines.push(format!("{lead}{text}"));
    }

    fn group(&mut self, group: &Group, depth: usize) {
        if self.lines.len() >= MOST_LINES {
            return;
        }
        self.line(&format!("@{}:", group.name()), depth);
        let inventory = self.inventory;
        for child in inventory.children(group) {
            self.group(child, depth + 1);
        }
        if &**group.name() != "all" {
            for host in inventory.direct_hosts(group).filter(|host| self.view.has(host)) {
                self.line(host.name(), depth + 1);
                if self.vars {
                    self.variables(&self::host(inventory, host, self.view), depth + 2);
                }
            }
        }
        if self.vars {
            let mut vars = self.view.vars(&group.vars());
            if group.priority() != 1 {
                vars.insert("ansible_group_priority".to_owned(), group.priority().into());
            }
            self.variables(&vars, depth + 1);
        }
    }

    fn variables(&mut self, vars: &Vars, depth: usize) {
        for (name, value) in vars {
            let shown = match value {
                Value::String(text) => text.clone(),
                other => python(other),
            };
            self.line(&format!("{{{name} = {shown}}}"), depth);
        }
    }
}

/// A value as Python shows it.
fn python(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Bool(true) => "True".to_owned(),
        Value::Bool(false) => "False".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => quoted(text),
        Value::Array(items) => format!("[{}]", items.iter().map(python).collect::<Vec<_>>().join(", ")),
        Value::Object(map) => {
            let pairs: Vec<String> =
                map.iter().map(|(name, value)| format!("{}: {}", quoted(name), python(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
    }
}

fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut shown = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '\\' => shown.push_str("\\\\"),
            c if c == quote => {
                shown.push('\\');
                shown.push(c);
            }
            c if c.is_control() => shown.push_str(&format!("\\x{:02x}", c as u32)),
            c => shown.push(c),
        }
    }
    shown.push(quote);
    shown
}
