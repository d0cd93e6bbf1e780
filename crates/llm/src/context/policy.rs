//! How much may be sent along, and what goes when it is too much.

use serde::{Deserialize, Serialize};
use windlass_model::Code;
use windlass_yaml::{Map, Node, Reader};

/// What goes when it is too much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Nothing.
    #[default]
    None,
    /// All but the last few outputs.
    KeepLastN,
    /// The oldest outputs, until the rest fits.
    Truncate,
    /// What is in the middle, until the beginning and the end fit.
    HeadTail,
    /// The oldest outputs; a model's summary of them comes in their place.
    Summarize,
}

impl Strategy {
    /// All of them with their words.
    pub const WORDS: [(&str, Strategy); 5] = [
        ("none", Strategy::None),
        ("keep_last_n", Strategy::KeepLastN),
        ("truncate", Strategy::Truncate),
        ("head_tail", Strategy::HeadTail),
        ("summarize", Strategy::Summarize),
    ];

    /// The word for it in documents.
    pub fn as_str(self) -> &'static str {
        Self::WORDS.iter().find(|(_, strategy)| *strategy == self).map_or("none", |(word, _)| word)
    }
}

/// How much may be sent along. A context that is still larger than `max_tokens` in the end is an error, whatever
/// the strategy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What goes when it is too much.
    pub strategy: Strategy,
    /// How many outputs stay, for `keep_last_n`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_last_n: Option<u32>,
    /// How many tokens all of it may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
}

impl Policy {
    /// What is contradictory in it: the key that is wrong, and why.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let word = self.strategy.as_str();
        let mut found = Vec::new();
        match (self.strategy, self.keep_last_n) {
            (Strategy::KeepLastN, None) => {
                found.push((
                    "strategy",
                    "`keep_last_n` needs `keep_last_n: N`, the number of outputs that stay".into(),
                ));
            }
            (Strategy::KeepLastN, Some(0)) => {
                found.push(("keep_last_n", "0 outputs are no context: leave the context out".into()));
            }
            (Strategy::KeepLastN, Some(_)) | (_, None) => {}
            (_, Some(_)) => {
                found.push(("keep_last_n", format!("it has no meaning with the strategy `{word}`")))
            }
        }
        match (self.strategy, self.max_tokens) {
            (Strategy::Truncate | Strategy::HeadTail | Strategy::Summarize, None) => {
                found.push((
                    "strategy",
                    format!("`{word}` needs `max_tokens: N`, what is left may be so large"),
                ));
            }
            (_, Some(0)) => {
                found.push(("max_tokens", "0 tokens are no context: leave the context out".into()))
            }
            _ => {}
        }
        found
    }

    /// Reads `{ strategy, keep_last_n, max_tokens }` and notes what is wrong on its line. Other keys are left to
    /// the caller.
    pub fn read(map: &mut Map<'_, '_>) -> Option<Self> {
        let reader = map.reader();
        let before = reader.is_clean();
        let strategy = map.choice("strategy", &Strategy::WORDS).map(|word| word.value);
        let number = |map: &mut Map<'_, '_>, key| map.int_in(key, 0..).map(|number| number.value);
        let keep = number(map, "keep_last_n").map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let max_tokens = number(map, "max_tokens").and_then(|n| u64::try_from(n).ok());
        let policy = Self { strategy: strategy.unwrap_or_default(), keep_last_n: keep, max_tokens };
        if before && !reader.is_clean() {
            return None;
        }
        let problems = policy.problems();
        for (key, why) in &problems {
            let at = map.key_span(key).unwrap_or(map.span());
            reader.note(reader.problem(Code::BadContext, at, format!("`{key}`: {why}")));
        }
        problems.is_empty().then_some(policy)
    }

    /// Reads a mapping that has nothing else in it.
    pub fn read_whole(reader: &Reader, node: &Node) -> Option<Self> {
        let mut map = reader.map(node)?;
        let policy = Self::read(&mut map);
        map.finish();
        policy
    }
}
