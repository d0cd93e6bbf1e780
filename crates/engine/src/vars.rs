//! What expressions see while a run goes on: variables in layers, results of tasks, the run's own names.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use serde_json::{Map, Value as Json};
use windlass_expr::{Lookup, Outside, References, Scope, ScopeBuilder, Value, Vars, from_json, render_tree};
use windlass_model::{Inventory, Known, Plan, Step, Task};

use crate::outside::Door;

/// How deep variables may refer to variables.
const MAX_DEPTH: u8 = 20;

/// The layers of one place, strongest first.
type Stack = Arc<Vec<Layer>>;

/// Variables of one level.
#[derive(Clone, Debug)]
enum Layer {
    Plain(Arc<dyn Lookup>),
    /// Strings in it may be templates over the whole stack.
    Residual(Arc<Map<String, Json>>),
}

impl Layer {
    fn new(vars: &Map<String, Json>) -> Option<Self> {
        if vars.is_empty() {
            None
        } else if vars.values().any(is_templated) {
            Some(Layer::Residual(Arc::new(vars.clone())))
        } else {
            Some(Layer::Plain(Arc::new(Vars::new(vars.clone()))))
        }
    }
}

fn scope_of(stack: &Stack, depth: u8) -> Value {
    let layer = |layer: &Layer| match layer {
        Layer::Plain(layer) => layer.clone(),
        Layer::Residual(vars) => {
            Arc::new(Residual { vars: vars.clone(), stack: stack.clone(), depth }) as Arc<dyn Lookup>
        }
    };
    stack.iter().map(layer).fold(Scope::builder(), ScopeBuilder::layer).build()
}

/// A layer of variables whose strings are rendered over the whole stack when they are asked for.
struct Residual {
    vars: Arc<Map<String, Json>>,
    stack: Stack,
    depth: u8,
}

impl fmt::Debug for Residual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.vars.keys()).finish()
    }
}

impl Lookup for Residual {
    fn get(&self, name: &str) -> Option<Value> {
        let json = self.vars.get(name)?;
        if !is_templated(json) {
            return Some(from_json(json));
        }
        if self.depth == MAX_DEPTH {
            return Some(broken(format!("variable {name} refers to itself")));
        }
        Some(match render_tree(json, &scope_of(&self.stack, self.depth + 1)) {
            Ok(value) => from_json(&value),
            Err(error) => broken(format!("variable {name}: {error}")),
        })
    }

    fn names(&self) -> Vec<String> {
        self.vars.keys().cloned().collect()
    }
}

/// A value that is an error as soon as an expression uses it.
fn broken(message: String) -> Value {
    Value::from(minijinja::Error::new(minijinja::ErrorKind::InvalidOperation, message))
}

/// Whether a string in the tree has an expression in it.
pub(crate) fn is_templated(value: &Json) -> bool {
    match value {
        Json::String(text) => text.contains("{{") || text.contains("{%") || text.contains("{#"),
        Json::Array(list) => list.iter().any(is_templated),
        Json::Object(map) => map.values().any(is_templated),
        _ => false,
    }
}

/// The results of ended tasks, of those that some expression names.
#[derive(Debug, Default)]
pub(crate) struct TaskResults {
    wanted: Wanted,
    done: RwLock<BTreeMap<String, Value>>,
}

/// Which tasks' results expressions name.
#[derive(Debug, Default, PartialEq, Eq)]
enum Wanted {
    #[default]
    Nothing,
    Some(BTreeSet<String>),
    All,
}

impl TaskResults {
    /// Looks through all texts of a plan for the tasks whose results they name.
    pub(crate) fn new(plan: &Plan) -> Self {
        let mut wanted = Wanted::Nothing;
        for_each_text(plan, &mut |text| {
            if text.contains("tasks") {
                wanted.add(text);
            }
        });
        Self { wanted, done: RwLock::default() }
    }

    /// Whether an expression may ask for this task.
    pub(crate) fn wants(&self, task: &str) -> bool {
        match &self.wanted {
            Wanted::Nothing => false,
            Wanted::Some(names) => names.contains(task),
            Wanted::All => true,
        }
    }

    /// Keeps what came of a task.
    pub(crate) fn put(&self, task: &str, result: Value) {
        self.done.write().unwrap_or_else(PoisonError::into_inner).insert(task.to_owned(), result);
    }
}

impl Wanted {
    fn add(&mut self, text: &str) {
        let paths = references(text).paths;
        for path in paths.iter().filter(|path| path.first().is_some_and(|root| root == "tasks")) {
            match (path.get(1), &mut *self) {
                (_, Wanted::All) => return,
                (Some(task), Wanted::Some(names)) => drop(names.insert(task.clone())),
                (Some(task), Wanted::Nothing) => *self = Wanted::Some([task.clone()].into()),
                (None, _) => *self = Wanted::All,
            }
        }
    }
}

/// The references of a text that may be a template or a bare expression.
pub(crate) fn references(text: &str) -> References {
    let parsed = if text.contains("{{") || text.contains("{%") {
        windlass_expr::Template::parse(text).map(|t| t.references().clone())
    } else {
        windlass_expr::Expression::parse(text).map(|e| e.references().clone())
    };
    parsed.unwrap_or_default()
}

impl Lookup for TaskResults {
    fn get(&self, name: &str) -> Option<Value> {
        self.done.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.done.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}

/// Calls `visit` with every text of a plan that may hold an expression.
fn for_each_text(plan: &Plan, visit: &mut impl FnMut(&str)) {
    each_in_map(&plan.vars, visit);
    each_in_map(&plan.inventory.common, visit);
    plan.inventory.hosts.values().for_each(|host| each_in_map(&host.vars, visit));
    plan.stages.iter().for_each(|stage| each_in_map(&stage.vars, visit));
    let repeats = plan.stages.iter().filter_map(|stage| stage.repeat.as_ref());
    repeats.flat_map(|repeat| &repeat.until).for_each(|text| visit(text));
    for task in &plan.tasks {
        if let Some(more) = &task.more {
            more.when.iter().for_each(|text| visit(text));
            each_in_map(&more.vars, visit);
            more.outputs.values().for_each(|value| each_in(value, visit));
        }
        task.steps.iter().for_each(|step| each_of_step(step, visit));
    }
}

/// Calls `visit` with every variable of a plan, of whatever level.
pub(crate) fn each_variable(plan: &Plan, visit: &mut impl FnMut(&str, &Json)) {
    let hosts = plan.inventory.hosts.values().map(|host| &host.vars);
    let stages = plan.stages.iter().map(|stage| &stage.vars);
    let tasks = plan.tasks.iter().filter_map(|task| Some(&task.more.as_ref()?.vars));
    let steps = plan.tasks.iter().flat_map(|task| &task.steps);
    let steps = steps.filter_map(|step| Some(&step.more.as_ref()?.vars));
    let all = [&plan.vars, &plan.inventory.common].into_iter().chain(hosts).chain(stages).chain(tasks);
    all.chain(steps).flatten().for_each(|(name, value)| visit(name, value));
}

pub(crate) fn each_of_step(step: &Step, visit: &mut impl FnMut(&str)) {
    each_in(&step.input, visit);
    let Some(more) = &step.more else { return };
    more.delegate_to.iter().for_each(|text| visit(text));
    more.role.iter().filter_map(|role| role.user.as_ref()).for_each(|text| visit(text));
    let conditions =
        [more.changed_when.as_ref(), more.failed_when.as_ref(), more.until.as_ref().map(|u| &u.conditions)];
    more.when.iter().chain(conditions.into_iter().flatten().flatten()).for_each(|text| visit(text));
    if let Some(repeat) = &more.repeat {
        each_in(&repeat.over, visit);
    }
    each_in_map(&more.environment, visit);
    each_in_map(&more.vars, visit);
}

pub(crate) fn each_in_map(map: &Map<String, Json>, visit: &mut impl FnMut(&str)) {
    map.values().for_each(|value| each_in(value, visit));
}

pub(crate) fn each_in(value: &Json, visit: &mut impl FnMut(&str)) {
    match value {
        Json::String(text) => visit(text),
        Json::Array(list) => list.iter().for_each(|item| each_in(item, visit)),
        Json::Object(map) => each_in_map(map, visit),
        _ => {}
    }
}

/// Names that a strand of steps has gathered: registered results and facts.
pub(crate) type Registers = Arc<BTreeMap<String, Value>>;

/// Those of a strand that has gathered nothing: most strands share this one.
pub(crate) fn no_registers() -> Registers {
    static NONE: LazyLock<Registers> = LazyLock::new(Registers::default);
    NONE.clone()
}

/// The variables and groups of the inventory's hosts, each host's as one layer.
#[derive(Debug, Default)]
struct Fleet {
    /// What lookups reach.
    door: Option<Layer>,
    common: Option<Layer>,
    hosts: BTreeMap<Arc<str>, Host>,
}

/// One host of the inventory.
#[derive(Debug, Default)]
struct Host {
    vars: Option<Layer>,
    /// What is told of it besides its variables.
    names: Arc<BTreeMap<String, Value>>,
}

impl Fleet {
    fn new(inventory: &Inventory, door: Option<Layer>) -> Self {
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (group, hosts) in &inventory.groups {
            for host in hosts.iter().filter(|_| &**group != "all") {
                groups.entry(host).or_default().push(group);
            }
        }
        let host = |(name, known): (&Arc<str>, &Known)| {
            let groups = groups.get(&**name).cloned().unwrap_or_default();
            let short = name.split('.').next().unwrap_or(name);
            let mut names = BTreeMap::from([
                ("inventory_hostname".to_owned(), Value::from(name.clone())),
                ("inventory_hostname_short".to_owned(), Value::from(short)),
                (
                    "group_names".to_owned(),
                    groups.into_iter().map(|group| Value::from(group.to_owned())).collect(),
                ),
            ]);
            if !known.local {
                names.insert("ansible_host".to_owned(), Value::from(name.clone()));
            }
            (name.clone(), Host { vars: Layer::new(&known.vars), names: Arc::new(names) })
        };
        let hosts = inventory.hosts.iter().map(host).collect();
        Self { door, common: Layer::new(&inventory.common), hosts }
    }

    /// The layers of one host, strongest first.
    fn layers(&self, name: &Arc<str>) -> impl Iterator<Item = Layer> {
        let known = self.hosts.get(name);
        let own = known.and_then(|host| host.vars.clone());
        let common = known.and(self.common.clone());
        let names = known.map_or_else(
            || Arc::new(BTreeMap::from([("inventory_hostname".to_owned(), Value::from(name.clone()))])),
            |host| host.names.clone(),
        );
        own.into_iter().chain(common).chain([Layer::Plain(names)])
    }

    /// The variables of one host as a value.
    fn host(&self, name: &Arc<str>) -> Value {
        scope_of(&Arc::new(self.layers(name).chain(self.door.clone()).collect()), 0)
    }
}

/// `hostvars`: each host's variables by its name.
#[derive(Debug)]
struct HostVars(Arc<Fleet>);

impl Lookup for HostVars {
    fn get(&self, name: &str) -> Option<Value> {
        let (name, _) = self.0.hosts.get_key_value(name)?;
        Some(self.0.host(name))
    }

    fn names(&self) -> Vec<String> {
        self.0.hosts.keys().map(|name| name.to_string()).collect()
    }
}

/// What is the same for every step of a run.
#[derive(Debug)]
pub(crate) struct World {
    fleet: Arc<Fleet>,
    /// The names with a meaning of their own.
    specials: Arc<dyn Lookup>,
    run_vars: Option<Layer>,
    stage_vars: Vec<Option<Layer>>,
    /// The variables of hosts that were asked for: they are the same for every step.
    hosts: RefCell<BTreeMap<Arc<str>, Value>>,
    /// The results of tasks.
    pub(crate) results: Arc<TaskResults>,
}

/// The place that an expression is evaluated for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub task: &'a Task,
    pub step: Option<&'a Step>,
    pub host: &'a Arc<str>,
    pub registers: &'a Registers,
}

impl World {
    /// Gathers what is the same for every step.
    pub(crate) fn new(
        plan: &Plan,
        mut specials: BTreeMap<String, Value>,
        outside: Option<Arc<dyn Outside>>,
    ) -> Self {
        let results = Arc::new(TaskResults::new(plan));
        let door = outside.map(|outside| Layer::Plain(Arc::new(Door(outside))));
        specials.insert("tasks".into(), Scope::builder().layer(results.clone()).build());
        let fleet = Arc::new(Fleet::new(&plan.inventory, door));
        specials.insert("hostvars".into(), Scope::builder().layer(Arc::new(HostVars(fleet.clone()))).build());
        let names = |hosts: &Vec<Arc<str>>| hosts.iter().cloned().map(Value::from).collect::<Value>();
        let groups = plan.inventory.groups.iter().map(|(name, hosts)| (name.to_string(), names(hosts)));
        specials.insert("groups".into(), Value::from(groups.collect::<BTreeMap<String, Value>>()));
        Self {
            fleet,
            specials: Arc::new(specials),
            run_vars: Layer::new(&plan.vars),
            stage_vars: plan.stages.iter().map(|stage| Layer::new(&stage.vars)).collect(),
            hosts: RefCell::default(),
            results,
        }
    }

    /// The variables of a host of the inventory: how it is reached is among them.
    pub(crate) fn host(&self, name: &Arc<str>) -> Value {
        if let Some(known) = self.hosts.borrow().get(name) {
            return known.clone();
        }
        let layers = self.fleet.layers(name).chain([Layer::Plain(self.specials.clone())]);
        let vars = scope_of(&Arc::new(layers.collect()), 0);
        self.hosts.borrow_mut().insert(name.clone(), vars.clone());
        vars
    }

    /// The scope of a place. `own` names win over all others, those of `below` over none but the run's own.
    pub(crate) fn scope(
        &self,
        place: &Place<'_>,
        own: BTreeMap<String, Value>,
        below: Option<Arc<dyn Lookup>>,
    ) -> Value {
        let mut layers: Vec<Layer> = Vec::with_capacity(10);
        if !own.is_empty() {
            layers.push(Layer::Plain(Arc::new(own)));
        }
        layers.extend(place.step.and_then(|step| Layer::new(&step.more().vars)));
        if !place.registers.is_empty() {
            layers.push(Layer::Plain(place.registers.clone()));
        }
        layers.extend(Layer::new(&place.task.more().vars));
        layers.extend(place.task.stage.and_then(|stage| self.stage_vars[stage as usize].clone()));
        layers.extend(self.run_vars.clone());
        layers.extend(below.map(Layer::Plain));
        layers.extend(self.fleet.layers(place.host));
        layers.push(Layer::Plain(self.specials.clone()));
        layers.extend(self.fleet.door.clone());
        let stack = Arc::new(layers);
        let vars = scope_of(&stack, 0);
        // `vars` is the same scope as a value, for names that are not plain words.
        Scope::builder().value("vars", vars.clone()).scope(vars).build()
    }
}
