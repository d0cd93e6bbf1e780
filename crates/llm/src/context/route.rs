//! Brings the output of a task to the inputs of those that need it.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Brings the output of a task to the inputs of one that needs it. A caller may bring its own.
pub trait Router: Send + Sync {
    /// `inputs` are those of the task that needs `from`; `written` are the names that a person gave them. The
    /// answer is whether the output is among them now.
    fn route(
        &self,
        from: &str,
        output: Option<&Arc<str>>,
        inputs: &mut BTreeMap<String, Arc<str>>,
        written: &dyn Fn(&str) -> bool,
    ) -> bool;
}

/// An output comes in under its task's id, unless a person wrote an input of that name: what was written stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct Beside;

impl Router for Beside {
    fn route(
        &self,
        from: &str,
        output: Option<&Arc<str>>,
        inputs: &mut BTreeMap<String, Arc<str>>,
        written: &dyn Fn(&str) -> bool,
    ) -> bool {
        let Some(output) = output.filter(|_| !written(from)) else { return false };
        inputs.insert(from.to_owned(), output.clone());
        true
    }
}

/// As claude-workflow has it: an output comes in under its task's id, over what was written there; nothing is an
/// empty text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Over;

impl Router for Over {
    fn route(
        &self,
        from: &str,
        output: Option<&Arc<str>>,
        inputs: &mut BTreeMap<String, Arc<str>>,
        _: &dyn Fn(&str) -> bool,
    ) -> bool {
        inputs.insert(from.to_owned(), output.cloned().unwrap_or_default());
        true
    }
}
