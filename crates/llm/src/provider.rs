//! Who is asked.

use crate::{Error, Patience, Reply, Request};

/// One who answers requests: a service, a server on this machine, a program.
///
/// A provider makes one attempt. Trying again, limits of rate and deadlines are its caller's, so that each attempt
/// can be seen and paid for.
pub trait Provider: Send + Sync {
    /// What messages and records call it.
    fn name(&self) -> &str;

    /// Asks, and tells of the reply while it comes. An error says whether tokens may have been spent
    /// ([`Error::spent`]) and whether anything was told already ([`Error::told`]). Ends soon after `patience` does.
    fn ask(
        &self,
        request: &Request,
        tell: &mut dyn FnMut(Delta<'_>),
        patience: &Patience,
    ) -> Result<Reply, Error>;

    /// How many tokens the model would read, by the provider's own count; none where it has none to ask for.
    fn count(&self, request: &Request, patience: &Patience) -> Result<Option<u64>, Error>;
}

/// A piece of a reply that is still coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delta<'a> {
    /// More words.
    Text(&'a str),
    /// The model begins to call this tool.
    Call(&'a str),
}
