//! Graphs of questions in memory: each part and the whole, as claude-workflow has it and as it should be.

mod defects;
mod parts;
mod runs;

use std::sync::{Arc, Mutex};

use windlass_flow::Flow;
use windlass_flow::orchestrate::{
    Answer, Call, Executor, Fault, Mode, Options, Orchestrator, Policy, Report, Task,
};
use windlass_llm::Patience;
use windlass_llm::catalogue::Catalogue;
use windlass_model::{Cost, Money, Source};

const BOTH: [Mode; 2] = [Mode::Compatible, Mode::Corrected];

fn money(text: &str) -> Money {
    Money::parse(text).expect(text)
}

fn usd(text: &str) -> Cost {
    Cost { amount: money(text), currency: "USD".into() }
}

/// One model whose tokens are four bytes, at a dollar for a million of them in and out.
fn catalogue() -> Catalogue {
    let mut catalogue = Catalogue::default();
    let text = "models:\n- { id: m, provider: test, max_context: 100000, max_output: 50000, input_cost_per_1m: 1, \
                output_cost_per_1m: 1, tokenizer: chars4 }\n";
    catalogue.extend(&Source::new("models.yaml", text)).expect("it is good");
    catalogue
}

fn flow(mode: Mode, policy: Policy, executor: impl Executor + 'static) -> Orchestrator {
    Flow::with_options(policy, executor, Options { catalogue: Some(catalogue()), mode, ..Options::default() })
}

fn policy(budget: &str) -> Policy {
    Policy { max_parallelism: 4, max_output_tokens: 100, ..Policy::new(usd(budget)) }
}

fn task(id: &str, needs: &[&str]) -> Task {
    Task::new(id, "m", format!("do {id}")).needs(needs.iter().copied())
}

/// The state of a run and of its tasks, with the words of their errors.
fn show(report: &Report) -> String {
    let json = serde_json::to_value(report).expect("it is data");
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut text = word(&json["state"]);
    if !json["error"].is_null() {
        text += &format!("[{}]", word(&json["error"]["code"]));
    }
    for (id, task) in json["tasks"].as_object().expect("tasks") {
        text += &format!(" {id}={}", word(&task["state"]));
        if !task["error"].is_null() {
            text += &format!("({})", word(&task["error"]["code"]));
        }
    }
    text
}

/// Answers every question, and remembers what was asked.
#[derive(Clone, Default)]
struct Calls(Arc<Mutex<Vec<Call>>>);

impl Calls {
    fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> =
            self.0.lock().expect("no panic").iter().map(|call| call.task.to_string()).collect();
        ids.sort();
        ids
    }

    fn last(&self) -> Call {
        self.0.lock().expect("no panic").last().expect("something was asked").clone()
    }
}

impl Executor for Calls {
    fn execute(&self, call: &Call, _: &Patience) -> Result<Answer, Fault> {
        self.0.lock().expect("no panic").push(call.clone());
        Ok(Answer::new(format!("<{}>", call.task), 60, 40))
    }
}
