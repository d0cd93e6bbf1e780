//! Names of values that carry the value's type and its scope.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use super::ScopeLevel;

/// The name of a value of type `T`, with the scope that it is written to. Declared once, as a constant, for
/// everyone who writes or reads it, so that one thing has one name and one type.
///
/// ```
/// use windlass_engine::{Key, ScopeLevel};
/// const TOKEN: Key<String> = Key::new("kubeadm.token", ScopeLevel::Pipeline);
/// assert_eq!(TOKEN.name(), "kubeadm.token");
/// ```
pub struct Key<T> {
    name: Cow<'static, str>,
    level: ScopeLevel,
    // The key has no `T`: it can be sent and shared whatever `T` is.
    value: PhantomData<fn() -> T>,
}

impl<T> Key<T> {
    /// A key that everyone knows by its name.
    pub const fn new(name: &'static str, level: ScopeLevel) -> Self {
        Self { name: Cow::Borrowed(name), level, value: PhantomData }
    }

    /// The name, as steps declare it in what they produce and consume.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The level of the scope that it is written to.
    pub fn level(&self) -> ScopeLevel {
        self.level
    }
}

impl<T> Clone for Key<T> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), level: self.level, value: PhantomData }
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.level.word(), self.name)
    }
}

/// The name of a value that each host has one of, so that what one host's step writes never meets another's.
pub struct HostKey<T> {
    name: &'static str,
    level: ScopeLevel,
    value: PhantomData<fn() -> T>,
}

impl<T> HostKey<T> {
    /// A key that everyone knows by its name.
    pub const fn new(name: &'static str, level: ScopeLevel) -> Self {
        Self { name, level, value: PhantomData }
    }

    /// The key of one host's value.
    pub fn of(&self, host: &str) -> Key<T> {
        Key { name: Cow::Owned(format!("{}{host}", self.prefix())), level: self.level, value: PhantomData }
    }

    /// The name, as steps declare it in what they produce and consume.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What the names of all hosts' values begin with. Host names have no `@`, so the last one ends it.
    pub(crate) fn prefix(&self) -> String {
        format!("{}@", self.name)
    }
}

impl<T> fmt::Debug for HostKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}@", self.level.word(), self.name)
    }
}
