//! Gathers what may be sent along with a prompt.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::{Bundle, Piece};

/// What one task before gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The task.
    pub id: Arc<str>,
    /// Its output, if it has any.
    pub text: Option<Arc<str>>,
    /// Whether the task was completed.
    pub completed: bool,
    /// Whether the prompt itself has the output in it.
    pub in_prompt: bool,
}

/// What there is to choose from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// What the tasks before gave, in the order in which they are needed.
    pub outputs: Vec<Output>,
    /// What the run remembers.
    pub memory: BTreeMap<String, Arc<str>>,
}

impl Given {
    /// Outputs of completed tasks, without memory.
    pub fn outputs<I: Into<Arc<str>>, T: Into<Arc<str>>>(outputs: impl IntoIterator<Item = (I, T)>) -> Self {
        let output = |(id, text): (I, T)| Output {
            id: id.into(),
            text: Some(text.into()),
            completed: true,
            in_prompt: false,
        };
        Self { outputs: outputs.into_iter().map(output).collect(), memory: BTreeMap::new() }
    }
}

/// Gathers what may be sent along with a prompt. A caller may bring its own.
pub trait Builder: Send + Sync {
    /// Chooses from what there is.
    fn build(&self, given: &Given) -> Bundle;
}

/// Every output of a completed task in the order of needs, each text once: not again where two tasks gave the same,
/// and not where the prompt has it already.
#[derive(Clone, Copy, Debug, Default)]
pub struct Once;

impl Builder for Once {
    fn build(&self, given: &Given) -> Bundle {
        let mut pieces: Vec<Piece> = Vec::with_capacity(given.outputs.len());
        let mut places: HashMap<&str, usize> = HashMap::with_capacity(given.outputs.len());
        for output in given.outputs.iter().filter(|output| output.completed && !output.in_prompt) {
            let Some(text) = output.text.as_ref().filter(|text| !text.is_empty()) else { continue };
            match places.get(&**text) {
                Some(&place) if pieces[place].ids.contains(&output.id) => {}
                Some(&place) => pieces[place].ids.push(output.id.clone()),
                None => {
                    places.insert(text, pieces.len());
                    pieces.push(Piece::new(output.id.clone(), text.clone()));
                }
            }
        }
        Bundle { memory: given.memory.clone(), pieces }
    }
}
