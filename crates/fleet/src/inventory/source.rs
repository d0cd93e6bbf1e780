//! What was named as an inventory: a list of hosts, a folder, a file, or a program. Which of them it is
//! follows Ansible's rules.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use windlass_model::{Code, Diagnostic, Diagnostics, Location, Source, Span};
use windlass_yaml::{Kind, Limits, Node, parse_data, read_file};

use super::draft::{Draft, Origin, UNGROUPED, shown};
use super::files::Files;
use super::options::Options;
use super::{address, ini, script, yaml};

/// Folders inside of each other; a link back to a folder above would go round for ever.
const DEEPEST: usize = 32;

/// Files of a folder that are no inventories.
const OTHER_ENDS: [&str; 12] =
    [".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry"];
const OTHER_NAMES: [&str; 3] = ["host_vars", "group_vars", "vars_plugins"];

/// How much an inventory may hold. Programs print large ones.
pub(super) fn limits() -> Limits {
    Limits { bytes: 64 << 20, nodes: 4_000_000, text: 128 << 20, marks: 8_000_000, ..Limits::default() }
}

/// Reads sources into a draft.
pub(super) struct Sources<'o> {
    pub(super) draft: Draft,
    pub(super) files: Files,
    options: &'o Options,
}

impl<'o> Sources<'o> {
    pub(super) fn new(options: &'o Options) -> Self {
        Self { draft: Draft::new(), files: Files::default(), options }
    }

    /// Reads what was named; returns the folder whose `group_vars/` and `host_vars/` belong to it.
    pub(super) fn read(&mut self, named: &str) -> Option<PathBuf> {
        let path = self.options.folder.join(named);
        if named.contains(',') && !path.exists() {
            self.list(named);
            return None;
        }
        let named = &self.options.shown(Path::new(named));
        match fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => {
                self.folder(&path, named, 0);
                Some(path)
            }
            Ok(_) => {
                self.file(&path, named);
                path.parent().map(Path::to_path_buf)
            }
            Err(error) => {
                self.missing(named, &error);
                None
            }
        }
    }

    fn missing(&mut self, named: &str, error: &io::Error) {
        let message = format!("there is no inventory `{}`: {error}", shown(named));
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "check the path; a list of hosts needs a comma, even for one: `web1,`",
            _ => "check the permissions of the file and of the folders above it",
        };
        self.draft.problem(Diagnostic::new(Code::UnreadInventory, message).hint(hint));
    }

    /// Hosts with commas between them.
    fn list(&mut self, named: &str) {
        self.draft.source = Some(Origin { name: named.into(), folder: None });
        let source = Source::new("the list of hosts", named);
        let mut start = 0;
        for item in named.split(',') {
            let name = item.trim();
            let place = Location { source: source.clone(), span: Span::new(start, start + item.len()) };
            start += item.len() + 1;
            if name.is_empty() {
                continue;
            }
            // Ranges have no meaning in a list.
            let (host, port) =
                address::parse(name).filter(|(host, _)| !host.contains('[')).unwrap_or((name, None));
            if self.draft.host(host).is_none() {
                self.draft.add_host(host, Some(UNGROUPED), port, &place);
            }
        }
    }

    /// All inventories of a folder, in the order of their names.
    fn folder(&mut self, path: &Path, named: &str, depth: usize) {
        let names = fs::read_dir(path).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()
        });
        let mut names = match names {
            Ok(names) if depth < DEEPEST => names,
            Ok(_) => {
                let message = format!("folders lie more than {DEEPEST} deep in `{}`", shown(named));
                return self.draft.problem(Diagnostic::new(Code::UnreadInventory, message));
            }
            Err(error) => return self.missing(named, &error),
        };
        names.sort_unstable();
        for name in names {
            let text = name.to_string_lossy();
            if is_other(&text) {
                continue;
            }
            let inner = path.join(&name);
            let named = format!("{}/{text}", named.trim_end_matches('/'));
            if inner.is_dir() {
                self.folder(&inner, &named, depth + 1);
            } else {
                self.file(&inner, &named);
            }
        }
    }

    fn file(&mut self, path: &Path, named: &str) {
        let folder = path.parent().map(|folder| folder.to_string_lossy().into());
        self.draft.source = Some(Origin { name: path.to_string_lossy().into(), folder });
        match is_program(path) {
            Ok(true) => script::read(&mut self.draft, &mut self.files, path, named, self.options),
            Ok(false) => {
                if let Err(problems) = self.text(path, named) {
                    problems.into_iter().for_each(|problem| self.draft.problem(problem));
                }
            }
            Err(error) => self.missing(named, &error),
        }
    }

    fn text(&mut self, path: &Path, named: &str) -> Result<(), Diagnostics> {
        let end = path.extension().unwrap_or_default().to_string_lossy().into_owned();
        let source = read_file(path, named, &limits())?;
        self.files.add(path, source.text.as_bytes());
        check_readable(&source, &end)?;
        let is_yaml = ["yaml", "yml", "json"].contains(&end.as_str());
        if !is_yaml && !end.is_empty() {
            ini::read(&mut self.draft, &source);
            return Ok(());
        }
        let (entries, warnings) = match parse_data(&source, &limits()) {
            Ok((Node { value: Kind::Map(entries), .. }, warnings)) => (entries, warnings),
            Ok((node, _))
                if is_yaml && !node.is_null() && node.as_str().is_none() && !ini::is_ini(&source.text) =>
            {
                let message = format!("an inventory is a mapping of groups, found {}", node.kind_name());
                return Err(Diagnostic::new(Code::BadInventory, message).at(node.location(&source)).into());
            }
            // What is no YAML, or a text in it, is INI; a file that is called YAML has to look like INI for it.
            Err(problems) if (is_yaml || is_vaulted(&problems)) && !ini::is_ini(&source.text) => {
                return Err(problems);
            }
            _ => {
                ini::read(&mut self.draft, &source);
                return Ok(());
            }
        };
        warnings.into_iter().for_each(|warning| self.draft.warnings.push(warning));
        if let Some((key, _)) = entries.iter().find(|(key, _)| key.as_str() == Some("plugin")) {
            let message = "this configures an inventory plugin of Ansible, which is not supported";
            let hint =
                format!("have Ansible write what it finds: ansible-inventory -i {named} --list > hosts.json");
            return Err(Diagnostic::new(Code::UnreadInventory, message)
                .at(key.location(&source))
                .hint(hint)
                .into());
        }
        yaml::read(&mut self.draft, &source, &entries);
        Ok(())
    }
}

/// Whether a file of a folder is passed over.
fn is_other(name: &str) -> bool {
    name.starts_with('.') || OTHER_NAMES.contains(&name) || OTHER_ENDS.iter().any(|end| name.ends_with(end))
}

/// Whether a file is to be run: it is executable, and begins as programs and scripts do.
///
/// Ansible runs whatever is executable, and then reads it as text when that fails. A text without a first
/// line that names its interpreter would be run by a shell, host names and all.
fn is_program(path: &Path) -> io::Result<bool> {
    let meta = fs::metadata(path)?;
    if !meta.is_file() || meta.permissions().mode() & 0o111 == 0 {
        return Ok(false);
    }
    let mut first = [0; 4];
    let read = io::Read::read(&mut fs::File::open(path)?, &mut first)?;
    Ok(first[..read].starts_with(b"#!") || first[..read].starts_with(b"\x7fELF"))
}

/// Refuses what is of a kind that is not read here.
fn check_readable(source: &Arc<Source>, end: &str) -> Result<(), Diagnostic> {
    let place = Location { source: source.clone(), span: Span::default() };
    if source.text.starts_with("$ANSIBLE_VAULT;") {
        let message = "the file is encrypted with Ansible Vault, which is not supported";
        return Err(Diagnostic::new(Code::Vaulted, message).at(place).hint(VAULT_HINT));
    }
    if end == "toml" {
        let message = "inventories in TOML are not supported";
        return Err(Diagnostic::new(Code::UnreadInventory, message)
            .at(place)
            .hint("write it as YAML or INI"));
    }
    Ok(())
}

pub(super) const VAULT_HINT: &str =
    "keep secrets out of files with variables: `secrets` of a workflow takes env, file or command";

fn is_vaulted(problems: &Diagnostics) -> bool {
    problems.iter().any(|problem| problem.code == Code::Vaulted)
}
