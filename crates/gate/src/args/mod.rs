//! The parameters of one run: checked, under their own names, with defaults filled in.

mod coerce;
mod free_form;
mod mode;
mod nearest;

use serde_json::{Map, Value};

use crate::{Kind, Param, ParamError, Rule, Spec};

pub(crate) use coerce::text_of;
pub(crate) use free_form::expand;

/// Parameters that have passed the check of a [`Spec`].
///
/// The getters are asked with the names of that spec. They answer an absent parameter with the empty value of
/// its kind; a module that must tell the difference asks with the `opt_` form.
#[derive(Debug, Clone, PartialEq)]
pub struct Args(Map<String, Value>);

impl Args {
    /// Checks what was written (a map, or free-form text) and returns every problem at once.
    pub fn check(spec: &Spec, raw: Value) -> Result<Self, Vec<ParamError>> {
        let mut args = examine(spec, raw, false)?;
        for param in spec.params {
            if let Some(json) = param.default
                && !args.contains_key(param.name)
                && let Ok(value) = serde_json::from_str(json)
            {
                args.insert(param.name.into(), value);
            }
        }
        Ok(Self(args))
    }

    /// The value as it is, if the parameter was given or has a default.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// Whether the parameter was given or has a default.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Text, or "".
    pub fn str(&self, name: &str) -> &str {
        self.opt_str(name).unwrap_or_default()
    }

    /// Text, if given.
    pub fn opt_str(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Value::as_str)
    }

    /// A path as it was written, if given and not empty; [`Context`](crate::Context) knows what it means.
    pub fn path(&self, name: &str) -> Option<&str> {
        self.opt_str(name).filter(|path| !path.is_empty())
    }

    /// A truth value, or false.
    pub fn bool(&self, name: &str) -> bool {
        self.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// A whole number, or 0.
    pub fn int(&self, name: &str) -> i64 {
        self.opt_int(name).unwrap_or_default()
    }

    /// A whole number, if given.
    pub fn opt_int(&self, name: &str) -> Option<i64> {
        self.get(name).and_then(Value::as_i64)
    }

    /// A number, or 0.
    pub fn float(&self, name: &str) -> f64 {
        self.get(name).and_then(Value::as_f64).unwrap_or_default()
    }

    /// The elements of a list, or none.
    pub fn list(&self, name: &str) -> &[Value] {
        self.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// The elements of a list of text, or none.
    pub fn strs(&self, name: &str) -> Vec<&str> {
        self.list(name).iter().filter_map(Value::as_str).collect()
    }

    /// All parameters by name.
    pub fn map(&self) -> &Map<String, Value> {
        &self.0
    }
}

pub(crate) fn lint(spec: &Spec, raw: Value) -> Result<(), Vec<ParamError>> {
    if is_template(&raw) && spec.free_form.is_none() {
        return Ok(());
    }
    examine(spec, raw, true).map(drop)
}

/// Whether a value is text that a template engine has yet to see.
fn is_template(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains("{{") || text.contains("{%"))
}

fn examine(spec: &Spec, raw: Value, templates: bool) -> Result<Map<String, Value>, Vec<ParamError>> {
    let raw = free_form::expand(spec, raw).map_err(|problem| vec![problem])?;
    let mut problems = Vec::new();
    let mut args = Map::new();
    for (name, value) in raw.into_iter().filter(|(_, value)| !value.is_null()) {
        match place(spec, &name, value, templates) {
            Ok((key, _)) if args.contains_key(key.as_str()) => {
                let message = format!("`{name}` and another name of `{key}` are both given");
                problems.push(ParamError::of(&name, message).hint(format!("write `{key}` once")));
            }
            Ok((key, value)) => drop(args.insert(key, value)),
            Err(problem) => {
                // It was given, though wrongly: nothing shall call it missing as well.
                args.insert(spec.param(&name).map_or(name.as_str(), |param| param.name).into(), Value::Null);
                problems.push(problem);
            }
        }
    }
    for param in spec.params.iter().filter(|param| param.required && !args.contains_key(param.name)) {
        let message = format!("{} needs the parameter `{}`", spec.name, param.name);
        problems.push(ParamError { param: Some(param.name.into()), message, hint: Some(param.doc.into()) });
    }
    problems.extend(spec.rules.iter().filter_map(|rule| broken(spec, rule, &args)));
    if problems.is_empty() { Ok(args) } else { Err(problems) }
}

/// Finds the parameter that a name means and makes the value one of its kind.
fn place(spec: &Spec, name: &str, value: Value, templates: bool) -> Result<(String, Value), ParamError> {
    let Some(param) = spec.param(name) else {
        return if spec.open { Ok((name.into(), value)) } else { Err(unknown(spec, name)) };
    };
    if templates && is_template(&value) {
        return Ok((param.name.into(), value));
    }
    let value = coerce::to_kind(&param.kind, value, &Leeway { templates, words: param.choices })
        .map_err(|why| ParamError::of(name, format!("`{name}` of {}: {why}", spec.name)))?;
    // An expression that comes out empty must not turn into the working directory.
    if param.required && param.kind == Kind::Path && value == "" {
        return Err(ParamError::of(name, format!("`{name}` of {} is empty", spec.name)).hint(param.doc));
    }
    choose(spec, param, name, &value, templates)?;
    Ok((param.name.into(), value))
}

/// What the check of a value lets pass besides values of the kind itself.
struct Leeway {
    templates: bool,
    words: &'static [&'static str],
}

fn choose(spec: &Spec, param: &Param, name: &str, value: &Value, templates: bool) -> Result<(), ParamError> {
    if param.choices.is_empty() || param.kind == Kind::Mode {
        return Ok(());
    }
    let chosen: Vec<&Value> = match value {
        Value::Array(items) => items.iter().collect(),
        other => vec![other],
    };
    for text in chosen.into_iter().filter(|item| !(templates && is_template(item))).filter_map(Value::as_str)
    {
        if !param.choices.contains(&text) {
            let message =
                format!("`{name}` of {}: {text:?} is not one of {}", spec.name, param.choices.join(", "));
            let problem = ParamError::of(name, message);
            return Err(match nearest::to(text, param.choices.iter().copied()) {
                Some(near) => problem.hint(format!("did you mean {near:?}?")),
                None => problem,
            });
        }
    }
    Ok(())
}

fn unknown(spec: &Spec, name: &str) -> ParamError {
    let names =
        spec.params.iter().flat_map(|param| std::iter::once(&param.name).chain(param.aliases)).copied();
    let hint = match nearest::to(name, names) {
        Some(near) => format!("did you mean `{near}`?"),
        None if spec.params.is_empty() => "it takes none".to_owned(),
        None => {
            let names: Vec<_> =
                spec.params.iter().map(|param| param.name).filter(|n| !n.starts_with('_')).collect();
            format!("it takes {}", names.join(", "))
        }
    };
    ParamError::of(name, format!("{} has no parameter `{name}`", spec.name)).hint(hint)
}

fn broken(spec: &Spec, rule: &Rule, args: &Map<String, Value>) -> Option<ParamError> {
    let given =
        |names: &'static [&'static str]| names.iter().filter(|name| args.contains_key(**name)).count();
    let list = |names: &[&str], word: &str| {
        let names: Vec<_> = names
            .iter()
            .map(
                |name| {
                    if spec.free_form == Some(name) { "free-form text".into() } else { format!("`{name}`") }
                },
            )
            .collect();
        names.join(&format!(" {word} "))
    };
    let message = match rule {
        Rule::OneOf(names) if given(names) == 0 => format!("{} needs {}", spec.name, list(names, "or")),
        Rule::Exclusive(names) if given(names) > 1 => {
            format!("{} takes only one of {}", spec.name, list(names, "and"))
        }
        Rule::Together(names) if given(names) > 0 && given(names) < names.len() => {
            format!("{} takes {} together", spec.name, list(names, "and"))
        }
        Rule::NeededIf(name, value, needed) if given(needed) == 0 && is(spec, args, name, value) => {
            format!("{} needs {} where `{name}` is {value}", spec.name, list(needed, "or"))
        }
        _ => return None,
    };
    Some(ParamError::whole(message))
}

/// Whether a parameter has this value, given or by default.
fn is(spec: &Spec, args: &Map<String, Value>, name: &str, value: &str) -> bool {
    match args.get(name) {
        Some(given) => text_of(given).as_deref() == Some(value),
        None => {
            let default =
                spec.param(name).and_then(|param| serde_json::from_str::<Value>(param.default?).ok());
            default.and_then(|default| text_of(&default)).as_deref() == Some(value)
        }
    }
}

#[cfg(test)]
mod tests;
