//! One model: what it can, and what it costs.

use serde::{Deserialize, Serialize};
use windlass_model::Money;

use super::Role;
use crate::Tokens;

/// One model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    /// Its provider's name for it.
    pub id: String,
    /// Who serves it: `anthropic`, `openai`, or the name of a configured provider.
    pub provider: String,
    /// How many tokens it can read and write together.
    pub max_context: u64,
    /// How many tokens it can write; unknown where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_output: Option<u32>,
    /// What it costs.
    #[serde(flatten)]
    pub prices: Prices,
    /// What it costs where the prompt is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub long_prompt: Option<LongPrompt>,
    /// The role that its entry gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_role: Option<Role>,
    /// Whether it can call tools.
    pub supports_tools: bool,
    /// How its tokens are counted.
    pub tokenizer: Vocabulary,
    /// What a person should know about the entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Money for a million tokens of each kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    /// Read by the model.
    #[serde(rename = "input_cost_per_1m")]
    pub input: Money,
    /// Written by the model.
    #[serde(rename = "output_cost_per_1m")]
    pub output: Money,
    /// Read from the provider's cache; as any input where nothing is said.
    #[serde(rename = "cache_read_cost_per_1m")]
    pub cache_read: Money,
    /// Written to the provider's cache; as any input where nothing is said.
    #[serde(rename = "cache_write_cost_per_1m")]
    pub cache_write: Money,
}

impl Prices {
    /// Prices of a model without a cache.
    pub fn new(input: Money, output: Money) -> Self {
        Self { input, output, cache_read: input, cache_write: input }
    }

    /// The most that one token of a prompt can cost.
    pub fn dearest_input(&self) -> Money {
        self.input.max(self.cache_read).max(self.cache_write)
    }
}

/// Other prices for the whole of a request whose prompt is long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LongPrompt {
    /// They hold for prompts of more tokens than this.
    pub above: u64,
    /// What is paid then.
    #[serde(flatten)]
    pub prices: Prices,
}

/// How the tokens of a text are counted for a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Vocabulary {
    /// Exactly, by OpenAI's vocabulary of GPT-4o and later.
    O200k,
    /// Exactly, by OpenAI's vocabulary of GPT-4 and GPT-3.5.
    Cl100k,
    /// By an estimate for Claude 3 to 4.6, whose vocabulary is not published.
    #[serde(rename = "claude-3")]
    Claude3,
    /// By an estimate for Claude 4.7 and later, which count about a third more.
    #[serde(rename = "claude-4.7")]
    Claude47,
    /// A token for every four bytes, as claude-workflow estimates.
    Chars4,
    /// By an estimate for a vocabulary that nothing is known of.
    #[default]
    Unknown,
}

impl Model {
    /// The prices of a request with a prompt of so many tokens.
    pub fn prices_at(&self, prompt: u64) -> &Prices {
        match &self.long_prompt {
            Some(long) if prompt > long.above => &long.prices,
            _ => &self.prices,
        }
    }

    /// What these tokens cost, exactly, rounded up to a nano-unit once.
    pub fn cost(&self, tokens: &Tokens) -> Money {
        crate::price::cost(self.prices_at(tokens.prompt()), tokens)
    }

    /// The most that a request can cost whose prompt has at most `input` tokens and whose reply has at most
    /// `output`.
    pub fn bound(&self, input: u64, output: u64) -> Money {
        let short = match &self.long_prompt {
            Some(long) => input.min(long.above),
            None => input,
        };
        let least = crate::price::bound(&self.prices, short, output);
        let long = self.long_prompt.filter(|long| input > long.above);
        long.map_or(least, |long| least.max(crate::price::bound(&long.prices, input, output)))
    }

    /// Half of what a token read and a token written cost together, for a million: claude-workflow's average.
    pub fn average_cost_per_1m(&self) -> Money {
        Money(self.prices.input.0.midpoint(self.prices.output.0))
    }
}
