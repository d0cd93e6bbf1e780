//! What lookups read that a text names: the plan stands on it, and is stale when it changes.

use std::sync::Arc;

use windlass_engine::CompileContext;
use windlass_expr::References;
use windlass_model::Source;

use super::Cx;

impl Cx<'_> {
    /// Records the variables of the environment and the files that the lookups of a text read. A file that
    /// cannot be read is none: its lookup fails when it runs, or provides for that.
    pub(super) fn note_asked(&self, refs: &References, source: &Arc<Source>) {
        for asked in &refs.asked {
            for name in asked.variables() {
                self.env.borrow_mut().insert(name.to_owned(), self.request.env.get(name).cloned());
            }
            for places in asked.files() {
                self.in_context(source, |context| {
                    places
                        .iter()
                        .filter(|place| !place.starts_with('~'))
                        .find(|place| context.file(place).is_ok())
                });
            }
        }
    }

    /// Does something with what is noted and recorded for a text.
    pub(super) fn in_context<T>(&self, source: &Arc<Source>, f: impl FnOnce(&CompileContext) -> T) -> T {
        let find = |contexts: &[(Arc<Source>, CompileContext)]| {
            contexts.iter().position(|(s, _)| Arc::ptr_eq(s, source))
        };
        let known = find(&self.contexts.borrow());
        let at = known.unwrap_or_else(|| {
            let context = CompileContext::new(source.clone(), self.root.to_path_buf())
                .with_sections(self.document.sections.clone());
            let mut contexts = self.contexts.borrow_mut();
            contexts.push((source.clone(), context));
            contexts.len() - 1
        });
        f(&self.contexts.borrow()[at].1)
    }
}
