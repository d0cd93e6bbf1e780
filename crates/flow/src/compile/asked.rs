//! What lookups read that a text names: the plan stands on it, and is stale when it changes. What only the run knows
//! is told, so that a person knows what applying the plan later cannot compare.

use std::sync::Arc;

use windlass_engine::{CompileContext, Unchecked};
use windlass_expr::{Asked, Local, References, Template, Way};
use windlass_model::{Location, Source, Span};

use super::Cx;

impl Cx<'_> {
    /// Records the variables of the environment, the files and the lists of files that the lookups of a text read, and
    /// what else it asks outside. `place` says where something of the text stands.
    pub(super) fn note_asked(
        &self,
        refs: &References,
        source: &Arc<Source>,
        place: &dyn Fn(usize) -> String,
    ) {
        for asked in &refs.asked {
            let recorded = match (asked.way, asked.name.as_deref()) {
                (Way::Lookup, Some("env")) => self.record_env(asked),
                (Way::Lookup, Some("file" | "unvault" | "template")) => self.record_files(asked, source),
                (_, Some("fileglob")) => self.record_lists(asked),
                _ => false,
            };
            if !recorded && asked.leaves_variables() {
                let told = Unchecked { at: place(asked.offset), what: described(asked) };
                self.unchecked.borrow_mut().insert(told);
            }
        }
    }

    fn record_env(&self, asked: &Asked) -> bool {
        for name in asked.variables() {
            self.env.borrow_mut().insert(name.to_owned(), self.request.env.get(name).cloned());
        }
        asked.terms.is_some()
    }

    /// A file that cannot be read is none: its lookup fails when it runs, or provides for that. One in the home folder
    /// is somebody's own, and no input.
    fn record_files(&self, asked: &Asked, source: &Arc<Source>) -> bool {
        let mut at_home = false;
        for places in asked.files() {
            at_home |= places.iter().any(|place| place.starts_with('~'));
            let mut places = places.iter().filter(|place| !place.starts_with('~'));
            let found = self.in_context(source, |context| places.find(|place| context.file(place).is_ok()));
            if let Some(place) = found.filter(|_| asked.name.as_deref() == Some("template")) {
                self.note_template(place, source);
            }
        }
        asked.terms.is_some() && !at_home
    }

    /// Notes what a looked-up template asks in turn.
    fn note_template(&self, place: &str, source: &Arc<Source>) {
        if !self.looked_up.borrow_mut().insert(place.to_owned()) {
            return;
        }
        let Ok(text) = std::fs::read_to_string(self.root.join(place)) else { return };
        // What cannot be read as a template fails when it is looked up.
        let Ok(template) = Template::parse(&text) else { return };
        let own = Source::new(place, text.as_str());
        let within = |offset: usize| Location { source: own.clone(), span: Span::new(offset, offset) };
        self.note_asked(template.references(), source, &|offset| within(offset).to_string());
    }

    fn record_lists(&self, asked: &Asked) -> bool {
        let here = Local::new(self.root, self.request.env.clone());
        let found = asked.globs(Arc::new(here));
        let recorded = found.is_some();
        self.lists.borrow_mut().extend(found.into_iter().flatten());
        recorded
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

/// What is asked, and why the plan does not stand on it.
fn described(asked: &Asked) -> String {
    let way = match asked.way {
        Way::Lookup => "lookup",
        Way::Filter => "filter",
        Way::Test => "test",
    };
    match (&asked.name, &asked.terms) {
        (None, _) => format!("a {way} whose name only the run knows"),
        (Some(name), None) => format!("the {way} `{name}` of what only the run knows"),
        (Some(name), Some(_)) => format!("the {way} `{name}`"),
    }
}
