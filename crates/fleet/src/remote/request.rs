//! What a gate is asked to do: a module, its parameters, its surroundings, and the contents that it stands on.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use windlass_engine::{Blobs, Target};
use windlass_gate::undo::Before;
use windlass_gate::wire::{self, Deed, Task};
use windlass_gate::{Progress, Reply, find};
use windlass_model::{Code, Failure};

use super::gate::Listener;
use super::{Source, stage};
use crate::action::rendered;
use crate::foresight::machine;
use crate::{Foresight, Surroundings};

/// One module for a gate.
#[derive(Clone, Default)]
pub struct Request {
    pub(super) task: Task,
    /// The contents that the gate may ask for, by their hashes; it gets no others.
    pub(super) contents: HashMap<String, Source>,
    /// What the reply calls the source: its name here, since its name there says nothing.
    pub(super) src: Option<String>,
    /// Who hears its live output, where that is not whoever hears all of its batch.
    pub(super) listener: Option<Listener>,
    /// In check mode, who keeps what is foreseen, and of which machine.
    pub(super) foreseen: Option<(Arc<Foresight>, String)>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("task", &self.task).finish_non_exhaustive()
    }
}

impl Request {
    /// A module with parameters as the host is to see them: files that they name are the host's own.
    pub fn new(module: &str, args: impl Into<Value>) -> Self {
        Self {
            task: Task { name: module.to_owned(), args: args.into(), ..Task::default() },
            ..Self::default()
        }
    }

    /// A module with parameters as a plan has them, or a person: files that they name are here, in the store by
    /// their hashes or below `root`, templates are rendered over `scope`, and the host gets what it needs.
    ///
    /// Modules that only compute (`assert`, `debug`, `set_fact`, …) and `include_vars` have no use for a host and
    /// are not for a gate. It may block.
    pub fn prepare(
        module: &str,
        input: Value,
        root: &Path,
        blobs: &Arc<dyn Blobs>,
        scope: windlass_expr::Value,
    ) -> Result<Self, Failure> {
        let known = find(module).ok_or_else(|| unknown(module))?;
        let input = match known.spec().name {
            "template" => rendered(input, scope, blobs.clone(), root)?,
            _ => input,
        };
        let args = known.spec().expand(input).map_err(|problem| crate::failure::params(&[problem]))?;
        let mut request = Self::new(module, Value::Null);
        request.task.args = stage::take(known.spec().name, args, root, blobs, &mut request)?.into();
        Ok(request)
    }

    /// Under these surroundings. Their folder is one of this machine and means nothing to the host, where
    /// relative paths begin at the user's home.
    pub fn around(mut self, around: &Surroundings) -> Self {
        let task = &mut self.task;
        (task.check, task.diff) = (around.check, around.diff);
        let foresight = || wire::Foresight { run: around.foresight.number(), known: Vec::new() };
        task.foresight = around.check.then(|| Box::new(foresight()));
        task.env = around.environment.clone();
        task.capture = Some(around.capture as u64);
        task.timeout_ms = around.deadline.map(|deadline| {
            let left = deadline.saturating_duration_since(Instant::now());
            u64::try_from(left.as_millis()).unwrap_or(u64::MAX)
        });
        self
    }

    /// In check mode, with what others foresee of the target, and for them.
    pub(crate) fn foreseeing(mut self, around: &Surroundings, target: &Target) -> Self {
        self.foreseen = around.check.then(|| (around.foresight.clone(), machine(target)));
        self
    }

    /// Putting back what a module changed; the contents come from the store.
    pub(crate) fn undo(module: &str, before: &Before, blobs: &Arc<dyn Blobs>) -> Result<Self, Failure> {
        let mut request = Self::new(module, Value::Null);
        for name in before.contents() {
            let id = crate::blob::id(&name.into())?;
            request.contents.insert(name.to_owned(), Source::Blob(blobs.clone(), id));
        }
        request.task.deed = Some(Box::new(Deed::Undo { before: before.to_json() }));
        Ok(request)
    }

    /// Where its relative paths begin and its commands start, on the host.
    pub fn cwd(mut self, cwd: impl Into<String>) -> Self {
        self.task.cwd = Some(cwd.into());
        self
    }

    /// A batch goes on if it fails.
    pub fn lenient(mut self) -> Self {
        self.task.lenient = true;
        self
    }

    /// Tells its live output to this one.
    pub fn heard_by(mut self, listener: Arc<dyn Progress + Send + Sync>) -> Self {
        self.listener = Some(listener);
        self
    }

    /// Tells its live output.
    pub fn live(mut self) -> Self {
        self.task.live = true;
        self
    }

    /// The reply as it is to be seen here.
    pub(super) fn shown(src: Option<&str>, mut reply: Reply) -> Reply {
        if let Some(src) = src
            && let Some(field) = reply.fields.get_mut("src")
        {
            *field = src.into();
        }
        reply
    }
}

/// There is no such module.
pub(super) fn unknown(module: &str) -> Failure {
    Failure::new(Code::UnknownModule, format!("there is no module {module:?}")).permanent()
}
