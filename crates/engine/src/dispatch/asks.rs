//! Whether texts ask for what has effects of its own: a command, a server, a password that is kept.

use serde_json::Map;
use windlass_model::{Plan, Step};

use crate::vars::{each_in_map, each_of_step, references};

/// Lookups with effects. A template that is looked up may ask for anything, and a name that is a value may be any.
const EFFECTS: [&str; 5] = ["lines", "password", "pipe", "template", "url"];

/// Whether the step itself asks for such.
pub(super) fn step_asks(step: &Step) -> bool {
    let mut found = false;
    each_of_step(step, &mut |text| found = found || asks(text));
    found
}

/// Whether any variable of the plan does, which a step may well use.
pub(super) fn vars_ask(plan: &Plan) -> bool {
    let empty = Map::new();
    let tasks = plan.tasks.iter().map(|task| task.more.as_ref().map_or(&empty, |more| &more.vars));
    let hosts = plan.inventory.hosts.values().map(|host| &host.vars);
    let stages = plan.stages.iter().map(|stage| &stage.vars);
    let all = [&plan.vars, &plan.inventory.common].into_iter().chain(stages).chain(tasks).chain(hosts);
    let mut found = false;
    all.for_each(|vars| each_in_map(vars, &mut |text: &str| found = found || asks(text)));
    found
}

fn asks(text: &str) -> bool {
    // Nearly no text has any of these words.
    if !["lookup", "query", "q("].iter().any(|word| text.contains(word)) {
        return false;
    }
    let effect = |name: Option<&str>| name.is_none_or(|name| EFFECTS.contains(&name));
    references(text).asked.iter().any(|asked| effect(asked.name.as_deref()))
}

#[cfg(test)]
mod tests {
    use super::asks;

    #[test]
    fn lookups_with_effects_are_told_from_those_without() {
        for text in [
            "{{ lookup('pipe', 'date') }}",
            "{{ query('url', x) }}",
            "a {{ q('ansible.builtin.lines', 'ls') }}",
            "{{ lookup(kind, 'x') }}",
            "lookup('pipe', 'x') == ''",
        ] {
            assert!(asks(text), "{text}");
        }
        for text in ["{{ lookup('file', 'x') }}", "lookup of pipe", "{{ pipe }}", "{{ lookup('env', 'X') }}"]
        {
            assert!(!asks(text), "{text}");
        }
    }
}
