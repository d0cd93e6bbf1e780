//! From what a person wrote after `prompt` to a step of a plan: every problem on its line, before anything is asked.

mod context;
mod model;
mod schema;
mod texts;
mod tools;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use windlass_engine::{CompileContext, CompiledStep, Sections, StepCall, StepCompiler, Words};
use windlass_yaml::{Node, Reader};

use super::{Deed, PROMPT, PROMPT_FILE, Prompts, Setup};

/// The keys that belong to a prompt.
const KEYS: &[&str] = &[
    "model",
    "provider",
    "system",
    "max_output_tokens",
    "temperature",
    "context",
    "output_schema",
    "schema_retries",
    "tools",
    "max_rounds",
    "cache",
    "max_cost",
];

/// How often a model is told what does not match its schema, and asked again.
const SCHEMA_RETRIES: u32 = 2;

/// How often a model that calls tools is asked.
const ROUNDS: u32 = 8;

/// Knows the words `prompt` and `prompt_file`.
pub(super) struct PromptWords {
    prompts: Prompts,
    tools: Arc<Words>,
    /// What holds for the document that was read last: its steps come one after another.
    last: Mutex<Option<(PathBuf, Sections, Arc<Setup>)>>,
}

impl PromptWords {
    pub(super) fn new(prompts: Prompts, tools: Arc<Words>) -> Self {
        Self { prompts, tools, last: Mutex::default() }
    }

    fn setup(&self, cx: &CompileContext) -> Arc<Setup> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((root, sections, setup)) = &*last
            && root == cx.root()
            && sections.same(cx.sections())
            && !Setup::has_files(cx)
        {
            return setup.clone();
        }
        let (setup, problems) = Setup::of(&self.prompts, cx);
        let clean = problems.is_empty();
        problems.into_iter().for_each(|problem| cx.note(problem));
        let setup = Arc::new(setup);
        // What is wrong is told for each document that has it.
        *last = clean.then(|| (cx.root().to_path_buf(), cx.sections().clone(), setup.clone()));
        setup
    }
}

/// One step that is being read.
struct Call<'c> {
    reader: Reader,
    cx: &'c CompileContext,
    call: &'c StepCall<'c>,
    setup: &'c Setup,
    tools: &'c Words,
    /// What its tools may leave for later steps, if the model calls them.
    offers: RefCell<BTreeSet<String>>,
}

impl StepCompiler for PromptWords {
    fn words(&self) -> Vec<&str> {
        vec![PROMPT, PROMPT_FILE]
    }

    fn keys(&self) -> &[&'static str] {
        KEYS
    }

    fn sections(&self) -> &[&'static str] {
        &["models", "providers"]
    }

    fn compile(&self, call: &StepCall<'_>, cx: &CompileContext) -> Option<CompiledStep> {
        let setup = self.setup(cx);
        let (reader, offers) = (Reader::new(&cx.source), RefCell::default());
        let step = Call { reader, cx, call, setup: &setup, tools: &self.tools, offers };
        let deed = step.deed();
        let offers = step.offers.into_inner().into_iter().collect();
        let problems = step.reader.into_problems();
        let clean = problems.is_empty();
        problems.into_iter().for_each(|problem| cx.note(problem));
        let deed = deed.filter(|_| clean)?;
        // Who reads what nobody before it leaves is told so when it is planned.
        let consumes = deed.context.iter().flat_map(|context| context.memory.keys().cloned()).collect();
        let input = serde_json::to_value(deed).expect("its maps have texts as keys");
        Some(CompiledStep { consumes, offers, ..CompiledStep::new(PROMPT, input) })
    }

    fn schema(&self, word: &str) -> Value {
        let (what, of) = match word {
            PROMPT_FILE => ("The file of the text that a language model is asked", "A file for each role"),
            _ => ("What a language model is asked", "A text for each role"),
        };
        let roles = json!({"type": "string"});
        let by_role = json!({
            "type": "object",
            "description": format!("{of}; `default` for the others."),
            "properties": {"flagship": roles, "balanced": roles, "fast": roles, "default": roles},
            "additionalProperties": false,
        });
        json!({"description": format!("{what}."), "anyOf": [{"type": "string"}, by_role]})
    }
}

impl Call<'_> {
    fn deed(&self) -> Option<Deed> {
        let chosen = self.model();
        let prompt = self.prompt(chosen.as_ref().map(|(model, _)| model));
        let max_output_tokens = self.max_output(chosen.as_ref().map(|(model, _)| model));
        let temperature = self.temperature();
        let context = self.context();
        let output_schema = self.output_schema();
        let schema_retries = self.whole("schema_retries", 0, 20);
        let tools = self.tools(chosen.as_ref().map(|(model, _)| model));
        let max_rounds = self.whole("max_rounds", 1, 100);
        let cache = self.key("cache").and_then(|node| self.reader.bool(node)).is_some_and(|flag| flag.value);
        if let Some(node) = self.key("cache").filter(|_| cache && !tools.is_empty()) {
            let message = "`cache` means nothing beside `tools`: what they give is not in the request";
            self.wrong(node.span, message, "remove one of them");
        }
        let max_cost = self.max_cost();
        let (model, provider) = chosen?;
        let deed = Deed {
            prompt: prompt?,
            system: self.key("system").map(Node::to_json),
            model,
            provider,
            max_output_tokens,
            temperature,
            context,
            schema_retries: output_schema.as_ref().map_or(0, |_| schema_retries.unwrap_or(SCHEMA_RETRIES)),
            output_schema,
            max_rounds: if tools.is_empty() { 0 } else { max_rounds.unwrap_or(ROUNDS) },
            tools,
            cache,
            max_cost,
        };
        self.affordable(&deed);
        Some(deed)
    }

    /// What stands after a key, if anything does.
    fn key(&self, name: &str) -> Option<&Node> {
        let key = self.call.keys.iter().find(|(key, _)| *key == name);
        key.map(|(_, node)| *node).filter(|node| !node.is_null())
    }

    fn whole(&self, name: &str, least: i64, most: i64) -> Option<u32> {
        self.reader.int_in(self.key(name)?, least..=most).map(|number| number.value as u32)
    }
}
