//! Remembers what a template writes, so that one which writes a single value keeps the value's type.
//!
//! `{% if a %}{{ list }}{% endif %}` is a list in Ansible, not its text. Everything that a template writes
//! passes the formatter (the rewritten text writes its literal parts as values, too), which tells it here.

use std::cell::RefCell;

use minijinja::Value;

thread_local! {
    static WRITTEN: RefCell<Option<Written>> = const { RefCell::new(None) };
}

/// What was written so far.
#[derive(Debug, Default, Clone)]
enum Written {
    #[default]
    Nothing,
    One(Value),
    Many,
}

/// Watches one rendering; an outer one goes on afterwards.
pub(crate) struct Watch(Option<Written>);

impl Watch {
    pub(crate) fn start() -> Watch {
        Watch(WRITTEN.replace(Some(Written::Nothing)))
    }

    /// The value, if exactly one was written.
    pub(crate) fn only(&self) -> Option<Value> {
        WRITTEN.with_borrow(|written| match written {
            Some(Written::One(value)) => Some(value.clone()),
            _ => None,
        })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        WRITTEN.set(self.0.take());
    }
}

/// Called for each value that is written.
pub(crate) fn note(value: &Value) {
    WRITTEN.with_borrow_mut(|written| {
        if let Some(written) = written {
            *written = match written {
                Written::Nothing => Written::One(value.clone()),
                _ => Written::Many,
            };
        }
    });
}
