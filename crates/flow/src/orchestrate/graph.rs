//! Which task needs which: the dependency resolver.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Error, Task};

/// Tasks as numbers, in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Graph {
    /// The ids, sorted by their bytes.
    pub ids: Vec<Arc<str>>,
    /// For each task the tasks that it needs, in the order in which they were written.
    pub deps: Vec<Vec<usize>>,
    /// For each task those that need it.
    pub next: Vec<Vec<usize>>,
}

impl Graph {
    /// How many needs of each task are open.
    pub fn pending(&self) -> Vec<usize> {
        self.deps.iter().map(Vec::len).collect()
    }
}

/// Finds out which task needs which. A caller may bring its own.
pub trait Resolver: Send + Sync {
    /// The graph of these tasks, whose ids are all different; an error where a need is missing or they go in a
    /// circle.
    fn resolve(&self, tasks: &[Task]) -> Result<Graph, Error>;
}

/// A need that is written twice is one need.
#[derive(Clone, Copy, Debug, Default)]
pub struct Distinct;

/// As claude-workflow has it: a need that is written twice is two needs, which are met together.
#[derive(Clone, Copy, Debug, Default)]
pub struct AsWritten;

impl Resolver for Distinct {
    fn resolve(&self, tasks: &[Task]) -> Result<Graph, Error> {
        resolve(tasks, true)
    }
}

impl Resolver for AsWritten {
    fn resolve(&self, tasks: &[Task]) -> Result<Graph, Error> {
        resolve(tasks, false)
    }
}

fn resolve(tasks: &[Task], once: bool) -> Result<Graph, Error> {
    let sorted: BTreeMap<&str, &Task> = tasks.iter().map(|task| (&*task.id, task)).collect();
    let places: BTreeMap<&str, usize> = sorted.keys().enumerate().map(|(n, id)| (*id, n)).collect();
    let mut graph = Graph { ids: Vec::new(), deps: Vec::new(), next: vec![Vec::new(); sorted.len()] };
    for (at, task) in sorted.values().enumerate() {
        let mut deps = Vec::with_capacity(task.deps.len());
        let mut seen = BTreeSet::new();
        for dep in &task.deps {
            let missing = || Error::DepNotFound { task: task.id.clone(), dep: dep.clone() };
            let place = *places.get(&**dep).ok_or_else(missing)?;
            if seen.insert(place) || !once {
                deps.push(place);
                graph.next[place].push(at);
            }
        }
        graph.ids.push(task.id.clone());
        graph.deps.push(deps);
    }
    match circle(&graph) {
        None => Ok(graph),
        Some(path) => Err(Error::Cycle(path)),
    }
}

/// A circle, as a path that ends where it begins. Works off what can be done; what is left goes in circles.
fn circle(graph: &Graph) -> Option<Vec<Arc<str>>> {
    let mut pending = graph.pending();
    let mut ready: Vec<usize> = (0..pending.len()).filter(|at| pending[*at] == 0).collect();
    while let Some(at) = ready.pop() {
        for &next in &graph.next[at] {
            pending[next] -= 1;
            if pending[next] == 0 {
                ready.push(next);
            }
        }
    }
    let first = pending.iter().position(|open| *open > 0)?;
    // Every task that is left needs one that is left: following those comes to a task twice.
    let stuck = |at: &usize| graph.deps[*at].iter().copied().find(|dep| pending[*dep] > 0);
    let walk: Vec<usize> = std::iter::successors(Some(first), stuck).take(pending.len() + 1).collect();
    let (last, end) = (*walk.last()?, walk.len() - 1);
    let start = walk[..end].iter().rposition(|at| *at == last)?;
    // It is told from its first id on, whoever was met first.
    let mut round = walk[start..end].to_vec();
    let first = round.iter().enumerate().min_by_key(|(_, at)| **at).map_or(0, |(place, _)| place);
    round.rotate_left(first);
    round.extend(round.first().copied());
    Some(round.iter().map(|at| graph.ids[*at].clone()).collect())
}
