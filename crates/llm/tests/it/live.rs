//! Real services, asked one small thing each. It costs money, though little: it runs by `cargo xtask live` alone.

use std::{env, io::Write, sync::Arc};

use windlass_llm::{
    Anthropic, Chat, Client, Key, Limiter, Limits, Patience, Provider, Quirks, Request, Responses, Retry,
    Service, Stop,
    catalogue::Catalogue,
    price::{Calculator, Exact, Need},
    tokens::{Estimators, size},
};
use windlass_model::Money;

/// What all of it may cost, in billionths of a dollar: five cents.
const CAP: Money = Money(50_000_000);

fn say(what: &str) {
    // Past the harness, which would keep it to itself.
    writeln!(std::io::stderr(), "live: {what}").ok();
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The services that somebody here has a key for, with a cheap model of each.
fn services() -> Vec<(&'static str, Arc<dyn Provider>)> {
    let mut found: Vec<(&'static str, Arc<dyn Provider>)> = Vec::new();
    match variable("ANTHROPIC_API_KEY") {
        None => say("anthropic: NOT RUN: there is no ANTHROPIC_API_KEY"),
        Some(key) => {
            let base = variable("ANTHROPIC_BASE_URL").unwrap_or("https://api.anthropic.com".into());
            let service = Service::new("anthropic", base, Some(Key::new(&key)));
            found.push(("claude-haiku-4-5", Arc::new(Anthropic::new(service))));
        }
    }
    match variable("OPENAI_API_KEY") {
        None => say("openai, openai-responses: NOT RUN: there is no OPENAI_API_KEY"),
        Some(key) => {
            let base = variable("OPENAI_BASE_URL").unwrap_or("https://api.openai.com/v1".into());
            let service = |name: &str| Service::new(name, base.clone(), Some(Key::new(&key)));
            found.push(("gpt-4o-mini", Arc::new(Chat::new(service("openai"), Quirks::default()))));
            found.push(("gpt-4o-mini", Arc::new(Responses::new(service("openai-responses")))));
        }
    }
    found
}

#[test]
fn live_services_answer_for_five_cents_at_most() {
    if env::var("WINDLASS_LIVE").is_ok_and(|word| word == "1") {
        let mut spent = Money::ZERO;
        for (model, provider) in services() {
            spent = spent.plus(one(model, provider, spent));
        }
        say(&format!("spent {spent} USD of {CAP} at most"));
        return;
    }
    say("NOT RUN: it asks real services for real money; `cargo xtask live` runs it");
}

/// Asks once, if what it may cost is still there; gives what it did cost.
fn one(model: &str, provider: Arc<dyn Provider>, spent: Money) -> Money {
    let (catalogue, estimators) = (Catalogue::builtin(), Estimators::default());
    let entry = catalogue.get(model).unwrap();
    let request = Request::new(model, "Answer with the word yes and nothing else.", 32);
    let size = size(&*estimators.of(entry), &request);
    let need = Need { likely: size.likely, input: size.bound, output: 32 };
    let bound = Exact::default().reserve(entry, &need).amount;
    assert!(spent.plus(bound) <= CAP, "{model}: {bound} USD more might be more than {CAP}");
    let name = provider.name().to_owned();
    // One attempt: a second one might cost as much again.
    let client = Client::new(provider, Arc::new(Limiter::new(Limits::default())), Retry::never());
    let reply = client.ask(&request, &mut |_| {}, &Patience::endless()).reply.unwrap();
    let cost = entry.cost(&reply.usage);
    say(&format!("{name}: {:?} for {cost} USD, at most {bound}; {:?}", reply.text(), reply.usage));
    assert!(reply.text().to_lowercase().contains("yes") && reply.stop == Stop::End, "{reply:?}");
    assert!(cost > Money::ZERO && cost <= bound && !reply.estimated, "{cost} of {bound}");
    cost
}
