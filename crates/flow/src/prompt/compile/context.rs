//! `context`: what of the tasks before is sent along, within what the project allows.

use std::collections::BTreeMap;

use serde_json::Value;
use windlass_llm::context::Policy;
use windlass_model::Code;
use windlass_yaml::{Map, Text};

use super::Call;
use crate::prompt::Context;
use crate::remember::is_name;

impl Call<'_> {
    pub(super) fn context(&self) -> Option<Context> {
        let node = self.key("context")?;
        let project = self.setup.policy.context;
        if let Some(flag) = node.as_bool() {
            return flag.then(|| Context { policy: project.unwrap_or_default(), ..Context::default() });
        }
        let mut map = self.reader.map(node)?;
        let memory = self.memory(&mut map);
        let own = Policy::read(&mut map);
        map.finish();
        let own = own?;
        let most = project.and_then(|project| project.max_tokens);
        if let (Some(most), Some(asked)) = (most, own.max_tokens)
            && asked > most
        {
            let message = format!("`max_tokens`: {asked} is more than the {most} that this project allows");
            let problem = self.reader.problem(Code::PromptPolicy, node.span, message);
            self.reader.note(problem.hint("`prompts.context` of windlass.yaml says so"));
        }
        let policy = Policy { max_tokens: own.max_tokens.or(most), ..own };
        Some(Context { policy, memory, ..Context::default() })
    }

    /// `memory`: names of what steps before it `remember`.
    fn memory(&self, map: &mut Map<'_, '_>) -> BTreeMap<String, Value> {
        let names = map.texts("memory").unwrap_or_default();
        for name in names.iter().filter(|name| !is_name(&name.value)) {
            let message = format!("`memory`: `{}` is no name that a step can `remember`", name.value);
            self.wrong(name.span, message, "list names: `memory: [tone, audience]`");
        }
        // A tool may have remembered it, or not: then there is nothing to send.
        let told = |name: Text| (format!("{{{{ state['{}'] | default(none) }}}}", name.value), name.value);
        let names = names.into_iter().filter(|name| is_name(&name.value)).map(told);
        names.map(|(value, name)| (name, value.into())).collect()
    }
}
