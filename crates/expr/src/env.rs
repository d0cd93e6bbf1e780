//! The one environment of the process: every filter, test and function, under strict rules.

use std::sync::OnceLock;

use minijinja::{Environment, UndefinedBehavior, Value};

use crate::error::{Error, ErrorKind};
use crate::meter::{self, FUEL};
use crate::nearest::nearest;
use crate::{emitted, filters, functions, lookups, methods, ops, repr, verdicts};

pub(crate) use functions::{FUNCTIONS, IMPURE_FUNCTIONS};

/// What Ansible has and we do not, or not yet: a better answer than "unknown".
const MISSING: &[(&str, &str)] = &[
    ("vault", "vaults are not supported yet; declare a secret instead"),
    ("unvault", "vaults are not supported yet; declare a secret instead"),
];

/// The environment that every expression and template is compiled in.
pub(crate) fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(build)
}

fn build() -> Environment<'static> {
    let mut env = Environment::empty();
    env.set_undefined_behavior(UndefinedBehavior::Strict);
    env.set_fuel(Some(FUEL));
    // Only in debug mode does an error tell where it happened and which name was undefined.
    env.set_debug(true);
    env.set_formatter(|out, _, value| {
        emitted::note(value);
        // The engine refuses undefined values before; what arrives here is an `if` without its `else`.
        if value.is_none() || value.is_undefined() {
            return Ok(());
        }
        match value.as_str() {
            Some(text) => {
                meter::charge(text.len())?;
                out.write_str(text)?;
            }
            None => out.write_str(&repr::written(value)?)?,
        }
        Ok(())
    });
    env.set_unknown_method_callback(methods::call);
    ops::add_to(&mut env);
    filters::add_to(&mut env);
    verdicts::add_to(&mut env);
    functions::add_to(&mut env);
    lookups::add_to(&mut env);
    env.add_global("omit", Value::from(crate::tree::OMIT));
    env
}

/// Collections whose filters, tests and lookups are here by their short names.
const COLLECTIONS: &[&str] = &["ansible.builtin.", "ansible.legacy.", "ansible.utils.", "community.general."];

/// A name without its collection.
pub(crate) fn short(name: &str) -> &str {
    COLLECTIONS.iter().find_map(|collection| name.strip_prefix(collection)).unwrap_or(name)
}

/// The names of one kind that an expression may use.
pub(crate) struct Known {
    what: &'static str,
    names: Vec<&'static str>,
}

impl Known {
    pub(crate) fn filters() -> &'static Known {
        static KNOWN: OnceLock<Known> = OnceLock::new();
        KNOWN.get_or_init(|| Known { what: "filter", names: filters::names().collect() })
    }

    pub(crate) fn tests() -> &'static Known {
        static KNOWN: OnceLock<Known> = OnceLock::new();
        KNOWN.get_or_init(|| Known { what: "test", names: verdicts::names().collect() })
    }

    pub(crate) fn functions() -> &'static Known {
        static KNOWN: OnceLock<Known> = OnceLock::new();
        KNOWN.get_or_init(|| Known { what: "function", names: FUNCTIONS.to_vec() })
    }

    /// The name under which the environment knows it. Its collection may be spelt out.
    pub(crate) fn resolve(&self, name: &str) -> Result<&'static str, Error> {
        let short = short(name);
        if let Some(known) = self.names.iter().find(|known| **known == short) {
            return Ok(known);
        }
        let error = Error::new(ErrorKind::Unknown, format!("there is no {} `{name}`", self.what));
        if let Some((_, hint)) = MISSING.iter().find(|(missing, _)| *missing == short) {
            return Err(error.hint(*hint));
        }
        Err(match nearest(short, self.names.iter().copied()) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error,
        })
    }
}
