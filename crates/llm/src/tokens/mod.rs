//! How many tokens a text or a request is: exactly where the vocabulary is known, else an estimate with a bound.
//!
//! An [`Estimator`] has two numbers for a text: the likely one, to look at, and one that the truth does not pass,
//! to reserve money by. What a provider bills is taught back ([`Estimator::learn`]), so that both come closer.
//!
//! ```
//! use windlass_llm::tokens::{Estimator, Estimators};
//! use windlass_llm::{Request, catalogue::Catalogue};
//!
//! let (catalogue, estimators) = (Catalogue::builtin(), Estimators::default());
//! let gpt = estimators.of(catalogue.get("gpt-4o").expect("it is there"));
//! assert_eq!(gpt.count("hello world"), 2);
//!
//! let claude = estimators.of(catalogue.get("claude-sonnet-4-5").expect("it is there"));
//! assert!(claude.bound("hello world") >= claude.count("hello world"));
//! let request = Request::new("claude-sonnet-4-5", "hello world", 100);
//! let size = windlass_llm::tokens::size(&*claude, &request);
//! assert!(size.bound > size.likely && size.likely > 2);
//! ```

mod calibrated;
mod chars4;
mod learned;
mod registry;
mod request;
mod tiktoken;

pub use calibrated::Calibrated;
pub use chars4::Chars4;
pub use registry::Estimators;
pub use request::{Size, size, teach};
pub use tiktoken::Tiktoken;

/// Counts the tokens of texts for one model. A caller may bring its own.
pub trait Estimator: Send + Sync {
    /// How it counts, in a word.
    fn name(&self) -> &str;

    /// How many tokens a text most likely is.
    fn count(&self, text: &str) -> u64;

    /// A number that a text's tokens do not pass; the count itself where that is exact.
    fn bound(&self, text: &str) -> u64 {
        self.count(text)
    }

    /// Both at once, where that is cheaper than one after the other.
    fn both(&self, text: &str) -> Size {
        Size { likely: self.count(text), bound: self.bound(text) }
    }

    /// The texts of one prompt together. Where all of them are short, an estimate may be coarser here than for each.
    fn prompt(&self, texts: &[&str]) -> Size {
        texts.iter().fold(Size::default(), |sum, text| sum.plus(self.both(text)))
    }

    /// Hears that the texts of a prompt, without what providers put around them, were `actual` tokens.
    fn learn(&self, texts: &[&str], actual: u64) {
        let _ = (texts, actual);
    }
}
