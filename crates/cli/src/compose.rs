//! The composition root: the one place that knows all faces, and puts them together.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use windlass_engine::{CleanupStack, Compiled, Document, Error as Engine, Phase, Request, Runtime, Words};
use windlass_flow::Flow;
use windlass_store::Store;
use windlass_yaml::{Limits, read_file};

use crate::app::App;
use crate::error::Error;
use crate::fault::Fault;

/// The words that steps of documents may use.
fn words() -> Result<Arc<Words>, Error> {
    let mut words = Words::default();
    words.add(windlass_fleet::words())?;
    Ok(Arc::new(words))
}

/// Everything that this program can do, over a store.
pub(crate) fn runtime(store: Store) -> Result<Runtime, Error> {
    let words = words()?;
    let fault = Fault::asked();
    let store = fault.iter().fold(store, |store, fault| fault.store(store));
    let mut builder = Runtime::builder().store(store).shared_words(words.clone());
    builder = builder.backend(Arc::new(Flow::new(words)));
    for action in windlass_fleet::actions() {
        builder = builder.action(fault.iter().fold(action, |action, fault| fault.action(action)));
    }
    Ok(builder.build()?)
}

/// The JSON schema of workflow documents.
pub(crate) fn workflow_schema() -> Result<Value, Error> {
    Ok(Flow::new(words()?).schema())
}

/// Makes the plan of a request that is not to be executed.
pub(crate) fn plan(app: &App, request: &Request) -> Result<Compiled, Error> {
    app.ui.log(crate::args::Level::Info, "planning", &[]);
    compile(&runtime(Store::memory())?, request)
}

/// The phases up to the plan.
pub(crate) fn compile(runtime: &Runtime, request: &Request) -> Result<Compiled, Error> {
    let (source, root) = match &request.document {
        Some(Document::Path(path)) => {
            let source = read_file(path, &path.display().to_string(), &Limits::default())?;
            let full = std::path::absolute(path).map_err(Error::file(path))?;
            (source, full.parent().unwrap_or(Path::new("/")).to_owned())
        }
        Some(Document::Text { source, root }) => (source.clone(), root.clone()),
        None => return Err(Engine::Unrecognised { document: "nothing".into() }.into()),
    };
    let backend = runtime
        .backends()
        .recognise(&source)
        .ok_or_else(|| Engine::Unrecognised { document: source.name.clone() })?;
    let name = Some(backend.key().to_string());
    let phase =
        |phase, source: Engine| Engine::Phase { phase, backend: name.clone(), source: Box::new(source) };
    let mut loaded = backend.load(&source, &root, request).map_err(|e| phase(Phase::Load, e))?;
    backend.validate(&loaded, request).map_err(|e| phase(Phase::Validate, e))?;
    backend.prepare(&mut loaded, request, &CleanupStack::default()).map_err(|e| phase(Phase::Prepare, e))?;
    Ok(backend.plan(&loaded, request).map_err(|e| phase(Phase::Plan, e))?)
}
