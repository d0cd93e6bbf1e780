//! Asking with all that belongs to it: limits of rate, time-outs, and more attempts where they may help.

mod limits;
mod retry;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

pub use limits::{Limiter, Limits, Permit};
pub use retry::Retry;

use crate::{Delta, Error, Kind, Patience, Provider, Reply, Request, Tokens, estimate};

/// A provider with its limits and the policy of asking again. Any number of threads may use one; clients that share
/// a [`Limiter`] wait in one line.
#[derive(Clone)]
pub struct Client {
    provider: Arc<dyn Provider>,
    limiter: Arc<Limiter>,
    retry: Retry,
}

/// What happens while a request is made.
#[derive(Debug)]
pub enum Progress<'a> {
    /// A piece of the reply.
    Delta(Delta<'a>),
    /// An attempt has ended. Where it has `wait_ms`, another one follows then.
    Attempt(&'a Attempt),
    /// What was told so far is void: the reply begins anew.
    Restart,
}

/// One attempt, as an audit wants to know it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which one; from 1.
    pub number: u32,
    /// How long it stood in line.
    pub queued_ms: u64,
    /// How long it took until the first piece of the reply, if one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_ms: Option<u64>,
    /// How long it took in all, without standing in line.
    pub took_ms: u64,
    /// Why it had no reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Kind>,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The status, where it failed with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The provider's name for the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// What it took, as far as is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Tokens>,
    /// Whether it may have taken more than is known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unsure: bool,
    /// How long is waited before the next one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// How asking ended, and what all attempts together took.
#[derive(Debug)]
pub struct Asked {
    /// The reply, or the last attempt's error.
    pub reply: Result<Reply, Error>,
    /// Every attempt, in order. None if the time was over before the first.
    pub attempts: Vec<Attempt>,
}

impl Asked {
    /// What the attempts took that came to nothing, as far as is known.
    pub fn wasted(&self) -> Tokens {
        let failed = self.attempts.iter().filter(|attempt| attempt.failed.is_some());
        failed.filter_map(|attempt| attempt.usage).fold(Tokens::default(), Tokens::plus)
    }

    /// How many attempts may have taken more than is known. Each may have cost as much as was reserved for it.
    pub fn unsure(&self) -> usize {
        self.attempts.iter().filter(|attempt| attempt.unsure).count()
    }
}

impl Client {
    /// A client.
    pub fn new(provider: Arc<dyn Provider>, limiter: Arc<Limiter>, retry: Retry) -> Self {
        Self { provider, limiter, retry }
    }

    /// Who is asked.
    pub fn provider(&self) -> &dyn Provider {
        &*self.provider
    }

    /// Asks, in its turn, and again where that may help. Ends soon after `patience`, also while it waits.
    pub fn ask(&self, request: &Request, tell: &mut dyn FnMut(Progress<'_>), patience: &Patience) -> Asked {
        self.ask_about(estimate::prompt(request), request, tell, patience)
    }

    /// The same, where it is known better how many tokens the prompt has: the limits of rate count by that.
    pub fn ask_about(
        &self,
        prompt: u64,
        request: &Request,
        tell: &mut dyn FnMut(Progress<'_>),
        patience: &Patience,
    ) -> Asked {
        let patience = match self.retry.deadline {
            Some(limit) => patience.until(Instant::now() + limit),
            None => patience.clone(),
        };
        let expected = prompt.saturating_add(u64::from(request.max_output_tokens));
        let mut attempts = Vec::new();
        let reply = self.attempts(request, expected, tell, &patience, &mut attempts);
        Asked { reply, attempts }
    }

    fn attempts(
        &self,
        request: &Request,
        expected: u64,
        tell: &mut dyn FnMut(Progress<'_>),
        patience: &Patience,
        attempts: &mut Vec<Attempt>,
    ) -> Result<Reply, Error> {
        for number in 1.. {
            let (reply, mut attempt) = self.attempt(number, request, expected, tell, patience)?;
            let error = match reply {
                Ok(reply) => {
                    tell(Progress::Attempt(&attempt));
                    attempts.push(attempt);
                    return Ok(reply);
                }
                Err(error) => error,
            };
            let wait = self.retry.wait(&error, number, retry::chance(), patience.end());
            attempt.wait_ms = wait.as_ref().ok().map(millis);
            tell(Progress::Attempt(&attempt));
            attempts.push(attempt);
            let wait = match wait {
                Ok(wait) => wait,
                Err(why) => {
                    let message = format!("{}{why}", error.message);
                    return Err(Error { message, ..error });
                }
            };
            // Whoever stops waiting learns what was waited for.
            patience.sleep(wait).map_err(|over| Error {
                message: format!("{}, while waiting to ask again after: {}", over.message, error.message),
                ..over
            })?;
            if error.told {
                tell(Progress::Restart);
            }
        }
        Err(Error::before(Kind::Timeout, "more attempts than can be counted"))
    }

    /// One attempt. The outer error is that its turn never came.
    fn attempt(
        &self,
        number: u32,
        request: &Request,
        expected: u64,
        tell: &mut dyn FnMut(Progress<'_>),
        patience: &Patience,
    ) -> Result<(Result<Reply, Error>, Attempt), Error> {
        let queued = Instant::now();
        let permit = self.limiter.enter(expected, patience)?;
        let start = Instant::now();
        let mut first = None;
        let mut telling = |delta: Delta<'_>| {
            first.get_or_insert_with(|| start.elapsed());
            tell(Progress::Delta(delta));
        };
        let within =
            self.retry.attempt.map_or_else(|| patience.clone(), |limit| patience.until(start + limit));
        let reply = self.provider.ask(request, &mut telling, &within);
        let error = reply.as_ref().err();
        let usage = match &reply {
            Ok(reply) => Some(reply.usage),
            Err(error) => error.spent,
        };
        let unsure = error.is_some_and(Error::may_have_spent);
        permit.settle(usage.map_or(if unsure { expected } else { 0 }, |usage| usage.total()));
        if let Some(after) = error.filter(|error| error.kind == Kind::RateLimited).and_then(|e| e.retry_after)
        {
            self.limiter.hold(Instant::now() + after);
        }
        let attempt = Attempt {
            number,
            queued_ms: millis(&start.duration_since(queued)),
            first_ms: first.as_ref().map(millis),
            took_ms: millis(&start.elapsed()),
            failed: error.map(|error| error.kind),
            message: error.map(|error| error.message.clone()),
            status: error.and_then(|error| error.status),
            request_id: error.and_then(|error| error.request_id.clone()),
            usage,
            unsure,
            wait_ms: None,
        };
        Ok((reply, attempt))
    }
}

fn millis(long: &Duration) -> u64 {
    u64::try_from(long.as_millis()).unwrap_or(u64::MAX)
}
