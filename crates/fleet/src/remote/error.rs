//! Why there is no gate, or no gate any more.

use windlass_model::{Code, Failure};

/// Why a gate cannot be spoken to. Every request of its connection fails with the same one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no gate for the host's architecture.
    #[error("there is no gate for {0}")]
    Arch(String),
    /// No folder of the host would do.
    #[error("no folder on the host can hold the gate: {0}")]
    Homeless(String),
    /// What was uploaded is not what was sent.
    #[error("the gate did not arrive whole: {0}")]
    Spoilt(String),
    /// The connection ended.
    #[error("the gate ended{}", after(.0))]
    Gone(String),
    /// Nothing was heard for so many seconds.
    #[error("nothing was heard from the gate for {0} s")]
    Silent(u64),
    /// The gate said why it ends.
    #[error("the gate gave up: {0}")]
    GaveUp(String),
    /// It did what no gate does.
    #[error("the gate does not keep to the protocol: {0}")]
    Rogue(String),
    /// It speaks another version.
    #[error("the gate speaks version {0} of the protocol, this program version {ours}", ours = windlass_gate::wire::VERSION)]
    Version(u32),
    /// Becoming another user was refused.
    #[error("{0}")]
    Refused(String),
    /// Becoming another user lacks something.
    #[error("{0}")]
    Unable(String),
    /// It was closed here.
    #[error("the connection to the gate was closed")]
    Closed,
}

impl Error {
    /// Its code.
    pub fn code(&self) -> Code {
        match self {
            Self::Arch(_) => Code::NoGate,
            Self::Homeless(_) => Code::GateHomeless,
            Self::Spoilt(_) => Code::GateSpoilt,
            Self::Gone(_) | Self::Silent(_) | Self::GaveUp(_) | Self::Closed => Code::GateLost,
            Self::Rogue(_) => Code::GateRogue,
            Self::Version(_) => Code::GateVersion,
            Self::Refused(_) => Code::BecomeRefused,
            Self::Unable(_) => Code::BecomeUnable,
        }
    }

    /// The same as data: a lost gate may well be found again, and nothing else passes by itself.
    pub fn failure(&self) -> Failure {
        let failure = Failure::new(self.code(), self.to_string());
        match self {
            Self::Gone(_) | Self::Silent(_) | Self::Spoilt(_) => failure.transient(),
            Self::Arch(_) => {
                failure.permanent().hint("name a folder with a gate for it in WINDLASS_GATE_DIR")
            }
            Self::Refused(_) | Self::Unable(_) | Self::Version(_) => failure.permanent(),
            _ => failure,
        }
    }
}

fn after(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}
