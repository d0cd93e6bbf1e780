//! Bare expressions among parameters, evaluated for the modules that take them.

use serde_json::{Value, json};
use windlass_expr::{ErrorKind, Expression, from_json};
use windlass_model::{Code, Failure};

use crate::failure;

/// What Ansible shows in place of a value that is not there.
const UNDEFINED: &str = "VARIABLE IS NOT DEFINED!";

/// Evaluates the conditions of `that`, up to the first that does not hold: those after it may well stand on it.
pub(super) fn assert(
    mut input: Value,
    scope: impl FnOnce() -> windlass_expr::Value,
) -> Result<Value, Failure> {
    let Some(that) = input.get_mut("that").filter(|that| !that.is_null()) else { return Ok(input) };
    let scope = scope();
    let mut judged = Vec::new();
    for condition in std::slice::from_ref(that).iter().flat_map(items) {
        let holds = holds(condition, &scope)?;
        judged.push(json!({"condition": condition, "result": holds}));
        if !holds {
            break;
        }
    }
    *that = judged.into();
    Ok(input)
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// What is text is an expression; anything else is a value that a template gave, as true as Python sees it.
fn holds(condition: &Value, scope: &windlass_expr::Value) -> Result<bool, Failure> {
    match condition {
        Value::String(text) => {
            let value = expression(text)?.test(scope);
            value.map_err(|error| failed(&error, text))
        }
        value => Ok(from_json(value).is_true()),
    }
}

/// Evaluates the expression of `var`. One that is not defined is shown as such, and is no failure.
pub(super) fn debug(
    mut input: Value,
    scope: impl FnOnce() -> windlass_expr::Value,
) -> Result<Value, Failure> {
    let Some(var) = input.get_mut("var").filter(|var| !var.is_null()) else { return Ok(input) };
    let Value::String(text) = &*var else {
        // A template gave the value itself.
        let name = var.to_string();
        *var = json!({"expr": name, "value": var.take()});
        return Ok(input);
    };
    let value = match expression(text)?.eval(&scope()) {
        Ok(value) => value,
        Err(error) if error.kind == ErrorKind::Undefined => UNDEFINED.into(),
        Err(error) => return Err(failed(&error, text)),
    };
    *var = json!({"expr": text.clone(), "value": value});
    Ok(input)
}

fn expression(text: &str) -> Result<Expression, Failure> {
    let wrong = |error| failure::expression(Code::ExpressionSyntax, &error, &format!("`{text}`"));
    Expression::parse(text).map_err(wrong)
}

fn failed(error: &windlass_expr::Error, text: &str) -> Failure {
    failure::expression(Code::ExpressionFailed, error, &format!("`{text}`"))
}
