//! Where secrets come from: an environment variable, a file or a command.

use std::collections::BTreeMap;

use windlass_model::SecretRef;
use windlass_yaml::{Map, Node, Reader, Text};

use super::vars;

/// Takes the document's secrets.
pub(super) fn read(reader: &Reader, map: &mut Map<'_, '_>) -> BTreeMap<String, SecretRef> {
    let mut secrets = BTreeMap::new();
    for (name, value) in map.pairs("secrets").map(|pairs| pairs.value).unwrap_or_default() {
        let text = name.as_str().unwrap_or_default().to_owned();
        vars::check(reader, &Text::new(text.clone(), name.span), "a secret");
        // One that is wrong is declared all the same, so that what refers to it is not told too.
        let secret = one(reader, value).unwrap_or(SecretRef::Env(String::new()));
        secrets.insert(text, secret);
    }
    secrets
}

fn one(reader: &Reader, node: &Node) -> Option<SecretRef> {
    let mut map = reader.map(node)?;
    let key = map.one_of(&["env", "file", "command"]);
    let texts = ["env", "file", "command"].map(|key| map.text(key));
    map.finish();
    let [env, file, command] = texts.map(|text| text.map(|text| text.value));
    match key? {
        "env" => env.map(SecretRef::Env),
        "file" => file.map(SecretRef::File),
        _ => command.map(SecretRef::Command),
    }
}
