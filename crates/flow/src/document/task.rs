//! A task: what it needs, and its steps or the one thing that it does.

use windlass_model::{Code, RetryOn};
use windlass_yaml::{Kind, Map, Node};

use super::keywords::{DEED, SHARED, TASK};
use super::read::File;
use super::step::opening;
use super::{Entry, Item, Placed, Shared, Task, elsewhere, policy, rollout, vars};

impl File<'_> {
    /// A task, or an include that brings in tasks.
    pub(super) fn entry(&self, node: &Node) -> Option<Entry> {
        let mut map = self.reader.map(node)?;
        elsewhere::refuse(self.reader, &mut map);
        if map.key_span("include").is_some() {
            return self.include_tasks(map).map(|tasks| Entry::Include(Box::new(tasks)));
        }
        Some(Entry::Task(Box::new(self.task(map, node))))
    }

    fn task(&self, mut map: Map<'_, '_>, node: &Node) -> Task {
        let reader = self.reader;
        let id = self.task_id(&mut map);
        let shared = self.shared(&mut map);
        let mut task = Task {
            id,
            name: self.written(&mut map, "name"),
            description: map.text("description").map(|text| text.value).unwrap_or_default(),
            needs: self.needs(&mut map),
            shared,
            timeout: map.duration("timeout").map(|timeout| timeout.value),
            retry: policy::retry(reader, &mut map, RetryOn::Any),
            rollout: rollout::read(reader, &mut map),
            transaction: policy::transaction(&mut map),
            body: Vec::new(),
            cleanup: self.steps(&mut map, "cleanup"),
            outputs: vars::named(reader, &mut map, "outputs"),
            produces: self.keys(&mut map, "produces"),
            consumes: self.keys(&mut map, "consumes"),
        };
        let facts = self.facts(&mut map);
        self.body(&mut map, node, &mut task);
        task.body.splice(0..0, facts);
        self.finish(map, &[SHARED, TASK, DEED], true);
        task
    }

    fn task_id(&self, map: &mut Map<'_, '_>) -> Option<Placed<String>> {
        if map.required("id") {
            return map.text("id").map(|id| self.placed(id));
        }
        map.node("id");
        None
    }

    /// The step that `gather_facts` stands for.
    fn facts(&self, map: &mut Map<'_, '_>) -> Option<Item> {
        let span = map.key_span("gather_facts");
        let on = map.bool("gather_facts").is_some_and(|flag| flag.value);
        let subset = map.key_span("gather_subset").zip(map.node("gather_subset").cloned());
        if !on {
            if let Some((span, _)) = subset {
                let message = "`gather_subset` stands without `gather_facts: true`";
                self.reader.note(self.reader.problem(Code::Misplaced, span, message));
            }
            return None;
        }
        let at = self.reader.location(span?);
        let mut step = self.blank(at.clone());
        step.id = Some(Placed { value: "gather_facts".to_owned(), at: at.clone() });
        step.word = Some(Placed { value: "setup".to_owned(), at });
        step.input.node.value = Kind::Map(
            subset
                .map(|(span, node)| (Node::new(span, Kind::Str("gather_subset".to_owned())), node))
                .into_iter()
                .collect(),
        );
        Some(Item::Step(Box::new(step)))
    }

    pub(super) fn needs(&self, map: &mut Map<'_, '_>) -> Vec<Placed<String>> {
        map.texts("needs").unwrap_or_default().into_iter().map(|need| self.placed(need)).collect()
    }

    /// The steps, or the one step that the task is.
    fn body(&self, map: &mut Map<'_, '_>, node: &Node, task: &mut Task) {
        let reader = self.reader;
        let steps = map.key_span("steps");
        let word = map
            .entries()
            .iter()
            .map(|(key, _)| key)
            .find(|key| key.as_str().is_some_and(|key| self.is_word(key)));
        match (steps, word) {
            (Some(steps), Some(word)) => {
                let name = word.as_str().unwrap_or_default();
                let message = format!("`{name}` cannot stand beside `steps`");
                let problem = reader.problem(Code::ExclusiveKeys, word.span, message);
                let place = reader.location(steps);
                reader.note(problem.related(place, "`steps` stands here").hint("make it one of the steps"));
                map.node(name);
                task.body = self.steps(map, "steps");
            }
            (Some(_), None) => task.body = self.steps(map, "steps"),
            (None, Some(_)) => {
                let mut step = self.blank(opening(reader, node));
                self.deed(map, &mut step, &[SHARED, TASK, DEED]);
                step.shared = Shared { chdir: task.shared.chdir.clone(), ..Shared::default() };
                step.name = task.name.clone();
                step.alone = true;
                step.description.clone_from(&task.description);
                task.body.push(Item::Step(Box::new(step)));
            }
            (None, None) => self.nothing_to_do(map, node, task),
        }
    }

    /// A task without steps: an unknown key may be a misspelt word.
    fn nothing_to_do(&self, map: &mut Map<'_, '_>, node: &Node, task: &mut Task) {
        let reader = self.reader;
        let known = super::keywords::names(&[SHARED, TASK]);
        let only_known =
            map.entries().iter().all(|(key, _)| key.as_str().is_none_or(|key| known.contains(&key)));
        if map.key_span("block").is_some() {
            let span = map.key_span("block").unwrap_or_default();
            let problem = reader.problem(Code::Misplaced, span, "`block` is a step, and this is a task");
            reader.note(problem.hint("put it under `steps`: `steps: [ { block: … } ]`"));
            for key in ["block", "rescue", "always"] {
                map.node(key);
            }
        } else if only_known {
            let place = task.id.as_ref().map_or_else(|| opening(reader, node), |id| id.at.clone());
            let problem = reader.problem(Code::NoWord, place.span, "the task has no steps");
            reader.note(problem.hint("add `run: <command>`, or `steps:` with what it does"));
        } else {
            let mut step = self.blank(opening(reader, node));
            self.deed(map, &mut step, &[SHARED, TASK, DEED]);
            task.body.push(Item::Step(Box::new(step)));
        }
    }
}
