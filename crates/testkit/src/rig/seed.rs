//! What makes a host itself before its first boot: names, keys, and files to begin with.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;

use super::{Error, Host, tool};

/// The kernel's settings that are one for the whole machine.
const SETTINGS: &[&str] = &["fs", "kernel", "vm"];

/// Makes the key that opens every host of a rig, and what all hosts copy; gives the public half.
pub(super) fn key(rig: &Path) -> Result<String, Error> {
    for tree in SETTINGS {
        settings(&Path::new("/proc/sys").join(tree), &rig.join("sysctl").join(tree));
    }
    make_key(&rig.join("key"), "rig")?;
    read(&rig.join("key.pub"))
}

/// Lays out the folder of host `number`, one of `all`.
pub(super) fn host(folder: &Path, all: &[(String, Ipv4Addr)], number: u8, key: &str) -> Result<(), Error> {
    let name = &all[usize::from(number) - 1].0;
    for part in ["data", "root", "upper", "work", "seed/etc/ssh", "seed/root/.ssh", "seed/home/ops/.ssh"] {
        let part = folder.join(part);
        fs::create_dir_all(&part).map_err(Error::io(format!("making {}", part.display())))?;
    }
    let seed = folder.join("seed");
    let addresses: String = all.iter().map(|(name, address)| format!("{address} {name}\n")).collect();
    write(&seed.join("etc/hostname"), &format!("{name}\n"))?;
    write(&seed.join("etc/hosts"), &format!("127.0.0.1 localhost\n::1 localhost\n{addresses}"))?;
    write(&seed.join("etc/machine-id"), &machine_id(folder))?;
    write(&seed.join("root/.ssh/authorized_keys"), key)?;
    write(&seed.join("home/ops/.ssh/authorized_keys"), key)?;
    make_key(&seed.join("etc/ssh/ssh_host_ed25519_key"), name)?;
    write(&folder.join("host_key"), &read(&seed.join("etc/ssh/ssh_host_ed25519_key.pub"))?)
}

/// Writes the file in which the hosts' keys stand under their addresses.
pub(super) fn known_hosts(rig: &Path, hosts: &[Host]) -> Result<(), Error> {
    let lines: String = hosts.iter().map(|host| format!("{} {}\n", host.addr(), host.host_key())).collect();
    write(&rig.join("known_hosts"), &lines)
}

/// An id of 32 digits that no other host has: the digest of a folder that no other host has at this time.
fn machine_id(folder: &Path) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let digest = windlass_model::digest::sha256_hex(format!("{} {now:?}", folder.display()).as_bytes());
    format!("{}\n", &digest[..32])
}

fn make_key(file: &Path, comment: &str) -> Result<(), Error> {
    let mut command = tool::command("ssh-keygen");
    command.args(["-q", "-t", "ed25519", "-N", "", "-C", comment, "-f"]).arg(file);
    tool::finish(&mut command, "")
}

/// Copies settings as plain files. Some cannot be read, and then no host can.
fn settings(from: &Path, to: &Path) {
    fs::create_dir_all(to).ok();
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        match entry.file_type() {
            // What is mounted there belongs to somebody else.
            Ok(kind) if kind.is_dir() && entry.file_name() != "binfmt_misc" => settings(&from, &to),
            Ok(kind) if kind.is_file() => {
                fs::write(&to, fs::read(&from).unwrap_or_default()).ok();
            }
            _ => {}
        }
    }
}

fn read(path: &Path) -> Result<String, Error> {
    fs::read_to_string(path).map_err(Error::io(format!("reading {}", path.display())))
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(Error::io(format!("writing {}", path.display())))
}
