//! Parsed texts, kept for the whole process: the hot loops of a run ask for the same few texts again and again.
//!
//! A cache holds at most [`ENTRIES`] texts, and at most [`BYTES`] of them, so that a run with a million
//! different texts does not keep them all. Each shard has two generations: what is asked for moves to the
//! young one; when that is full, it becomes the old one, and what nobody asked for since is dropped.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{PoisonError, RwLock};

/// How many texts are kept. The engine's form of even a short one takes some 10 KB.
const ENTRIES: usize = 2048;
/// How many bytes the kept texts may have together: a long one takes some twenty times its length.
const BYTES: usize = 1 << 20;
/// Threads rarely meet at one of so many locks.
const SHARDS: usize = 16;

/// Values by the text that they were made of. Cloning a value must be cheap.
pub(crate) struct Cache<T> {
    hasher: RandomState,
    shards: [RwLock<Shard<T>>; SHARDS],
}

struct Shard<T> {
    young: HashMap<Box<str>, T>,
    old: HashMap<Box<str>, T>,
    /// The bytes of the texts in the young generation.
    bytes: usize,
}

impl<T: Clone> Cache<T> {
    pub(crate) fn new() -> Cache<T> {
        let shard = |_| RwLock::new(Shard { young: HashMap::new(), old: HashMap::new(), bytes: 0 });
        Cache { hasher: RandomState::new(), shards: std::array::from_fn(shard) }
    }

    /// The value for a text: a kept one, or what `make` makes. A failure is not kept.
    pub(crate) fn get<E>(&self, text: &str, make: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let shard = &self.shards[self.hasher.hash_one(text) as usize % SHARDS];
        let found = {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(value) = shard.young.get(text) {
                return Ok(value.clone());
            }
            shard.old.get(text).cloned()
        };
        let value = match found {
            Some(value) => value,
            // Without the lock: another thread may make the same value, which costs nothing but its time.
            None => make()?,
        };
        shard.write().unwrap_or_else(PoisonError::into_inner).keep(text, value.clone());
        Ok(value)
    }
}

impl<T> Shard<T> {
    fn keep(&mut self, text: &str, value: T) {
        const GENERATIONS: usize = SHARDS * 2;
        if text.len() > BYTES / GENERATIONS / 2 {
            return;
        }
        if self.young.len() >= ENTRIES / GENERATIONS || self.bytes + text.len() > BYTES / GENERATIONS {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        if self.young.insert(text.into(), value).is_none() {
            self.bytes += text.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    fn kept(cache: &Cache<usize>) -> (usize, usize) {
        let shards = cache.shards.iter().map(|shard| shard.read().unwrap());
        shards.fold((0, 0), |(count, bytes), shard| {
            let texts = shard.young.keys().chain(shard.old.keys());
            texts.fold((count, bytes), |(count, bytes), text| (count + 1, bytes + text.len()))
        })
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let cache = Cache::new();
        let make = |number: usize| move || Ok::<_, Infallible>(number);
        for number in 0..20_000 {
            cache.get(&format!("text {number}"), make(number)).unwrap();
            assert_eq!(cache.get("hot", make(number)).unwrap(), 0, "it was made once");
        }
        let (count, _) = kept(&cache);
        assert!((ENTRIES / 4..=ENTRIES).contains(&count), "{count}");
        assert_eq!(cache.get("text 0", make(7)).unwrap(), 7, "it was dropped");
    }

    #[test]
    fn long_texts_are_bounded_by_their_bytes() {
        let cache = Cache::new();
        for number in 0..2_000 {
            cache.get(&format!("{number}{}", "x".repeat(3_000)), || Ok::<_, Infallible>(number)).unwrap();
        }
        cache.get(&"y".repeat(1 << 20), || Ok::<_, Infallible>(0)).unwrap();
        let (count, bytes) = kept(&cache);
        assert!(count > 10 && bytes <= BYTES, "{count} {bytes}");
    }

    #[test]
    fn failures_are_not_kept() {
        let cache = Cache::new();
        assert_eq!(cache.get("a", || Err("no")), Err("no"));
        assert_eq!(cache.get("a", || Ok::<_, &str>(1)), Ok(1));
    }
}
