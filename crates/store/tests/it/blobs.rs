//! Contents by their hash, and the outputs that are kept among them.

use std::fs;
use std::io::Write;

use windlass_model::BlobId;
use windlass_store::{Error, NewRun, Store};

use crate::support::{new_run, run_id};

fn each(test: impl Fn(Store)) {
    test(Store::memory());
    let folder = tempfile::tempdir().expect("a folder");
    test(Store::open(folder.path()).expect("opens"));
}

#[test]
fn a_content_comes_back_by_its_hash() {
    each(|store| {
        let id = store.blobs().put(b"content").expect("kept");
        assert_eq!(id, BlobId::of(b"content"));
        assert_eq!(store.blobs().put(b"content").expect("kept again"), id);
        assert_eq!(&*store.blobs().get(&id).expect("it is there"), b"content");
        let mut draft = store.blobs().draft().expect("begun");
        for part in ["con", "", "tent"] {
            draft.write_all(part.as_bytes()).expect("written");
        }
        assert_eq!(draft.keep().expect("kept"), (id, 7));
        let other = BlobId::of(b"other");
        assert!(!store.blobs().has(&other));
        assert!(matches!(store.blobs().get(&other), Err(Error::NoBlob(_))));
    });
}

#[test]
fn a_changed_content_is_not_given_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    let id = store.blobs().put(b"content").expect("kept");
    fs::write(folder.path().join("blobs").join(&id.as_str()[..2]).join(id.as_str()), "changed")
        .expect("written");
    assert!(matches!(store.blobs().get(&id), Err(Error::NoBlob(_))));
    let damage = store.check().expect("checks").damage;
    assert_eq!(damage, [format!("content {} is not what its name says", id.as_str())]);
}

#[test]
fn a_draft_that_is_given_up_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(folder.path()).expect("opens");
    let mut draft = store.blobs().draft().expect("begun");
    draft.write_all(b"half").expect("written");
    drop(draft);
    assert_eq!(fs::read_dir(folder.path().join("blobs")).expect("listed").count(), 0);
}

#[test]
fn a_run_is_not_created_on_contents_that_are_missing() {
    each(|store| {
        let id = BlobId::of(b"template");
        let run = NewRun { blobs: [id.clone()].into(), ..new_run("a") };
        assert!(matches!(store.create(&run), Err(Error::NoBlob(missing)) if missing == id));
        store.blobs().put(b"template").expect("kept");
        store.create(&run).expect("created");
    });
}

#[test]
fn outputs_are_kept_within_their_quota() {
    each(|store| {
        let store = store.with_quota(10);
        store.create(&new_run("a")).expect("created");
        let kept = store.keep_output(&run_id("a"), b"12345678").expect("kept").expect("it fits");
        assert_eq!(&*store.blobs().get(&kept).expect("it is there"), b"12345678");
        assert_eq!(store.keep_output(&run_id("a"), b"123").expect("looked"), None);
        assert!(store.keep_output(&run_id("a"), b"12").expect("kept").is_some());
        assert!(store.forget(&run_id("a")).expect("forgotten"));
        store.create(&new_run("b")).expect("created");
        assert!(store.keep_output(&run_id("b"), b"1234567890").expect("kept").is_some());
    });
}
