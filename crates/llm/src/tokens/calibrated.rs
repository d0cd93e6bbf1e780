//! Estimates for vocabularies that are not published: what known ones count, times a factor that is learnt.
//!
//! Known vocabularies see what is odd about a text (scripts, digits, noise) as any other would: more tokens for as
//! many bytes. So the larger of their counts is a better base than the length, and its factor varies little.

use std::sync::Mutex;

use super::learned::Learned;
use super::{Chars4, Estimator, Size, Tiktoken};

/// Prompts of up to so many bytes are bounded by their bytes alone: that costs next to nothing, and most programs that
/// ask little need not read any vocabulary, which takes a third of a second and 80 MB.
const SHORT: usize = 2048;

/// What known vocabularies count, times a factor.
#[derive(Debug)]
pub struct Calibrated {
    name: &'static str,
    /// The only vocabulary of the base, where that is the model's own; all that are known otherwise.
    own: Option<Tiktoken>,
    factor: Mutex<Learned>,
}

impl Calibrated {
    /// The model's own vocabulary: exact, unless the provider bills otherwise.
    pub fn exact(own: Tiktoken) -> Self {
        let name = if own == Tiktoken::O200k { "o200k" } else { "cl100k" };
        Self { name, own: Some(own), factor: Mutex::new(Learned::new(1.0, 1.0)) }
    }

    /// An estimate that begins with these factors: one for what is likely, one for what is never passed.
    pub fn new(name: &'static str, likely: f64, most: f64) -> Self {
        Self { name, own: None, factor: Mutex::new(Learned::new(likely, most)) }
    }

    /// What known vocabularies count at most.
    fn base(&self, text: &str) -> u64 {
        match self.own {
            Some(own) => own.count(text),
            None => {
                let known = Tiktoken::O200k.count(text).max(Tiktoken::Cl100k.count(text));
                known.max(Chars4::default().count(text))
            }
        }
    }

    /// Whether a prompt is too short to be counted, where counting gives no more than an estimate.
    fn is_short(&self, texts: &[&str]) -> bool {
        self.own.is_none() && texts.iter().map(|text| text.len()).sum::<usize>() <= SHORT
    }

    fn factor(&self) -> Learned {
        *self.factor.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Estimator for Calibrated {
    fn name(&self) -> &str {
        self.name
    }

    fn count(&self, text: &str) -> u64 {
        self.both(text).likely
    }

    fn bound(&self, text: &str) -> u64 {
        self.both(text).bound
    }

    fn both(&self, text: &str) -> Size {
        let (base, factor) = (self.base(text), self.factor());
        let most = times(base, factor.most());
        // No vocabulary of bytes has more tokens than bytes, but what a model reads may first be brought into a
        // normal form, which can be longer where a text is not plain ASCII. No bound is below a known count.
        let bound = if factor.most() > 1.0 { most.min(ceiling(text)).max(base) } else { most };
        Size { likely: times(base, factor.likely()).min(bound), bound }
    }

    fn prompt(&self, texts: &[&str]) -> Size {
        if !self.is_short(texts) {
            return texts.iter().fold(Size::default(), |sum, text| sum.plus(self.both(text)));
        }
        let factor = self.factor();
        let sum = |count: &dyn Fn(&str) -> u64| texts.iter().map(|text| count(text)).sum::<u64>();
        let bound = sum(&ceiling);
        let likely = times(sum(&|text| Chars4::default().count(text)), factor.likely());
        Size { likely: likely.min(bound), bound }
    }

    fn learn(&self, texts: &[&str], actual: u64) {
        // Factors are those of counts; a short prompt was not counted.
        if !self.is_short(texts) {
            let base: u64 = texts.iter().map(|text| self.base(text)).sum();
            let mut factor = self.factor.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            factor.see(base as f64, actual as f64);
        }
    }
}

/// A number times a factor, rounded up.
fn times(base: u64, factor: f64) -> u64 {
    (base as f64 * factor).ceil() as u64
}

/// The most tokens that a text can have where each has at least a byte.
fn ceiling(text: &str) -> u64 {
    let wide = text.bytes().filter(|byte| !byte.is_ascii()).count();
    (text.len() + wide) as u64
}
