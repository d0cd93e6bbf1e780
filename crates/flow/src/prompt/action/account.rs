//! What the requests of a prompt took, and what is told of each.

use serde_json::{Map, Value, json};
use windlass_engine::redact::Redactor;
use windlass_llm::{Request, tokens};
use windlass_model::Usage;

use super::client::Asking;
use super::{Shared, bound};
use crate::prompt::Deed;

/// What one attempt used.
#[derive(Default)]
pub(super) struct Account {
    /// All of it.
    pub(super) used: Usage,
    /// What no note has told.
    untold: Usage,
    /// What attempts before used on the requests that this one goes on with.
    pub(super) before: Usage,
    /// What is told of each request, in order.
    pub(super) requests: Vec<Value>,
}

impl Account {
    /// Counts what a request took. Given back is what is told of it.
    pub(super) fn book(
        &mut self,
        (shared, deed, redactor): (&Shared, &Deed, &Redactor),
        request: &Request,
        asking: &Asking,
        what: Option<&str>,
    ) -> Value {
        let used = used(shared, deed, request, asking);
        self.used.add(&used);
        self.untold.add(&used);
        let mut told = Map::new();
        if let Some(what) = what {
            told.insert("for".into(), what.into());
        }
        told.insert("usage".into(), json!(used));
        match &asking.answered {
            Ok(reply) => {
                told.insert("stop".into(), json!(reply.stop));
                if reply.estimated {
                    told.insert("estimated".into(), true.into());
                }
            }
            Err(error) => {
                told.insert("error".into(), redactor.text(&error.to_string()).into());
            }
        }
        if !asking.attempts.is_empty() {
            told.insert("attempts".into(), asking.attempts.clone().into());
        }
        let told = Value::Object(told);
        self.requests.push(told.clone());
        told
    }

    /// Tells of a request that an attempt before has paid for.
    pub(super) fn recall(&mut self, mut told: Value) {
        if let Ok(used) = serde_json::from_value::<Usage>(told["usage"].clone()) {
            self.before.add(&used);
        }
        if let Value::Object(told) = &mut told {
            told.insert("earlier".into(), true.into());
        }
        self.requests.push(told);
    }

    /// What no note has told so far; a note is about to.
    pub(super) fn tell(&mut self) -> Usage {
        std::mem::take(&mut self.untold)
    }
}

/// What all attempts at a request took.
fn used(shared: &Shared, deed: &Deed, request: &Request, asking: &Asking) -> Usage {
    let estimator = shared.estimators.of(&deed.model);
    let mut used = Usage::default();
    for spent in &asking.spent {
        used.add(&match spent {
            Some(tokens) => bound::usage(deed, *tokens),
            // Nobody told: it counts at the most that it can have been.
            None => {
                let input = tokens::size(&*estimator, request).bound;
                bound::most(deed, input, request.max_output_tokens).as_bound()
            }
        });
    }
    used
}
