//! Gives short ids of tasks in expressions their whole names, where a file was included under an id.

use windlass_expr::{Expression, References, Template};

/// The text with every short id made whole; `None` where it has none. `whole` knows the whole id of a short one.
pub(super) fn rename(text: &str, bare: bool, whole: impl Fn(&str) -> Option<String>) -> Option<String> {
    if !text.contains("tasks") {
        return None;
    }
    let mut now = text.to_owned();
    let mut renamed = false;
    // Each round makes one reference whole; a text of so many bytes cannot have more.
    for _ in 0..text.len() {
        let refs = references(&now, bare)?;
        let Some((start, end, id)) = refs.paths.iter().find_map(|path| next(&now, &refs, path, &whole))
        else {
            break;
        };
        now.replace_range(start..end, &format!("tasks['{id}']"));
        renamed = true;
    }
    renamed.then_some(now)
}

fn references(text: &str, bare: bool) -> Option<References> {
    if bare {
        Some(Expression::parse(text).ok()?.references().clone())
    } else {
        Some(Template::parse(text).ok()?.references().clone())
    }
}

/// Where the reference that a path stands for begins and ends in the text, if its id is a short one.
fn next(
    text: &str,
    refs: &References,
    path: &[String],
    whole: &impl Fn(&str) -> Option<String>,
) -> Option<(usize, usize, String)> {
    let id = path.get(1).filter(|_| path[0] == "tasks")?;
    let whole = whole(id)?;
    let start = refs.offset(&path.join("."))?;
    let rest = text.get(start..)?.strip_prefix("tasks")?;
    let after = after_id(rest, id)?;
    Some((start, text.len() - after.len(), whole))
}

/// What follows `.id`, `['id']` or `["id"]`.
fn after_id<'t>(rest: &'t str, id: &str) -> Option<&'t str> {
    let rest = rest.trim_start();
    if let Some(rest) = rest.strip_prefix('.') {
        return rest.trim_start().strip_prefix(id);
    }
    let rest = rest.strip_prefix('[')?.trim_start();
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    rest[1..].strip_prefix(id)?.strip_prefix(quote)?.trim_start().strip_prefix(']')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_ids_become_whole_ones() {
        let whole = |id: &str| (id == "a" || id == "b-c").then(|| format!("x.{id}"));
        for (text, bare, want) in [
            ("{{ tasks.a.output }}", false, Some("{{ tasks['x.a'].output }}")),
            (
                "{{ tasks['b-c'].outputs.n ~ tasks.a.state ~ tasks.a.output }}",
                false,
                Some("{{ tasks['x.b-c'].outputs.n ~ tasks['x.a'].state ~ tasks['x.a'].output }}"),
            ),
            (
                "tasks.a.changed and not tasks.other.changed",
                true,
                Some("tasks['x.a'].changed and not tasks.other.changed"),
            ),
            ("{{ tasks.other.output }} tasks.a", false, None),
            ("no tasks", false, None),
        ] {
            assert_eq!(rename(text, bare, whole).as_deref(), want, "{text}");
        }
    }
}
