//! An inventory that has been read: its hosts and groups, and the variables of each host.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};
use windlass_model::Diagnostics;

use super::beside::{self, Beside};
use super::draft::{self, ALL, Draft, LOCALHOST};
use super::files::{Files, InputFile};
use super::group::{Group, Host, Vars};
use super::options::Options;
use super::source::Sources;
use super::{address, tree};

/// An inventory: hosts, groups and variables as Ansible would have them. It does not change.
pub struct Inventory {
    pub(super) hosts: Vec<Host>,
    pub(super) groups: Vec<Group>,
    host_ids: HashMap<Arc<str>, usize>,
    group_ids: HashMap<Arc<str>, usize>,
    /// This machine by each of its names, for where no inventory names it.
    implicit: [Host; 3],
    /// The first host of the inventory that is this machine.
    localhost: Option<usize>,
    kin: Vec<Kin>,
    /// How many folders have files with variables.
    folders: usize,
    pub(super) folder: PathBuf,
    files: Vec<InputFile>,
    warnings: Diagnostics,
    dictionary: OnceLock<Arc<Vars>>,
}

/// Hosts that are in the same groups share what the groups say.
struct Kin {
    groups: Vec<usize>,
    shared: OnceLock<Shared>,
}

struct Shared {
    names: Arc<[Arc<str>]>,
    vars: Arc<Vars>,
}

impl Inventory {
    /// Reads all sources in their order: paths of files, folders and programs, and lists of hosts such as
    /// `web1,web2,`. Every problem of all of them is returned.
    pub fn load<S: AsRef<str>>(sources: &[S], options: &Options) -> Result<Inventory, Diagnostics> {
        let mut reader = Sources::new(options);
        let mut folders: Vec<PathBuf> = Vec::new();
        for source in sources {
            if let Some(folder) = reader.read(source.as_ref()) {
                // Where a folder belongs to several sources, the last of them says when its files count.
                folders.retain(|other| *other != folder);
                folders.push(folder);
            }
        }
        let (mut draft, mut files) = (reader.draft, reader.files);
        draft.reconcile();
        folders.extend(options.beside.clone());
        let beside =
            folders.iter().map(|folder| beside::read(&mut draft, &mut files, folder, options)).collect();
        finish(draft, files, beside, options.folder.clone())
    }

    /// The inventory that has nothing but this machine, which no pattern but its own name means.
    pub fn localhost() -> Inventory {
        let mut draft = Draft::new();
        draft.reconcile();
        finish(draft, Files::default(), Vec::new(), PathBuf::from("."))
            .expect("an inventory without hosts has nothing that could be wrong")
    }

    /// All hosts, in the order in which they were first named.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.hosts.iter()
    }

    /// The host of a name. The names of this machine always have one.
    pub fn host(&self, name: &str) -> Option<&Host> {
        self.host_ids.get(name).map(|id| &self.hosts[*id]).or_else(|| {
            let place = LOCALHOST.iter().position(|other| *other == name)?;
            Some(self.localhost.map_or(&self.implicit[place], |id| &self.hosts[id]))
        })
    }

    /// All groups, in the order in which they were first named; `all` and `ungrouped` come first.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter()
    }

    /// The group of a name.
    pub fn group(&self, name: &str) -> Option<&Group> {
        self.group_ids.get(name).map(|id| &self.groups[*id])
    }

    /// The groups right below a group.
    pub fn children<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = &'a Group> {
        group.children.iter().map(|id| &self.groups[*id])
    }

    /// The hosts that a group names itself.
    pub fn direct_hosts<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = &'a Host> {
        group.hosts.iter().map(|id| &self.hosts[*id])
    }

    /// The hosts of a group and of all groups below it, in Ansible's order.
    pub fn members<'a>(&'a self, group: &'a Group) -> impl Iterator<Item = &'a Host> {
        self.member_ids(group).to_vec().into_iter().map(|id| &self.hosts[id])
    }

    /// All files and programs that the inventory was read from, in the order of their paths.
    pub fn files(&self) -> &[InputFile] {
        &self.files
    }

    /// What is odd and harmless: Ansible warns of it too.
    pub fn warnings(&self) -> &Diagnostics {
        &self.warnings
    }

    /// The variables of a host: what its groups say, then what is said of the host itself.
    ///
    /// Ansible's precedence: `all` in inventories, other groups in inventories (by depth, then
    /// `ansible_group_priority`, then name), `group_vars/all`, other files in `group_vars/`, the host in
    /// inventories, `host_vars/`. A host that is in no inventory has none.
    pub fn vars(&self, host: &str) -> Arc<Vars> {
        let Some(host) = self.host(host) else { return Arc::default() };
        let merge = || {
            let shared = &self.shared(host).vars;
            match (shared.is_empty(), host.own.is_empty()) {
                (_, true) => shared.clone(),
                (true, _) => host.own.clone(),
                _ => {
                    let mut vars = Vars::clone(shared);
                    vars.extend(host.own.iter().map(|(name, value)| (name.clone(), value.clone())));
                    Arc::new(vars)
                }
            }
        };
        host.merged.get_or_init(merge).clone()
    }

    /// The same variables in two layers, of which the second wins: what the groups say, shared by all hosts
    /// in the same groups, and what is said of the host alone. Nothing is copied.
    pub fn layers(&self, host: &str) -> [Arc<Vars>; 2] {
        match self.host(host) {
            Some(host) => [self.shared(host).vars.clone(), host.own.clone()],
            None => Default::default(),
        }
    }

    /// The names of the groups that a host is in, sorted, without `all`: Ansible's `group_names`.
    pub fn group_names(&self, host: &str) -> Arc<[Arc<str>]> {
        self.host(host).map_or_else(Arc::default, |host| self.shared(host).names.clone())
    }

    /// What Ansible sets for each host beside its variables: `inventory_hostname`,
    /// `inventory_hostname_short`, `group_names`, `inventory_file` and `inventory_dir`.
    pub fn magic_vars(&self, host: &str) -> Vars {
        let Some(host) = self.host(host) else { return Vars::new() };
        let short = match address::is_ip(&host.name) {
            true => &host.name,
            false => host.name.split('.').next().unwrap_or_default(),
        };
        let folder = host.source.as_ref().and_then(|source| source.folder.as_deref());
        let pairs = [
            ("inventory_hostname", json!(&*host.name)),
            ("inventory_hostname_short", json!(short)),
            ("group_names", self.shared(host).names.iter().map(|name| &**name).collect()),
            ("inventory_file", json!(host.source())),
            ("inventory_dir", json!(folder)),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Each group with the names of its hosts and of those below it: Ansible's `groups`.
    pub fn dictionary(&self) -> Arc<Vars> {
        let build = || {
            let names = |group| self.members(group).map(|host| Value::from(&*host.name)).collect();
            Arc::new(self.groups.iter().map(|group| (group.name.to_string(), names(group))).collect())
        };
        self.dictionary.get_or_init(build).clone()
    }

    pub(super) fn host_id(&self, name: &str) -> Option<usize> {
        self.host_ids.get(name).copied()
    }

    /// The host of this machine that the inventory names, if it does.
    pub(super) fn explicit_localhost(&self) -> Option<usize> {
        self.localhost
    }

    pub(super) fn implicit(&self, place: usize) -> &Host {
        &self.implicit[place]
    }

    /// The hosts of a group and of those below it: its own first, then level by level, each host once.
    pub(super) fn member_ids(&self, group: &Group) -> Arc<[usize]> {
        let walk = || {
            let mut order: Vec<usize> = vec![];
            let mut seen = HashSet::new();
            let mut level = group.children.clone();
            while !level.is_empty() {
                level.retain(|id| seen.insert(*id));
                order.extend(&level);
                level = level.iter().flat_map(|id| &self.groups[*id].children).copied().collect();
            }
            let below = order.iter().flat_map(|id| &self.groups[*id].hosts);
            let mut seen = HashSet::new();
            group.hosts.iter().chain(below).copied().filter(|id| seen.insert(*id)).collect()
        };
        group.members.get_or_init(walk).clone()
    }

    fn shared(&self, host: &Host) -> &Shared {
        let kin = &self.kin[host.kin];
        kin.shared.get_or_init(|| self.share(&kin.groups))
    }

    /// What groups and all groups above them say together.
    fn share(&self, direct: &[usize]) -> Shared {
        let mut all: HashSet<usize> = direct.iter().copied().collect();
        let mut left: Vec<usize> = direct.to_vec();
        while let Some(id) = left.pop() {
            left.extend(self.groups[id].parents.iter().copied().filter(|parent| all.insert(*parent)));
        }
        all.remove(&ALL);
        let mut chain: Vec<&Group> = all.into_iter().map(|id| &self.groups[id]).collect();
        chain.sort_unstable_by(|a, b| (a.depth, a.priority, &a.name).cmp(&(b.depth, b.priority, &b.name)));
        let mut vars = self.groups[ALL].vars.clone();
        chain.iter().for_each(|group| vars.extend(group.vars.clone()));
        self.add_files(&[&self.groups[ALL]], &mut vars);
        self.add_files(&chain, &mut vars);
        let mut names: Vec<Arc<str>> = chain.iter().map(|group| group.name.clone()).collect();
        names.sort_unstable();
        Shared { names: names.into(), vars: Arc::new(vars) }
    }

    /// Adds what files say of groups: folder by folder, and in each the groups in their order.
    fn add_files(&self, groups: &[&Group], vars: &mut Vars) {
        for folder in 0..self.folders {
            for group in groups {
                for (_, more) in group.files.iter().filter(|(number, _)| *number == folder) {
                    vars.extend(more.clone());
                }
            }
        }
    }
}

impl std::fmt::Debug for Inventory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Inventory({} hosts in {} groups)", self.hosts.len(), self.groups.len())
    }
}

/// Makes an inventory of a draft, or says everything that is wrong with it.
pub(super) fn finish(
    draft: Draft,
    files: Files,
    mut beside: Vec<Beside>,
    folder: PathBuf,
) -> Result<Inventory, Diagnostics> {
    let mut problems = draft.problems.clone();
    let depths = match tree::depths(&draft) {
        Ok(depths) => depths,
        Err(more) => {
            problems.extend(more);
            Vec::new()
        }
    };
    problems.into_result(())?;
    let mut all_kin = AllKin::default();
    let no_groups = all_kin.of(Vec::new());
    let mut hosts = Vec::with_capacity(draft.hosts.len());
    for (id, host) in draft.hosts.into_iter().enumerate() {
        let mut own = host.vars;
        beside.iter_mut().filter_map(|folder| folder.hosts.remove(&id)).for_each(|more| own.extend(more));
        hosts.push(Host {
            name: host.name,
            source: host.source,
            is_implicit: false,
            kin: all_kin.of(host.groups),
            own: Arc::new(own),
            merged: OnceLock::new(),
        });
    }
    let groups = draft.groups.into_iter().zip(depths).enumerate();
    let groups =
        groups.map(|(id, (group, depth))| group_of(group, depth, id, &mut beside)).collect::<Vec<_>>();
    Ok(Inventory {
        host_ids: hosts.iter().enumerate().map(|(id, host)| (host.name.clone(), id)).collect(),
        group_ids: groups.iter().enumerate().map(|(id, group)| (group.name.clone(), id)).collect(),
        hosts,
        groups,
        implicit: LOCALHOST.map(|name| implicit(name, no_groups)),
        localhost: draft.localhost,
        kin: all_kin.kin,
        folders: beside.len(),
        folder,
        files: files.into_sorted(),
        warnings: draft.warnings,
        dictionary: OnceLock::new(),
    })
}

/// Hosts by the groups that they are in.
#[derive(Default)]
struct AllKin {
    ids: BTreeMap<Vec<usize>, usize>,
    kin: Vec<Kin>,
}

impl AllKin {
    fn of(&mut self, mut groups: Vec<usize>) -> usize {
        groups.sort_unstable();
        let next = self.kin.len();
        let id = *self.ids.entry(groups.clone()).or_insert(next);
        if id == next {
            self.kin.push(Kin { groups, shared: OnceLock::new() });
        }
        id
    }
}

fn group_of(group: draft::Group, depth: usize, id: usize, beside: &mut [Beside]) -> Group {
    let folders = beside.iter_mut().enumerate();
    Group {
        name: group.name,
        hosts: group.hosts,
        children: group.children,
        parents: group.parents,
        depth,
        priority: group.priority,
        vars: group.vars,
        files: folders.filter_map(|(number, folder)| Some((number, folder.groups.remove(&id)?))).collect(),
        members: OnceLock::new(),
    }
}

fn implicit(name: &str, kin: usize) -> Host {
    let own = json!({ "ansible_connection": "local" });
    Host {
        name: name.into(),
        source: None,
        is_implicit: true,
        kin,
        own: Arc::new(own.as_object().cloned().unwrap_or_default()),
        merged: OnceLock::new(),
    }
}
