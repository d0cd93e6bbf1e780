//! Test hosts: what they need of the machine, and the chores around them.

use std::os::unix::fs::MetadataExt;

use crate::Chore;
use crate::cargo::{cargo, go};
use crate::needs::{self, Need};

/// What makes and runs test hosts.
const NEEDS: &[Need] = &[
    ("debootstrap", "debootstrap"),
    ("ip", "iproute2"),
    ("ssh", "openssh-client"),
    ("ssh-keygen", "openssh-client"),
    ("nsenter", "util-linux"),
];

/// The variable that asks tests to use test hosts.
pub(crate) const ASKED: &str = "WINDLASS_RIG";

/// Makes the base of all test hosts, with what that needs. Where it is there, that takes a moment.
pub(crate) fn prepare() -> Chore {
    if !std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0) {
        return Err("test hosts need root".into());
    }
    needs::programs(NEEDS)?;
    println!("xtask: the test hosts' base; the first time takes minutes");
    call(&["prepare"])
}

/// Hands words to the program for test hosts.
pub(crate) fn call(args: &[&str]) -> Chore {
    go(cargo().args(["run", "--quiet", "--package", "windlass-testkit", "--bin", "rig", "--"]).args(args))
}
