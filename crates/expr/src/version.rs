//! Versions and their order, as Ansible's `version` test compares them.

use std::cmp::Ordering;

use minijinja::Error;

use crate::args::invalid;

/// Compares two versions by an operator (`==`, `>=`, `lt`, …). `kind` is `loose` (the default), `strict`,
/// `semver` or `pep440`.
pub(crate) fn compare(left: &str, right: &str, operator: &str, kind: &str) -> Result<bool, Error> {
    let ordering = match kind {
        "loose" => loose(left, right),
        "strict" => strict(left)?.cmp(&strict(right)?),
        "semver" | "semantic" => semver(left)?.cmp(&semver(right)?),
        "pep440" => pep440(left)?.cmp(&pep440(right)?),
        other => {
            return Err(invalid(format!("`{other}` is no kind of version: loose, strict, semver, pep440")));
        }
    };
    Ok(match operator {
        "==" | "=" | "eq" => ordering.is_eq(),
        "!=" | "<>" | "ne" => ordering.is_ne(),
        "<" | "lt" => ordering.is_lt(),
        "<=" | "le" => ordering.is_le(),
        ">" | "gt" => ordering.is_gt(),
        ">=" | "ge" => ordering.is_ge(),
        other => return Err(invalid(format!("`{other}` is no comparison of versions"))),
    })
}

/// A run of digits or of letters.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    // Python cannot compare a word with a number; a number is the later one in every known scheme.
    Word(String),
    Number(u128),
}

/// Orders runs of digits by value and runs of letters by alphabet; everything else separates.
fn loose(left: &str, right: &str) -> Ordering {
    parts(left).cmp(&parts(right))
}

fn parts(version: &str) -> Vec<Part> {
    let mut out = Vec::new();
    let mut rest = version;
    while let Some(first) = rest.chars().next() {
        let same: fn(char) -> bool = match first {
            c if c.is_ascii_digit() => |c| c.is_ascii_digit(),
            c if c.is_alphabetic() => char::is_alphabetic,
            _ => |c| !c.is_ascii_digit() && !c.is_alphabetic(),
        };
        let end = rest.find(|c| !same(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        match first {
            c if c.is_ascii_digit() => out.push(Part::Number(run.parse().unwrap_or(u128::MAX))),
            _ if run.chars().all(|c| c == '.') => {}
            _ => out.push(Part::Word(run.to_owned())),
        }
        rest = after;
    }
    out
}

/// Three numbers; whether it is final, else the letter and the number of what came before.
type Strict = (Vec<u64>, bool, String, u64);

/// `1.2` or `1.2.3`, with `a1` or `b1` at the end for what comes before it.
fn strict(version: &str) -> Result<Strict, Error> {
    let refuse = || invalid(format!("`{version}` is no strict version"));
    let letter = version.find(['a', 'b']).unwrap_or(version.len());
    let (numbers, pre) = version.split_at(letter);
    let mut numbers =
        numbers.split('.').map(|n| n.parse().map_err(|_| refuse())).collect::<Result<Vec<u64>, _>>()?;
    if !(2..=3).contains(&numbers.len()) {
        return Err(refuse());
    }
    numbers.resize(3, 0);
    let number = if pre.is_empty() { 0 } else { pre[1..].parse().map_err(|_| refuse())? };
    Ok((numbers, pre.is_empty(), pre.chars().take(1).collect(), number))
}

/// A part of a pre-release: numbers come before words.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identifier {
    Number(u64),
    Word(String),
}

type Semver = (Vec<u64>, bool, Vec<Identifier>);

fn semver(version: &str) -> Result<Semver, Error> {
    let refuse = || invalid(format!("`{version}` is no semantic version"));
    let without_build = version.split('+').next().unwrap_or_default();
    let (core, pre) = match without_build.split_once('-') {
        Some((core, pre)) => (core, Some(pre)),
        None => (without_build, None),
    };
    let numbers =
        core.split('.').map(|n| n.parse().map_err(|_| refuse())).collect::<Result<Vec<u64>, _>>()?;
    if numbers.len() != 3 || pre == Some("") {
        return Err(refuse());
    }
    let identifier = |part: &str| match part.parse() {
        Ok(number) => Identifier::Number(number),
        Err(_) => Identifier::Word(part.to_owned()),
    };
    let pre: Vec<Identifier> = pre.map(|pre| pre.split('.').map(identifier).collect()).unwrap_or_default();
    Ok((numbers, pre.is_empty(), pre))
}

/// Release numbers without trailing zeros, then the stage (dev < a < b < rc < final < post) and its number.
fn pep440(version: &str) -> Result<(u64, Vec<u64>, i8, u64), Error> {
    let refuse = || invalid(format!("`{version}` is no PEP 440 version"));
    let lower = version.trim().to_lowercase();
    let public = lower.trim_start_matches('v').split('+').next().unwrap_or_default();
    let (epoch, rest) = public.split_once('!').unwrap_or(("0", public));
    let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let (release, tail) = rest.split_at(end);
    let numbers = release.split('.').filter(|n| !n.is_empty());
    let mut numbers = numbers.map(|n| n.parse().map_err(|_| refuse())).collect::<Result<Vec<u64>, _>>()?;
    while numbers.last() == Some(&0) {
        numbers.pop();
    }
    let word: String = tail.chars().filter(char::is_ascii_alphabetic).collect();
    let digits: String = tail.chars().filter(char::is_ascii_digit).collect();
    let stage = match word.as_str() {
        "dev" => -4,
        "a" | "alpha" => -3,
        "b" | "beta" => -2,
        "rc" | "c" | "pre" | "preview" => -1,
        "" => 0,
        "post" | "rev" | "r" => 1,
        _ => return Err(refuse()),
    };
    if release.is_empty() {
        return Err(refuse());
    }
    let number = if digits.is_empty() { 0 } else { digits.parse().map_err(|_| refuse())? };
    Ok((epoch.parse().map_err(|_| refuse())?, numbers, stage, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_have_an_order() {
        let cases = [
            ("1.10", ">", "1.9", "loose"),
            ("1.2.3", "==", "1.2.3", "loose"),
            ("2.0", "lt", "10.0", "loose"),
            ("1.0", "<", "1.0.1", "loose"),
            ("1.0.0-rc.1", "<", "1.0.0", "semver"),
            ("1.0.0-alpha.2", "<", "1.0.0-alpha.10", "semver"),
            ("1.0.0+build", "==", "1.0.0", "semver"),
            ("1.0a1", "<", "1.0", "strict"),
            ("1.0rc1", "<", "1.0", "pep440"),
            ("1.0.post1", ">", "1.0", "pep440"),
            ("1.0.0", "==", "1", "pep440"),
        ];
        for (left, operator, right, kind) in cases {
            assert!(compare(left, right, operator, kind).unwrap(), "{left} {operator} {right} ({kind})");
        }
        assert!(compare("1.0", "1.0", "~>", "loose").is_err());
        assert!(compare("x", "1.0.0", "<", "semver").is_err());
    }
}
