//! What nobody can know beforehand, and which steps are to blame.

use std::{
    collections::BTreeSet,
    path::Path,
    sync::{MutexGuard, PoisonError},
};

use super::Forecast;
use crate::{Args, Context, Error, Module, Reply};

/// Modules that may change the host in ways that are not known before they run, wherever they would run at all.
const OPAQUE: [&str; 8] = ["apt", "command", "package", "script", "service", "shell", "systemd", "uri"];

/// What is not known of the host.
#[derive(Default)]
pub(super) struct Doubts {
    /// Where that comes from, in words.
    causes: BTreeSet<String>,
    /// Those that nobody else has been told of.
    untold: BTreeSet<String>,
}

impl Forecast {
    /// Something has happened whose outcome is not known. A prediction that fails from now on is none.
    pub fn doubt(&self, cause: impl Into<String>) {
        let cause = cause.into();
        let mut doubts = self.doubts();
        if doubts.causes.insert(cause.clone()) {
            doubts.untold.insert(cause);
        }
    }

    /// The same for a doubt that others know of already.
    pub(super) fn doubt_too(&self, cause: &str) {
        self.doubts().causes.insert(cause.to_owned());
    }

    /// The doubts that nobody else has been told of; from now on they have.
    pub(super) fn untold_causes(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.doubts().untold)
    }

    fn doubts(&self) -> MutexGuard<'_, Doubts> {
        self.doubts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn doubt_content(&self, path: &Path) {
        self.doubt(format!("the content that {} would have", path.display()));
    }

    /// Why nothing is certain; none where everything is.
    fn causes(&self) -> Option<String> {
        let doubts = self.doubts();
        let causes: Vec<&str> = doubts.causes.iter().map(String::as_str).collect();
        (!causes.is_empty()).then(|| causes.join(", "))
    }
}

/// Runs a module. In check mode, a failure that stands on what is not known is no prediction, and the reply says
/// that, and why.
pub fn run(module: &dyn Module, args: &Args, cx: &Context<'_>) -> Result<Reply, Error> {
    let Some(forecast) = cx.check else { return module.run(args, cx) };
    let done = module.run(args, cx);
    let why = match &done {
        Ok(reply) if reply.failed => reply.msg.clone().unwrap_or_default(),
        Ok(reply) => {
            let name = module.spec().name;
            if OPAQUE.contains(&name) && (reply.changed || reply.skipped) {
                forecast.doubt(format!("what `{name}` does"));
            }
            return done;
        }
        Err(Error::Cancelled | Error::Deadline | Error::BadParams(_)) => return done,
        Err(error) => error.to_string(),
    };
    match forecast.causes() {
        Some(causes) => {
            Ok(Reply::unknown(format!("unknown before it runs, for it depends on {causes}: {why}")))
        }
        None => done,
    }
}
