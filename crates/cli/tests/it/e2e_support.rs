//! What the end-to-end tests share: the program, and documents.

use windlass_testkit::TestEnv;

/// The program under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_windlass");

/// A fresh environment.
pub(crate) fn env() -> TestEnv {
    TestEnv::new(PROGRAM)
}

/// An environment with one document, `w.yaml`.
pub(crate) fn with(document: &str) -> TestEnv {
    let env = env();
    env.file("w.yaml", document);
    env
}

/// The folder of the repository.
pub(crate) fn repository() -> std::path::PathBuf {
    let crates =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate lies in crates/");
    crates.parent().expect("crates/ lies in the repository").to_owned()
}

/// Where the examples put what they make. Whoever has tried one has it in the repository.
const MADE: &str = "out";

/// Copies a folder of the repository into the project of `env`, without what runs of it have made.
pub(crate) fn copy(env: &TestEnv, folder: &str) {
    let root = repository();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the folder can be read").path();
            if path.is_dir() {
                folders.extend((!path.ends_with(MADE)).then_some(path));
            } else {
                let name = path.strip_prefix(&root).expect("it lies below").to_string_lossy().into_owned();
                env.file(&name, std::fs::read(&path).expect("the file can be read"));
            }
        }
    }
}

/// The lines of a file, none where it is not there.
pub(crate) fn lines(env: &TestEnv, file: &str) -> usize {
    env.read(file).map_or(0, |text| text.lines().count())
}

/// Whether a process is there. A zombie is gone: its parent has not looked yet.
pub(crate) fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    !stat.is_empty() && !stat.contains(") Z ")
}
