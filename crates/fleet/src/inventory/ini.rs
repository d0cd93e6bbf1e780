//! Inventories in Ansible's INI format.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use regex::Regex;
use serde_json::Value;
use windlass_model::{Code, Diagnostic, Location, Source, Span};

use super::draft::{Draft, UNGROUPED, shown};
use super::{hosts, literal, shlex};

static SECTION: LazyLock<Regex> = LazyLock::new(|| pattern(r"^\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?$"));
static GROUP_NAME: LazyLock<Regex> = LazyLock::new(|| pattern(r"^([^:\]\s]+)\s*(?:#.*)?$"));

fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("the pattern is a constant, and the tests compile it")
}

/// Reads a text into an inventory; problems are noted there.
pub(super) fn read(draft: &mut Draft, source: &Arc<Source>) {
    let mut reader = Reader {
        draft,
        source,
        place: Location { source: source.clone(), span: Span::default() },
        group: UNGROUPED,
        kind: Kind::Hosts,
        pending: Pending::default(),
    };
    for (start, line) in lines(&source.text) {
        let trimmed = line.trim_start();
        reader.place.span = Span::new(start + line.len() - trimmed.len(), start + line.trim_end().len());
        let line = trimmed.trim_end();
        if !line.is_empty() && !line.starts_with(['#', ';']) {
            reader.line(line);
        }
    }
    reader.finish();
}

/// Whether the first line that says something is a section, which no mapping in YAML begins with.
pub(super) fn is_ini(text: &str) -> bool {
    let mut says = lines(text)
        .map(|(_, line)| line.trim())
        .filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    says.next().is_some_and(|line| SECTION.is_match(line))
}

/// The lines of a text with the offset of each, as Python's `splitlines` cuts them.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let ends = ['\n', '\r', '\x0b', '\x0c', '\x1c', '\x1d', '\x1e', '\u{85}', '\u{2028}', '\u{2029}'];
    let mut start = 0;
    text.split_inclusive(ends).map(move |line| {
        let at = start;
        start += line.len();
        (at, line.trim_end_matches(ends))
    })
}

/// What the lines of a section are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Hosts,
    Vars,
    Children,
    /// Of a section that was refused: they are passed over.
    Unknown,
}

/// Groups that were named before they were declared.
#[derive(Default)]
struct Pending {
    /// Groups that have variables and nothing else so far.
    vars: HashMap<String, Location>,
    /// Children with the parents that named them, each with its place.
    children: HashMap<String, Vec<(usize, Location)>>,
}

struct Reader<'d> {
    draft: &'d mut Draft,
    source: &'d Arc<Source>,
    /// The line that is being read, without the spaces around it.
    place: Location,
    group: usize,
    kind: Kind,
    pending: Pending,
}

impl Reader<'_> {
    fn line(&mut self, line: &str) {
        if let Some(section) = SECTION.captures(line) {
            let name = section.get(1).map_or("", |name| name.as_str());
            return self.section(name, section.get(2).map(|kind| kind.as_str()));
        }
        if line.starts_with('[') && line.ends_with(']') {
            self.kind = Kind::Unknown;
            return self.problem(format!(
                "`{}` is no section: write `[group]`, `[group:vars]` or `[group:children]`, without spaces",
                shown(line)
            ));
        }
        match self.kind {
            Kind::Hosts => self.host(line),
            Kind::Vars => self.variable(line),
            Kind::Children => self.child(line),
            Kind::Unknown => {}
        }
    }

    fn section(&mut self, name: &str, kind: Option<&str>) {
        self.kind = match kind {
            None | Some("hosts") => Kind::Hosts,
            Some("vars") => Kind::Vars,
            Some("children") => Kind::Children,
            Some(other) => {
                self.kind = Kind::Unknown;
                return self.problem(format!(
                    "the section `[{}:{}]` has an unknown type: `vars`, `children` and `hosts` are known",
                    shown(name),
                    shown(other)
                ));
            }
        };
        let is_new = self.draft.group(name).is_none();
        let Some(group) = self.draft.add_group(name, &self.place) else {
            self.kind = Kind::Unknown;
            return;
        };
        self.group = group;
        if self.kind != Kind::Vars {
            self.declared(name);
        } else if is_new && !self.pending.children.contains_key(name) {
            self.pending.vars.insert(name.to_owned(), self.place.clone());
        }
    }

    /// A group that was waited for is there.
    fn declared(&mut self, name: &str) {
        self.pending.vars.remove(name);
        for (parent, place) in self.pending.children.remove(name).unwrap_or_default() {
            self.draft.add_child(parent, name, &place);
        }
    }

    fn host(&mut self, line: &str) {
        let words = match shlex::split(line) {
            Ok(words) => words,
            Err(why) => return self.problem(format!("{why} in this line of a host")),
        };
        let mut words = words.into_iter();
        let Some(name) = words.next() else { return };
        let mut vars = Vec::new();
        for word in words {
            match word.text.split_once('=') {
                Some((key, value)) => vars.push((key.to_owned(), literal::value(value))),
                None => {
                    let message =
                        format!("expected `name=value` after the host, found `{}`", shown(&word.text));
                    self.problem_at(word.start, message);
                }
            }
        }
        let Some((names, port)) = hosts::expand(self.draft, &name.text, &self.place) else { return };
        if port.is_none() && name.text.trim().ends_with(':') {
            return self
                .problem(format!("the host `{}` ends in `:`, which begins a port", shown(&name.text)));
        }
        if names.iter().any(|name| name.trim() == "---") {
            return self.problem("`---` begins a YAML file, and this is read as INI".to_owned());
        }
        hosts::add(self.draft, &names, port, self.group, &vars, &self.place);
    }

    fn variable(&mut self, line: &str) {
        let Some((name, value)) = line.split_once('=') else {
            return self.problem(format!("expected `name=value`, found `{}`", shown(line)));
        };
        let value: Value = literal::value(value.trim());
        let group = self.draft.groups[self.group].name.clone();
        self.draft.set(&group, name.trim(), value, &self.place);
    }

    fn child(&mut self, line: &str) {
        let Some(name) = GROUP_NAME.captures(line).and_then(|parts| parts.get(1)) else {
            return self.problem(format!("expected the name of a group, found `{}`", shown(line)));
        };
        let name = name.as_str();
        if self.draft.group(name).is_some() {
            return self.draft.add_child(self.group, name, &self.place);
        }
        let parent = (self.group, self.place.clone());
        self.pending.children.entry(name.to_owned()).or_default().push(parent);
    }

    fn finish(self) {
        let mut problems = Vec::new();
        for (name, place) in self.pending.vars {
            let message =
                format!("`[{0}:vars]` needs the group `{0}`, which is declared nowhere", shown(&name));
            problems.push(Diagnostic::new(Code::BadInventory, message).at(place));
        }
        for (name, parents) in self.pending.children {
            for (parent, place) in parents {
                let parent = &self.draft.groups[parent].name;
                let message = format!(
                    "`[{parent}:children]` names the group `{}`, which is declared nowhere",
                    shown(&name)
                );
                let hint = format!("add the section `[{}]`, which may be empty", shown(&name));
                problems.push(Diagnostic::new(Code::BadInventory, message).at(place).hint(hint));
            }
        }
        problems.into_iter().for_each(|problem| self.draft.problem(problem));
    }

    fn problem(&mut self, message: String) {
        self.draft.problem(Diagnostic::new(Code::BadInventory, message).at(self.place.clone()));
    }

    /// A problem with a part of the line.
    fn problem_at(&mut self, offset: usize, message: String) {
        let start = self.place.span.start as usize + offset;
        let span = Span::new(start, self.place.span.end as usize);
        let place = Location { source: self.source.clone(), span };
        self.draft.problem(Diagnostic::new(Code::BadInventory, message).at(place));
    }
}
