//! Whether texts ask for what has effects of its own: a command, a server, a password that is kept.

use std::collections::BTreeSet;

use serde_json::Value as Json;
use windlass_model::{Plan, Step};

use crate::vars::{each_in, each_of_step, each_variable, references};

/// Lookups with effects. A template that is looked up may ask for anything, and a name that is a value may be any.
const EFFECTS: [&str; 5] = ["lines", "password", "pipe", "template", "url"];

/// Ways to a variable whose name the text need not tell.
const ROUNDABOUT: [&str; 2] = ["hostvars", "vars"];

/// Which texts of a plan ask for such.
#[derive(Debug, Default)]
pub(super) struct Asks {
    /// Variables that do, of whatever level, themselves or through others.
    names: BTreeSet<String>,
}

impl Asks {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut asks = Self::default();
        loop {
            let known = asks.names.len();
            let mut found = BTreeSet::new();
            each_variable(plan, &mut |name, value| {
                if !asks.names.contains(name) && asks.value(value) {
                    found.insert(name.to_owned());
                }
            });
            asks.names.extend(found);
            if asks.names.len() == known {
                return asks;
            }
        }
    }

    /// Whether a text does, or a variable that it names.
    pub(super) fn text(&self, text: &str) -> bool {
        // Nearly no text has any of these words.
        let direct = ["lookup", "query", "q("].iter().any(|word| text.contains(word));
        let named = !self.names.is_empty()
            && (text.contains("vars") || self.names.iter().any(|name| text.contains(name.as_str())));
        if !direct && !named {
            return false;
        }
        let references = references(text);
        let effect = |name: Option<&str>| {
            name.is_none_or(|name| EFFECTS.contains(&name) || named && ROUNDABOUT.contains(&name))
        };
        let through = |root: &str| self.names.contains(root) || named && ROUNDABOUT.contains(&root);
        references.asked.iter().any(|asked| effect(asked.name.as_deref()))
            || references.paths.iter().any(|path| path.first().is_some_and(|root| through(root)))
    }

    pub(super) fn any<'t>(&self, texts: impl IntoIterator<Item = &'t String>) -> bool {
        texts.into_iter().any(|text| self.text(text))
    }

    /// Whether a text of a tree does.
    pub(super) fn value(&self, value: &Json) -> bool {
        let mut found = false;
        each_in(value, &mut |text| found = found || self.text(text));
        found
    }

    /// Whether any text of a step does.
    pub(super) fn step(&self, step: &Step) -> bool {
        let mut found = false;
        each_of_step(step, &mut |text| found = found || self.text(text));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::Asks;

    #[test]
    fn lookups_with_effects_are_told_from_those_without() {
        let asks = Asks { names: ["count".to_owned()].into() };
        for text in [
            "{{ lookup('pipe', 'date') }}",
            "{{ query('url', x) }}",
            "a {{ q('ansible.builtin.lines', 'ls') }}",
            "{{ lookup(kind, 'x') }}",
            "lookup('pipe', 'x') == ''",
            "count > 3",
            "{{ count }}",
            "{{ vars['co' ~ 'unt'] }}",
            "{{ hostvars[name].other }}",
            "{{ lookup('vars', name) }}",
        ] {
            assert!(asks.text(text), "{text}");
        }
        for text in [
            "{{ lookup('file', 'x') }}",
            "lookup of pipe",
            "{{ pipe }}",
            "{{ lookup('env', 'X') }}",
            "{{ counter }}",
            "{{ tasks.count.output }}",
        ] {
            assert!(!asks.text(text), "{text}");
        }
    }
}
