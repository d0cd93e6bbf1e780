//! Good documents with their plans, whole: what a change of the compiler changes in plans is seen here.
//!
//! `WINDLASS_BLESS=1 cargo test -p windlass-flow` writes the plans anew.

use std::fs;
use std::path::{Path, PathBuf};

use windlass_engine::Request;
use windlass_model::Source;

use crate::setup::flow;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/good")
}

#[test]
fn good_documents_have_these_plans() {
    let entries = fs::read_dir(folder()).expect("the documents are there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "yaml"));
    assert!(paths.len() >= 3);
    for path in paths {
        let text = fs::read_to_string(&path).expect("it can be read");
        let source = Source::new(path.display().to_string(), text);
        let env = [("HOME".to_owned(), "/home/me".to_owned())].into();
        let request = Request { env, ..Request::default() };
        let compiled = flow().compile_text(&source, &folder(), &request);
        let plan = compiled.unwrap_or_else(|error| panic!("{error}")).plan;
        let plan = serde_json::to_string_pretty(&plan).expect("a plan is JSON") + "\n";
        let golden = path.with_extension("json");
        if std::env::var_os("WINDLASS_BLESS").is_some() {
            fs::write(&golden, &plan).expect("it can be written");
        }
        let want = fs::read_to_string(&golden).unwrap_or_default();
        assert_eq!(plan, want, "{}", path.display());
    }
}
