//! Which model is asked, of whom, and what it may cost.

use windlass_llm::catalogue::Model;
use windlass_model::{Code, Money, Span};
use windlass_yaml::Node;

use super::Call;
use crate::prompt::{Deed, Provider};

/// How many tokens a reply may have, where nothing is said.
const MAX_OUTPUT: u32 = 4096;

impl Call<'_> {
    /// The model with its provider.
    pub(super) fn model(&self) -> Option<(Model, Provider)> {
        let Some(node) = self.key("model") else {
            let problem =
                self.reader.problem(Code::MissingKey, self.call.word_span, "a prompt needs a `model`");
            self.reader.note(problem.hint("write `model: balanced`, another role, or a model's id"));
            return None;
        };
        let model = self.constant("model", node)?;
        let at = match self.key("provider") {
            Some(node) => Some(self.constant("provider", node)?),
            None => None,
        };
        match self.setup.choose(&model, at.as_deref()) {
            Ok((model, declared)) => Some((model.clone(), declared.used(self.cx))),
            Err(unusable) => {
                let of_provider = unusable.code == Code::BadProvider && at.is_some();
                let span = self.key("provider").filter(|_| of_provider).unwrap_or(node).span;
                let problem = self.reader.problem(unusable.code, span, unusable.why);
                self.reader.note(problem.hint(unusable.hint));
                None
            }
        }
    }

    /// A text that must be known now.
    fn constant(&self, key: &str, node: &Node) -> Option<String> {
        if node.is_template() {
            let message = format!("`{key}` is only known when the run goes on");
            let problem = self.reader.problem(Code::BadPrompt, node.span, message);
            self.reader.note(
                problem.hint("what a prompt costs at most is worked out before: write it, or use a variable"),
            );
            return None;
        }
        self.reader.text(node).map(|text| text.value)
    }

    /// How many tokens a reply may have: what the step says, and no more than the model can.
    pub(super) fn max_output(&self, model: Option<&Model>) -> u32 {
        let most = model.and_then(|model| model.max_output).unwrap_or(u32::MAX);
        let Some(node) = self.key("max_output_tokens") else { return MAX_OUTPUT.min(most) };
        let Some(asked) = self.reader.int_in(node, 1..=i64::from(u32::MAX)) else { return MAX_OUTPUT };
        let asked = asked.value as u32;
        if let Some(model) = model.filter(|_| asked > most) {
            let message =
                format!("`max_output_tokens`: {asked} is more than the {most} that {} can write", model.id);
            self.wrong(node.span, message, "lower it, or ask another model");
        } else if let Some(model) = model.filter(|model| u64::from(asked) >= model.max_context) {
            let message = format!(
                "`max_output_tokens`: {asked} leaves no room for the prompt: {} reads and writes {} in all",
                model.id, model.max_context
            );
            self.wrong(node.span, message, "lower it, or ask another model");
        }
        asked
    }

    pub(super) fn temperature(&self) -> Option<f64> {
        let node = self.key("temperature")?;
        let asked = self.reader.float(node)?.value;
        if !(0.0..=2.0).contains(&asked) {
            let message = format!("`temperature`: expected a number from 0 to 2, found {asked}");
            self.wrong(node.span, message, "0 is as little chance as the model can");
        }
        Some(asked)
    }

    pub(super) fn wrong(&self, span: Span, message: impl Into<String>, hint: &str) {
        self.reader.note(self.reader.problem(Code::BadPrompt, span, message).hint(hint));
    }

    /// The most that the step may cost: what it says itself, and what the project says.
    pub(super) fn max_cost(&self) -> Option<Money> {
        let most = self.setup.policy.max_step_cost;
        let Some(node) = self.key("max_cost") else { return most };
        let read = node.text().map(windlass_yaml::nanos);
        let asked = match read {
            Some(Ok(nanos)) if nanos >= 0 => Money(nanos),
            _ => {
                let message = format!("`max_cost`: expected an amount of money, found {}", node.kind_name());
                self.reader.note(
                    self.reader.problem(Code::BadMoney, node.span, message).hint("write `max_cost: 0.05`"),
                );
                return most;
            }
        };
        if let Some(most) = most.filter(|most| asked > *most) {
            let message =
                format!("`max_cost`: {asked} is more than the {most} that a step may cost in this project");
            let problem = self.reader.problem(Code::PromptPolicy, node.span, message);
            self.reader.note(problem.hint("`prompts.max_step_cost` of windlass.yaml says so"));
        }
        Some(asked)
    }

    /// A reply alone that may cost more than the step is a slip that shows before anything runs.
    pub(super) fn affordable(&self, deed: &Deed) {
        let Some(limit) = deed.max_cost else { return };
        let reply = deed.model.bound(0, u64::from(deed.max_output_tokens));
        if reply > limit {
            let message = format!(
                "a reply of {} tokens of {} may cost {reply}, and the step may cost {limit}",
                deed.max_output_tokens, deed.model.id
            );
            let span = self.key("max_output_tokens").map_or(self.call.word_span, |node| node.span);
            let own = self.key("max_cost").is_some();
            let code = if own { Code::BadPrompt } else { Code::PromptPolicy };
            let hint = match own {
                true => "lower `max_output_tokens`, or raise `max_cost`",
                false => {
                    "lower `max_output_tokens`: `prompts.max_step_cost` of windlass.yaml bounds the step"
                }
            };
            self.reader.note(self.reader.problem(code, span, message).hint(hint));
        }
    }
}
