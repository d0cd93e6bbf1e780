//! The composition root: the one place that knows all faces, and puts them together.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use windlass_engine::{Action, Actions, Compiled, Lifecycle, Limits, Request, Runtime, Words};
use windlass_fleet::Reach;
use windlass_flow::{Budgets, Flow, Prompts, Remember, RememberWords};
use windlass_llm::Proxies;
use windlass_store::{Pot, Store};

use crate::app::App;
use crate::args::Level;
use crate::error::Error;
use crate::fault::Fault;
use crate::{keeping, project};

/// The words that steps of documents may use. What models may call are those of modules, and what the run remembers.
fn words(prompts: &Prompts) -> Result<Arc<Words>, Error> {
    let mut words = Words::default();
    words.add(windlass_fleet::words())?;
    words.add(Arc::new(RememberWords))?;
    words.add(prompts.words(Arc::new(words.clone())))?;
    Ok(Arc::new(words))
}

/// What there is to know of language models: the project's configuration, and where the user's services are. Their
/// keys are secrets of the runs that need them.
fn prompts(app: &App) -> Result<Prompts, Error> {
    let proxies = Proxies::read(|name| app.env.get(name).cloned());
    let env = |name: &str| Some((name.to_owned(), app.env.get(name)?.clone()));
    let env = ["ANTHROPIC_BASE_URL", "OPENAI_BASE_URL"].into_iter().filter_map(env).collect();
    Ok(Prompts { project: project::source(app)?, env, proxies })
}

/// Everything that this program can do, over a store.
pub(crate) fn runtime(app: &App, store: Store) -> Result<Runtime, Error> {
    let prompts = prompts(app)?;
    let words = words(&prompts)?;
    let fault = Fault::asked();
    let store = fault.iter().fold(store, |store, fault| fault.store(store));
    let limits = limits(&project::budgets(app)?);
    if let Some((pot, _)) = limits.shared.iter().find(|(pot, _)| *pot != Pot::Project) {
        // Where nobody could count what it bounds, it must not be passed over.
        app.ledger(pot)?;
    }
    let mut builder = Runtime::builder().store(store).shared_words(words.clone()).limits(limits);
    if let Some(folder) = app.user_state() {
        builder = builder.user_state(folder);
    }
    builder = builder.backend(Arc::new(Flow::new(words)));
    let broken = |action| fault.iter().fold(action, |action, fault| fault.action(action));
    let mut tools = Actions::default();
    let reach = reach(app)?;
    let modules = windlass_fleet::actions(&reach);
    for action in modules.chain([Arc::new(Remember) as Arc<dyn Action>]) {
        tools.add(action.clone())?;
        builder = builder.action(broken(action));
    }
    builder = builder.action(broken(prompts.action(tools)));
    Ok(builder.on_url(windlass_fleet::on_url(&app.env)).build()?)
}

/// What the project's configuration says that may be spent, as the engine takes it.
pub(crate) fn limits(budgets: &Budgets) -> Limits {
    let own = [(Pot::Project, &budgets.project), (Pot::Day, &budgets.day), (Pot::Month, &budgets.month)];
    let own = own.into_iter().filter_map(|(pot, limit)| Some((pot, limit.clone()?)));
    let keys = budgets.keys.iter().map(|(name, limit)| (Pot::Key(name.clone()), limit.clone()));
    Limits { run: budgets.run.clone(), shared: own.chain(keys).collect() }
}

/// The way to other hosts, as the user of this program has it.
pub(crate) fn reach(app: &App) -> Result<Reach, Error> {
    let var = |name: &str| app.env.get(name).filter(|value| !value.is_empty());
    let home = var("HOME").map_or_else(|| "/".into(), PathBuf::from);
    let user = var("USER").or(var("LOGNAME")).cloned().unwrap_or_else(|| "root".into());
    let mut ssh = windlass_ssh::Options::new(home, user);
    ssh.agent = var("SSH_AUTH_SOCK").map(PathBuf::from);
    ssh.keep = keeping::keep(app)?;
    Ok(app.way(Reach::new(ssh, var("WINDLASS_GATE_DIR").map(PathBuf::from))))
}

/// The JSON schema of workflow documents.
pub(crate) fn workflow_schema() -> Result<Value, Error> {
    Ok(Flow::new(words(&Prompts::default())?).schema())
}

/// Makes the plan of a request that is not to be executed, and takes back what that needed.
pub(crate) fn plan(app: &App, request: Request) -> Result<Arc<Compiled>, Error> {
    app.ui.log(Level::Debug, "planning", &[]);
    let runtime = runtime(app, Store::memory())?;
    let planned = Lifecycle::new(&runtime, request).load()?.resolve()?.validate()?.prepare()?.plan()?;
    Ok(planned.compiled().clone())
}
