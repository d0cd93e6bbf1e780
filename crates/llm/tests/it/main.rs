//! The crate from outside, in one binary: providers against services that the tests run themselves, and the parts.

#![allow(clippy::unwrap_used, reason = "a test fails by a panic")]

mod bodies;
mod catalogue;
mod client;
mod context;
mod faults;
mod live;
mod oracles;
mod program;
mod replies;
mod server;
mod tiny;
mod tokens;

use std::time::Duration;

use server::Server;
use windlass_llm::{
    Anthropic, Chat, Delta, Error, Key, Patience, Provider, Quirks, Reply, Request, Responses, Service,
};

/// What stands for a key, and must never be seen in an error.
const KEY: &str = "sk-secret-0123456789";

/// The three formats that services speak, each at one server, under the path that its base has.
fn providers(server: &Server) -> [(&'static str, Box<dyn Provider>); 3] {
    providers_at(&server.url(""))
}

fn providers_at(url: &str) -> [(&'static str, Box<dyn Provider>); 3] {
    let service = |name: &str, path: &str| Service {
        silence: Duration::from_secs(60),
        ..Service::new(name, format!("{url}{path}"), Some(Key::new(KEY)))
    };
    [
        ("anthropic", Box::new(Anthropic::new(service("anthropic", "")))),
        ("openai", Box::new(Chat::new(service("openai", "/v1"), Quirks::default()))),
        ("openai-responses", Box::new(Responses::new(service("openai-responses", "/v1")))),
    ]
}

/// Asks, and gives what was told on the way too.
fn ask(provider: &dyn Provider, request: &Request) -> (Result<Reply, Error>, Vec<String>) {
    ask_with(provider, request, &Patience::endless())
}

fn ask_with(
    provider: &dyn Provider,
    request: &Request,
    patience: &Patience,
) -> (Result<Reply, Error>, Vec<String>) {
    let mut told = Vec::new();
    let mut tell = |delta: Delta<'_>| {
        told.push(match delta {
            Delta::Text(text) => text.to_owned(),
            Delta::Call(name) => format!("<{name}>"),
        });
    };
    let reply = provider.ask(request, &mut tell, patience);
    if let Err(error) = &reply {
        assert!(!format!("{error:?} {error}").contains(KEY), "{error}");
    }
    (reply, told)
}
