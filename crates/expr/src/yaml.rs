//! YAML as data of expressions: written and read as PyYAML does it, which is what Ansible's filters do.

mod read;
mod scalar;
mod write;

pub(crate) use read::read_all;
pub(crate) use write::{Style, write};
