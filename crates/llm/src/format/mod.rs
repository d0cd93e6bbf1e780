//! The formats that services speak, and the one way in which each of them is asked.

mod anthropic;
mod chat;
mod kept;
mod responses;

use std::cell::Cell;

use serde_json::Value;

pub use anthropic::Anthropic;
pub use chat::{Chat, Quirks};
pub use kept::Format;
pub use responses::Responses;

use crate::{
    Delta, Error, Key, Kind, Patience, Reply, Request, Tokens, estimate, fault,
    service::{Answer, Line},
    sse::{Event, Parser},
};

/// How much is read at once. Pieces of a reply are far smaller; a whole one is not.
const PIECE: usize = 16 << 10;

/// What is sent, and where.
struct Ask {
    path: &'static str,
    headers: Vec<(String, String)>,
    body: Value,
}

/// What makes a reply of a format's pieces.
trait Fold {
    /// Takes one event of a stream. True says that it was the last one.
    fn event(&mut self, event: Event<'_>, tell: &mut dyn FnMut(Delta<'_>)) -> Result<bool, Error>;

    /// Takes a reply that came as one text.
    fn whole(&mut self, body: &[u8], tell: &mut dyn FnMut(Delta<'_>)) -> Result<(), Error>;

    /// What the service has told of usage so far.
    fn spent(&self) -> Option<Tokens>;

    /// The reply; none if its end has not come.
    fn reply(&mut self) -> Option<Reply>;
}

/// Asks a service, and folds its answer. What breaks in the middle says what was spent and told till then.
fn ask(
    line: &Line,
    ask: Ask,
    request: &Request,
    fold: &mut dyn Fold,
    tell: &mut dyn FnMut(Delta<'_>),
    patience: &Patience,
) -> Result<Reply, Error> {
    let mut told = None;
    let mut answer = line.post(ask.path, ask.headers, bytes(&ask.body), patience)?;
    let mut telling = |delta: Delta<'_>| {
        let letters = told.get_or_insert(0);
        if let Delta::Text(text) = delta {
            *letters += text.chars().count();
        }
        tell(delta);
    };
    let read = read(line, &mut answer, fold, &mut telling, patience);
    let request_id = answer.request_id.clone();
    match read {
        Ok(mut reply) => {
            answer.finish();
            if reply.estimated {
                reply.usage = estimate::of(request, &reply);
            }
            Ok(reply)
        }
        Err(mut error) => {
            // The service had begun to answer well.
            error.reached = true;
            error.spent = fold.spent().map(|spent| Tokens {
                // What was told was written, whether or not the service has counted it yet.
                output: spent.output.max(estimate::letters(told.unwrap_or_default())),
                ..spent
            });
            error.told = told.is_some();
            error.request_id = request_id;
            error.message = line.hide(&error.message);
            Err(error)
        }
    }
}

fn read(
    line: &Line,
    answer: &mut Answer,
    fold: &mut dyn Fold,
    tell: &mut dyn FnMut(Delta<'_>),
    patience: &Patience,
) -> Result<Reply, Error> {
    let broken = |why: &str| Error::new(Kind::BadAnswer, format!("{}: {why}", line.service.name));
    if !answer.streams() {
        let body = answer.rest().map_err(|error| line.lost(error, patience))?;
        at_once(&body, fold, tell)?;
        return fold.reply().ok_or_else(|| broken("the answer is not a whole reply"));
    }
    let (mut parser, mut buffer, last) = (Parser::default(), vec![0; PIECE], Cell::new(false));
    let mut each = |event: Event<'_>| {
        last.set(last.get() || fold.event(event, tell)?);
        Ok(())
    };
    let ended = loop {
        match answer.read(&mut buffer) {
            Ok(0) => break parser.end(&mut each).map(|()| None),
            Ok(length) => parser.push(&buffer[..length], &mut each)?,
            Err(error) => break Ok(Some(line.lost(error, patience))),
        }
        patience.check()?;
        if last.get() {
            break Ok(None);
        }
    };
    // A stream that breaks after the end of the reply has lost nothing.
    match (ended?, fold.reply()) {
        (_, Some(reply)) => Ok(reply),
        (Some(lost), None) => Err(lost),
        (None, None) => {
            let message = format!("{}: the stream ended before the reply was complete", line.service.name);
            Err(Error::new(Kind::Network, message))
        }
    }
}

/// Takes an answer that came as one. Some servers do not say that they stream.
fn at_once(body: &[u8], fold: &mut dyn Fold, tell: &mut dyn FnMut(Delta<'_>)) -> Result<(), Error> {
    if !(body.starts_with(b"data:") || body.starts_with(b"event:")) {
        return fold.whole(body, tell);
    }
    let mut parser = Parser::default();
    let mut each = |event: Event<'_>| fold.event(event, tell).map(drop);
    parser.push(body, &mut each)?;
    parser.end(&mut each)
}

/// Asks something small, and reads the answer as JSON.
fn small(line: &Line, ask: Ask, patience: &Patience) -> Result<Value, Error> {
    let mut answer = line.post(ask.path, ask.headers, bytes(&ask.body), patience)?;
    let body = answer.rest().map_err(|error| line.lost(error, patience))?;
    answer.finish();
    serde_json::from_slice(&body).map_err(|_| garbled(&body))
}

fn bytes(body: &Value) -> Vec<u8> {
    serde_json::to_vec(body).expect("a JSON value can be written")
}

/// What came is not what the format has.
fn garbled(text: &[u8]) -> Error {
    let start = fault::plain(&String::from_utf8_lossy(&text[..text.len().min(200)]));
    Error::new(Kind::BadAnswer, format!("what came is not the format that this provider speaks: {start:?}"))
}

fn bearer(key: Option<&Key>) -> Vec<(String, String)> {
    key.map(|key| ("Authorization".to_owned(), format!("Bearer {}", key.expose()))).into_iter().collect()
}

/// What a model wrote as arguments: JSON, or the text itself where it is none. Nothing stands for no arguments.
fn arguments(text: &str) -> Value {
    if text.trim().is_empty() {
        return Value::Object(serde_json::Map::new());
    }
    serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
}

/// Arguments as the text that a model wrote.
fn written(input: &Value) -> String {
    match input {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The caller's own parameters, over what is there.
fn and_extra(mut body: Value, request: &Request) -> Value {
    if let Value::Object(map) = &mut body {
        map.extend(request.extra.iter().map(|(key, value)| (key.clone(), value.clone())));
    }
    body
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const STREAMS: [&str; 6] = [
        include_str!("../../tests/it/fixtures/anthropic-tools.sse"),
        include_str!("../../tests/it/fixtures/anthropic-length.sse"),
        include_str!("../../tests/it/fixtures/openai-tools.sse"),
        include_str!("../../tests/it/fixtures/openai-error.sse"),
        include_str!("../../tests/it/fixtures/openai-responses-tools.sse"),
        include_str!("../../tests/it/fixtures/openai-responses-error.sse"),
    ];

    /// Reads bytes as replies of every format, whole and in pieces.
    fn read_all(stream: &[u8], piece: usize) {
        for format in Format::ALL {
            let mut told = String::new();
            let read = format.read_kept(stream.chunks(piece), &mut |delta| {
                if let Delta::Text(text) = delta {
                    told.push_str(text);
                }
            });
            let at_once = format.read_kept([stream], &mut |_| {});
            assert_eq!(read.as_ref().ok(), at_once.as_ref().ok(), "{format:?}");
            if let Ok(reply) = read {
                assert!(!reply.estimated || reply.usage == Tokens::default(), "{format:?}");
            }
        }
    }

    proptest! {
        /// Whatever comes, reading it ends in a reply or in an error, the same in whatever pieces it comes.
        #[test]
        fn any_stream_can_be_read(
            stream in 0..STREAMS.len(),
            piece in 1usize..40,
            cuts in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..6),
        ) {
            let mut bytes = STREAMS[stream].as_bytes().to_vec();
            for (from, to, what) in cuts {
                let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
                match what % 4 {
                    0 => bytes[from] = what,
                    1 => bytes[from] = b"0123456789-\"[]{}:,"[to % 18],
                    2 => bytes.truncate(from.max(1)),
                    _ => {
                        let piece = bytes[from.min(to)..from.max(to)].to_vec();
                        bytes.splice(from..from, piece);
                    }
                }
            }
            read_all(&bytes, piece);
        }
    }
}
