//! Who is asked, made once for each provider and key: connections are kept, and limits of rate count for all steps
//! together.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use windlass_engine::StepContext;
use windlass_llm::{
    Anthropic, Attempt, Chat, Client, Error, Input, Key, Kind as Failed, Limiter, Limits, Output, Patience,
    Program, Progress, Proxies, Quirks, Reply, Request, Responses, Retry, Service, Tokens,
};
use windlass_model::BlobId;

use crate::prompt::{Kind, Provider};

/// Where services are that their makers run.
const ANTHROPIC: &str = "https://api.anthropic.com";
const OPENAI: &str = "https://api.openai.com/v1";

/// What came of a request, with all attempts at it.
pub(super) struct Asking {
    pub(super) answered: Result<Reply, Error>,
    /// What each attempt took that took anything; none where nobody told how much.
    pub(super) spent: Vec<Option<Tokens>>,
    /// The attempts that failed, for the journal.
    pub(super) attempts: Vec<Value>,
}

impl Asking {
    /// One that the program itself broke.
    pub(super) fn broken(why: &str) -> Self {
        let error = Error::new(Failed::BadAnswer, why);
        Self { answered: Err(error), spent: vec![None], attempts: Vec::new() }
    }
}

/// Asks, and again where that may help. The limits of rate count the prompt as so many tokens.
pub(super) fn ask(
    client: &Client,
    (request, prompt): (&Request, u64),
    tell: &mut dyn FnMut(Progress<'_>),
    patience: &Patience,
) -> Asking {
    let asked = client.ask_about(prompt, request, tell, patience);
    let spent = asked.attempts.iter().filter_map(|attempt| match (attempt.unsure, attempt.usage) {
        (true, _) => Some(None),
        (false, usage) => usage.map(Some),
    });
    let (spent, attempts) = (spent.collect(), asked.attempts.iter().filter_map(noted).collect());
    Asking { answered: asked.reply, spent, attempts }
}

/// A failed attempt, without its times: what two runs did alike is told alike.
fn noted(attempt: &Attempt) -> Option<Value> {
    let failed = attempt.failed?;
    let mut note = json!({ "failed": failed.to_string() });
    if let Some(message) = &attempt.message {
        note["message"] = message.as_str().into();
    }
    if let Some(status) = attempt.status {
        note["status"] = status.into();
    }
    Some(note)
}

/// All that are in use.
pub(super) struct Clients {
    proxies: Proxies,
    lines: Mutex<BTreeMap<(String, BlobId), Line>>,
}

/// A service with its limits. A program is started for each request, with the marks of its step.
struct Line {
    service: Option<Arc<dyn windlass_llm::Provider>>,
    limiter: Arc<Limiter>,
}

impl Clients {
    pub(super) fn new(proxies: Proxies) -> Self {
        Self { proxies, lines: Mutex::default() }
    }

    /// The one for a provider and a key.
    pub(super) fn of(&self, provider: &Provider, key: Option<&str>, step: &StepContext) -> Client {
        let said = serde_json::to_string(provider).unwrap_or_default();
        let name = (said, BlobId::of(key.unwrap_or_default().as_bytes()));
        let mut all = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = all.entry(name).or_insert_with(|| Line {
            service: service(provider, key, &self.proxies),
            limiter: Arc::new(Limiter::new(Limits {
                requests_per_minute: provider.rpm,
                tokens_per_minute: provider.tpm,
                at_once: provider.at_once,
            })),
        });
        let asked = line.service.clone().unwrap_or_else(|| Arc::new(program(provider, step)));
        // What is held back for a request is what it costs once: whether it is paid for twice is for the step's own
        // `retry` to say, which asks the budgets again.
        let retry = Retry { paid: false, ..Retry::default() };
        Client::new(asked, line.limiter.clone(), retry)
    }
}

fn service(
    provider: &Provider,
    key: Option<&str>,
    proxies: &Proxies,
) -> Option<Arc<dyn windlass_llm::Provider>> {
    let own = match provider.kind {
        Kind::Anthropic => ANTHROPIC,
        Kind::OpenAi | Kind::OpenAiResponses => OPENAI,
        Kind::Command => return None,
    };
    let base = provider.base_url.as_deref().unwrap_or(own);
    let mut service = Service::new(&provider.name, base, key.map(Key::new));
    service.proxies = proxies.clone();
    if let Some(ms) = provider.timeout_ms {
        service.silence = Duration::from_millis(ms);
    }
    let quirk = |name: &str, usual: bool| provider.quirks.get(name).copied().unwrap_or(usual);
    Some(match provider.kind {
        Kind::Anthropic if quirk("by_tool", false) => Arc::new(Anthropic::new(service).by_tool()),
        Kind::Anthropic => Arc::new(Anthropic::new(service)),
        Kind::OpenAiResponses => Arc::new(Responses::new(service)),
        Kind::OpenAi | Kind::Command => {
            let usual = if base == OPENAI { Quirks::default() } else { Quirks::of_others() };
            let quirks = Quirks {
                max_tokens: quirk("max_tokens", usual.max_tokens),
                no_stream_options: quirk("no_stream_options", usual.no_stream_options),
                no_json_schema: quirk("no_json_schema", usual.no_json_schema),
                no_stream: quirk("no_stream", usual.no_stream),
            };
            Arc::new(Chat::new(service, quirks))
        }
    })
}

/// A program in the document's folder. Its environment has the marks by which it is found after a crash.
fn program(provider: &Provider, step: &StepContext) -> Program {
    Program {
        input: if provider.json_input { Input::Json } else { Input::Prompt },
        output: if provider.json_output { Output::Json } else { Output::Text },
        env: step.environment.clone().into_iter().collect(),
        dir: Some(step.root.to_path_buf()),
        limit: provider.timeout_ms.map(Duration::from_millis),
        ..Program::new(&provider.name, provider.argv.clone())
    }
}
