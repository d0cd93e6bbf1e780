//! Why a request had no reply, what may be done about it, and what it may have cost.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};
use windlass_model::Code;

use crate::Tokens;

/// Why a request had no reply. No message holds a key.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What kind of reason.
    pub kind: Kind,
    /// The reason, for people.
    pub message: String,
    /// The status of the answer, where there was one.
    pub status: Option<u16>,
    /// How long the provider wants to be left alone.
    pub retry_after: Option<Duration>,
    /// What the provider had told of usage before the reply broke. Tokens may have been spent without this: see
    /// [`Error::may_have_spent`].
    pub spent: Option<Tokens>,
    /// Whether some of the reply was told already.
    pub told: bool,
    /// Whether the provider may have seen the request.
    pub reached: bool,
    /// The provider's name for the request, for its support.
    pub request_id: Option<String>,
}

/// What kind of reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The key is missing, wrong, or may not do this.
    Auth,
    /// The account has no money.
    Billing,
    /// The provider says that the request is wrong; it will be wrong again.
    BadRequest,
    /// The model or the address is not there.
    NotFound,
    /// The request is longer than the model can read.
    TooLong,
    /// Too many requests or tokens for now.
    RateLimited,
    /// The provider has trouble of its own.
    Overloaded,
    /// No answer in time.
    Timeout,
    /// The connection could not be made, or ended in the middle.
    Network,
    /// What came cannot be understood.
    BadAnswer,
    /// The provider would not answer this.
    Refused,
    /// The caller wants no answer any more.
    Cancelled,
}

impl Error {
    /// An error of this kind.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            kind,
            message,
            status: None,
            retry_after: None,
            spent: None,
            told: false,
            reached: true,
            request_id: None,
        }
    }

    /// An error of this kind that came before the provider was asked.
    pub fn before(kind: Kind, message: impl Into<String>) -> Self {
        Self { reached: false, ..Self::new(kind, message) }
    }

    /// Whether the same request may well succeed a moment later.
    pub fn transient(&self) -> bool {
        match self.kind {
            Kind::RateLimited | Kind::Overloaded | Kind::Timeout | Kind::Network | Kind::BadAnswer => true,
            Kind::Auth
            | Kind::Billing
            | Kind::BadRequest
            | Kind::NotFound
            | Kind::TooLong
            | Kind::Refused
            | Kind::Cancelled => false,
        }
    }

    /// Whether the provider may have begun to work, so that tokens may have been spent even where `spent` says
    /// nothing. An answer that is an error's costs nothing; one that never came may have cost all.
    pub fn may_have_spent(&self) -> bool {
        if self.spent.is_some() || self.told {
            return true;
        }
        let answered = self.status.is_some_and(|status| status >= 300);
        let open = matches!(self.kind, Kind::Timeout | Kind::Network | Kind::BadAnswer | Kind::Cancelled);
        self.reached && open && !answered
    }

    /// The code whose page says what to do.
    pub fn code(&self) -> Code {
        match self.kind {
            Kind::Auth | Kind::Billing => Code::ModelAccess,
            Kind::BadRequest | Kind::NotFound | Kind::Refused => Code::ModelRefused,
            Kind::TooLong => Code::PromptTooLong,
            Kind::RateLimited | Kind::Overloaded | Kind::Timeout | Kind::Network => Code::ModelUnavailable,
            Kind::BadAnswer => Code::ModelGarbled,
            Kind::Cancelled => Code::Cancelled,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auth => "auth",
            Self::Billing => "billing",
            Self::BadRequest => "bad_request",
            Self::NotFound => "not_found",
            Self::TooLong => "too_long",
            Self::RateLimited => "rate_limited",
            Self::Overloaded => "overloaded",
            Self::Timeout => "timeout",
            Self::Network => "network",
            Self::BadAnswer => "bad_answer",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        })
    }
}
