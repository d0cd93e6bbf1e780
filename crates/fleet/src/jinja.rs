//! How a template file is read: the parameters of `template`, and the line in the file that overrides them.

use serde_json::{Map, Value};
use windlass_expr::{Asked, Error, References, Template, TextOptions, Way};

/// The first words of a line that changes how the rest of the file is read, as in Ansible.
const HEADER: &str = "#jinja2:";

/// Parses a template file. Offsets in errors count in the whole text.
pub(crate) fn parse(text: &str, params: &Map<String, Value>) -> Result<Template, Error> {
    let mut options = options(params);
    let body = header(text, &mut options);
    Template::parse_with(body, &options).map_err(|error| shift(error, text.len() - body.len()))
}

/// Moves an error of the body to its place in the whole text.
pub(crate) fn shift(mut error: Error, by: usize) -> Error {
    error.offset = error.offset.map(|offset| offset + by);
    error
}

/// The line of an offset, from 1.
pub(crate) fn line(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())].iter().filter(|&&byte| byte == b'\n').count() + 1
}

/// How long the header of a text is, in bytes: errors of the body count from its end.
pub(crate) fn header_len(text: &str) -> usize {
    text.len() - header(text, &mut TextOptions::default()).len()
}

fn options(params: &Map<String, Value>) -> TextOptions {
    let mut options = TextOptions::default();
    for (name, value) in params {
        set(&mut options, name, value);
    }
    options
}

fn set(options: &mut TextOptions, name: &str, value: &Value) {
    let text = || value.as_str().map(str::to_owned);
    let slot = match name {
        "trim_blocks" => return options.trim_blocks = truth(value).unwrap_or(options.trim_blocks),
        "lstrip_blocks" => return options.lstrip_blocks = truth(value).unwrap_or(options.lstrip_blocks),
        "newline_sequence" => {
            // It may be written with the backslashes that a person types.
            let plain = text().map(|text| text.replace("\\r", "\r").replace("\\n", "\n"));
            return options.newline_sequence = plain.unwrap_or_else(|| options.newline_sequence.clone());
        }
        "block_start_string" => &mut options.block.0,
        "block_end_string" => &mut options.block.1,
        "variable_start_string" => &mut options.variable.0,
        "variable_end_string" => &mut options.variable.1,
        "comment_start_string" => &mut options.comment.0,
        "comment_end_string" => &mut options.comment.1,
        _ => return,
    };
    if let Some(text) = text() {
        *slot = text;
    }
}

/// The truth value that a parameter is, written in one of Ansible's ways.
pub(crate) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" | "y" | "t" | "1" => Some(true),
            "false" | "no" | "off" | "n" | "f" | "0" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Takes the header off a text and does what it says: `#jinja2: trim_blocks: False, lstrip_blocks: True`.
fn header<'t>(text: &'t str, options: &mut TextOptions) -> &'t str {
    let Some(rest) = text.strip_prefix(HEADER) else { return text };
    let (line, body) = rest.split_once('\n').unwrap_or((rest, ""));
    for pair in line.split(',') {
        if let Some((name, value)) = pair.split_once(':') {
            let value = value.trim().trim_matches(['\'', '"']);
            set(options, name.trim(), &value.into());
        }
    }
    body
}

/// What a template asks of the run itself, as expressions: the engine keeps the results of those tasks, and the
/// environment's variables, only that some text of the plan names.
pub(crate) fn uses(references: &References) -> Vec<String> {
    const ROOTS: [&str; 3] = ["tasks", "env", "secrets"];
    let mut uses: Vec<String> = references
        .paths
        .iter()
        .filter(|path| path.len() > 1 && ROOTS.contains(&path[0].as_str()))
        .map(|path| path[1..].iter().fold(path[0].clone(), |text, part| text + &subscript(part)))
        .chain(references.asked.iter().filter_map(question))
        .collect();
    uses.sort();
    uses.dedup();
    uses
}

fn subscript(part: &str) -> String {
    format!("[{}]", quoted(part))
}

/// What asks outside, so that a plan can stand on it, or say that it does not. What only the run knows of the question
/// is `omit`, which is no variable of anybody.
fn question(asked: &Asked) -> Option<String> {
    let terms = asked.terms.as_ref().and_then(|terms| terms.iter().map(constant).collect());
    let terms: Vec<String> = terms.unwrap_or_else(|| vec!["omit".to_owned()]);
    asked.leaves_variables().then(|| match (asked.way, asked.name.as_deref()) {
        (Way::Lookup, name) => {
            let name = name.map_or_else(|| "omit".to_owned(), quoted);
            format!("lookup({})", [vec![name], terms].concat().join(", "))
        }
        (Way::Filter, Some(name)) => format!("{} | {name}", terms.join(", ")),
        (Way::Test, Some(name)) => format!("{} is {name}", terms.join(", ")),
        (Way::Filter, None) => "omit | map(omit)".to_owned(),
        (Way::Test, None) => "omit | select(omit)".to_owned(),
    })
}

/// A text as an expression writes it. Other values are rare in lookups, and a plan does not stand on them.
fn constant(term: &Value) -> Option<String> {
    term.as_str().map(quoted)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use windlass_expr::Scope;

    fn render(text: &str, params: Value) -> String {
        let scope = Scope::from_json(&json!({"x": 1}));
        parse(text, params.as_object().unwrap()).unwrap().render_text(&scope).unwrap()
    }

    #[test]
    fn parameters_and_the_header_say_how_a_file_is_read() {
        let block = "  {% if x %}\na\n  {% endif %}\nb\n";
        for (text, params, expected) in [
            (block.to_owned(), json!({}), "  a\n  b\n"),
            (block.to_owned(), json!({"lstrip_blocks": true}), "a\nb\n"),
            (block.to_owned(), json!({"trim_blocks": "no"}), "  \na\n  \nb\n"),
            (format!("#jinja2: lstrip_blocks: True\n{block}"), json!({}), "a\nb\n"),
            (format!("#jinja2:trim_blocks: False, lstrip_blocks: 'True'\n{block}"), json!({}), "\na\n\nb\n"),
            ("<< x >>\n".into(), json!({"variable_start_string": "<<", "variable_end_string": ">>"}), "1\n"),
            ("{{ x }}\n".into(), json!({"newline_sequence": "\\r\\n"}), "1\r\n"),
        ] {
            assert_eq!(render(&text, params.clone()), expected, "{text:?} {params}");
        }
    }

    #[test]
    fn errors_count_in_the_whole_text() {
        let text = "#jinja2: trim_blocks: False\nok\n{{ nonsense( }}\n";
        let error = parse(text, &Map::new()).unwrap_err();
        assert_eq!(line(text, error.offset.unwrap()), 3);
    }

    #[test]
    fn uses_are_expressions_that_name_the_same() {
        let template =
            Template::parse("{{ tasks['a-b'].output }}{{ env.HOME }}{{ x }}{{ tasks['a-b'].output }}")
                .unwrap();
        assert_eq!(uses(template.references()), ["env['HOME']", "tasks['a-b']['output']"]);
        let template =
            Template::parse("{{ lookup('file', 'a b', x) }}{{ lookup('file', \"it's\") }}").unwrap();
        assert_eq!(uses(template.references()), ["lookup('file', 'it\\'s')", "lookup('file', omit)"]);
    }
}
