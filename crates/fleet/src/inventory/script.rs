//! Dynamic inventories: programs that print JSON when they are called with `--list` and `--host NAME`.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use serde_json::Value;
use windlass_model::{Code, Diagnostic, Location, Source, Span};
use windlass_yaml::{Kind, Node, decode, parse_data};

use super::draft::{Draft, shown};
use super::files::Files;
use super::options::Options;
use super::program::{self, Failure};
use super::source::limits;

/// Runs a program and reads what it prints into an inventory; problems are noted there.
pub(super) fn read(draft: &mut Draft, files: &mut Files, path: &Path, named: &str, options: &Options) {
    let deadline = Instant::now() + options.program_time;
    let mut script = Script { draft, files, path, named, options, deadline, hosts: BTreeSet::new() };
    if let Err(problem) = script.run() {
        script.draft.problem(problem);
    }
}

/// Reads what a program might have printed, without calling one.
pub(super) fn printed(draft: &mut Draft, files: &mut Files, output: Vec<u8>, options: &Options) {
    let path = Path::new("/dev/null");
    let deadline = Instant::now();
    let mut script =
        Script { draft, files, path, named: "printed", options, deadline, hosts: BTreeSet::new() };
    let done = match script.object(output, &["--list"]) {
        Ok(Some(list)) => script.take(&list),
        Ok(None) => Ok(()),
        Err(problem) => Err(problem),
    };
    if let Err(problem) = done {
        script.draft.problem(problem);
    }
}

struct Script<'d> {
    draft: &'d mut Draft,
    files: &'d mut Files,
    path: &'d Path,
    named: &'d str,
    options: &'d Options,
    deadline: Instant,
    /// The hosts that groups named.
    hosts: BTreeSet<String>,
}

/// A printed document with its text.
struct Printed {
    source: Arc<Source>,
    entries: Vec<(Node, Node)>,
}

impl Script<'_> {
    fn run(&mut self) -> Result<(), Diagnostic> {
        let Some(list) = self.call(&["--list"])? else {
            return Err(self.failed("it printed nothing"));
        };
        self.take(&list)
    }

    fn take(&mut self, list: &Printed) -> Result<(), Diagnostic> {
        let mut known: Option<&[(Node, Node)]> = None;
        for (name, body) in &list.entries {
            if name.as_str() == Some("_meta") {
                known = Some(self.meta(list, body)?);
            } else {
                self.group(list, name, body);
            }
        }
        let hosts = std::mem::take(&mut self.hosts);
        match known {
            Some(known) => {
                for (name, vars) in known {
                    let text = name.as_str().unwrap_or_default();
                    if hosts.contains(text) {
                        self.host_vars(text, &list.source, vars);
                    }
                }
            }
            None => self.ask(&hosts)?,
        }
        Ok(())
    }

    fn meta<'l>(&self, list: &Printed, body: &'l Node) -> Result<&'l [(Node, Node)], Diagnostic> {
        match body.get("hostvars").and_then(Node::as_map) {
            Some(entries) => Ok(entries),
            None => Err(bad(
                list,
                body,
                "`_meta` needs `hostvars`, a mapping of hosts to their variables".to_owned(),
            )),
        }
    }

    fn group(&mut self, list: &Printed, name: &Node, body: &Node) {
        let text = name.as_str().unwrap_or_default();
        let place = name.location(&list.source);
        let Some(group) = self.draft.add_group(text, &place) else { return };
        match &body.value {
            Kind::Map(entries) if entries.iter().any(|(key, _)| is_section(key)) => {
                for (key, value) in entries {
                    match key.as_str() {
                        Some("hosts") => self.members(list, group, value),
                        Some("vars") => self.vars(list, text, value),
                        Some("children") => self.children(list, group, value),
                        _ => {}
                    }
                }
            }
            Kind::Map(_) => {
                let message = format!(
                    "the group `{0}` has no `hosts`, `vars` or `children`: it is taken as a host `{0}` with these variables",
                    shown(text)
                );
                self.draft.warn(Some(&place), message);
                self.draft.add_host(text, Some(group), None, &place);
                self.hosts.insert(text.to_owned());
                self.vars(list, text, body);
            }
            _ => self.members(list, group, body),
        }
    }

    fn members(&mut self, list: &Printed, group: usize, value: &Node) {
        let Some(items) = value.as_list() else {
            return self.note(bad(
                list,
                value,
                format!("`hosts` is a list of names, found {}", value.kind_name()),
            ));
        };
        for item in items {
            match item.as_str() {
                Some(name) => {
                    let place = item.location(&list.source);
                    if self.draft.add_host(name, Some(group), None, &place).is_some() {
                        self.hosts.insert(name.to_owned());
                    }
                }
                None => self.note(bad(
                    list,
                    item,
                    format!("the name of a host is a text, found {}", item.kind_name()),
                )),
            }
        }
    }

    fn vars(&mut self, list: &Printed, entity: &str, value: &Node) {
        let Some(entries) = value.as_map() else {
            return self.note(bad(list, value, format!("`vars` is a mapping, found {}", value.kind_name())));
        };
        for (key, value) in entries {
            let place = key.location(&list.source);
            self.draft.set(entity, key.as_str().unwrap_or_default(), value.to_json(), &place);
        }
    }

    fn children(&mut self, list: &Printed, group: usize, value: &Node) {
        let names: Vec<&Node> = match &value.value {
            Kind::List(items) => items.iter().collect(),
            Kind::Map(entries) => entries.iter().map(|(key, _)| key).collect(),
            _ => {
                let message = format!("`children` is a list of groups, found {}", value.kind_name());
                return self.note(bad(list, value, message));
            }
        };
        for name in names {
            let place = name.location(&list.source);
            match name.as_str() {
                Some(child) => {
                    if self.draft.add_group(child, &place).is_some() {
                        self.draft.add_child(group, child, &place);
                    }
                }
                None => {
                    self.note(bad(
                        list,
                        name,
                        format!("the name of a group is a text, found {}", name.kind_name()),
                    ));
                }
            }
        }
    }

    /// Asks for the variables of each host, one call for each.
    fn ask(&mut self, hosts: &BTreeSet<String>) -> Result<(), Diagnostic> {
        if !hosts.is_empty() {
            let message = format!("{} has no `_meta.hostvars`: it is called again for each host", self.named);
            self.draft.warn(None, message);
        }
        for host in hosts {
            if let Some(printed) = self.call(&["--host", host])? {
                let whole = Node::new(Span::default(), Kind::Map(printed.entries));
                self.host_vars(host, &printed.source, &whole);
            }
        }
        Ok(())
    }

    fn host_vars(&mut self, host: &str, source: &Arc<Source>, vars: &Node) {
        let Some(entries) = vars.as_map() else {
            let message = format!(
                "the variables of the host `{}` are a mapping, found {}",
                shown(host),
                vars.kind_name()
            );
            return self.note(Diagnostic::new(Code::InventoryScript, message).at(vars.location(source)));
        };
        for (key, value) in entries {
            let value: Value = value.to_json();
            self.draft.set(host, key.as_str().unwrap_or_default(), value, &key.location(source));
        }
    }

    /// Calls the program and reads the JSON object that it prints; `None` where it prints nothing.
    fn call(&mut self, args: &[&str]) -> Result<Option<Printed>, Diagnostic> {
        let said = program::run(self.path, args, &self.options.folder, self.deadline)
            .map_err(|failure| self.told(&failure, args))?;
        if !said.talk.is_empty() {
            let message = format!("{} {} said: {}", self.named, args.join(" "), shown_talk(&said.talk));
            self.draft.warn(None, message);
        }
        self.files.add_program(self.path, &said.output);
        self.object(said.output, args)
    }

    /// Reads the JSON object that was printed; `None` where nothing was.
    fn object(&self, output: Vec<u8>, args: &[&str]) -> Result<Option<Printed>, Diagnostic> {
        let source = decode(output, &format!("{} {}", self.named, args.join(" ")))?;
        if source.text.trim().is_empty() {
            return Ok(None);
        }
        // Only JSON counts here, though the reader with places knows more.
        if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&source.text) {
            let span = offset(&source.text, error.line(), error.column());
            let problem = Diagnostic::new(Code::InventoryScript, format!("this is no JSON: {error}"));
            return Err(problem.at(Location { source, span }));
        }
        let (node, _) = parse_data(&source, &limits()).map_err(|problems| first(problems, &source))?;
        match node.value {
            Kind::Map(entries) => Ok(Some(Printed { source, entries })),
            _ => {
                let message = format!("a JSON object is expected, found {}", node.kind_name());
                Err(Diagnostic::new(Code::InventoryScript, message).at(node.location(&source)))
            }
        }
    }

    fn told(&self, failure: &Failure, args: &[&str]) -> Diagnostic {
        let mut message =
            format!("the inventory `{} {}` failed: {}", self.named, args.join(" "), failure.why);
        if !failure.talk.is_empty() {
            message.push_str(&format!("; it said: {}", shown_talk(&failure.talk)));
        }
        let hint = "run it by hand; a plain inventory that is executable by mistake needs `chmod -x`";
        Diagnostic::new(Code::InventoryScript, message).hint(hint)
    }

    fn failed(&self, why: &str) -> Diagnostic {
        Diagnostic::new(Code::InventoryScript, format!("the inventory `{} --list` failed: {why}", self.named))
    }

    fn note(&mut self, problem: Diagnostic) {
        self.draft.problem(problem);
    }
}

fn is_section(key: &Node) -> bool {
    matches!(key.as_str(), Some("hosts" | "vars" | "children"))
}

fn bad(list: &Printed, node: &Node, message: String) -> Diagnostic {
    Diagnostic::new(Code::InventoryScript, message).at(node.location(&list.source))
}

fn first(problems: windlass_model::Diagnostics, source: &Arc<Source>) -> Diagnostic {
    let place = Location { source: source.clone(), span: Span::default() };
    let unread = || Diagnostic::new(Code::InventoryScript, "the output cannot be read").at(place);
    problems.into_iter().next().unwrap_or_else(unread)
}

/// The place of a line and a column, which are those of serde_json: from 1, in bytes.
fn offset(text: &str, line: usize, column: usize) -> Span {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let mut at = (start + column.saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    Span::new(at, at)
}

/// What a program said to standard error, on one line and not too much of it.
fn shown_talk(talk: &str) -> String {
    const MOST: usize = 2000;
    let lines: Vec<&str> = talk.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let text: String =
        lines.join(" | ").chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    match text.char_indices().nth(MOST) {
        // The end says more than the beginning: that is where the error stands.
        Some(_) => {
            let skip = text.chars().count() - MOST;
            format!("…{}", text.chars().skip(skip).collect::<String>())
        }
        None => text,
    }
}
