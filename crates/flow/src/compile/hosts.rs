//! The hosts of a task: its pattern over the inventory, and how it goes over them.

use std::sync::Arc;

use windlass_model::{Code, LOCALHOST, Rollout, is_this_machine};

use super::Cx;
use super::layer::View;
use super::problems::problem;
use super::texts::{Look, has_braces};
use crate::document::{Task, Written};

/// How many hosts a task works on at once, where nobody says.
const CHUNK: u32 = 10;

impl<'a> Cx<'a> {
    /// The hosts that a task is for, and how it goes over them.
    pub(super) fn hosts(&self, task: &'a Task, space: usize, view: &View<'a>) -> (Vec<Arc<str>>, Rollout) {
        let Some(written) = &task.rollout.hosts else { return (vec![LOCALHOST.into()], Rollout::default()) };
        let look = Look { view, space, lenient: false, argv: false };
        let Some(pattern) = self.pattern(look, written) else { return (Vec::new(), Rollout::default()) };
        let hosts = match &self.request.hosts {
            None if is_this_machine(pattern.trim()) => return (vec![LOCALHOST.into()], Rollout::default()),
            None => {
                let message = format!("`hosts: {pattern}` needs an inventory, and there is none");
                let wrong = problem(Code::NoInventory, &written.at(), message);
                self.problems.note(wrong.hint("give one: `windlass run -i hosts.yaml …`"));
                Vec::new()
            }
            Some(inventory) => inventory.select(&pattern).unwrap_or_else(|why| {
                let message = format!("`hosts: {pattern}`: {why}");
                self.problems.note(problem(Code::NoHost, &written.at(), message));
                Vec::new()
            }),
        };
        let rollout = self.rollout(task, hosts.len());
        (hosts, rollout)
    }

    /// The patterns of a task as one text, once everything in it is known.
    fn pattern(&self, look: Look<'_, 'a>, written: &Written) -> Option<String> {
        let settled = self.settle(look, written, &written.node);
        let part = |node: &windlass_yaml::Node| node.text().map(str::to_owned);
        let parts: Option<Vec<String>> = match settled.as_list() {
            Some(items) => items.iter().map(part).collect(),
            None => part(&settled).map(|text| vec![text]),
        };
        let wrong = match parts.map(|parts| parts.join(",")) {
            Some(text) if !has_braces(&text) && !text.trim().is_empty() => return Some(text),
            Some(text) if has_braces(&text) => {
                let message =
                    "`hosts` must be known before the run, and this needs something that only the run knows";
                problem(Code::WrongType, &written.at(), message)
                    .hint("make it of variables of the document or of the command line")
            }
            _ => problem(Code::WrongType, &written.at(), "`hosts`: expected a pattern or a list of patterns")
                .hint("write the name of a host or a group: `hosts: web`"),
        };
        self.problems.note(wrong);
        None
    }

    fn rollout(&self, task: &Task, hosts: usize) -> Rollout {
        let said = &task.rollout;
        let (window, barrier) = match said.chunk {
            Some(chunk) if chunk.barrier => (None, Some(chunk.size)),
            Some(chunk) => (Some(chunk.size), None),
            None => (Some(self.request.chunk.unwrap_or(CHUNK)), None),
        };
        let serial: Vec<u32> = said.serial.iter().map(|size| size.of(hosts)).collect();
        let rollout = Rollout {
            window: window.filter(|&window| (window as usize) < hosts),
            serial: if serial.is_empty() { barrier.into_iter().collect() } else { serial },
            max_fail_percentage: said.max_fail_percentage,
        };
        if hosts > 1 { rollout } else { Rollout::default() }
    }

    /// Whether some host of the inventory has a variable of this name.
    pub(super) fn is_host_var(&self, name: &str) -> bool {
        self.host_vars.contains(name)
    }
}
