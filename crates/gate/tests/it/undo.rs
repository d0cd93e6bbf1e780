//! Taking back what modules did: whatever they are told, the tree is as it was.

use std::{collections::HashMap, path::Path};

use proptest::prelude::*;
use serde_json::Value;
use windlass_gate::{
    Args, Error, find,
    undo::{self, Before},
};

use crate::calls::{calls, name, pack, picture, plant, run, thing, within};

/// A keeper of contents that forgets nothing.
#[derive(Default)]
struct Shelf(HashMap<String, Vec<u8>>);

impl Shelf {
    fn keep(&mut self, content: &[u8]) -> Option<String> {
        let name = format!("content-{}", self.0.len());
        self.0.insert(name.clone(), content.to_vec());
        Some(name)
    }
}

/// How it is before a call, as it goes through a journal.
fn before(root: &Path, shelf: &mut Shelf, module: &str, params: &Value) -> Result<Option<Value>, Error> {
    let module = find(module).unwrap();
    let args = Args::check(module.spec(), params.clone())?;
    let found = within(root, |cx| undo::before(module, &args, cx, &mut |content| shelf.keep(content)))?;
    Ok(found.map(|before| before.to_json()))
}

fn restore(root: &Path, shelf: &Shelf, before: &Value) -> Result<Vec<String>, Error> {
    let before = Before::from_json(before).unwrap();
    within(root, |cx| undo::restore(&before, &mut |name| Ok(shelf.0[name].clone()), cx))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_was_done_is_taken_back(
        things in prop::collection::vec((name(), thing()), 0..10),
        calls in calls(),
        twice in any::<bool>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        things.iter().for_each(|(name, thing)| plant(root, name, thing));
        pack(root);
        let due = picture(root);
        let (mut shelf, mut done) = (Shelf::default(), Vec::new());
        for (module, params) in &calls {
            let found = match before(root, &mut shelf, module, params) {
                Ok(found) => found,
                // What cannot be kept is not begun.
                Err(_) => continue,
            };
            let was = picture(root);
            let reply = run(root, module, params);
            match found {
                Some(found) => done.push((found, was)),
                None => prop_assert_eq!(&was, &picture(root), "{} {} was to change nothing: {:?}", module, params, reply),
            }
        }
        for (found, was) in done.iter().rev() {
            let restored = restore(root, &shelf, found);
            prop_assert!(restored.is_ok(), "{:?}", restored);
            if twice {
                prop_assert!(restore(root, &shelf, found).is_ok());
            }
            prop_assert_eq!(was, &picture(root), "{}", found);
        }
        prop_assert_eq!(due, picture(root));
    }
}
