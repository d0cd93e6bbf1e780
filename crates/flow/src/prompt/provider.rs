//! Who is asked: services and programs, as documents and `windlass.yaml` declare them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use windlass_engine::CompileContext;
use windlass_model::{Code, SecretRef};
use windlass_yaml::{Map, Node, Reader};

/// Who is asked, as a plan has it: everything but the key, which is a secret of the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provider {
    /// What people call it.
    pub name: String,
    /// Which format it speaks.
    pub kind: Kind,
    /// Where it is, if not at its maker's address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The name of the secret that is its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The program with its arguments, where it is one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub argv: Vec<String>,
    /// How many requests a minute it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rpm: Option<u32>,
    /// How many tokens a minute it takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tpm: Option<u64>,
    /// How many requests it takes at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_once: Option<usize>,
    /// How long it may be silent, or how long a program may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// Whether a program is given the request as JSON, not only its words.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub json_input: bool,
    /// Whether a program answers in JSON, not only in words.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub json_output: bool,
    /// In what it differs from its format.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub quirks: BTreeMap<String, bool>,
}

impl Provider {
    /// One of which nothing more is said.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            base_url: None,
            key: None,
            argv: Vec::new(),
            rpm: None,
            tpm: None,
            at_once: None,
            timeout_ms: None,
            json_input: false,
            json_output: false,
            quirks: BTreeMap::new(),
        }
    }
}

/// Which format a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Anthropic's Messages.
    Anthropic,
    /// OpenAI's Chat Completions, as many servers speak it.
    #[serde(rename = "openai")]
    OpenAi,
    /// OpenAI's Responses.
    #[serde(rename = "openai-responses")]
    OpenAiResponses,
    /// A program of this machine.
    Command,
}

const KINDS: [(&str, Kind); 4] = [
    ("anthropic", Kind::Anthropic),
    ("openai", Kind::OpenAi),
    ("openai-responses", Kind::OpenAiResponses),
    ("command", Kind::Command),
];

/// A provider with where its key comes from.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    pub(super) provider: Provider,
    /// A key that the environment has, not a secret of the document's.
    pub(super) from: Option<SecretRef>,
}

/// The providers that need no declaration: each with its key in the variable that people have set.
pub(super) fn known(env: &BTreeMap<String, String>) -> BTreeMap<String, Declared> {
    [("anthropic", Kind::Anthropic, "ANTHROPIC"), ("openai", Kind::OpenAi, "OPENAI")]
        .into_iter()
        .map(|(name, kind, prefix)| {
            let base_url = env.get(&format!("{prefix}_BASE_URL")).filter(|url| !url.is_empty()).cloned();
            let key = format!("{prefix}_API_KEY");
            let provider = Provider { base_url, key: Some(secret_name(name)), ..Provider::new(name, kind) };
            (name.to_owned(), Declared { provider, from: Some(SecretRef::Env(key)) })
        })
        .collect()
}

/// How the secret is called that is a provider's key, where no document declares it.
fn secret_name(provider: &str) -> String {
    format!("provider:{provider}")
}

/// Reads a mapping `providers:` and puts what it says over `all`.
pub(super) fn read(reader: &Reader, node: &Node, all: &mut BTreeMap<String, Declared>) {
    let Some(entries) = node.as_map() else {
        let message = format!("`providers`: expected a mapping, found {}", node.kind_name());
        reader.note(reader.problem(Code::WrongType, node.span, message).hint("write `name: { kind: … }`"));
        return;
    };
    for (name, value) in entries {
        let Some(map) = reader.map(value) else { continue };
        let name = name.as_str().unwrap_or_default();
        if let Some(declared) = one(reader, name, map, all.get(name)) {
            all.insert(name.to_owned(), declared);
        }
    }
}

fn one(reader: &Reader, name: &str, mut map: Map<'_, '_>, base: Option<&Declared>) -> Option<Declared> {
    let span = map.span();
    let kind = map.choice("kind", &KINDS).map(|kind| kind.value);
    let kind = kind.or_else(|| base.map(|base| base.provider.kind));
    if kind.is_none() {
        map.required("kind");
    }
    let kind = kind?;
    let base_url = map.text("base_url").and_then(|url| {
        let good = good_url(&url.value);
        if let Err(why) = &good {
            let wrong = reader.problem(Code::BadProvider, url.span, format!("`base_url`: {why}"));
            reader.note(wrong.hint("write `http://localhost:8080/v1`; a key goes into `key`"));
        }
        good.is_ok().then_some(url.value)
    });
    let argv = map.texts("argv").unwrap_or_default().into_iter().map(|text| text.value).collect::<Vec<_>>();
    let (key, from) = key(reader, name, &mut map);
    let rpm = map.int_in("rpm", 1..=1_000_000_000).map(|n| n.value as u32);
    let tpm = map.int_in("tpm", 1..).map(|n| n.value as u64);
    let at_once = map.int_in("at_once", 1..=100_000).map(|n| n.value as usize);
    let timeout_ms = map.duration("timeout").map(|timeout| crate::document::millis(timeout.value));
    let json = |input: Option<windlass_yaml::Spanned<bool>>| input.is_some_and(|json| json.value);
    let json_input = json(map.choice("input", &[("prompt", false), ("json", true)]));
    let json_output = json(map.choice("output", &[("text", false), ("json", true)]));
    let quirks = quirks(&mut map, kind);
    map.finish();
    let wrong = match kind {
        Kind::Command if argv.is_empty() => Some("is a program and has no `argv`"),
        Kind::Command if key.is_some() => Some("is a program: it gets secrets by the step's `environment`"),
        Kind::Command => None,
        _ if !argv.is_empty() => Some("is a service: `argv` is for `kind: command`"),
        _ if json_input || json_output => Some("is a service: `input` and `output` are for `kind: command`"),
        _ => None,
    };
    if let Some(wrong) = wrong {
        let message = format!("the provider `{name}` {wrong}");
        let hint =
            "such as `{ kind: command, argv: [./model.py] }`, or `{ kind: openai, base_url: http://… }`";
        reader.note(reader.problem(Code::BadProvider, span, message).hint(hint));
        return None;
    }
    let (key, from) = match (key, base) {
        (Some(key), _) => (Some(key), from),
        (None, Some(base)) => (base.provider.key.clone(), base.from.clone()),
        (None, None) => (None, None),
    };
    let base_url = base_url.or_else(|| base.and_then(|base| base.provider.base_url.clone()));
    let limits = Provider { rpm, tpm, at_once, timeout_ms, ..Provider::new(name, kind) };
    Some(Declared {
        provider: Provider { base_url, key, argv, json_input, json_output, quirks, ..limits },
        from,
    })
}

/// In what a service differs from its format.
fn quirks(map: &mut Map<'_, '_>, kind: Kind) -> BTreeMap<String, bool> {
    let Some(mut quirks) = map.map("quirks") else { return BTreeMap::new() };
    let names: &[&str] = match kind {
        Kind::Anthropic => &["by_tool"],
        Kind::OpenAi => &["max_tokens", "no_stream_options", "no_json_schema", "no_stream"],
        Kind::OpenAiResponses | Kind::Command => &[],
    };
    let said = names.iter().filter_map(|name| Some(((*name).to_owned(), quirks.bool(name)?.value))).collect();
    quirks.finish();
    said
}

/// The key: the name of a secret that the document declares, or where to get it.
fn key(reader: &Reader, name: &str, map: &mut Map<'_, '_>) -> (Option<String>, Option<SecretRef>) {
    let Some(node) = map.node("key").filter(|node| !node.is_null()) else { return (None, None) };
    if let Some(secret) = node.as_str() {
        let bare = secret.trim().trim_start_matches("{{").trim_end_matches("}}").trim();
        let bare = bare.strip_prefix("secrets.").unwrap_or(bare);
        if bare.is_empty() || !bare.chars().all(|c| c.is_alphanumeric() || c == '_') {
            let message = format!("`key` of the provider `{name}`: expected the name of a secret");
            let wrong = reader.problem(Code::BadProvider, node.span, message);
            reader.note(
                wrong.hint("declare it under `secrets`, or write `key: { env: NAME }`: never the key itself"),
            );
        }
        return (Some(bare.to_owned()), None);
    }
    let Some(mut from) = reader.map(node) else { return (None, None) };
    let which = from.one_of(&["env", "file", "command"]);
    let texts = ["env", "file", "command"].map(|key| from.text(key).map(|text| text.value));
    from.finish();
    let [env, file, command] = texts;
    let from = match which {
        Some("env") => env.map(SecretRef::Env),
        Some("file") => file.map(SecretRef::File),
        _ => command.map(SecretRef::Command),
    };
    (from.is_some().then(|| secret_name(name)), from)
}

/// An address without a key in it.
fn good_url(url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or_else(|| "expected an address that begins with http:// or https://".to_owned())?;
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err("the address has no host".to_owned());
    }
    if host.contains('@') {
        return Err("the address has a user or a key in it, which would stand in plans".to_owned());
    }
    Ok(())
}

impl Declared {
    /// The provider for a plan; the key that it needs is asked for.
    pub(super) fn used(&self, cx: &CompileContext) -> Provider {
        if let (Some(name), Some(from)) = (&self.provider.key, &self.from) {
            cx.secret(name, from.clone());
        }
        self.provider.clone()
    }
}
