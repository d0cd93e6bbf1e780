//! What a module says of itself: its name, its parameters, and what may be expected of it.

use serde_json::Value;

use crate::{Error, ParamError, args};

/// The description of one module, as data: checks, completion and documentation are made of it.
#[derive(Debug)]
pub struct Spec {
    /// The short name, as in `copy`.
    pub name: &'static str,
    /// One sentence that says what the module does.
    pub summary: &'static str,
    /// The parameters, in the order in which a person would read about them.
    pub params: &'static [Param],
    /// The parameter that takes text given in place of parameters (`command: ls -l`).
    pub free_form: Option<&'static str>,
    /// Whether names beyond `params` are taken as they come (`set_fact`).
    pub open: bool,
    /// Whether a run can change the host.
    pub effect: Effect,
    /// What check mode is worth.
    pub check: Check,
    /// What must hold between parameters.
    pub rules: &'static [Rule],
}

/// Whether a run of a module can change the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only looks, so that running it again is always safe.
    None,
    /// It may change the host.
    Changes,
}

/// What check mode is worth. A module never changes anything in check mode, whichever it says here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// `changed` is what a real run would report for the same state of the host.
    Predicts,
    /// The reply is `skipped` wherever the outcome cannot be known; the text says why.
    Skips(&'static str),
}

/// A condition between parameters, over those that were given.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    /// At least one of these.
    OneOf(&'static [&'static str]),
    /// At most one of these.
    Exclusive(&'static [&'static str]),
    /// All of these, or none.
    Together(&'static [&'static str]),
    /// At least one of these, where the parameter of the first name has the value of the second.
    NeededIf(&'static str, &'static str, &'static [&'static str]),
}

/// One parameter.
#[derive(Debug)]
pub struct Param {
    /// Its name; `Args` knows it by this alone.
    pub name: &'static str,
    /// Other names under which it may be given.
    pub aliases: &'static [&'static str],
    /// What values it takes.
    pub kind: Kind,
    /// Whether it must be given.
    pub required: bool,
    /// The value if it is not given, as JSON.
    pub default: Option<&'static str>,
    /// The only values allowed, or any if empty. For a [`Kind::Mode`], words allowed besides modes.
    pub choices: &'static [&'static str],
    /// One sentence for its documentation.
    pub doc: &'static str,
}

impl Param {
    /// A parameter that may be left out and has no default.
    pub const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self { name, aliases: &[], kind, required: false, default: None, choices: &[], doc }
    }

    /// It must be given.
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The JSON value that stands in when it is not given.
    pub const fn default(mut self, json: &'static str) -> Self {
        self.default = Some(json);
        self
    }

    /// The only values allowed.
    pub const fn choices(mut self, choices: &'static [&'static str]) -> Self {
        self.choices = choices;
        self
    }

    /// Other names under which it may be given.
    pub const fn aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    /// Whether it goes by this name.
    pub fn answers_to(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

/// What values a parameter takes, and what is turned into them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text; numbers and booleans become text.
    Str,
    /// A path; `~` and `$NAME` in it are expanded when it is used.
    Path,
    /// A whole number, or text that is one.
    Int,
    /// A number, or text that is one.
    Float,
    /// A truth value, or one of Ansible's words for it (`yes`, `on`, `1`, `t`, …).
    Bool,
    /// A list, or text that is split at commas.
    List(&'static Kind),
    /// A map, JSON text of one, or `k=v, k=v`.
    Dict,
    /// A regular expression as Python writes it, without look-around and references back.
    Pattern,
    /// Permissions: `"0644"`, `"u=rw,g=r"`, or a number.
    Mode,
    /// Whatever was written.
    Raw,
}

impl Spec {
    /// The parameter that goes by this name or alias.
    pub fn param(&self, name: &str) -> Option<&'static Param> {
        self.params.iter().find(|param| param.answers_to(name))
    }

    /// Turns what was written for the module into a map of parameters, without checking it.
    ///
    /// Free-form text is taken apart here, with `{{ … }}` and `{% … %}` kept whole; a caller that renders
    /// templates does so on the values of this map, so that a rendered value is never split again.
    pub fn expand(&self, raw: Value) -> Result<serde_json::Map<String, Value>, ParamError> {
        args::expand(self, raw)
    }

    /// Checks parameters before their templates are rendered: the same check as [`Args::check`], but text with
    /// a template in it is taken on trust. Returns every problem at once.
    ///
    /// [`Args::check`]: crate::Args::check
    pub fn lint(&self, raw: Value) -> Result<(), Vec<ParamError>> {
        args::lint(self, raw)
    }
}

impl From<Vec<ParamError>> for Error {
    fn from(problems: Vec<ParamError>) -> Self {
        Self::BadParams(problems)
    }
}
