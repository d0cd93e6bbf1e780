//! Where state lies, and how it is made.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use windlass_store::{Error, Scope, Store};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o777
}

#[test]
fn the_nearest_marked_folder_upward_is_the_project() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    let deep = root.join("project/sub/deep");
    fs::create_dir_all(&deep).expect("made");
    // Nothing is marked up to the root of the disk, unless the machine's own folders are: then not below.
    let bare = Scope::find(&deep, None);
    assert!(!bare.project.starts_with(root) || bare.project == deep);
    fs::create_dir(root.join("project/.git")).expect("made");
    assert_eq!(Scope::find(&deep, None).project, root.join("project"));
    assert_eq!(Scope::find(&deep, None).state, root.join("project/.windlass"));
    fs::write(root.join("project/sub/windlass.yaml"), "").expect("written");
    assert_eq!(Scope::find(&deep, None).project, root.join("project/sub"));
    assert_eq!(Scope::find(&deep, Some(Path::new(""))).state, root.join("project/sub/.windlass"));
}

#[test]
fn a_home_has_a_readable_folder_for_each_project() {
    let folder = tempfile::tempdir().expect("a folder");
    let home = folder.path().join("home");
    let names = ["a/my app", "b/my app", "größe", ".hidden"].map(|name| {
        let project = folder.path().join(name);
        fs::create_dir_all(project.join(".git")).expect("made");
        let scope = Scope::find(&project, Some(&home));
        assert_eq!(scope.state.parent(), Some(&*home));
        scope.state.file_name().expect("a name").to_str().expect("text").to_owned()
    });
    assert!(names[0].starts_with("my-app-") && names[1].starts_with("my-app-") && names[0] != names[1]);
    assert!(names[2].starts_with("größe-") && names[3].starts_with("hidden-"), "{names:?}");
}

#[test]
fn state_is_for_its_owner_only_and_unseen_by_git() {
    let folder = tempfile::tempdir().expect("a folder");
    let scope = Scope::find(folder.path(), Some(&folder.path().join("home")));
    let store = Store::open(&scope.state).expect("opens");
    let blob = store.blobs().put(b"x").expect("kept");
    let lease = store.lease(&crate::support::run_id("a")).expect("free");
    for path in
        [&scope.state, &scope.state.join("runs"), &scope.state.join("runs/a"), &scope.state.join("blobs")]
    {
        assert_eq!(mode(path), 0o700, "{}", path.display());
    }
    let blob = format!("blobs/{}/{}", &blob.as_str()[..2], blob.as_str());
    for name in ["store.db", "store.db-wal", "store.db-shm", "runs/a/lease", &blob] {
        assert_eq!(mode(&scope.state.join(name)), 0o600, "{name}");
    }
    assert_eq!(fs::read_to_string(scope.state.join(".gitignore")).expect("it is there"), "*\n");
    drop(lease);
}

#[test]
fn a_place_that_cannot_be_written_to_says_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    // A file where the folder should be: refused for every user, the superuser included.
    fs::write(folder.path().join("file"), "").expect("written");
    let error =
        Store::open(&folder.path().join("file/.windlass")).expect_err("no folder can be made in a file");
    assert!(matches!(error, Error::ReadOnly { .. }), "{error:?}");
    assert!(error.to_string().starts_with("cannot keep state in "), "{error}");
    assert!(error.hint().expect("a hint").contains("WINDLASS_HOME"));
    let error = Store::open(&folder.path().join("file")).expect_err("it is a file");
    assert!(matches!(error, Error::ReadOnly { .. }), "{error:?}");
}
