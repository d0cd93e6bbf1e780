//! Files with variables: which of a folder are meant, and what is in them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use windlass_gate::search;
use windlass_model::{Code, Diagnostic, Diagnostics};
use windlass_yaml::{Limits, decode, parse as read};

use crate::jinja;

/// The folder that is looked in first, as in Ansible.
const FOLDER: &str = "vars";

/// Why files cannot be named.
pub(crate) enum Problem {
    /// They cannot be read.
    Io(io::Error),
    /// The parameters do not fit them.
    Params(String),
}

impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The files that an `include_vars` step means, as paths that start at `root`, in the order in which they are
/// read.
pub(crate) fn names(root: &Path, params: &Map<String, Value>) -> Result<Vec<String>, Problem> {
    if let Some(dir) = params.get("dir").and_then(Value::as_str) {
        let rules = Rules::read(params);
        let mut names = Vec::new();
        rules.folder(root, &place(root, dir), 1, &mut names)?;
        return Ok(names);
    }
    let file = params.get("file").and_then(Value::as_str).unwrap_or_default();
    Ok(vec![place(root, file)])
}

/// A name in the folder for variables if there is such a thing, else the name itself.
fn place(root: &Path, name: &str) -> String {
    let inner = format!("{FOLDER}/{name}");
    if !name.starts_with('/') && root.join(&inner).exists() { inner } else { name.to_owned() }
}

/// Which files of a folder count.
struct Rules {
    depth: u64,
    matching: Option<String>,
    ignore: Vec<String>,
    extensions: Vec<String>,
    pass_over: bool,
}

impl Rules {
    fn read(params: &Map<String, Value>) -> Self {
        let text = |name: &str| params.get(name).and_then(Value::as_str).map(str::to_owned);
        let list = |name: &str| params.get(name).map(texts);
        let defaults = || ["json", "yaml", "yml"].map(str::to_owned).to_vec();
        let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.trim().parse().ok());
        Self {
            depth: params.get("depth").and_then(number).unwrap_or_default(),
            matching: text("files_matching"),
            ignore: list("ignore_files").unwrap_or_default(),
            extensions: list("extensions").unwrap_or_else(defaults),
            pass_over: params.get("ignore_unknown_extensions").and_then(jinja::truth).unwrap_or_default(),
        }
    }

    /// Adds the files of a folder in the order of their names, then those of the folders in it.
    fn folder(&self, root: &Path, dir: &str, level: u64, names: &mut Vec<String>) -> Result<(), Problem> {
        // A link back to a folder above would go round for ever; no honest tree is as deep as this.
        const DEEPEST: u64 = 64;
        if level > DEEPEST || self.depth != 0 && level > self.depth {
            return Ok(());
        }
        let mut entries = fs::read_dir(root.join(dir))?
            .map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()?;
        entries.sort_unstable();
        let path = |name: &str| format!("{}/{name}", dir.trim_end_matches('/'));
        let (dirs, files): (Vec<_>, Vec<_>) = entries.iter().partition(|name| root.join(path(name)).is_dir());
        for name in files {
            if self.takes(name, &path(name))? {
                names.push(path(name));
            }
        }
        dirs.into_iter().try_for_each(|name| self.folder(root, &path(name), level + 1, names))
    }

    fn takes(&self, name: &str, path: &str) -> Result<bool, Problem> {
        let matches = |pattern: &str| search(pattern, name).map_err(Problem::Params);
        if let Some(pattern) = &self.matching
            && !matches(pattern)?
        {
            return Ok(false);
        }
        for pattern in &self.ignore {
            if matches(&format!("{pattern}$"))? {
                return Ok(false);
            }
        }
        let extension = PathBuf::from(name).extension().unwrap_or_default().to_string_lossy().into_owned();
        match (self.extensions.contains(&extension), self.pass_over) {
            (true, _) => Ok(true),
            (false, true) => Ok(false),
            (false, false) => {
                let valid = self.extensions.join(", ");
                Err(Problem::Params(format!("{path} does not have a valid extension: {valid}")))
            }
        }
    }
}

/// A list of texts, or one text with commas.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        Value::String(text) => text.split(',').map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// The variables in a file; a file without any has none.
pub(crate) fn parse(bytes: Vec<u8>, name: &str) -> Result<Map<String, Value>, Diagnostics> {
    let source = decode(bytes, name)?;
    if source.text.trim().is_empty() {
        return Ok(Map::new());
    }
    let node = read(&source, &Limits::default())?;
    match node.to_json() {
        Value::Object(vars) => Ok(vars),
        Value::Null => Ok(Map::new()),
        _ => {
            let problem =
                Diagnostic::new(Code::BadParams, format!("{name} must be stored as a dictionary/hash"))
                    .at(node.location(&source));
            Err(problem.hint("a file with variables holds `name: value` lines").into())
        }
    }
}
