//! `group_vars/` and `host_vars/`: variables in files beside an inventory.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use windlass_model::{Code, Diagnostic, Diagnostics, Location, Span};
use windlass_yaml::{Kind, parse_data, read_file};

use super::draft::{Draft, shown};
use super::files::Files;
use super::options::Options;
use super::source::{VAULT_HINT, limits};

/// Folders inside of each other; a link back to a folder above would go round for ever.
const DEEPEST: usize = 32;

/// The ends of files with variables, in the order in which they are looked for.
const ENDS: [&str; 4] = ["", ".yml", ".yaml", ".json"];

/// What one folder's files say of the groups and hosts of an inventory.
#[derive(Default)]
pub(super) struct Beside {
    pub(super) groups: HashMap<usize, Map<String, Value>>,
    pub(super) hosts: HashMap<usize, Map<String, Value>>,
}

/// Reads the files of `folder` for all groups and hosts; problems are noted in the draft.
pub(super) fn read(draft: &mut Draft, files: &mut Files, folder: &Path, options: &Options) -> Beside {
    let groups = draft.groups.iter().map(|group| group.name.to_string()).collect();
    let hosts = draft.hosts.iter().map(|host| host.name.to_string()).collect();
    let mut reader = Reader { draft, files, options };
    Beside {
        groups: reader.all(&folder.join("group_vars"), groups),
        hosts: reader.all(&folder.join("host_vars"), hosts),
    }
}

struct Reader<'d> {
    draft: &'d mut Draft,
    files: &'d mut Files,
    options: &'d Options,
}

impl Reader<'_> {
    fn all(&mut self, folder: &Path, names: Vec<String>) -> HashMap<usize, Map<String, Value>> {
        let mut found = HashMap::new();
        let Some(present) = self.entries(folder) else { return found };
        for (id, name) in names.iter().enumerate() {
            for path in self.files_of(folder, &present, name) {
                match self.file(&path) {
                    Ok(vars) if vars.is_empty() => {}
                    Ok(vars) => found.entry(id).or_insert_with(Map::new).extend(vars),
                    Err(problems) => problems.into_iter().for_each(|problem| self.draft.problem(problem)),
                }
            }
        }
        found
    }

    /// The names in a folder, if there is such a folder.
    fn entries(&mut self, folder: &Path) -> Option<HashSet<String>> {
        let meta = fs::metadata(folder).ok()?;
        if !meta.is_dir() {
            self.draft
                .warn(None, format!("{} is no folder, so no variables are read from it", folder.display()));
            return None;
        }
        match fs::read_dir(folder) {
            Ok(entries) => {
                let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
                Some(names.collect())
            }
            Err(error) => {
                self.unreadable(folder, &error.to_string());
                None
            }
        }
    }

    /// The files for a group or a host: those of a folder of its name, or else one file.
    ///
    /// A name is compared with what lies in the folder, and never made into a path of its own: one such as
    /// `../secret` leads nowhere.
    fn files_of(&mut self, folder: &Path, present: &HashSet<String>, name: &str) -> Vec<PathBuf> {
        for end in ENDS {
            let file = format!("{name}{end}");
            if !present.contains(&file) {
                continue;
            }
            let path = folder.join(&file);
            match fs::metadata(&path) {
                Ok(meta) if meta.is_dir() => {
                    let mut found = Vec::new();
                    self.inner(&path, 0, &mut found);
                    return found;
                }
                Ok(_) => return vec![path],
                // A link that leads nowhere is as good as nothing.
                Err(_) => {}
            }
        }
        Vec::new()
    }

    fn inner(&mut self, folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
        if depth == DEEPEST {
            return self.unreadable(folder, &format!("folders lie more than {DEEPEST} deep in each other"));
        }
        let Some(names) = self.entries(folder) else { return };
        let mut names: Vec<String> = names.into_iter().collect();
        names.sort_unstable();
        for name in names {
            if name.starts_with('.') || name.ends_with('~') {
                continue;
            }
            let end = name.rfind('.').map_or("", |at| &name[at..]);
            let path = folder.join(&name);
            let Ok(meta) = fs::metadata(&path) else { continue };
            if meta.is_dir() && end.is_empty() {
                self.inner(&path, depth + 1, found);
            } else if meta.is_file() && ENDS.contains(&end) {
                found.push(path);
            }
        }
    }

    fn file(&mut self, path: &Path) -> Result<Map<String, Value>, Diagnostics> {
        let source = read_file(path, &self.options.shown(path), &limits())?;
        self.files.add(path, source.text.as_bytes());
        if source.text.starts_with("$ANSIBLE_VAULT;") {
            let place = Location { source: source.clone(), span: Span::default() };
            let message = "the file is encrypted with Ansible Vault, which is not supported";
            return Err(Diagnostic::new(Code::Vaulted, message).at(place).hint(VAULT_HINT).into());
        }
        let (node, warnings) = parse_data(&source, &limits())?;
        warnings.into_iter().for_each(|warning| self.draft.warnings.push(warning));
        match &node.value {
            Kind::Map(entries) => Ok(entries
                .iter()
                .map(|(key, value)| (key.as_str().unwrap_or_default().to_owned(), value.to_json()))
                .collect()),
            // Whatever is empty holds no variables.
            Kind::Null | Kind::Bool(false) | Kind::Int(0) => Ok(Map::new()),
            Kind::Str(text) if text.is_empty() => Ok(Map::new()),
            Kind::List(items) if items.is_empty() => Ok(Map::new()),
            _ => {
                let message = format!("a file with variables holds a mapping, found {}", node.kind_name());
                let hint = "write `name: value` lines";
                Err(Diagnostic::new(Code::BadInventory, message).at(node.location(&source)).hint(hint).into())
            }
        }
    }

    fn unreadable(&mut self, path: &Path, why: &str) {
        let message = format!("{} cannot be read: {why}", shown(&path.to_string_lossy()));
        self.draft.problem(Diagnostic::new(Code::Unreadable, message));
    }
}
