//! A prompt from its first request to its answer: rounds of tools, answers that are mended, and what all of it cost.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use windlass_engine::redact::Redactor;
use windlass_engine::{Output, StepContext};
use windlass_llm::context::{Piece, Strategy};
use windlass_llm::tokens::teach;
use windlass_llm::{Client, Message, Part, Reply, Request, Role, Stop};
use windlass_model::{BlobId, Code, Failure, Usage};

use super::asked::Asked;
use super::client::{self, Asking};
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
    used: Usage,
    requests: Vec<Value>,
    calls: Vec<Value>,
    changed: bool,
    context: Option<Value>,
    question: Option<BlobId>,
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
        Ok(Self {
            shared: shared.clone(),
            deed: Arc::new(deed),
            step,
            redactor,
            client,
            used: Usage::default(),
            requests: Vec::new(),
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

    /// The first request. A summary that it needs is asked for here.
    async fn make(&mut self) -> Result<Request, Failure> {
        let summarizes = self.deed.context.as_ref().is_some_and(|c| c.policy.strategy == Strategy::Summarize);
        let asked = if summarizes {
            self.summarized().await?
        } else {
            let mut never = |_: &[Piece], _| Err("this strategy has no summaries".to_owned());
            Asked::new(&self.deed, &self.redactor, &self.shared.counts, &mut never)?
        };
        self.context = asked.context;
        Ok(asked.request)
    }

    /// The first request, where the model itself may be asked for a summary of what does not fit.
    async fn summarized(&mut self) -> Result<Asked, Failure> {
        let (shared, deed, redactor) = (self.shared.clone(), self.deed.clone(), self.redactor.clone());
        let (client, patience) = (self.client.clone(), ask::patience(&self.step));
        let work = tokio::task::spawn_blocking(move || {
            let mut asked = Vec::new();
            let mut failed = None;
            let mut summarize = |pieces: &[Piece], room: u64| {
                let request = summary(&deed, pieces, room);
                let asking = client::ask(&client, &request, &mut |_| {}, &patience);
                let text = asking.answered.as_ref().map(Reply::text);
                let text = text.map_err(|error| {
                    failed = Some(ask::failure(&deed.provider.name, error));
                    error.to_string()
                });
                asked.push((request, asking));
                text
            };
            let made = Asked::new(&deed, &redactor, &shared.counts, &mut summarize);
            (failed.map_or(made, Err), asked)
        });
        let (made, asked) =
            work.await.map_err(|gone| Failure::new(Code::ActionPanicked, gone.to_string()))?;
        for (request, asking) in asked {
            self.book(&request, &asking, Some("summary"));
        }
        made
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
        let answer = self.rounds(request).await?;
        if self.deed.cache {
            let text = self.redactor.text(&answer.text);
            let mut json = answer.json.clone().unwrap_or_default();
            self.redactor.value(&mut json);
            let json = answer.json.as_ref().map(|_| &json);
            memo::remember(&self.step, &question, (&text, json), (&answer.answered_by, answer.stop));
        }
        Ok(answer)
    }

    async fn rounds(&mut self, request: &mut Request) -> Result<Answer, Failure> {
        let (mut rounds, mut mismatches) = (0, 0);
        loop {
            let reply = self.ask(request).await?;
            if reply.calls().next().is_some() {
                rounds += 1;
                if rounds >= self.deed.max_rounds {
                    return Err(self.too_many(&reply));
                }
                let results = self.call_all(&reply).await;
                request.messages.push(reply.message());
                request.messages.push(Message { role: Role::User, parts: results });
                continue;
            }
            let text = reply.text();
            let json = match self.deed.output_schema.as_ref().map(|of| output::answer(of, &reply)) {
                None => None,
                Some(Ok(json)) => Some(json),
                Some(Err(wrong)) if mismatches < self.deed.schema_retries => {
                    mismatches += 1;
                    // Providers take no empty turn.
                    let said = if text.trim().is_empty() { "(nothing)" } else { &text };
                    request.messages.push(Message::assistant(said));
                    request.messages.push(Message::user(output::told(&wrong)));
                    continue;
                }
                Some(Err(wrong)) => return Err(mismatch(&wrong, mismatches)),
            };
            return Ok(Answer { text, json, answered_by: reply.model, stop: reply.stop, cached: false });
        }
    }

    /// One request, if the step may still pay for it.
    async fn ask(&mut self, request: &Request) -> Result<Reply, Failure> {
        let estimator = self.shared.estimators.of(&self.deed.model);
        let input = bound::prompt(&*estimator, &self.deed, request)?;
        let next = bound::most(&self.deed, input, request.max_output_tokens).cost.amount;
        let spent = self.used.cost.amount;
        if let Some(limit) = self.deed.max_cost
            && spent.plus(next) > limit
        {
            let message =
                format!("the step may cost {limit}: {spent} is spent, and the next request may cost {next}");
            let hint = "raise `max_cost`, or lower `max_output_tokens` or what is sent";
            return Err(Failure::new(Code::StepLimit, message).hint(hint).permanent());
        }
        let asking = ask::ask(&self.client, request, &self.step).await;
        self.book(request, &asking, None);
        let reply = asking.answered.map_err(|error| ask::failure(&self.deed.provider.name, &error))?;
        if !reply.estimated {
            teach(&*estimator, request, reply.usage.prompt());
        }
        if reply.stop == Stop::Refused {
            let message = format!("{} would not answer", self.deed.model.id);
            return Err(Failure::new(Code::ModelRefused, message).hint("ask otherwise").permanent());
        }
        Ok(reply)
    }

    /// Counts what a request took, and notes it.
    fn book(&mut self, request: &Request, asking: &Asking, what: Option<&str>) {
        let estimator = self.shared.estimators.of(&self.deed.model);
        let mut note = Map::new();
        if let Some(what) = what {
            note.insert("for".into(), what.into());
        }
        let mut used = Usage::default();
        for spent in &asking.spent {
            used.add(&match spent {
                Some(tokens) => bound::usage(&self.deed, *tokens),
                // Nobody told: it counts at the most that it can have been.
                None => {
                    let input = windlass_llm::tokens::size(&*estimator, request).bound;
                    bound::most(&self.deed, input, request.max_output_tokens).as_bound()
                }
            });
        }
        self.used.add(&used);
        note.insert("usage".into(), json!(used));
        match &asking.answered {
            Ok(reply) => {
                note.insert("stop".into(), json!(reply.stop));
                if reply.estimated {
                    note.insert("estimated".into(), true.into());
                }
            }
            Err(error) => {
                note.insert("error".into(), self.redactor.text(&error.to_string()).into());
            }
        }
        if !asking.attempts.is_empty() {
            note.insert("attempts".into(), asking.attempts.clone().into());
        }
        self.requests.push(note.into());
    }

    /// Does what the model wants done, one call after another.
    async fn call_all(&mut self, reply: &Reply) -> Vec<Part> {
        let count = reply.calls().count().max(1);
        let mut results = Vec::new();
        for (id, name, input) in reply.calls() {
            let wanted = Wanted { name, input, room: bound::RESULTS / count };
            let done =
                tool::call(&wanted, &self.deed.tools, &self.shared.tools, &self.step, &self.redactor).await;
            self.changed |= done.changed;
            self.calls.push(done.note);
            results.push(Part::ToolResult { id: id.to_owned(), content: done.content, failed: done.failed });
        }
        results
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
        put("requests", self.requests.into());
        put("usage", json!(self.used));
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
            usage: Some(self.used),
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

/// What the model is asked where outputs do not fit.
fn summary(deed: &Deed, pieces: &[Piece], room: u64) -> Request {
    let room = u32::try_from(room).unwrap_or(u32::MAX).min(deed.model.max_output.unwrap_or(u32::MAX)).max(1);
    let texts = pieces
        .iter()
        .map(|piece| format!("<output of=\"{}\">\n{}\n</output>\n", piece.ids.join(" "), piece.text));
    let question = format!(
        "{}\nSummarize these outputs of earlier steps for whoever works on with them, in at most {} words. Keep names, \
         numbers, decisions and open questions. Write nothing else.",
        texts.collect::<String>(),
        (room / 2).max(1)
    );
    Request { temperature: deed.temperature, ..Request::new(&deed.model.id, question, room) }
}
