//! What a model is given besides its prompt: memory and the outputs of the tasks before, made to fit.
//!
//! A [`Builder`] gathers, a [`Compactor`] leaves out what is too much and says what that was. *What is left is what
//! is sent*: [`Bundle::messages`] has the messages of the request.
//!
//! ```
//! use std::collections::BTreeMap;
//! use windlass_llm::context::{Builder, Compactor, Fitting, Given, Once, Policy, Strategy};
//! use windlass_llm::tokens::Chars4;
//!
//! let given = Given::outputs([("plan", "one two three"), ("notes", "four five six")]);
//! let policy = Policy { strategy: Strategy::KeepLastN, keep_last_n: Some(1), max_tokens: None };
//! let none = &mut |_: &[_], _| Err("nobody writes summaries here".into());
//! let fit = Fitting.compact(Once.build(&given), &policy, &Chars4::default(), none)?;
//!
//! assert_eq!(&*fit.dropped[0].ids[0], "plan");
//! let (messages, stable) = fit.bundle.messages("Write the report.");
//! assert!(messages[0].text().contains("four five six"));
//! assert_eq!((messages[1].text().as_str(), stable), ("Write the report.", 0));
//! # Ok::<(), windlass_llm::context::Misfit>(())
//! ```

mod build;
mod bundle;
mod compact;
mod compatible;
mod cut;
mod memory;
mod policy;
mod route;

pub use build::{Builder, Given, Once, Output};
pub use bundle::{Bundle, Piece};
pub use compact::{Compactor, Dropped, Fit, Fitting, Misfit, Summarize};
pub use compatible::{AsGiven, Plain};
pub use memory::{Memory, Shared};
pub use policy::{Policy, Strategy};
pub use route::{Beside, Over, Router};
