//! The words of native modules: from what a person wrote after one to a step of a plan.

mod bare;
mod carried;
mod params;
mod pause;
mod schema;
mod sources;
mod vars;

use serde_json::Value;
use windlass_engine::{CompileContext, CompiledStep, StepCall, StepCompiler};
use windlass_gate::{all, find};

/// Knows the name of every native module as a word, short (`copy`) and in full (`ansible.builtin.copy`).
#[derive(Debug)]
pub struct ModuleWords {
    words: Vec<String>,
}

impl ModuleWords {
    /// The words of all modules.
    pub fn new() -> Self {
        let names = all().map(|module| module.spec().name);
        Self { words: names.flat_map(|name| [name.to_owned(), format!("ansible.builtin.{name}")]).collect() }
    }
}

impl Default for ModuleWords {
    fn default() -> Self {
        Self::new()
    }
}

impl StepCompiler for ModuleWords {
    fn words(&self) -> Vec<&str> {
        self.words.iter().map(String::as_str).collect()
    }

    fn compile(&self, call: &StepCall<'_>, cx: &CompileContext) -> Option<CompiledStep> {
        let spec = find(call.word)?.spec();
        let written = params::read(spec, call, cx)?;
        let good = params::lint(spec, &written, call, cx);
        let mut params = params::canonical(spec, written);
        let found = match spec.name {
            "assemble" => carried::assemble(&mut params, call, cx),
            "assert" => bare::assert(&mut params, call, cx),
            "copy" => sources::copy(&mut params, call, cx),
            "debug" => bare::debug(&mut params, call, cx),
            "include_vars" => vars::include(&mut params, call, cx),
            "pause" => pause::check(&params, call, cx),
            "script" => carried::script(&mut params, call, cx),
            "template" => sources::template(&mut params, call, cx),
            "uri" => carried::uri(&mut params, call, cx),
            "unarchive" => carried::unarchive(&mut params, call, cx),
            _ => true,
        };
        (good && found).then(|| CompiledStep::new(spec.name, Value::Object(params)))
    }

    fn schema(&self, word: &str) -> Value {
        find(word).map_or(Value::Bool(false), |module| schema::of(module.spec()))
    }
}
