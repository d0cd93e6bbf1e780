//! What actions remember for as long as a run goes on in this process.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A place for what steps of one run have to know of each other beside their results: one value of each type, made
/// when it is first asked for. No other run sees it, and it is in no journal.
#[derive(Clone, Default)]
pub struct RunMemory(Arc<Inner>);

#[derive(Default)]
struct Inner {
    kept: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl RunMemory {
    /// The value of this type.
    pub fn get<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut kept = self.0.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let value = kept.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default())).clone();
        value.downcast().expect("each value lies under its own type")
    }
}

impl std::fmt::Debug for RunMemory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RunMemory")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn steps_of_one_run_meet_and_those_of_others_do_not() {
        let (one, other) = (RunMemory::default(), RunMemory::default());
        one.get::<AtomicU32>().store(7, Ordering::Relaxed);
        assert_eq!(one.clone().get::<AtomicU32>().load(Ordering::Relaxed), 7);
        assert_eq!(other.get::<AtomicU32>().load(Ordering::Relaxed), 0);
    }
}
