//! Several attempts within a bounded time, with pauses that grow and differ; ended at once by a cancel.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{Client, Endpoint, Error, Transport};

/// The pause after the first attempt; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

impl Client {
    /// Connects in at most so many attempts and so much time. Only what may go better is tried again: see
    /// [`Error::is_transient`].
    ///
    /// # Errors
    /// [`Error::Retries`] around the last failure, when more than one attempt was made; [`Error::Cancelled`] at
    /// once on cancel; what is not transient as it is.
    pub async fn connect_with_retry(
        &self,
        endpoint: &Endpoint,
        attempts: u32,
        within: Duration,
        cancel: &CancellationToken,
    ) -> Result<Arc<dyn Transport>, Error> {
        tokio::select! {
            biased;
            () = cancel.cancelled() => Err(Error::Cancelled),
            result = self.attempts(endpoint, attempts.max(1), Instant::now() + within) => result,
        }
    }

    async fn attempts(
        &self,
        endpoint: &Endpoint,
        attempts: u32,
        deadline: Instant,
    ) -> Result<Arc<dyn Transport>, Error> {
        let begun = Instant::now();
        let mut attempt = 1;
        loop {
            let error = match tokio::time::timeout_at(deadline, self.connect(endpoint)).await {
                Ok(Ok(transport)) => return Ok(transport),
                Ok(Err(error)) => error,
                Err(_) => Error::TimedOut {
                    address: endpoint.host.clone(),
                    what: "let us in",
                    after: deadline - begun,
                },
            };
            let pause = pause(attempt);
            let over = attempt >= attempts || Instant::now() + pause >= deadline;
            if !error.is_transient() || (over && attempt == 1) {
                return Err(error);
            }
            if over {
                return Err(Error::Retries { attempts: attempt, source: Box::new(error) });
            }
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }
}

/// Between half and all of a time that doubles, so that hosts which failed together do not come back together.
fn pause(attempt: u32) -> Duration {
    let full = FIRST_PAUSE.saturating_mul(1 << (attempt - 1).min(10)).min(LONGEST_PAUSE);
    let mut random = [0];
    // Without random numbers the pauses are all alike, which does no harm to one host.
    let _ = getrandom::fill(&mut random);
    full / 2 + (full / 2) * u32::from(random[0]) / 255
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_stay_within_their_bounds() {
        for (attempt, full) in [(1, 500), (2, 1000), (3, 2000), (5, 8000), (40, 8000)] {
            for _ in 0..20 {
                let pause = pause(attempt).as_millis();
                assert!((full / 2..=full).contains(&pause), "{attempt}: {pause}");
            }
        }
    }
}
