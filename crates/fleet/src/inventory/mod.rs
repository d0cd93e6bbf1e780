//! Inventories: hosts, groups and variables from Ansible's INI and YAML files, folders of them, programs that
//! print JSON, and lists on the command line.
//!
//! [`Inventory::load`] reads all sources and finds all problems; [`Inventory::select`] says which hosts a
//! pattern means; [`Connection::of`] says how to reach one.
//!
//! ```
//! use windlass_fleet::inventory::{Inventory, Options};
//!
//! let inventory = Inventory::load(&["web1,web2,db1:2222,"], &Options::new("."))?;
//! let chosen = inventory.select("all:!web*", None)?;
//! assert_eq!(chosen.hosts, ["db1".into()]);
//! assert_eq!(inventory.vars("db1")["ansible_port"], 2222);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod address;
mod beside;
mod connection;
mod draft;
mod emit;
mod files;
mod glob;
mod group;
#[doc(hidden)]
pub mod hostile;
mod hosts;
mod ini;
mod literal;
mod loaded;
mod options;
mod pattern;
mod program;
mod range;
mod script;
mod secret;
mod shlex;
pub mod show;
mod source;
mod tree;
mod yaml;

pub use connection::{Connection, ConnectionKind, Escalation, Render};
pub use files::InputFile;
pub use group::{Group, Host, Vars};
pub use loaded::Inventory;
pub use options::Options;
pub use pattern::{PatternError, Selection};
pub(crate) use secret::secrets;
pub use secret::{MASK, is_secret, masked};

/// The words of a text as a shell would see them.
pub(crate) fn split(text: &str) -> Result<Vec<String>, &'static str> {
    Ok(shlex::split(text)?.into_iter().map(|word| word.text).collect())
}
