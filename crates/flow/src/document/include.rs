//! `include`: tasks or steps from a file, with parameters.
//!
//! The file is a list, or a mapping with `tasks` or `steps` and with `vars` that the parameters override. Its
//! path starts at the folder of the file that includes it, and is a fixed text: what a plan stands on is known
//! before anything is evaluated. Among tasks an `id` is put before the ids of the file's tasks, with a dot
//! between, so that a file can come in several times; within the file the short ids go on to work.

use std::path::{Component, Path, PathBuf};

use windlass_model::{BlobId, Code, Diagnostic, Span};
use windlass_yaml::{Map, Node, Reader};

use super::keywords::{INCLUDE, SHARED};
use super::read::File;
use super::{Block, Inclusion, Named, elsewhere, vars};

/// How deep files may include files.
const MAX_DEPTH: usize = 16;

/// A file to include, with its parameters.
struct Wanted {
    path: String,
    span: Span,
    params: Named,
}

impl File<'_> {
    pub(super) fn include_steps(&self, mut map: Map<'_, '_>) -> Option<Block> {
        map.text("name");
        map.text("description");
        let mut shared = self.shared(&mut map);
        let wanted = self.wanted(&mut map);
        self.finish(map, &[SHARED, INCLUDE], false);
        let wanted = wanted?;
        let (defaults, body) = self.bring(&wanted, "steps", |file, nodes| file.step_list(nodes))?;
        shared.vars.extend(wanted.params);
        Some(Block { shared, defaults, body, rescue: Vec::new(), always: Vec::new(), included: true })
    }

    pub(super) fn include_tasks(&self, mut map: Map<'_, '_>) -> Option<Inclusion> {
        map.text("name");
        map.text("description");
        let id = map.text("id").map(|id| self.placed(id));
        let needs = self.needs(&mut map);
        let mut shared = self.shared(&mut map);
        let wanted = self.wanted(&mut map);
        self.finish(map, &[SHARED, INCLUDE], false);
        let wanted = wanted?;
        let (defaults, tasks) = self.bring(&wanted, "tasks", |file, nodes| file.task_list(nodes))?;
        shared.vars.extend(wanted.params);
        Some(Inclusion { id, needs, shared, defaults, tasks })
    }

    /// What `include` says: a path, or a path with parameters.
    fn wanted(&self, map: &mut Map<'_, '_>) -> Option<Wanted> {
        let node = map.node("include")?;
        let (path, params) = match node.as_map() {
            None => (self.reader.text(node)?, Named::new()),
            Some(_) => {
                let mut inner = self.reader.map(node)?;
                inner.required("file");
                let path = inner.text("file");
                let params = vars::variables(self.reader, &mut inner, "vars");
                inner.finish();
                (path?, params)
            }
        };
        if path.contains("{{") || path.contains("{%") {
            let problem =
                self.reader.problem(Code::BadInclude, path.span, "the path of an include is a fixed text");
            self.reader.note(problem.hint("write one `include` for each file, each with a `when`"));
            return None;
        }
        Some(Wanted { path: path.value, span: path.span, params })
    }

    /// Reads the file and its elements.
    fn bring<T>(
        &self,
        wanted: &Wanted,
        key: &str,
        elements: impl FnOnce(&File<'_>, &[Node]) -> Vec<T>,
    ) -> Option<(Named, Vec<T>)> {
        let shelf = self.shelf;
        let name = tidy(&self.folder.join(&wanted.path));
        let path = shelf.root.join(&name);
        let real = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
        if let Some(problem) = self.refusal(wanted, &real) {
            self.reader.note(problem);
            return None;
        }
        let shown = name.display().to_string();
        let source =
            windlass_yaml::read_file(&path, &shelf.shown.join(&name).display().to_string(), shelf.limits)
                .map_err(|problem| self.reader.note(self.unreadable(wanted, &problem)))
                .ok()?;
        let content = BlobId::of(source.text.as_bytes());
        shelf.files.borrow_mut().insert(shown, (content, path));
        let node = windlass_yaml::parse(&source, shelf.limits)
            .map_err(|problems| shelf.problems.borrow_mut().extend(problems))
            .ok()?;
        let reader = Reader::new(&source);
        let folder = name.parent().map(Path::to_path_buf).unwrap_or_default();
        let file = File { reader: &reader, shelf, folder };
        shelf.open.borrow_mut().push(real);
        let result = file.included(&node, key).map(|(defaults, nodes)| (defaults, elements(&file, nodes)));
        shelf.open.borrow_mut().pop();
        shelf.problems.borrow_mut().extend(reader.into_problems());
        result
    }

    /// Why a file may not come in here.
    fn refusal(&self, wanted: &Wanted, real: &PathBuf) -> Option<Diagnostic> {
        let open = self.shelf.open.borrow();
        let problem = |message: String| self.reader.problem(Code::BadInclude, wanted.span, message);
        if let Some(start) = open.iter().position(|path| path == real) {
            let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let path: Vec<String> = open[start..].iter().chain([real]).map(name).collect();
            return Some(
                problem(format!("the file includes itself: {}", path.join(" → ")))
                    .hint("remove one of the includes"),
            );
        }
        if open.len() >= MAX_DEPTH {
            return Some(
                problem(format!("files include each other more than {MAX_DEPTH} deep"))
                    .hint("include less deep"),
            );
        }
        match self.shelf.left.get().checked_sub(1) {
            Some(left) => self.shelf.left.set(left),
            None => {
                return Some(
                    problem("the document includes too many files".to_owned()).hint("include fewer files"),
                );
            }
        }
        None
    }

    /// A problem of the file's, shown where it is included.
    fn unreadable(&self, wanted: &Wanted, problem: &Diagnostic) -> Diagnostic {
        let message = format!("cannot include `{}`: {}", wanted.path, problem.message);
        let out = self.reader.problem(Code::BadInclude, wanted.span, message);
        out.hint("the path starts at the folder of the file that has the `include`")
    }

    /// The variables and the elements of an included file.
    fn included<'n>(&self, node: &'n Node, key: &str) -> Option<(Named, &'n [Node])> {
        if node.as_map().is_none() {
            return Some((Named::new(), self.reader.list(node)?));
        }
        let mut map = self.reader.map(node)?;
        elsewhere::refuse(self.reader, &mut map);
        map.text("description");
        let defaults = vars::variables(self.reader, &mut map, "vars");
        let other = if key == "tasks" { "steps" } else { "tasks" };
        if let Some(span) = map.key_span(other) {
            let message = format!("the file has `{other}`, and is included among {key}");
            let hint = format!("include it among {other}, or write `{key}`");
            self.reader.note(self.reader.problem(Code::BadInclude, span, message).hint(hint));
            map.node(other);
        } else {
            map.required(key);
        }
        let nodes = map.list(key).map(|list| list.value).unwrap_or_default();
        map.finish();
        Some((defaults, nodes))
    }
}

/// The path without `.` and without `x/..`.
fn tidy(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if out.file_name().is_some() => drop(out.pop()),
            other => out.push(other),
        }
    }
    out
}
