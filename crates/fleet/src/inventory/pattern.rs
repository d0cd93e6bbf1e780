//! Patterns for hosts: `web*:&prod:!web9`, as Ansible reads them.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use regex::Regex;
use windlass_model::{Code, Diagnostic};
use windlass_yaml::{Limits, read_file};

use super::draft::{LOCALHOST, shown};
use super::glob::Glob;
use super::loaded::Inventory;
use super::{address, group::Group};

/// Which hosts a pattern means.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The hosts, each once, in Ansible's order.
    pub hosts: Vec<Arc<str>>,
    /// Parts of the pattern that match no host and no group. Ansible warns of them and goes on.
    pub unmatched: Vec<String>,
}

impl Selection {
    /// The hosts, of which there has to be one: `named` is what the person wrote.
    pub fn some(self, named: &str) -> Result<Vec<Arc<str>>, Diagnostic> {
        if !self.hosts.is_empty() {
            return Ok(self.hosts);
        }
        let message = match self.unmatched.is_empty() {
            true => format!("`{}` means no host", shown(named)),
            false => {
                format!("`{}` means no host: nothing matches `{}`", shown(named), self.unmatched.join("`, `"))
            }
        };
        let hint = "`windlass inventory graph` shows all groups and hosts";
        Err(Diagnostic::new(Code::NoHosts, message).hint(hint))
    }
}

/// Why a pattern means nothing.
#[derive(Debug, thiserror::Error)]
pub enum PatternError {
    /// A regular expression cannot be read.
    #[error("the pattern `{pattern}` is no regular expression: {why}")]
    Regex {
        /// The pattern, with its `~`.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// An index lies beyond the hosts that were matched.
    #[error("the pattern `{pattern}` has an index beyond the {count} hosts that it matches")]
    Index {
        /// The pattern with its index.
        pattern: String,
        /// How many hosts it matches without the index.
        count: usize,
    },
    /// A `!` or `&` stands alone.
    #[error("`{pattern}` needs a name or a pattern behind it")]
    Alone {
        /// The sign.
        pattern: String,
    },
    /// A file with hosts cannot be read.
    #[error("the hosts of `@{}` cannot be read: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A file with hosts has none, which in Ansible would mean all of them.
    #[error("the file `@{}` names no host", path.display())]
    EmptyFile {
        /// The file.
        path: PathBuf,
    },
}

impl From<PatternError> for Diagnostic {
    fn from(error: PatternError) -> Self {
        Diagnostic::new(Code::BadPattern, error.to_string())
            .hint("`windlass explain WL0718` says more about patterns")
    }
}

/// Indices behind a pattern: `[0]`, `[-1]`, `[1:3]`, `[2:]`.
static SUBSCRIPT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?s)^(.+)\[(?:(-?[0-9]+)|([0-9]+)[:-]([0-9]*))\]$")
        .expect("the pattern is a constant, and the tests compile it")
});

/// Parts with colons between them, where none of the parts is an address.
static PARTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?:[^\s:\[\]]|\[[^\]]*\])+").expect("the pattern is a constant, and the tests compile it")
});

impl Inventory {
    /// The hosts that `pattern` means, of these only what `limit` means too.
    ///
    /// A limit may name a file, `@path`, with a pattern on each line; such as a list of hosts to try again.
    pub fn select(&self, pattern: &str, limit: Option<&str>) -> Result<Selection, PatternError> {
        let mut matching = Matching { inventory: self, implicit: None, unmatched: Vec::new() };
        let mut ids = matching.evaluate(split(pattern))?;
        let limits = match limit {
            Some(limit) => self.limits(limit)?,
            None => Vec::new(),
        };
        if !limits.is_empty() {
            let within: HashSet<usize> = matching.evaluate(limits)?.into_iter().collect();
            ids.retain(|id| within.contains(id));
        }
        let mut seen = HashSet::new();
        ids.retain(|id| seen.insert(*id));
        let hosts = ids.into_iter().map(|id| matching.name(id)).collect();
        let mut seen = HashSet::new();
        let mut unmatched = matching.unmatched;
        unmatched.retain(|part| seen.insert(part.clone()));
        Ok(Selection { hosts, unmatched })
    }

    /// The patterns of a limit, with those of files in place of the files.
    fn limits(&self, limit: &str) -> Result<Vec<String>, PatternError> {
        let mut patterns = Vec::new();
        for part in split(limit) {
            let Some(file) = part.strip_prefix('@') else {
                patterns.push(part);
                continue;
            };
            let path = self.folder.join(file);
            let source = read_file(&path, file, &Limits::default())
                .map_err(|problem| PatternError::File { path: path.clone(), why: problem.message })?;
            let lines = source.text.split('\n').map(str::trim).filter(|line| !line.is_empty());
            let before = patterns.len();
            patterns.extend(lines.map(str::to_owned));
            if patterns.len() == before {
                return Err(PatternError::EmptyFile { path });
            }
        }
        Ok(patterns)
    }
}

/// The parts of a pattern: between commas, or else between colons, unless it is a single address or range.
fn split(pattern: &str) -> Vec<String> {
    let parts: Vec<&str> = if pattern.contains(',') {
        pattern.split(',').collect()
    } else if address::parse(pattern).is_some() {
        vec![pattern]
    } else {
        PARTS.find_iter(pattern).map(|part| part.as_str()).collect()
    };
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

struct Matching<'i> {
    inventory: &'i Inventory,
    /// Which name of this machine was asked for first, where the inventory has none; the others mean the same.
    implicit: Option<usize>,
    unmatched: Vec<String>,
}

impl Matching<'_> {
    /// All parts together: first what is added, then what is kept, then what is taken away.
    fn evaluate(&mut self, parts: Vec<String>) -> Result<Vec<usize>, PatternError> {
        let sign = |part: &String| part.chars().next().unwrap_or_default();
        let (excluded, others): (Vec<_>, Vec<_>) = parts.into_iter().partition(|part| sign(part) == '!');
        let (kept, mut added): (Vec<_>, Vec<_>) = others.into_iter().partition(|part| sign(part) == '&');
        if added.is_empty() {
            added.push("all".to_owned());
        }
        let mut hosts: Vec<usize> = Vec::new();
        let mut present: HashSet<usize> = HashSet::new();
        for part in &added {
            // A host's name means that host, even where a group has the same one.
            let more = match self.inventory.host_id(part) {
                Some(id) => vec![id],
                None => self.part(part)?,
            };
            hosts.extend(more.into_iter().filter(|id| present.insert(*id)));
        }
        for part in &kept {
            // A host whose name begins with the sign itself is added, as in Ansible.
            match self.inventory.host_id(part) {
                Some(id) => hosts.push(id),
                None => {
                    let within: HashSet<usize> = self.part(rest(part)?)?.into_iter().collect();
                    hosts.retain(|id| within.contains(id));
                }
            }
        }
        for part in &excluded {
            match self.inventory.host_id(part) {
                Some(id) => hosts.push(id),
                None => {
                    let without: HashSet<usize> = self.part(rest(part)?)?.into_iter().collect();
                    hosts.retain(|id| !without.contains(id));
                }
            }
        }
        Ok(hosts)
    }

    /// The hosts that one part means, without its sign.
    fn part(&mut self, pattern: &str) -> Result<Vec<usize>, PatternError> {
        if pattern.starts_with('~') {
            return self.matches(pattern);
        }
        let Some(parts) = SUBSCRIPT.captures(pattern) else { return self.matches(pattern) };
        let group = |at: usize| parts.get(at).map(|text| text.as_str());
        let hosts = self.matches(group(1).unwrap_or_default())?;
        let count = hosts.len();
        let beyond = || PatternError::Index { pattern: pattern.to_owned(), count };
        if hosts.is_empty() {
            return Ok(hosts);
        }
        let index = |text: &str| text.parse::<i64>().map_err(|_| beyond());
        if let Some(text) = group(2) {
            let at = index(text)?;
            let at = if at < 0 { at + count as i64 } else { at };
            let at = usize::try_from(at).ok().filter(|at| *at < count).ok_or_else(beyond)?;
            return Ok(vec![hosts[at]]);
        }
        let start = usize::try_from(index(group(3).unwrap_or_default())?).unwrap_or(usize::MAX);
        let end = match group(4).filter(|text| !text.is_empty()).map(index).transpose()? {
            None => count,
            // An end of 0 counts as none in Ansible: one host is meant, as by `[start]`.
            Some(0) => return hosts.get(start).map(|id| vec![*id]).ok_or_else(beyond),
            Some(end) => usize::try_from(end).unwrap_or(usize::MAX).saturating_add(1).min(count),
        };
        Ok(hosts.get(start..end).map(<[usize]>::to_vec).unwrap_or_default())
    }

    /// The hosts of all groups, and all hosts, whose name matches.
    fn matches(&mut self, pattern: &str) -> Result<Vec<usize>, PatternError> {
        let test = test(pattern)?;
        let inventory = self.inventory;
        let groups: Vec<&Group> = inventory.groups.iter().filter(|group| test(&group.name)).collect();
        let mut found: Vec<usize> =
            groups.iter().flat_map(|group| inventory.member_ids(group).to_vec()).collect();
        // The name of a group is not looked for among hosts, a pattern for names is.
        if groups.is_empty() || pattern.contains(['.', '?', '*', '[']) || pattern.starts_with('~') {
            let hosts = inventory.hosts.iter().enumerate();
            found.extend(hosts.filter(|(_, host)| test(&host.name)).map(|(id, _)| id));
        }
        if found.is_empty()
            && let Some(place) = LOCALHOST.iter().position(|name| *name == pattern)
        {
            let implicit = || inventory.hosts.len() + *self.implicit.get_or_insert(place);
            found.push(inventory.explicit_localhost().unwrap_or_else(implicit));
        }
        if found.is_empty() && groups.is_empty() && pattern != "all" {
            self.unmatched.push(shown(pattern));
        }
        // A host counts again for every group that has it, and Ansible's indices count the same way.
        Ok(found)
    }

    fn name(&self, id: usize) -> Arc<str> {
        let hosts = &self.inventory.hosts;
        hosts.get(id).unwrap_or_else(|| self.inventory.implicit(id - hosts.len())).name().clone()
    }
}

/// What stands behind a sign.
fn rest(part: &str) -> Result<&str, PatternError> {
    match part.get(1..) {
        Some(rest) if !rest.is_empty() => Ok(rest),
        _ => Err(PatternError::Alone { pattern: part.to_owned() }),
    }
}

type Test = Box<dyn Fn(&str) -> bool>;

fn test(pattern: &str) -> Result<Test, PatternError> {
    match pattern.strip_prefix('~') {
        Some(regex) => match windlass_gate::matcher(regex) {
            Ok(matches) => Ok(Box::new(matches)),
            Err(why) => Err(PatternError::Regex { pattern: shown(pattern), why }),
        },
        None => {
            let glob = Glob::new(pattern);
            Ok(Box::new(move |name| glob.matches(name)))
        }
    }
}
