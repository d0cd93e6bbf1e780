//! Any program as a model: the request on its standard input, the reply on its standard output.

mod child;
mod output;

use std::{path::PathBuf, time::Duration, time::Instant};

use crate::{Delta, Error, Kind, Message, Part, Patience, Provider, Reply, Request, Role, estimate, fault};

use child::{Child, End};
use output::Words;

/// The longest reply of a program, in bytes.
const LONGEST: usize = 64 << 20;
/// How a program says that it may well succeed a moment later: `EX_TEMPFAIL` of sysexits.
const AGAIN: i32 = 75;

/// What a program is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Input {
    /// The words alone: the system prompt, then the messages.
    #[default]
    Prompt,
    /// The request as JSON, in the form of [`Request`].
    Json,
}

/// What a program gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Output {
    /// The words of the reply, told as they come. Its tokens are estimated.
    #[default]
    Text,
    /// One JSON object: `text` or `parts` (those of [`Reply`]), and where it knows them `usage` (`input`, `output`,
    /// `cache_read`, `cache_write`), `stop`, `model`, `id`; or `error`, with `message` and `type`.
    Json,
}

/// A program that serves as a model. It is started once for each request, without a shell, in a process group of its
/// own, which is ended whole when the reply is there or nobody waits for it any more.
#[derive(Clone, Debug)]
pub struct Program {
    /// What messages and records call it.
    pub name: String,
    /// The program and its arguments. `{model}` in an argument stands for the model that is asked for.
    pub argv: Vec<String>,
    /// What it is given.
    pub input: Input,
    /// What it gives.
    pub output: Output,
    /// Variables that it has besides those of this process.
    pub env: Vec<(String, String)>,
    /// Where it runs; by default where this process does.
    pub dir: Option<PathBuf>,
    /// How long it may take.
    pub limit: Option<Duration>,
}

impl Program {
    /// A program that reads words and writes words.
    pub fn new(name: impl Into<String>, argv: Vec<String>) -> Self {
        let (input, output) = (Input::default(), Output::default());
        Self { name: name.into(), argv, input, output, env: Vec::new(), dir: None, limit: None }
    }

    /// Runs it to its end, and tells of its words as they come.
    fn run(
        &self,
        request: &Request,
        words: &mut Words,
        tell: &mut dyn FnMut(Delta<'_>),
        patience: &Patience,
    ) -> Result<(), Error> {
        patience.check()?;
        let input = match self.input {
            Input::Prompt => prompt(request).into_bytes(),
            Input::Json => request.canonical(),
        };
        let patience = match self.limit {
            Some(limit) => patience.until(Instant::now() + limit),
            None => patience.clone(),
        };
        let mut child = Child::start(self, &request.model, input)?;
        let end = child.read(&patience, &mut |bytes| {
            if words.length() + bytes.len() > LONGEST {
                let why = format!("{}: the reply is longer than {LONGEST} bytes", self.name);
                return Err(Error::new(Kind::BadAnswer, why));
            }
            words.push(bytes, tell);
            Ok(())
        })?;
        match end {
            End::Exit(0) => {
                words.end(tell);
                Ok(())
            }
            end => Err(self.failed(end, &child.complaint())),
        }
    }

    fn failed(&self, end: End, complaint: &str) -> Error {
        let (kind, how) = match end {
            End::Exit(AGAIN) => (Kind::Overloaded, format!("status {AGAIN}")),
            End::Exit(status) => (Kind::BadRequest, format!("status {status}")),
            End::Signal(signal) => (Kind::BadAnswer, format!("signal {signal}")),
        };
        let complaint = fault::plain(complaint);
        let gap = if complaint.is_empty() { "" } else { ": " };
        Error::new(kind, format!("{}: the program ended with {how}{gap}{complaint}", self.name))
    }
}

impl Provider for Program {
    fn name(&self) -> &str {
        &self.name
    }

    fn ask(
        &self,
        request: &Request,
        tell: &mut dyn FnMut(Delta<'_>),
        patience: &Patience,
    ) -> Result<Reply, Error> {
        let mut told = false;
        let mut telling = |delta: Delta<'_>| {
            told = true;
            tell(delta);
        };
        let mut words = Words::new(self.output);
        let reply = self
            .run(request, &mut words, &mut telling, patience)
            .and_then(|()| words.reply(&request.model, &mut telling));
        match reply {
            Ok(mut reply) => {
                if reply.estimated {
                    reply.usage = estimate::of(request, &reply);
                }
                Ok(reply)
            }
            Err(error) => Err(Error { told, ..error }),
        }
    }

    /// A program has no way to count.
    fn count(&self, _: &Request, _: &Patience) -> Result<Option<u64>, Error> {
        Ok(None)
    }
}

/// A request as words. One question is given as it is; of several messages each has its speaker before it.
fn prompt(request: &Request) -> String {
    let mut pieces: Vec<String> = request.system.iter().cloned().collect();
    match request.messages.as_slice() {
        [only] => pieces.push(only.text()),
        several => pieces.extend(several.iter().map(spoken)),
    }
    if let Some(schema) = &request.schema {
        pieces.push(format!("Answer with JSON alone, of this JSON schema:\n{}", schema.schema));
    }
    let mut text = pieces.join("\n\n");
    text.push('\n');
    text
}

fn spoken(message: &Message) -> String {
    let who = match message.role {
        Role::User => "User",
        Role::Assistant => "Assistant",
    };
    let parts = message.parts.iter().filter_map(|part| match part {
        Part::Text { text } => Some(text.clone()),
        Part::ToolCall { name, input, .. } => Some(format!("[calls {name} with {input}]")),
        Part::ToolResult { content, failed, .. } => {
            let how = if *failed { "the tool failed" } else { "the tool's result" };
            Some(format!("[{how}: {content}]"))
        }
        Part::Own { .. } => None,
    });
    format!("{who}: {}", parts.collect::<Vec<_>>().join("\n"))
}
