//! Builds the gate as a static program for this machine's architecture, to be embedded.
//!
//! It is built by a cargo of its own, in a folder of its own: other flags, another profile, and no lock that
//! the cargo outside could hold.

use std::{
    env, fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest, Sha256};

/// How the program is made small: functions that are the same become one, the list of places to relocate is packed,
/// and the tables go by which a panic would unwind, since it does not (`lean.ld`). Not every linker can do the
/// first, nor every C library the second; the program is built without, then.
fn lean(here: &Path) -> [String; 5] {
    let script = here.join("lean.ld").display().to_string();
    let words = ["-Wl,--icf=all", "-Wl,-z,pack-relative-relocs", "-Wl,--no-eh-frame-hdr", "-T", &script];
    words.map(|word| format!("-Clink-arg={word}"))
}

/// What the cargo outside sets for its own build, and must not mean this one.
const FOREIGN: [&str; 12] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_TARGET_DIR",
    "LLVM_PROFILE_FILE",
    "PROFILE",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "RUSTDOCFLAGS",
    "TARGET",
];

fn main() {
    let here = PathBuf::from(var("CARGO_MANIFEST_DIR"));
    let root = here.join("../..");
    for watched in [
        "crates/gate/src",
        "crates/gate/Cargo.toml",
        "crates/http/src",
        "crates/http/Cargo.toml",
        "Cargo.lock",
        "Cargo.toml",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(watched).display());
    }
    for own in ["build.rs", "lean.ld"] {
        println!("cargo::rerun-if-changed={own}");
    }
    let out = PathBuf::from(var("OUT_DIR"));
    let arch = var("CARGO_CFG_TARGET_ARCH");
    let image = if var("CARGO_CFG_TARGET_OS") == "linux" {
        let built = build(&root, &out, &format!("{arch}-unknown-linux-gnu"), &lean(&here));
        fs::read(&built).unwrap_or_else(|error| panic!("cannot read {}: {error}", built.display()))
    } else {
        // Elsewhere gates come from a folder; the program says so where one is missing.
        Vec::new()
    };
    let sha256: String = Sha256::digest(&image).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    packed.write_all(&image).expect("memory takes it");
    let packed = packed.finish().expect("memory takes it");
    fs::write(out.join("gate.gz"), packed).expect("OUT_DIR can be written");
    println!("cargo::rustc-env=GATE_SIZE={}", image.len());
    println!("cargo::rustc-env=GATE_ARCH={arch}");
    println!("cargo::rustc-env=GATE_SHA256={sha256}");
}

/// Runs the inner cargo and says where the program is. What it needs was fetched for the build outside; only
/// where that is not so (this crate built by itself) it goes out.
fn build(root: &Path, out: &Path, target: &str, lean: &[String]) -> PathBuf {
    let folder = out.join("target");
    let made = folder.join(target).join("gate").join("windlass-gate");
    let tries =
        [lean, &lean[1..], &lean[2..], &[]].into_iter().flat_map(|flags| [(flags, true), (flags, false)]);
    let built =
        tries.into_iter().any(|(flags, offline)| cargo(root, &folder, target, flags, offline) && runs(&made));
    assert!(built, "the gate for {target} could not be built; what cargo said is above");
    made
}

/// Whether the program starts. One for another machine cannot be asked.
fn runs(program: &Path) -> bool {
    let foreign = var("HOST").split('-').next() != Some(&var("CARGO_CFG_TARGET_ARCH"));
    foreign || Command::new(program).arg("--version").output().is_ok_and(|said| said.status.success())
}

fn cargo(root: &Path, folder: &Path, target: &str, flags: &[String], offline: bool) -> bool {
    let mut command = Command::new(var("CARGO"));
    command
        .current_dir(root)
        .args(["build", "--package", "windlass-gate", "--bin", "windlass-gate", "--profile", "gate"])
        .args(["--locked", "--target", target, "--target-dir"])
        .arg(folder);
    if offline {
        command.arg("--offline");
    }
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if FOREIGN.contains(&text.as_ref())
            || ["CARGO_PROFILE_", "CARGO_CFG_", "CARGO_FEATURE_"].iter().any(|p| text.starts_with(p))
        {
            command.env_remove(&name);
        }
    }
    let flags = [&["-Ctarget-feature=+crt-static".to_owned()], flags].concat();
    command.env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    if var("PROFILE") == "debug" {
        // A build for trying things out is to be quick, and quicker when it is made again; it is larger and slower.
        command.envs([
            ("CARGO_PROFILE_GATE_LTO", "off"),
            ("CARGO_PROFILE_GATE_CODEGEN_UNITS", "64"),
            ("CARGO_PROFILE_GATE_OPT_LEVEL", "1"),
            ("CARGO_PROFILE_GATE_INCREMENTAL", "true"),
        ]);
    }
    let output = command.output().unwrap_or_else(|error| panic!("cannot start cargo: {error}"));
    if !output.status.success() {
        // Cargo shows what a failed build script wrote.
        let _ = std::io::stderr().write_all(&output.stderr);
    }
    output.status.success()
}

fn var(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("cargo sets {name}"))
}
