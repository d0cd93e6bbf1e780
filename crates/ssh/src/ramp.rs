//! Bounds the handshakes that are under way at once with one address, or through one jump host.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Gates by address.
pub(crate) struct Ramp {
    width: usize,
    gates: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Ramp {
    /// At most `width` at once at each gate; fewer than one is taken for one.
    pub(crate) fn new(width: usize) -> Self {
        Self { width: width.max(1), gates: Mutex::default() }
    }

    /// Waits for the turn. The turn ends when the permit is dropped.
    pub(crate) async fn pass(&self, gate: &str) -> OwnedSemaphorePermit {
        let gate = {
            let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
            let new = || Arc::new(Semaphore::new(self.width));
            gates.entry(gate.to_owned()).or_insert_with(new).clone()
        };
        gate.acquire_owned().await.expect("these semaphores are never closed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_gate_has_its_own_width() {
        let ramp = Ramp::new(2);
        let (_a, b) = (ramp.pass("a").await, ramp.pass("a").await);
        let _other = ramp.pass("b").await;
        let third = ramp.pass("a");
        tokio::pin!(third);
        let soon = tokio::time::timeout(std::time::Duration::from_millis(20), &mut third).await;
        assert!(soon.is_err(), "the third must wait");
        drop(b);
        drop(third.await);
    }
}
