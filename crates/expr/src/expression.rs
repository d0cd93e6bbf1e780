//! A bare expression, as `when` has it.

use std::fmt;
use std::sync::{Arc, LazyLock};

use minijinja::Value;

use crate::cache::Cache;
use crate::compile::{self, Compiled};
use crate::convert::json_of;
use crate::error::{Error, ErrorKind};
use crate::explain::{self, runtime_error};
use crate::here::Placed;
use crate::meter::Metered;
use crate::refs::References;
use crate::rewrite::{Dialect, Rewritten};

/// A bare expression: `version != ''`. Braces around it are tolerated. Cloning is cheap.
#[derive(Clone)]
pub struct Expression(Arc<Inner>);

struct Inner {
    source: String,
    compiled: Compiled,
    references: References,
}

impl Expression {
    /// Parses an expression. Offsets in errors count in `source` as given. A backslash in a string is an
    /// escape, as in Ansible's conditions; between braces it is itself, as in a [`Template`](crate::Template).
    ///
    /// Texts parsed before are kept (a bounded number of them), so that asking again costs next to nothing.
    pub fn parse(source: &str) -> Result<Expression, Error> {
        static PARSED: LazyLock<Cache<Expression>> = LazyLock::new(Cache::new);
        PARSED.get(source, || Expression::fresh(source))
    }

    fn fresh(source: &str) -> Result<Expression, Error> {
        let (bare, start) = without_braces(source);
        if bare.trim().is_empty() {
            return Err(Error::syntax("the expression is empty", 0));
        }
        if let Some(at) = bare.find("{%").filter(|_| !bare.contains(['\'', '"'])) {
            return Err(Error::syntax("a condition is one expression, without `{% %}`", start + at)
                .hint("write it bare, as in `when: version != ''`"));
        }
        let dialect = if start > 0 { &Dialect::DOCUMENT } else { &Dialect::BARE };
        let (compiled, references) = compile::expression(bare, dialect).map_err(|e| {
            let e = e.shift(start);
            match bare.contains("{{") {
                true => e.hint("write it without braces: the whole text is one expression already"),
                false => e,
            }
        })?;
        let source = source.to_owned();
        Ok(Expression(Arc::new(Inner { source, compiled, references: references.shift(start) })))
    }

    /// The text as it was written.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// The variables that it refers to.
    pub fn references(&self) -> &References {
        &self.0.references
    }

    /// The value of the expression as JSON. An undefined result is an error.
    pub fn eval(&self, scope: &Value) -> Result<serde_json::Value, Error> {
        let _metered = Metered::start();
        let _placed = Placed::start(&self.0.references, scope);
        let Inner { compiled, .. } = &*self.0;
        evaluate(compiled, scope)
            .and_then(|value| to_data(&value, &compiled.rewritten, scope))
            .map_err(|e| self.explained(e, scope))
    }

    /// Whether the result is true as Python sees it: everything but `false`, `none`, zero and what is empty.
    /// A text is true unless it is empty, whatever it says: `'false'` is true, as in Ansible.
    pub fn test(&self, scope: &Value) -> Result<bool, Error> {
        let _metered = Metered::start();
        let _placed = Placed::start(&self.0.references, scope);
        evaluate(&self.0.compiled, scope).map(|value| value.is_true()).map_err(|e| self.explained(e, scope))
    }

    fn explained(&self, error: Error, scope: &Value) -> Error {
        explain::named(error.shift(without_braces(&self.0.source).1), &self.0.references, scope)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.0.source).finish()
    }
}

/// The text within the braces, if the whole text is one pair of them, and where it starts.
fn without_braces(source: &str) -> (&str, usize) {
    let inner = source.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
    match inner {
        // `{{'a': 1}['a']}}` and the like are no braces around one expression.
        Some(inner) if !inner.contains("{{") && !inner.contains("}}") => {
            let dashed = inner.strip_prefix('-').unwrap_or(inner);
            let bare = dashed.strip_suffix('-').unwrap_or(dashed);
            (bare, bare.as_ptr() as usize - source.as_ptr() as usize)
        }
        _ => (source, 0),
    }
}

/// Evaluates to a value that is defined.
pub(crate) fn evaluate(compiled: &Compiled, scope: &Value) -> Result<Value, Error> {
    let value =
        compiled.expression.eval(scope.clone()).map_err(|e| runtime_error(&e, &compiled.rewritten, scope))?;
    match value.is_undefined() {
        true => Err(undefined_result(compiled, scope)),
        false => Ok(value),
    }
}

/// The result as data; an undefined value can hide in a list, a function in a map.
pub(crate) fn to_data(
    value: &Value,
    rewritten: &Rewritten,
    scope: &Value,
) -> Result<serde_json::Value, Error> {
    json_of(value).map_err(|e| runtime_error(&e, rewritten, scope))
}

fn undefined_result(compiled: &Compiled, scope: &Value) -> Error {
    let mut error = match &compiled.path {
        Some(path) => explain::undefined_path(path, scope),
        None => Error::new(ErrorKind::Undefined, "the result is undefined"),
    };
    error.offset = compiled.rewritten.original(0);
    error
}
