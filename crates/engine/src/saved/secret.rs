//! What must not be in a saved plan: the value of a secret that the plan declares.

use serde_json::Value;
use windlass_model::Plan;

use super::SavedPlan;
use crate::redact::Redactor;
use crate::{Error, Secrets};

/// From this length on, in bytes, a secret is looked for anywhere. A shorter one (`root`, `8080`) would be found
/// in plans that say the same by chance; it is looked for where it can only come from its own source.
const LONG: usize = 8;

/// Refuses a plan that holds the value of a secret.
pub(super) fn refuse(saved: &SavedPlan, secrets: &Secrets) -> Result<(), Error> {
    if let Some((name, env)) = same(&saved.plan, secrets) {
        return Err(Error::SecretInPlan { secret: name, place: format!("/plan/inputs/env/{env}") });
    }
    let long = |name: &&str| secrets.expose(name).is_some_and(|value| value.len() >= LONG);
    let names: Vec<&str> = secrets.names().filter(long).collect();
    if names.is_empty() {
        return Ok(());
    }
    let value = saved.to_value();
    for name in names {
        let finder = Redactor::new(secrets.expose(name));
        if let Some(place) = find(&value, &finder, &mut String::new()) {
            return Err(Error::SecretInPlan { secret: name.to_owned(), place });
        }
    }
    Ok(())
}

/// An environment variable in the plan that has the value of a secret, with that secret.
fn same(plan: &Plan, secrets: &Secrets) -> Option<(String, String)> {
    let read = plan.inputs.env.iter().filter_map(|(env, value)| Some((env, value.as_deref()?)));
    for (env, value) in read.filter(|(_, value)| !value.is_empty()) {
        let secret = secrets.names().find(|name| secrets.expose(name) == Some(value));
        if let Some(name) = secret {
            return Some((name.to_owned(), env.clone()));
        }
    }
    None
}

/// Where in a value the secret stands, as a JSON pointer; of a key that has it, where the key's object is.
fn find(value: &Value, finder: &Redactor, place: &mut String) -> Option<String> {
    let hit = |text: &str| finder.text(text) != text;
    match value {
        Value::String(text) if hit(text) => Some(place.clone()),
        Value::Number(number) if hit(&number.to_string()) => Some(place.clone()),
        Value::Array(items) => {
            let mut numbered = items.iter().enumerate();
            numbered.find_map(|(n, item)| inside(&n.to_string(), item, finder, place))
        }
        Value::Object(map) if map.keys().any(|key| hit(key)) => Some(place.clone()),
        Value::Object(map) => map.iter().find_map(|(key, item)| inside(key, item, finder, place)),
        _ => None,
    }
}

fn inside(key: &str, value: &Value, finder: &Redactor, place: &mut String) -> Option<String> {
    let before = place.len();
    place.push('/');
    place.push_str(key);
    let found = find(value, finder, place);
    place.truncate(before);
    found
}
