//! What must hold of every inventory and pattern that somebody else wrote: for the fuzz target, and for a test.

use std::fs;
use std::path::PathBuf;

use windlass_model::Diagnostics;

use super::draft::Draft;
use super::files::Files;
use super::loaded::finish;
use super::{Inventory, Options, script, show};

/// Reads bytes as an inventory in one of its forms (INI, YAML, JSON, what a program prints), or as a pattern.
///
/// # Panics
/// Where what was read is not what it should be.
pub fn read(form: u8, bytes: &[u8]) {
    match form % 5 {
        0 => look(file("hosts.ini", bytes)),
        1 => look(file("hosts.yaml", bytes)),
        2 => look(file("hosts.json", bytes)),
        3 => look(program(bytes)),
        _ => pattern(&String::from_utf8_lossy(bytes)),
    }
}

/// The same file is written again and again: a folder for each would be most of the work.
fn file(name: &str, bytes: &[u8]) -> Result<Inventory, Diagnostics> {
    let folder = std::env::temp_dir().join(format!("windlass-hostile-{}", std::process::id()));
    let path = folder.join(name);
    let wrote = fs::create_dir_all(&folder).and_then(|()| fs::write(&path, bytes));
    wrote.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let read = Inventory::load(&[name], &Options::new(&folder));
    fs::remove_dir_all(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    read
}

fn program(bytes: &[u8]) -> Result<Inventory, Diagnostics> {
    let (mut draft, mut files) = (Draft::new(), Files::default());
    script::printed(&mut draft, &mut files, bytes.to_vec(), &Options::new("/"));
    draft.reconcile();
    finish(draft, files, Vec::new(), PathBuf::from("/"))
}

fn look(read: Result<Inventory, Diagnostics>) {
    let inventory = match read {
        Ok(inventory) => inventory,
        // A problem without a message would help nobody.
        Err(problems) => return problems.iter().for_each(|problem| assert!(!problem.message.is_empty())),
    };
    let view = show::View::default();
    show::list(&inventory, &view);
    show::yaml(&show::tree(&inventory, &view));
    if let Some(all) = inventory.group("all") {
        show::graph(&inventory, all, true, &view);
    }
    for host in inventory.hosts() {
        let name = host.name();
        assert!(!name.chars().any(char::is_control), "{name:?}");
        assert_eq!(inventory.host(name).map(super::Host::name), Some(name));
        inventory.magic_vars(name);
    }
}

/// A pattern over hosts of many kinds: it selects some of them, each once, or is refused.
fn pattern(text: &str) {
    const HOSTS: &str = "[web]\nweb[1:9]\n[db]\ndb[01:03]\nweb2\n[both:children]\nweb\ndb\n";
    let Ok(inventory) = file("hosts.ini", HOSTS.as_bytes()) else { panic!("that is an inventory") };
    let (pattern, limit) = text.split_once('\n').map_or((text, None), |(a, b)| (a, Some(b)));
    if let Ok(selection) = inventory.select(pattern, limit) {
        let mut names: Vec<_> = selection.hosts.iter().collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), selection.hosts.len(), "{text:?}");
    }
}
