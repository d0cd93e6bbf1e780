//! Proving who we are: keys from files and agents, certificates, passwords.

mod agent;
mod candidate;
mod file;
mod keyring;
mod login;
mod signer;

pub(crate) use file::hardware_only;
pub(crate) use keyring::Keyring;
pub(crate) use login::login;
