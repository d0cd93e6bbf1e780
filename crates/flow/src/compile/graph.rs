//! The tasks of a document with their ids and needs: which stands before which.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use windlass_model::{Code, TaskId};
use windlass_yaml::nearest;

use super::problems::{Problems, problem};
use crate::document::{Document, Entry, Inclusion, Placed, Task};

/// A task with where it stands.
pub(super) struct Place<'a> {
    pub task: &'a Task,
    /// Its whole id; `None` where it is missing or bad.
    pub id: Option<TaskId>,
    pub stage: Option<usize>,
    /// The includes that bring it in, the outermost first, each with the space that it is written in.
    pub includes: Vec<(&'a Inclusion, usize)>,
    /// Which ids are short for it.
    pub space: usize,
    /// The tasks that it needs, sorted.
    pub needs: Vec<usize>,
}

/// The ids of one file of tasks, or of the document.
struct Space {
    prefix: String,
    parent: Option<usize>,
    names: HashMap<String, Target>,
}

/// What an id stands for.
#[derive(Clone)]
pub(super) enum Target {
    Task(usize),
    /// All tasks of an include.
    Include(Rc<Vec<usize>>),
}

/// All tasks of a document.
pub(super) struct Graph<'a> {
    pub tasks: Vec<Place<'a>>,
    spaces: Vec<Space>,
    /// Whole ids.
    ids: HashMap<String, usize>,
    /// For each task, those that need it.
    dependents: Vec<Vec<usize>>,
    /// For tasks that were asked about, whether each task is downstream of it.
    downstream: RefCell<HashMap<usize, Rc<Vec<bool>>>>,
}

/// Circles that are told; a document with more is told the rest when these are gone.
const MAX_CIRCLES: usize = 10;

impl<'a> Graph<'a> {
    pub(super) fn new(document: &'a Document, problems: &Problems) -> Self {
        let root = Space { prefix: String::new(), parent: None, names: HashMap::new() };
        let mut graph = Graph {
            tasks: Vec::new(),
            spaces: vec![root],
            ids: HashMap::new(),
            dependents: Vec::new(),
            downstream: RefCell::default(),
        };
        let mut here = Here { stage: None, includes: Vec::new(), space: 0 };
        graph.add_all(&document.tasks, &mut here, problems);
        for (number, stage) in document.stages.iter().enumerate() {
            here.stage = Some(number);
            graph.add_all(&stage.tasks, &mut here, problems);
        }
        for task in 0..graph.tasks.len() {
            graph.tasks[task].needs = graph.needs_of(task, problems);
        }
        graph.tell_circles(problems);
        graph.dependents = graph.dependents();
        graph
    }

    fn add_all(&mut self, entries: &'a [Entry], here: &mut Here<'a>, problems: &Problems) {
        for entry in entries {
            match entry {
                Entry::Task(task) => self.add(task, here, problems),
                Entry::Include(include) => self.include(include, here, problems),
            }
        }
    }

    fn add(&mut self, task: &'a Task, here: &Here<'a>, problems: &Problems) {
        let number = self.tasks.len();
        let written = task.id.as_ref();
        let whole = written.map(|id| format!("{}{}", self.spaces[here.space].prefix, id.value));
        let id = whole.as_ref().and_then(|whole| self.good_id(whole, written?, problems));
        if let (Some(whole), Some(written)) = (whole, written) {
            match self.ids.get(&whole) {
                Some(&first) => self.tell_duplicate(&whole, written, first, problems),
                None => drop(self.ids.insert(whole, number)),
            }
            self.spaces[here.space].names.entry(written.value.clone()).or_insert(Target::Task(number));
        }
        self.tasks.push(Place {
            task,
            id,
            stage: here.stage,
            includes: here.includes.clone(),
            space: here.space,
            needs: Vec::new(),
        });
    }

    fn good_id(&self, whole: &str, written: &Placed<String>, problems: &Problems) -> Option<TaskId> {
        TaskId::new(whole)
            .map_err(|bad| {
                let wrong = problem(Code::BadName, &written.at, format!("`id`: {bad}"));
                problems.note(wrong.hint("what people should read goes into `name`, which takes any text"));
            })
            .ok()
    }

    fn tell_duplicate(&self, id: &str, second: &Placed<String>, first: usize, problems: &Problems) {
        let first = self.tasks[first].task.id.as_ref().unwrap_or(second);
        let same_text = Arc::ptr_eq(&first.at.source, &second.at.source);
        let same_name = first.at.source.name == second.at.source.name;
        let hint = match same_name && first.at.span == second.at.span {
            true => "the file is included twice: give each `include` an `id`",
            false => "ids are unique in the whole document; rename one of them",
        };
        // Tasks outside of stages are added first, wherever they stand.
        let turned = same_text && second.at.span < first.at.span;
        let (first, second) = if turned { (second, first) } else { (first, second) };
        let wrong = problem(Code::DuplicateTask, &second.at, format!("two tasks have the id `{id}`"));
        problems.note(wrong.related(first.at.clone(), "the other one stands here").hint(hint));
    }

    fn include(&mut self, include: &'a Inclusion, here: &Here<'a>, problems: &Problems) {
        let first = self.tasks.len();
        let mut inner = Here { stage: here.stage, includes: here.includes.clone(), space: here.space };
        inner.includes.push((include, here.space));
        if let Some(id) = &include.id {
            let prefix = format!("{}{}.", self.spaces[here.space].prefix, id.value);
            inner.space = self.spaces.len();
            self.spaces.push(Space { prefix, parent: Some(here.space), names: HashMap::new() });
        }
        self.add_all(&include.tasks, &mut inner, problems);
        let Some(id) = &include.id else { return };
        self.good_id(&id.value, id, problems);
        let all = Rc::new((first..self.tasks.len()).collect());
        self.spaces[here.space].names.entry(id.value.clone()).or_insert(Target::Include(all));
    }

    /// What an id stands for, as it is written in a space.
    pub(super) fn resolve(&self, space: usize, id: &str) -> Option<Target> {
        let mut at = Some(space);
        while let Some(space) = at {
            if let Some(target) = self.spaces[space].names.get(id) {
                return Some(target.clone());
            }
            at = self.spaces[space].parent;
        }
        self.ids.get(id).map(|&task| Target::Task(task))
    }

    /// The id that is nearest to one that is not there.
    pub(super) fn nearest(&self, space: usize, id: &str) -> Option<String> {
        let mut names: Vec<&str> = Vec::new();
        let mut at = Some(space);
        while let Some(space) = at {
            names.extend(self.spaces[space].names.keys().map(String::as_str));
            at = self.spaces[space].parent;
        }
        names.extend(self.ids.keys().map(String::as_str));
        names.sort_unstable();
        nearest(id, names).map(str::to_owned)
    }

    /// An id that begins with `start` and goes on with a character that an expression takes for an operator.
    pub(super) fn cut_short(&self, start: &str) -> Option<&str> {
        let rest = |id: &str| id.strip_prefix(start).is_some_and(|rest| rest.starts_with(['-', '.']));
        self.ids.keys().map(String::as_str).filter(|id| rest(id)).min()
    }

    fn needs_of(&self, number: usize, problems: &Problems) -> Vec<usize> {
        let place = &self.tasks[number];
        let mut needs = BTreeSet::new();
        for need in &place.task.needs {
            needs.extend(self.need(need, place.space, problems));
        }
        for (depth, (include, space)) in place.includes.iter().enumerate() {
            // What an include needs stands before its tasks; most of them get it through each other.
            let beside = |need: &usize| {
                let includes = &self.tasks[*need].includes;
                includes.get(depth).is_some_and(|(other, _)| std::ptr::eq(*other, *include))
            };
            if !needs.iter().any(beside) {
                needs.extend(include.needs.iter().flat_map(|need| self.need(need, *space, problems)));
            }
        }
        needs.into_iter().collect()
    }

    fn need(&self, need: &Placed<String>, space: usize, problems: &Problems) -> Vec<usize> {
        match self.resolve(space, &need.value) {
            Some(Target::Task(task)) => vec![task],
            Some(Target::Include(tasks)) => tasks.to_vec(),
            None if problems.is_full() => Vec::new(),
            None => {
                let message = format!("`needs`: there is no task `{}`", need.value);
                let wrong = problem(Code::MissingNeed, &need.at, message);
                problems.note(match self.nearest(space, &need.value) {
                    Some(near) => wrong.hint(format!("did you mean `{near}`?")),
                    None => wrong.hint("name a task of this document by its id"),
                });
                Vec::new()
            }
        }
    }

    /// Tells circles, each once, as a path.
    fn tell_circles(&mut self, problems: &Problems) {
        for _ in 0..MAX_CIRCLES {
            let Some(circle) = self.circle() else { return };
            self.tell_circle(&circle, problems);
            // Without this edge the next circle shows; the document is refused anyway.
            let (last, first) = (circle[circle.len() - 1], circle[0]);
            self.tasks[last].needs.retain(|&need| need != first);
        }
    }

    fn tell_circle(&self, circle: &[usize], problems: &Problems) {
        let name = |task: usize| self.tasks[task].id.as_ref().map_or("?", TaskId::as_str);
        let path: Vec<&str> = circle.iter().chain([&circle[0]]).map(|&task| name(task)).collect();
        let at = |from: usize, to: usize| {
            let needs = &self.tasks[from].task.needs;
            let own = needs.iter().find(|need| match self.resolve(self.tasks[from].space, &need.value) {
                Some(Target::Task(task)) => task == to,
                Some(Target::Include(tasks)) => tasks.contains(&to),
                None => false,
            });
            let of_include =
                || self.tasks[from].includes.iter().flat_map(|(include, _)| &include.needs).next();
            own.or_else(of_include).map(|need| need.at.clone())
        };
        let edges: Vec<(usize, usize)> =
            circle.iter().copied().zip(circle.iter().copied().cycle().skip(1)).take(circle.len()).collect();
        let message = match circle.len() {
            1 => format!("task `{}` needs itself", path[0]),
            _ => format!("tasks need each other in a circle: {}", path.join(" → ")),
        };
        let Some(first) = at(edges[0].0, edges[0].1) else { return };
        let mut wrong = problem(Code::Circle, &first, message);
        for &(from, to) in &edges[1..] {
            if let Some(place) = at(from, to) {
                wrong = wrong.related(place, format!("`{}` needs `{}` here", name(from), name(to)));
            }
        }
        problems.note(wrong.hint("remove one of these needs"));
    }

    /// One circle of tasks, each needing the next one and the last the first; it begins with the first by id.
    fn circle(&self) -> Option<Vec<usize>> {
        let mut waiting: Vec<usize> = self.tasks.iter().map(|task| task.needs.len()).collect();
        let dependents = self.dependents();
        let mut ready: Vec<usize> = (0..self.tasks.len()).filter(|&task| waiting[task] == 0).collect();
        while let Some(task) = ready.pop() {
            for &next in &dependents[task] {
                waiting[next] -= 1;
                if waiting[next] == 0 {
                    ready.push(next);
                }
            }
        }
        let stuck = |task: &usize| waiting[*task] > 0;
        let mut at = (0..self.tasks.len()).find(stuck)?;
        let mut path: Vec<usize> = Vec::new();
        let mut seen = vec![usize::MAX; self.tasks.len()];
        while seen[at] == usize::MAX {
            seen[at] = path.len();
            path.push(at);
            at = *self.tasks[at].needs.iter().find(|need| stuck(need))?;
        }
        let mut circle = path.split_off(seen[at]);
        let first =
            (0..circle.len()).min_by_key(|&n| self.tasks[circle[n]].id.as_ref().map(TaskId::as_str))?;
        circle.rotate_left(first);
        Some(circle)
    }

    fn dependents(&self) -> Vec<Vec<usize>> {
        let mut dependents: Vec<Vec<usize>> = vec![Vec::new(); self.tasks.len()];
        for (number, task) in self.tasks.iter().enumerate() {
            task.needs.iter().for_each(|&need| dependents[need].push(number));
        }
        dependents
    }

    /// Whether `task` waits for `other`, directly or through others.
    pub(super) fn is_upstream(&self, other: usize, task: usize) -> bool {
        self.tasks[task].needs.binary_search(&other).is_ok() || self.downstream(other)[task]
    }

    /// For each task, whether it is downstream of `task`. Few tasks are named from afar, and mostly by many.
    fn downstream(&self, task: usize) -> Rc<Vec<bool>> {
        if let Some(known) = self.downstream.borrow().get(&task) {
            return known.clone();
        }
        let found = Rc::new(reach(self.tasks.len(), task, |task| &self.dependents[task]));
        let mut known = self.downstream.borrow_mut();
        // A set has a byte for each task of the document: of a large one only a few are kept.
        if known.len() * found.len() > 1 << 24 {
            known.clear();
        }
        known.insert(task, found.clone());
        found
    }

    /// For each task, whether it is upstream of `task`.
    pub(super) fn upstream(&self, task: usize) -> Vec<bool> {
        reach(self.tasks.len(), task, |task| &self.tasks[task].needs)
    }
}

/// Which of so many can be reached from one.
fn reach<'g>(count: usize, from: usize, next: impl Fn(usize) -> &'g [usize]) -> Vec<bool> {
    let mut found = vec![false; count];
    let mut open = next(from).to_vec();
    while let Some(task) = open.pop() {
        if !std::mem::replace(&mut found[task], true) {
            open.extend(next(task));
        }
    }
    found
}

/// Where in a document tasks are being added.
struct Here<'a> {
    stage: Option<usize>,
    includes: Vec<(&'a Inclusion, usize)>,
    space: usize,
}
