//! The composition root: the one place that knows all faces, and puts them together.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use windlass_engine::{Compiled, Lifecycle, Request, Runtime, Words};
use windlass_fleet::Reach;
use windlass_flow::Flow;
use windlass_store::Store;

use crate::app::App;
use crate::args::Level;
use crate::error::Error;
use crate::fault::Fault;

/// The words that steps of documents may use.
fn words() -> Result<Arc<Words>, Error> {
    let mut words = Words::default();
    words.add(windlass_fleet::words())?;
    Ok(Arc::new(words))
}

/// Everything that this program can do, over a store.
pub(crate) fn runtime(app: &App, store: Store) -> Result<Runtime, Error> {
    let words = words()?;
    let fault = Fault::asked();
    let store = fault.iter().fold(store, |store, fault| fault.store(store));
    let mut builder = Runtime::builder().store(store).shared_words(words.clone());
    builder = builder.backend(Arc::new(Flow::new(words)));
    for action in windlass_fleet::actions(&reach(app)) {
        builder = builder.action(fault.iter().fold(action, |action, fault| fault.action(action)));
    }
    Ok(builder.build()?)
}

/// The way to other hosts, as the user of this program has it.
pub(crate) fn reach(app: &App) -> Reach {
    let var = |name: &str| app.env.get(name).filter(|value| !value.is_empty());
    let home = var("HOME").map_or_else(|| "/".into(), PathBuf::from);
    let user = var("USER").or(var("LOGNAME")).cloned().unwrap_or_else(|| "root".into());
    let mut ssh = windlass_ssh::Options::new(home, user);
    ssh.agent = var("SSH_AUTH_SOCK").map(PathBuf::from);
    Reach::new(ssh, var("WINDLASS_GATE_DIR").map(PathBuf::from))
}

/// The JSON schema of workflow documents.
pub(crate) fn workflow_schema() -> Result<Value, Error> {
    Ok(Flow::new(words()?).schema())
}

/// Makes the plan of a request that is not to be executed, and takes back what that needed.
pub(crate) fn plan(app: &App, request: Request) -> Result<Arc<Compiled>, Error> {
    app.ui.log(Level::Debug, "planning", &[]);
    let runtime = runtime(app, Store::memory())?;
    let planned = Lifecycle::new(&runtime, request).load()?.resolve()?.validate()?.prepare()?.plan()?;
    Ok(planned.compiled().clone())
}
