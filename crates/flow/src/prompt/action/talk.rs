//! A prompt from its first request to its answer: rounds of tools, answers that are mended, and what all of it cost.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use windlass_engine::redact::Redactor;
use windlass_engine::{Output, StepContext};
use windlass_llm::tokens::teach;
use windlass_llm::{Client, Message, Part, Reply, Request, Role, Stop};
use windlass_model::{BlobId, Code, Failure, Money};

use super::account::Account;
use super::asked::{self, Asked};
use super::rounds::Rounds;
use super::tool::Wanted;
use super::{Shared, ask, bound, memo, output, tool};
use crate::prompt::Deed;

/// A prompt that is being answered.
pub(super) struct Talk {
    shared: Arc<Shared>,
    deed: Arc<Deed>,
    step: StepContext,
    redactor: Arc<Redactor>,
    client: Client,
    rounds: Rounds,
    account: Account,
    calls: Vec<Value>,
    changed: bool,
    context: Option<Value>,
    question: Option<BlobId>,
}

/// A reply to a request.
struct Heard {
    /// The request's hash.
    request: BlobId,
    reply: Reply,
    /// What is told of it; none where it was written down before.
    told: Option<Value>,
}

/// What came in the end.
struct Answer {
    text: String,
    json: Option<Value>,
    answered_by: String,
    stop: Stop,
    cached: bool,
}

impl Talk {
    pub(super) fn new(shared: &Arc<Shared>, deed: Deed, step: StepContext) -> Result<Self, Failure> {
        let secrets = step.scope.get_attr("secrets").unwrap_or_default();
        let names: Vec<_> = secrets.try_iter().into_iter().flatten().collect();
        let values = names.iter().filter_map(|name| Some(secrets.get_item(name).ok()?.as_str()?.to_owned()));
        let values: Vec<String> = values.collect();
        let redactor = Arc::new(Redactor::new(values.iter().map(String::as_str)));
        let key = deed.provider.key.as_ref().and_then(|name| {
            secrets.get_item(&windlass_expr::Value::from(name.as_str())).ok()?.as_str().map(str::to_owned)
        });
        let client = shared.clients.of(&deed.provider, key.as_deref(), &step);
        let several = bound::requests(&deed) > 1 || asked::summarizes(&deed);
        Ok(Self {
            shared: shared.clone(),
            rounds: Rounds::new(&step, &deed.model.id, several),
            deed: Arc::new(deed),
            step,
            redactor,
            client,
            account: Account::default(),
            calls: Vec::new(),
            changed: false,
            context: None,
            question: None,
        })
    }

    /// Asks until there is an answer. What was spent on the way is told whatever comes of it.
    pub(super) async fn go(mut self) -> Result<Output, Failure> {
        let made = self.make().await;
        let (request, answer) = match made {
            Ok(mut request) => {
                let answer = self.answer(&mut request).await;
                (Some(request), answer)
            }
            Err(failure) => (None, Err(failure)),
        };
        Ok(self.output(request, answer))
    }

    /// The first request. The summaries that it needs are asked for here, one after another.
    async fn make(&mut self) -> Result<Request, Failure> {
        let (shared, deed, redactor) = (self.shared.clone(), self.deed.clone(), self.redactor.clone());
        let mut summaries: BTreeMap<BlobId, String> = BTreeMap::new();
        loop {
            let mut missing = None;
            let made = Asked::new(&deed, &redactor, &shared.counts, &mut |pieces, room| {
                let request = asked::summary(&deed, pieces, room);
                let known = summaries.get(&memo::question(&deed, &request)).cloned();
                known.ok_or_else(|| {
                    missing = Some(request);
                    "it is still to be asked for".to_owned()
                })
            });
            let Some(request) = missing else {
                let asked = made?;
                self.context = asked.context;
                return Ok(asked.request);
            };
            let heard = self.ask(&request, Some("summary")).await?;
            self.keep(&heard).await?;
            summaries.insert(heard.request, heard.reply.text());
        }
    }

    async fn answer(&mut self, request: &mut Request) -> Result<Answer, Failure> {
        let question = memo::question(&self.deed, request);
        if self.deed.cache
            && let Some(memo) = memo::recall(&self.step, &question)
        {
            self.question = Some(question);
            let memo::Memo { text, json, answered_by, stop, .. } = memo;
            return Ok(Answer { text, json, answered_by, stop, cached: true });
        }
        self.question = Some(question.clone());
        let answer = self.converse(request).await?;
        if self.deed.cache {
            let text = self.redactor.text(&answer.text);
            let mut json = answer.json.clone().unwrap_or_default();
            self.redactor.value(&mut json);
            let json = answer.json.as_ref().map(|_| &json);
            memo::remember(&self.step, &question, (&text, json), (&answer.answered_by, answer.stop));
        }
        Ok(answer)
    }

    async fn converse(&mut self, request: &mut Request) -> Result<Answer, Failure> {
        let (mut rounds, mut mismatches) = (0, 0);
        loop {
            let heard = self.ask(request, None).await?;
            let reply = &heard.reply;
            if reply.calls().next().is_some() {
                rounds += 1;
                if rounds >= self.deed.max_rounds {
                    return Err(self.too_many(reply));
                }
                self.keep(&heard).await?;
                let results = self.call_all(&heard).await?;
                request.messages.push(heard.reply.message());
                request.messages.push(Message { role: Role::User, parts: results });
                continue;
            }
            let text = reply.text();
            let json = match self.deed.output_schema.as_ref().map(|of| output::answer(of, reply)) {
                None => None,
                Some(Ok(json)) => Some(json),
                Some(Err(wrong)) if mismatches < self.deed.schema_retries => {
                    mismatches += 1;
                    self.keep(&heard).await?;
                    // Providers take no empty turn.
                    let said = if text.trim().is_empty() { "(nothing)" } else { &text };
                    request.messages.push(Message::assistant(said));
                    request.messages.push(Message::user(output::told(&wrong)));
                    continue;
                }
                Some(Err(wrong)) => return Err(mismatch(&wrong, mismatches)),
            };
            let Reply { model, stop, .. } = heard.reply;
            return Ok(Answer { text, json, answered_by: model, stop, cached: false });
        }
    }

    /// One request, if no attempt before had its reply, and if the step may still pay for it.
    async fn ask(&mut self, request: &Request, what: Option<&str>) -> Result<Heard, Failure> {
        let hash = memo::question(&self.deed, request);
        if let Some((reply, told)) = self.rounds.reply(&hash) {
            self.account.recall(told);
            return Ok(Heard { request: hash, reply, told: None });
        }
        let estimator = self.shared.estimators.of(&self.deed.model);
        let size = bound::prompt(&*estimator, &self.deed, request)?;
        let next = bound::most(&self.deed, size.bound, request.max_output_tokens);
        self.check_limit(next.cost.amount)?;
        self.rounds.asks(&hash, self.account.tell(), next).await?;
        let asking = ask::ask(&self.client, (request, size.likely), &self.step, what.is_none()).await;
        let told = self.account.book((&self.shared, &self.deed, &self.redactor), request, &asking, what);
        let reply = asking.answered.map_err(|error| ask::failure(&self.deed.provider.name, &error))?;
        if !reply.estimated {
            teach(&*estimator, request, reply.usage.prompt());
        }
        if reply.stop == Stop::Refused {
            let message = format!("{} would not answer", self.deed.model.id);
            return Err(Failure::new(Code::ModelRefused, message).hint("ask otherwise").permanent());
        }
        Ok(Heard { request: hash, reply: redacted(reply, &self.redactor), told: Some(told) })
    }

    /// Whether the step's own limit has what the next request may cost.
    fn check_limit(&self, next: Money) -> Result<(), Failure> {
        let spent = self.account.before.cost.amount.plus(self.account.used.cost.amount);
        let Some(limit) = self.deed.max_cost.filter(|limit| spent.plus(next) > *limit) else { return Ok(()) };
        let message =
            format!("the step may cost {limit}: {spent} is spent, and the next request may cost {next}");
        let hint = "raise `max_cost`, or lower `max_output_tokens` or what is sent";
        Err(Failure::new(Code::StepLimit, message).hint(hint).permanent())
    }

    /// Writes a reply down that is gone on with.
    async fn keep(&mut self, heard: &Heard) -> Result<(), Failure> {
        let Some(told) = &heard.told else { return Ok(()) };
        let used = self.account.tell();
        self.rounds.replied(&heard.request, &heard.reply, told, used).await
    }

    /// Does what the model wants done, one call after another. What was done before is not done again.
    async fn call_all(&mut self, heard: &Heard) -> Result<Vec<Part>, Failure> {
        let count = heard.reply.calls().count().max(1);
        let mut results = Vec::new();
        for (number, (id, name, input)) in heard.reply.calls().enumerate() {
            let done = match self.rounds.result(&heard.request, number) {
                Some(done) => done,
                None => {
                    let wanted = Wanted { name, input, room: bound::RESULTS / count };
                    let (tools, actions) = (&self.deed.tools, &self.shared.tools);
                    let done = tool::call(&wanted, tools, actions, &self.step, &self.redactor).await;
                    self.rounds.called(&heard.request, number, &done).await?;
                    done
                }
            };
            self.changed |= done.changed;
            self.calls.push(done.note);
            results.push(Part::ToolResult { id: id.to_owned(), content: done.content, failed: done.failed });
        }
        Ok(results)
    }

    fn too_many(&mut self, reply: &Reply) -> Failure {
        for (_, name, input) in reply.calls() {
            let mut input = input.clone();
            self.redactor.value(&mut input);
            self.calls.push(json!({ "tool": name, "input": input, "refused": "the rounds are used up" }));
        }
        let message = format!("the model called tools in all of its {} rounds", self.deed.max_rounds);
        Failure::new(Code::TooManyRounds, message).hint("raise `max_rounds`").permanent()
    }

    fn output(self, request: Option<Request>, answer: Result<Answer, Failure>) -> Output {
        let mut result = Map::new();
        let mut put = |name: &str, value: Value| drop(result.insert(name.to_owned(), value));
        put("model", self.deed.model.id.as_str().into());
        put("provider", self.deed.provider.name.as_str().into());
        put("requests", self.account.requests.into());
        put("usage", json!(self.account.used));
        if !self.calls.is_empty() {
            put("calls", self.calls.into());
        }
        if let Some(context) = self.context {
            put("context", context);
        }
        if let Some(question) = self.question {
            put("request", question.as_str().into());
        }
        // Who asked what can be looked at later; where there is no room for it the step's own words remain.
        let asked = request.and_then(|request| {
            let mut whole = serde_json::to_value(request).ok()?;
            self.redactor.value(&mut whole);
            self.step.blobs.keep(whole.to_string().as_bytes()).ok()?
        });
        if let Some(asked) = asked {
            put("asked", asked.as_str().into());
        }
        let error = match answer {
            Ok(answer) => {
                put("text", answer.text.into());
                put("stop", json!(answer.stop));
                put("cached", answer.cached.into());
                if let Some(json) = answer.json {
                    put("json", json);
                }
                if answer.answered_by != self.deed.model.id {
                    put("answered_by", answer.answered_by.into());
                }
                None
            }
            Err(failure) => {
                put("msg", self.redactor.text(&failure.message).into());
                Some(failure)
            }
        };
        put("changed", self.changed.into());
        put("failed", error.is_some().into());
        Output {
            changed: self.changed,
            failed: error.is_some(),
            result,
            error,
            usage: Some(self.account.used),
            ..Output::default()
        }
    }
}

fn mismatch(wrong: &str, retries: u32) -> Failure {
    let first = wrong.lines().next().unwrap_or_default();
    let message = format!("the answer does not match the schema after {retries} more tries: {first}");
    Failure::new(Code::SchemaMismatch, message)
        .hint("say in the prompt what is meant, or give the answer more room by `max_output_tokens`")
        .permanent()
}

/// A reply as everything after it sees it, now and after a crash: without secrets.
fn redacted(reply: Reply, redactor: &Redactor) -> Reply {
    if redactor.is_empty() {
        return reply;
    }
    let clean = serde_json::to_value(&reply).and_then(|mut value| {
        redactor.value(&mut value);
        serde_json::from_value(value)
    });
    clean.unwrap_or(reply)
}
