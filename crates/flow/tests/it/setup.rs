//! Words and requests for tests.

use std::path::Path;
use std::sync::Arc;

use windlass_engine::{Compiled, Error, Request, Words};
use windlass_flow::{Flow, Prompts};
use windlass_model::{Diagnostics, Plan, Source};

/// The backend with the words of the native modules, and with prompts.
pub(crate) fn flow() -> Flow {
    flow_of(&Prompts::default())
}

/// The backend of a project that says this of prompts.
pub(crate) fn flow_of(prompts: &Prompts) -> Flow {
    let mut words = Words::default();
    words.add(windlass_fleet::words()).expect("no word is registered twice");
    words.add(prompts.words(Arc::new(words.clone()))).expect("no word is registered twice");
    Flow::new(Arc::new(words))
}

/// Compiles a text in a folder.
pub(crate) fn compile_in(root: &Path, text: &str, request: &Request) -> Result<Compiled, Error> {
    flow().compile_text(&Source::new("flow.yaml", text), root, request)
}

/// Compiles a text that needs no files.
pub(crate) fn compile(text: &str) -> Result<Compiled, Error> {
    compile_in(Path::new("/nonexistent"), text, &Request::default())
}

/// The plan of a text without problems.
pub(crate) fn plan(text: &str) -> Plan {
    plan_with(text, &Request::default())
}

/// The plan of a text without problems, for a request.
pub(crate) fn plan_with(text: &str, request: &Request) -> Plan {
    match compile_in(Path::new("/nonexistent"), text, request) {
        Ok(compiled) => compiled.plan,
        Err(error) => panic!("{error}\n{text}"),
    }
}

/// The problems of a text that has some.
pub(crate) fn problems(text: &str) -> Diagnostics {
    match compile(text) {
        Err(Error::Document(problems)) => problems,
        other => panic!("expected problems, got {other:?}\n{text}"),
    }
}

/// The tasks of a body of `tasks`, as a document.
pub(crate) fn document(tasks: &str) -> String {
    format!("workflow: test\ntasks:\n{tasks}")
}
