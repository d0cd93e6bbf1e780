//! Names with values: variables, environments, outputs.

use windlass_expr::Expression;
use windlass_model::Code;
use windlass_yaml::{Map, Reader, Text};

use super::{Named, Placed, Written};

/// Names that stand for what the run knows.
const RESERVED: &[&str] = &[
    "tasks",
    "vars",
    "env",
    "run",
    "secrets",
    "state",
    "hostvars",
    "groups",
    "group_names",
    "inventory_hostname",
    "ansible_check_mode",
    "ansible_facts",
    "omit",
    // Words of the language itself.
    "and",
    "else",
    "if",
    "in",
    "is",
    "or",
];

/// Whether a name can be a variable: expressions can spell it, and it has no meaning of its own.
pub(crate) fn is_name(name: &str) -> Result<(), NameProblem> {
    if RESERVED.contains(&name) {
        return Err(NameProblem::Reserved);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty()
        || name.len() > 128
        || !name.chars().all(plain)
        || name.starts_with(|c: char| c.is_ascii_digit())
    {
        return Err(NameProblem::Spelling);
    }
    // Words of the language and names of functions are no references.
    let refers = |expression: Expression| expression.references().names.contains(name);
    match Expression::parse(name) {
        Ok(expression) if refers(expression.clone()) => Ok(()),
        _ => Err(NameProblem::Reserved),
    }
}

/// Why a name cannot be a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NameProblem {
    Reserved,
    Spelling,
}

/// Notes what is wrong with a name that expressions are to use.
pub(super) fn check(reader: &Reader, name: &Text, what: &str) {
    let text = &name.value;
    match is_name(text) {
        Ok(()) => {}
        Err(NameProblem::Reserved) => {
            let problem = reader.problem(
                Code::ReservedName,
                name.span,
                format!("`{text}` has a meaning of its own and cannot be the name of {what}"),
            );
            reader.note(problem.hint(format!("use another name, such as `my_{text}`")));
        }
        Err(NameProblem::Spelling) => {
            let problem = reader.problem(
                Code::BadName,
                name.span,
                format!("`{}` cannot be the name of {what}", short(text)),
            );
            reader
                .note(problem.hint("expressions know names of letters, digits and `_` only, no digit first"));
        }
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// Takes the variables of a key. Those with a bad name are kept, so that what refers to them is not told too.
pub(super) fn variables(reader: &Reader, map: &mut Map<'_, '_>, key: &str) -> Named {
    let vars = named(reader, map, key);
    for (name, _) in &vars {
        check(reader, &Text::new(name.value.clone(), name.at.span), "a variable");
    }
    vars
}

/// Takes names with any values.
pub(super) fn named(reader: &Reader, map: &mut Map<'_, '_>, key: &str) -> Named {
    let Some(pairs) = map.pairs(key) else { return Named::new() };
    let source = reader.source();
    pairs
        .iter()
        .map(|(name, value)| {
            let at = reader.location(name.span);
            let name = Placed { value: name.as_str().unwrap_or_default().to_owned(), at };
            (name, Written { source: source.clone(), node: value.clone() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_expressions_can_spell() {
        for good in ["version", "_x", "item", "name2", "loop_count"] {
            assert_eq!(is_name(good), Ok(()), "{good}");
        }
        for reserved in ["tasks", "env", "true", "none", "not", "in", "omit"] {
            assert_eq!(is_name(reserved), Err(NameProblem::Reserved), "{reserved}");
        }
        for bad in ["", "a-b", "a.b", "9x", "größe", "a b", "{{ x }}"] {
            assert_eq!(is_name(bad), Err(NameProblem::Spelling), "{bad}");
        }
    }
}
