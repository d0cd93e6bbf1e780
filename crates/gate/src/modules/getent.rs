//! `getent`: looks up users, groups, hosts and the like, as the host's name services know them.

use serde_json::{Map, Value};

use crate::{Args, Check, Context, Effect, Error, Kind, Module, Param, Reply, Spec, tool::Tool};

pub(super) struct Getent;

/// Databases whose fields colons part.
const COLONS: [&str; 4] = ["passwd", "shadow", "group", "gshadow"];

static SPEC: Spec = Spec {
    name: "getent",
    summary: "Looks up users, groups, hosts and the like in the host's name services.",
    params: &[
        Param::new("database", Kind::Str, "The database, as in `passwd`.").required(),
        Param::new("key", Kind::Str, "What to look up; everything if it is not given."),
        Param::new("service", Kind::Str, "The only name service to ask."),
        Param::new("split", Kind::Str, "What parts the fields; white space or colons, by the database."),
        Param::new("fail_key", Kind::Bool, "Whether a key that is not there is a failure.").default("true"),
    ],
    free_form: None,
    open: false,
    effect: Effect::None,
    check: Check::Predicts,
    rules: &[],
};

impl Module for Getent {
    fn spec(&self) -> &'static Spec {
        &SPEC
    }

    fn run(&self, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
        let database = args.str("database");
        let mut tool = Tool::new("getent");
        if let Some(service) = args.opt_str("service") {
            tool = tool.args(["-s", service]);
        }
        let said = tool.arg("--").arg(database).args(args.opt_str("key")).run(cx)?;
        let split = args.opt_str("split").or(COLONS.contains(&database).then_some(":"));
        let reply = |found: Map<String, Value>| {
            let facts = Map::from_iter([(format!("getent_{database}"), found.into())]);
            Reply { facts, ..Reply::ok() }
        };
        let missing = "One or more supplied key could not be found in the database.";
        match (said.rc, args.opt_str("key")) {
            (0, _) => Ok(reply(records(&said.out, split))),
            (2, Some(key)) if !args.bool("fail_key") => {
                Ok(reply(Map::from_iter([(key.to_owned(), Value::Null)])).msg(missing))
            }
            (1, _) => Err(Error::Failed("Missing arguments, or database unknown.".into())),
            (2, _) => Err(Error::Failed(missing.into())),
            (3, _) => Err(Error::Failed("Enumeration not supported on this database.".into())),
            _ => Err(Error::Failed(format!("getent: {}", said.why()))),
        }
    }
}

/// Records by their first field. Where several have the same one, they stand in a list.
fn records(text: &str, split: Option<&str>) -> Map<String, Value> {
    let mut all: Map<String, Value> = Map::new();
    let mut several: Vec<String> = Vec::new();
    for line in text.lines() {
        let mut fields: Vec<&str> = match split {
            Some(split) if !split.is_empty() => line.split(split).collect(),
            _ => line.split_whitespace().collect(),
        };
        if fields.is_empty() {
            continue;
        }
        let key = fields.remove(0).to_owned();
        let record = Value::from(fields);
        match all.remove(&key) {
            None => drop(all.insert(key, record)),
            Some(before) if several.contains(&key) => {
                let mut list = before.as_array().cloned().unwrap_or_default();
                list.push(record);
                all.insert(key, list.into());
            }
            Some(before) => {
                several.push(key.clone());
                all.insert(key, vec![before, record].into());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn records_with_one_key_stand_in_a_list() {
        let found = records("a:1:2\nb::\na:3:4\na:5:6\n", Some(":"));
        assert_eq!(Value::from(found), json!({"a": [["1", "2"], ["3", "4"], ["5", "6"]], "b": ["", ""]}));
        let found = records("127.0.0.1       localhost host\n\n", None);
        assert_eq!(Value::from(found), json!({"127.0.0.1": ["localhost", "host"]}));
    }
}
