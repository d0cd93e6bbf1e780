//! Plans that together have every part of the plan format.

use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use windlass_engine::{Request, Words};
use windlass_flow::Flow;
use windlass_model::{Plan, Source};

/// The documents that the plans are compiled from, with their paths in the repository.
const DOCUMENTS: &[(&str, &str)] = &[
    ("examples/quickstart.yaml", include_str!("../../examples/quickstart.yaml")),
    ("examples/blocks.yaml", include_str!("../../examples/blocks.yaml")),
    ("examples/approval.yaml", include_str!("../../examples/approval.yaml")),
    ("crates/flow/tests/it/good/release.yaml", include_str!("../../crates/flow/tests/it/good/release.yaml")),
    ("fuzz/plans/more.yaml", include_str!("../plans/more.yaml")),
];

/// The folder of a document, where its paths start.
pub fn folder(document: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(document);
    path.parent().expect("a file lies in a folder").to_owned()
}

/// The backend for documents, with the words of the native modules.
pub fn flow() -> Flow {
    let mut words = Words::default();
    words.add(windlass_fleet::words()).expect("no word is registered twice");
    Flow::new(Arc::new(words))
}

/// A request as from a command line without options.
pub fn request() -> Request {
    let env = [("HOME", "/home/x"), ("RELEASE_TOKEN", "t0ken")];
    Request { env: env.map(|(name, value)| (name.into(), value.into())).into(), ..Request::default() }
}

/// The plans, compiled once. Every other one has two hosts.
pub fn plans() -> &'static [Arc<Plan>] {
    static PLANS: LazyLock<Vec<Arc<Plan>>> = LazyLock::new(|| {
        let compiled = DOCUMENTS.iter().enumerate().map(|(n, (name, text))| {
            let compiled = flow().compile_text(&Source::new(*name, *text), &folder(name), &request());
            let mut plan = compiled.unwrap_or_else(|error| panic!("{name}: {error}")).plan;
            if n % 2 == 1 {
                widen(&mut plan);
            }
            Arc::new(plan)
        });
        compiled.collect()
    });
    &PLANS
}

/// Puts every task of a plan on two hosts.
fn widen(plan: &mut Plan) {
    plan.hosts = vec!["a".into(), "b".into()];
    plan.host_sets = vec![vec![0, 1]];
    plan.tasks.iter_mut().for_each(|task| task.hosts = 0);
    plan.check().expect("two hosts are as good as one");
}
