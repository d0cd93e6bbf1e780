//! `context`: what of the tasks before is sent along, within what the project allows.

use windlass_llm::context::Policy;
use windlass_model::Code;

use super::Call;
use crate::prompt::Context;

impl Call<'_> {
    pub(super) fn context(&self) -> Option<Context> {
        let node = self.key("context")?;
        let project = self.setup.policy.context;
        if let Some(flag) = node.as_bool() {
            return flag.then(|| Context { policy: project.unwrap_or_default(), from: Vec::new() });
        }
        let own = Policy::read_whole(&self.reader, node)?;
        let most = project.and_then(|project| project.max_tokens);
        if let (Some(most), Some(asked)) = (most, own.max_tokens)
            && asked > most
        {
            let message = format!("`max_tokens`: {asked} is more than the {most} that this project allows");
            let problem = self.reader.problem(Code::PromptPolicy, node.span, message);
            self.reader.note(problem.hint("`prompts.context` of windlass.yaml says so"));
        }
        let policy = Policy { max_tokens: own.max_tokens.or(most), ..own };
        Some(Context { policy, from: Vec::new() })
    }
}
