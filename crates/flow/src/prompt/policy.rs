//! What a project allows prompts to do: `prompts` of `windlass.yaml`.

use windlass_llm::context;
use windlass_model::{Code, Money};
use windlass_yaml::{Node, Reader};

/// What a project allows prompts to do. What is not said is allowed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// The models that may be asked, by id.
    pub models: Option<Vec<String>>,
    /// The providers that may be asked.
    pub providers: Option<Vec<String>>,
    /// The words that tools may be.
    pub tools: Option<Vec<String>>,
    /// The most that one step may cost.
    pub max_step_cost: Option<Money>,
    /// What prompts with a context do where they do not say.
    pub context: Option<context::Policy>,
}

/// Reads the mapping `prompts:`.
pub(super) fn read(reader: &Reader, node: &Node) -> Policy {
    let Some(mut map) = reader.map(node) else { return Policy::default() };
    let names = |texts: Option<Vec<windlass_yaml::Text>>| {
        texts.map(|texts| texts.into_iter().map(|text| text.value).collect::<Vec<_>>())
    };
    let models = names(map.texts("models"));
    let providers = names(map.texts("providers"));
    let tools = names(map.texts("tools"));
    let max_step_cost = map.money("max_step_cost");
    if let Some(bad) = max_step_cost.filter(|cost| cost.value < 0) {
        reader.note(reader.problem(Code::BadMoney, bad.span, "`max_step_cost`: a limit cannot be negative"));
    }
    let context = map.node("context").and_then(|node| context::Policy::read_whole(reader, node));
    map.finish();
    Policy { models, providers, tools, max_step_cost: max_step_cost.map(|cost| Money(cost.value)), context }
}

impl Policy {
    /// Whether a name is among those that are allowed.
    pub(super) fn allows(list: &Option<Vec<String>>, name: &str) -> bool {
        list.as_ref().is_none_or(|list| list.iter().any(|allowed| allowed == name))
    }
}
