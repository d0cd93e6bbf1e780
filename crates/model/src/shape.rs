//! The shape of a plan: what makes one well-formed, and its tasks in order.

use crate::{BadPlan, PLAN_VERSION, Plan, Task};

impl Plan {
    /// Checks that indices lead somewhere, names are sorted and unique, and tasks form no circle.
    pub fn check(&self) -> Result<(), BadPlan> {
        if self.version == 0 || self.version > PLAN_VERSION {
            return Err(BadPlan::Version(self.version));
        }
        let shape = |what: String| Err(BadPlan::Shape(what));
        if let Some(set) =
            self.host_sets.iter().position(|set| set.iter().any(|&h| h as usize >= self.hosts.len()))
        {
            return shape(format!("host set {set} names a host that is not there"));
        }
        if !sorted(self.stages.iter().map(|s| s.name.as_str())) {
            return shape("stages are not sorted by name, or one stands twice".into());
        }
        if !sorted(self.tasks.iter().map(|t| t.id.as_str())) {
            return shape("tasks are not sorted by id, or one stands twice".into());
        }
        for task in &self.tasks {
            self.check_task(task).map_err(|what| BadPlan::Shape(format!("task {}: {what}", task.id)))?;
        }
        match self.waiting_for_ever() {
            None => Ok(()),
            Some(waiting) => {
                let name = |&task: &u32| self.tasks[task as usize].id.to_string();
                Err(BadPlan::Cycle(self.circle(&waiting).iter().map(name).collect()))
            }
        }
    }

    /// How many tasks each one waits for in vain, where tasks form a circle.
    fn waiting_for_ever(&self) -> Option<Vec<u32>> {
        // Who needs such as stand before it only is in no circle: often that are all, and nobody has to be followed.
        let before = |(at, task): (usize, &Task)| task.needs.iter().all(|&need| (need as usize) < at);
        if self.tasks.iter().enumerate().all(before) {
            return None;
        }
        let mut waiting: Vec<u32> = self.tasks.iter().map(|t| t.needs.len() as u32).collect();
        let dependents = self.dependents();
        let mut ready: Vec<u32> =
            (0..self.tasks.len() as u32).filter(|&t| waiting[t as usize] == 0).collect();
        let mut done = 0;
        while let Some(task) = ready.pop() {
            done += 1;
            for &next in dependents.of(task) {
                waiting[next as usize] -= 1;
                if waiting[next as usize] == 0 {
                    ready.push(next);
                }
            }
        }
        (done < self.tasks.len()).then_some(waiting)
    }

    fn check_task(&self, task: &Task) -> Result<(), String> {
        if task.stage.is_some_and(|s| s as usize >= self.stages.len()) {
            return Err("its stage is not there".into());
        }
        if task.hosts as usize >= self.host_sets.len() {
            return Err("its host set is not there".into());
        }
        if task.needs.iter().any(|&n| n as usize >= self.tasks.len()) {
            return Err("it needs a task that is not there".into());
        }
        if task.cleanup as usize > task.steps.len() {
            return Err("its cleanup begins past its end".into());
        }
        if task.steps.len() > 1 {
            let mut ids: Vec<&str> = task.steps.iter().map(|s| s.id.as_str()).collect();
            ids.sort_unstable();
            if ids.windows(2).any(|pair| pair[0] == pair[1]) {
                return Err("two of its steps have one id".into());
            }
        }
        for block in &task.blocks {
            let marks = [block.start, block.rescue, block.always, block.end, task.cleanup];
            if marks.windows(2).any(|pair| pair[0] > pair[1]) {
                return Err("a block's parts are out of order".into());
            }
        }
        Ok(())
    }

    /// The tasks with each after all that it needs, of those possible the one that is first by id. An error
    /// is one circle, its first task repeated at its end.
    pub fn order(&self) -> Result<Vec<u32>, Vec<u32>> {
        let count = self.tasks.len();
        let mut waiting: Vec<u32> = self.tasks.iter().map(|t| t.needs.len() as u32).collect();
        let dependents = self.dependents();
        let mut ready: std::collections::BinaryHeap<_> =
            (0..count as u32).filter(|&t| waiting[t as usize] == 0).map(std::cmp::Reverse).collect();
        let mut order = Vec::with_capacity(count);
        while let Some(std::cmp::Reverse(task)) = ready.pop() {
            order.push(task);
            for &next in dependents.of(task) {
                waiting[next as usize] -= 1;
                if waiting[next as usize] == 0 {
                    ready.push(std::cmp::Reverse(next));
                }
            }
        }
        if order.len() == count { Ok(order) } else { Err(self.circle(&waiting)) }
    }

    /// Follows needs among tasks that never became ready until one comes again.
    fn circle(&self, waiting: &[u32]) -> Vec<u32> {
        let stuck = |t: &u32| waiting[*t as usize] > 0;
        let mut at = (0..self.tasks.len() as u32).find(stuck).expect("some task is not in the order");
        let mut path: Vec<u32> = Vec::new();
        let mut place: std::collections::HashMap<u32, usize> = std::collections::HashMap::new();
        loop {
            if let Some(start) = place.insert(at, path.len()) {
                let mut circle = path.split_off(start);
                circle.push(at);
                return circle;
            }
            path.push(at);
            at = *self.tasks[at as usize]
                .needs
                .iter()
                .find(|t| stuck(t))
                .expect("a stuck task needs a stuck one");
        }
    }

    /// For each task, the tasks that need it.
    pub fn dependents(&self) -> Dependents {
        let mut starts = vec![0u32; self.tasks.len() + 1];
        for &need in self.tasks.iter().flat_map(|t| t.needs.iter()) {
            starts[need as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut fill = starts.clone();
        let mut edges = vec![0u32; *starts.last().unwrap_or(&0) as usize];
        for (task, needs) in self.tasks.iter().enumerate() {
            for &need in &needs.needs {
                edges[fill[need as usize] as usize] = task as u32;
                fill[need as usize] += 1;
            }
        }
        Dependents { starts, edges }
    }
}

/// For each task the tasks that need it, in index order: two flat lists, four bytes an edge.
#[derive(Clone, Debug)]
pub struct Dependents {
    starts: Vec<u32>,
    edges: Vec<u32>,
}

impl Dependents {
    /// The tasks that need `task`.
    pub fn of(&self, task: u32) -> &[u32] {
        &self.edges[self.starts[task as usize] as usize..self.starts[task as usize + 1] as usize]
    }
}

fn sorted<'a>(mut names: impl Iterator<Item = &'a str>) -> bool {
    let Some(mut last) = names.next() else { return true };
    names.all(|name| std::mem::replace(&mut last, name) < name)
}
