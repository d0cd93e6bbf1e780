//! What steps do on hosts: the gate's native modules as words of documents and as actions of plans.
//!
//! * [`ModuleWords`] turns a step such as `copy: { src: a, dest: b }` into a plan's step. It checks the
//!   parameters, and reads the files that the step stands on, so that a resumed run finds the same content.
//! * [`ModuleAction`] does such a step: it renders what only the controller can render (template files, bare
//!   expressions), and hands the rest to a module.
//! * [`LocalRunner`] runs a module on this machine, in this process, on a bounded number of threads. Rust
//!   callers use it by itself. [`RemoteRunner`](remote::RemoteRunner) beside it has the same `run` for another
//!   host.
//! * [`inventory`] is who the hosts are: Ansible's inventories, patterns and connection variables.
//!
//! A program adds everything to its runtime in two lines:
//!
//! ```
//! let mut actions = windlass_engine::Actions::default();
//! let mut words = windlass_engine::Words::default();
//! let reach = windlass_fleet::Reach::new(windlass_ssh::Options::new("/root".into(), "root".into()), None);
//! windlass_fleet::actions(&reach).try_for_each(|action| actions.add(action))?;
//! words.add(windlass_fleet::words())?;
//! assert!(actions.get("copy").is_some() && words.get("ansible.builtin.copy").is_some());
//! # Ok::<(), windlass_engine::Error>(())
//! ```

mod action;
mod address;
mod blob;
mod chosen;
pub mod executor;
mod failure;
mod foresight;
pub mod inventory;
mod jinja;
mod local;
mod reach;
pub mod remote;
mod varfiles;
mod words;

use std::sync::Arc;

use windlass_engine::{Action, StepCompiler};

pub use action::ModuleAction;
pub use address::on_url;
pub use chosen::Chosen;
pub use foresight::Foresight;
pub use local::{CAPTURE, LocalRunner, Surroundings, THREADS};
pub use reach::Reach;
pub use words::ModuleWords;

/// An action for every native module. They share one [`LocalRunner`], and so one bound on threads, and one way
/// to other hosts.
pub fn actions(reach: &Reach) -> impl Iterator<Item = Arc<dyn Action>> {
    let (runner, reach) = (LocalRunner::new(), reach.clone());
    windlass_gate::all().map(move |module| {
        Arc::new(ModuleAction::new(module, runner.clone(), reach.clone())) as Arc<dyn Action>
    })
}

/// The words of every native module.
pub fn words() -> Arc<dyn StepCompiler> {
    Arc::new(ModuleWords::new())
}
