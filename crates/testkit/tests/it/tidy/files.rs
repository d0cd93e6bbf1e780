//! What every source file has, and what none has.

use super::tree::{files, none, sources};

/// The most lines of a file: one idea fits.
const LINES: usize = 900;

/// Files that may say `unsafe`, each with a reason at the place.
const UNSAFE: &[&str] = &[];

/// Text that would only make sense on the machine where it was written. Put together here, so that this file
/// does not hold it.
fn machine_paths() -> Vec<String> {
    let work = ["main", "shared", ".library"].map(|folder| ["/work", folder].join("/"));
    work.into_iter().chain([["/tmp", "t-"].join("/")]).collect()
}

#[test]
fn every_file_says_first_what_it_owns() {
    let silent = sources().into_iter().filter(|(_, text)| {
        let first = text.lines().next().unwrap_or_default();
        !first.starts_with("//! ") || first.len() < 12 || first.contains("to be written")
    });
    none("files that do not open with a `//!` sentence", silent.map(|(name, _)| name).collect());
}

#[test]
fn no_file_is_long() {
    let long = sources().into_iter().map(|(name, text)| (name, text.lines().count()));
    let long = long.filter(|(_, lines)| *lines > LINES);
    none("files that hold more than one idea", long.map(|(name, n)| format!("{name}: {n} lines")).collect());
}

#[test]
fn nothing_is_left_to_do() {
    let macros = ["todo", "unimplemented"].map(|name| format!("{name}!("));
    let found = sources().into_iter().filter(|(_, text)| macros.iter().any(|m| text.contains(m.as_str())));
    none("stubs", found.map(|(name, _)| name).collect());
}

#[test]
fn no_file_is_unsafe_that_may_not_be() {
    let unsafe_in = |text: &str| {
        ["_code", " {", " fn", " impl"].iter().any(|next| text.contains(&["unsafe", next].concat()))
    };
    let found =
        sources().into_iter().filter(|(name, text)| !UNSAFE.contains(&name.as_str()) && unsafe_in(text));
    none("files with unsafe code", found.map(|(name, _)| name).collect());
}

#[test]
fn only_the_program_and_the_chores_print() {
    let allow = ["clippy::", "print_std"].concat();
    let may = |name: &str| {
        ["xtask/", "crates/cli/", "crates/swarm/", "crates/testkit/"]
            .iter()
            .any(|folder| name.starts_with(folder))
            || name.contains("/examples/")
    };
    let found = sources().into_iter().filter(|(name, text)| !may(name) && text.contains(&allow));
    none("libraries that print", found.map(|(name, _)| name).collect());
}

#[test]
fn nothing_names_the_machine_it_was_written_on() {
    let paths = machine_paths();
    let mut found = Vec::new();
    for (name, path) in files("") {
        // What is no text names no path either.
        let Ok(text) = std::fs::read_to_string(path) else { continue };
        for (n, line) in text.lines().enumerate() {
            if paths.iter().any(|path| line.contains(path)) {
                found.push(format!("{name}:{}", n + 1));
            }
        }
    }
    none("paths of one machine", found);
}

#[test]
fn the_vocabulary_does_no_io() {
    let words = ["std::fs", "std::net", "std::process", "std::thread", "SystemTime", "Instant", "tokio::"];
    let pure = ["crates/model/src/"];
    let mut found = Vec::new();
    for (name, text) in sources() {
        if !pure.iter().any(|folder| name.starts_with(folder)) {
            continue;
        }
        // Tests at a file's end may do what they need.
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in lines {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                found.push(format!("{name}: {word}"));
            }
        }
    }
    none("IO, clocks or threads where there are none", found);
}
