//! An inventory while it is being read: what each source adds, under Ansible's rules.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};
use windlass_model::{Code, Diagnostic, Diagnostics, Location};

/// The group that every host is in, and the one for hosts that are in no other.
pub(super) const ALL: usize = 0;
pub(super) const UNGROUPED: usize = 1;

/// The most hosts of an inventory.
pub(super) const MOST_HOSTS: usize = 1_000_000;

/// The most problems that are kept; what goes on after so many helps nobody.
const MOST_PROBLEMS: usize = 200;

/// The longest name of a host or a group, in bytes.
const LONGEST_NAME: usize = 1024;

/// The names that mean this machine where no inventory says otherwise.
pub(super) const LOCALHOST: [&str; 3] = ["127.0.0.1", "localhost", "::1"];

/// Where a host was named first.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    /// The path, or the list of hosts itself.
    pub(super) name: Arc<str>,
    /// The folder of a path.
    pub(super) folder: Option<Arc<str>>,
}

/// A group as far as it is known.
pub(super) struct Group {
    pub(super) name: Arc<str>,
    pub(super) hosts: Vec<usize>,
    members: HashSet<usize>,
    pub(super) children: Vec<usize>,
    /// Where each child was named.
    pub(super) named: Vec<Option<Location>>,
    pub(super) parents: Vec<usize>,
    pub(super) vars: Map<String, Value>,
    pub(super) priority: i64,
}

/// A host as far as it is known.
pub(super) struct Host {
    pub(super) name: Arc<str>,
    pub(super) groups: Vec<usize>,
    pub(super) vars: Map<String, Value>,
    /// The source that named it first.
    pub(super) source: Option<Origin>,
}

/// An inventory while it is being read. Groups and hosts are known by their number.
pub(super) struct Draft {
    pub(super) groups: Vec<Group>,
    pub(super) hosts: Vec<Host>,
    group_ids: HashMap<Arc<str>, usize>,
    host_ids: HashMap<Arc<str>, usize>,
    /// Which group is whose child: parent, child.
    edges: HashSet<(usize, usize)>,
    /// The source that is being read.
    pub(super) source: Option<Origin>,
    /// How many bytes of variables ranges have set for more than one host.
    pub(super) copied: usize,
    /// The first host in it that is this machine.
    pub(super) localhost: Option<usize>,
    pub(super) problems: Diagnostics,
    pub(super) warnings: Diagnostics,
}

impl Draft {
    pub(super) fn new() -> Self {
        let mut draft = Self {
            groups: Vec::new(),
            hosts: Vec::new(),
            group_ids: HashMap::new(),
            host_ids: HashMap::new(),
            edges: HashSet::new(),
            source: None,
            copied: 0,
            localhost: None,
            problems: Diagnostics::default(),
            warnings: Diagnostics::default(),
        };
        draft.new_group("all");
        draft.new_group("ungrouped");
        draft.add_group_child(ALL, UNGROUPED, None);
        draft
    }

    /// Notes a problem; the reading goes on to find the others.
    pub(super) fn problem(&mut self, problem: Diagnostic) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// Notes something that Ansible too only warns of.
    pub(super) fn warn(&mut self, place: Option<&Location>, message: impl Into<String>) {
        if self.warnings.len() < MOST_PROBLEMS {
            let warning = Diagnostic::new(Code::BadInventory, message);
            self.warnings.push(placed(warning, place));
        }
    }

    /// The group of a name, if there is one.
    pub(super) fn group(&self, name: &str) -> Option<usize> {
        self.group_ids.get(name).copied()
    }

    /// The host of a name, if there is one.
    pub(super) fn host(&self, name: &str) -> Option<usize> {
        self.host_ids.get(name).copied()
    }

    fn new_group(&mut self, name: &str) -> usize {
        let (id, name) = (self.groups.len(), Arc::<str>::from(name));
        self.group_ids.insert(name.clone(), id);
        self.groups.push(Group {
            name,
            hosts: Vec::new(),
            members: HashSet::new(),
            children: Vec::new(),
            named: Vec::new(),
            parents: Vec::new(),
            vars: Map::new(),
            priority: 1,
        });
        id
    }

    /// The group of a name, which is new if there is none; `None` where the name is refused.
    pub(super) fn add_group(&mut self, name: &str, place: &Location) -> Option<usize> {
        if let Some(id) = self.group(name) {
            return Some(id);
        }
        self.check_name("group", name, place)?;
        Some(self.new_group(name))
    }

    /// The host of a name, which is new if there is none, as a member of a group.
    ///
    /// A port counts only for a new host, as in Ansible.
    pub(super) fn add_host(
        &mut self,
        name: &str,
        group: Option<usize>,
        port: Option<u64>,
        place: &Location,
    ) -> Option<usize> {
        let id = match self.host(name) {
            Some(id) => id,
            None => self.new_host(name, port, place)?,
        };
        if let Some(group) = group {
            self.join(group, id);
        }
        Some(id)
    }

    fn new_host(&mut self, name: &str, port: Option<u64>, place: &Location) -> Option<usize> {
        self.check_name("host", name, place)?;
        let id = self.hosts.len();
        if id == MOST_HOSTS {
            let problem =
                Diagnostic::new(Code::RangeTooBig, format!("the inventory has more than {MOST_HOSTS} hosts"));
            self.problem(problem.at(place.clone()));
        }
        if id >= MOST_HOSTS {
            return None;
        }
        let key = Arc::<str>::from(name);
        self.host_ids.insert(key.clone(), id);
        let mut vars = Map::new();
        if let Some(port) = port.filter(|port| *port != 0) {
            vars.insert("ansible_port".to_owned(), port.into());
        }
        self.hosts.push(Host { name: key, groups: Vec::new(), vars, source: self.source.clone() });
        if LOCALHOST.contains(&name) {
            match self.localhost {
                None => self.localhost = Some(id),
                Some(first) => {
                    let first = self.hosts[first].name.clone();
                    self.warn(Some(place), format!("`{name}` is this machine, as `{first}` is already"));
                }
            }
        }
        Some(id)
    }

    fn join(&mut self, group: usize, host: usize) {
        if self.groups[group].members.insert(host) {
            self.groups[group].hosts.push(host);
            self.hosts[host].groups.push(group);
        }
    }

    /// Sets a variable of what a name means: a group, or else a host.
    pub(super) fn set(&mut self, entity: &str, name: &str, value: Value, place: &Location) {
        if !is_identifier(name) {
            self.warn(
                Some(place),
                format!("`{}` is no name for a variable: expressions cannot use it", shown(name)),
            );
        }
        let Some(group) = self.group(entity) else {
            if let Some(host) = self.host(entity) {
                self.hosts[host].vars.insert(name.to_owned(), value);
            }
            return;
        };
        if name == "ansible_group_priority" {
            match whole(&value) {
                Some(priority) => self.groups[group].priority = priority,
                None => {
                    let message = "`ansible_group_priority` takes a whole number";
                    self.problem(Diagnostic::new(Code::BadInventory, message).at(place.clone()));
                }
            }
            return;
        }
        self.groups[group].vars.insert(name.to_owned(), value);
    }

    /// Puts what a name means into a group: another group, or else a host.
    pub(super) fn add_child(&mut self, parent: usize, child: &str, place: &Location) {
        if let Some(child) = self.group(child) {
            self.add_group_child(parent, child, Some(place));
        } else if let Some(host) = self.host(child) {
            self.join(parent, host);
        } else {
            let message = format!("`{}` is no known host and no known group", shown(child));
            self.problem(Diagnostic::new(Code::BadInventory, message).at(place.clone()));
        }
    }

    fn add_group_child(&mut self, parent: usize, child: usize, place: Option<&Location>) {
        if !self.edges.insert((parent, child)) {
            return;
        }
        self.groups[parent].children.push(child);
        self.groups[parent].named.push(place.cloned());
        self.groups[child].parents.push(parent);
    }

    /// What Ansible does when all sources are read: every group lies below `all`, and every host is in a
    /// group, `ungrouped` if in no other.
    pub(super) fn reconcile(&mut self) {
        for id in 1..self.groups.len() {
            if self.groups[id].parents.is_empty() {
                self.add_group_child(ALL, id, None);
            }
        }
        let hosts = &mut self.hosts;
        let is_elsewhere = |host: &Host| host.groups.iter().any(|group| ![ALL, UNGROUPED].contains(group));
        self.groups[UNGROUPED].hosts.retain(|id| !is_elsewhere(&hosts[*id]));
        for host in hosts.iter_mut().filter(|host| is_elsewhere(host)) {
            host.groups.retain(|group| *group != UNGROUPED);
        }
        for id in 0..self.hosts.len() {
            let groups = &self.hosts[id].groups;
            if is_elsewhere(&self.hosts[id]) {
                continue;
            }
            if !groups.contains(&UNGROUPED) {
                let name = self.hosts[id].name.clone();
                match self.group(&name) {
                    Some(group) => self.add_group_child(UNGROUPED, group, None),
                    None => self.join(UNGROUPED, id),
                }
            }
        }
        for id in 0..self.hosts.len() {
            let name = self.hosts[id].name.clone();
            if self.group(&name).is_some() {
                self.warn(None, format!("`{name}` is the name of a host and of a group"));
            }
        }
    }

    fn check_name(&mut self, what: &str, name: &str, place: &Location) -> Option<()> {
        let why = if name.is_empty() {
            format!("the name of a {what} is empty")
        } else if name.len() > LONGEST_NAME {
            format!("the name of a {what} has more than {LONGEST_NAME} bytes")
        } else if let Some(c) = name.chars().find(|c| is_unseen(*c)) {
            format!("the name of a {what} has the character U+{:04X} in it, which cannot be seen", c as u32)
        } else {
            return Some(());
        };
        self.problem(Diagnostic::new(Code::UnsafeName, why).at(place.clone()));
        None
    }
}

/// Control characters, line ends, and what turns the direction of a text around.
fn is_unseen(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether expressions can name a variable so.
fn is_identifier(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

/// As Python's `int(value)`.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(value) => Some(i64::from(*value)),
        Value::Number(number) => {
            number.as_i64().or_else(|| number.as_f64().map(|value| value.trunc() as i64))
        }
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

pub(super) fn placed(problem: Diagnostic, place: Option<&Location>) -> Diagnostic {
    match place {
        Some(place) => problem.at(place.clone()),
        None => problem,
    }
}

/// A name for a message, cut where it is long, on one line.
pub(super) fn shown(name: &str) -> String {
    let mut text: String = name.chars().take(80).map(|c| if is_unseen(c) { '\u{fffd}' } else { c }).collect();
    if name.chars().nth(80).is_some() {
        text.push('…');
    }
    text
}
