//! Which models there are, what they cost, and which of them plays which role.
//!
//! The list that comes with the program is data ([`Catalogue::builtin`]). A person's own lists are put over it
//! ([`Catalogue::extend`]): an entry with a known id changes what it says and keeps the rest, any other is a new
//! model. Prices are exact: decimal texts become nano-units of money without a float in between.
//!
//! ```
//! use windlass_llm::catalogue::{Catalogue, Role};
//! use windlass_model::Source;
//!
//! let mut catalogue = Catalogue::builtin();
//! let own = "models:\n- { id: llama3, provider: local, max_context: 8192, input_cost_per_1m: 0, output_cost_per_1m: 0 }\n";
//! catalogue.extend(&Source::new("models.yaml", own))?;
//! assert_eq!(catalogue.get("llama3").expect("it is there now").max_context, 8192);
//!
//! catalogue.set_role(Role::Fast, "llama3").expect("it is there");
//! assert_eq!(catalogue.find("fast").expect("a role is a name too").id, "llama3");
//! let unknown = catalogue.find("claude-sonet-4-5").expect_err("a slip");
//! assert_eq!(unknown.nearest[0], "claude-sonnet-4-5");
//! # Ok::<(), windlass_model::Diagnostics>(())
//! ```

mod entry;
mod read;
mod role;
mod unknown;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use windlass_model::{Diagnostics, Source};

pub use entry::{LongPrompt, Model, Prices, Vocabulary};
pub use role::Role;
pub use unknown::Unknown;

use read::Over;

/// The list that comes with the program.
const BUILTIN: &str = include_str!("catalogue.json");

/// How many entries at the beginning of that list are claude-workflow's.
const COMPATIBLE: usize = 6;

/// Models by id, and roles.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    models: BTreeMap<String, Model>,
    roles: BTreeMap<Role, String>,
    /// For each provider the model of a role that was named last.
    by_provider: BTreeMap<(String, Role), String>,
}

impl Catalogue {
    /// What comes with the program.
    pub fn builtin() -> Self {
        builtin(usize::MAX)
    }

    /// The six models of claude-workflow, with its prices and its roles.
    pub fn compatible() -> Self {
        builtin(COMPATIBLE)
    }

    /// Puts a person's list over this one: a mapping with `models` and perhaps `roles`, in YAML or JSON. Nothing
    /// changes where something is wrong; then all of it is told, each on its line.
    pub fn extend(&mut self, source: &Arc<Source>) -> Result<(), Diagnostics> {
        let mut next = self.clone();
        read::document(&mut next, source, Over::All, usize::MAX)?;
        *self = next;
        Ok(())
    }

    /// The same for a list `models:` that stands in a larger document; the reader notes what is wrong.
    pub fn extend_list(&mut self, reader: &windlass_yaml::Reader, models: &windlass_yaml::Node) {
        read::list(self, reader, models, Over::All, usize::MAX);
    }

    /// The model with this id.
    pub fn get(&self, id: &str) -> Result<&Model, Unknown> {
        self.models.get(id).ok_or_else(|| Unknown::new(id, self.models.keys().map(String::as_str)))
    }

    /// The model with this id, or the one that plays the role of this name.
    pub fn find(&self, name: &str) -> Result<&Model, Unknown> {
        match Role::parse(name) {
            Some(role) => self.of_role(role).ok_or_else(|| Unknown::role(role)),
            None => self.get(name),
        }
    }

    /// The model that plays a role.
    pub fn of_role(&self, role: Role) -> Option<&Model> {
        self.models.get(self.roles.get(&role)?)
    }

    /// The model of one provider that plays a role.
    pub fn of_role_at(&self, role: Role, provider: &str) -> Option<&Model> {
        self.models.get(self.by_provider.get(&(provider.to_owned(), role))?)
    }

    /// Gives a role to a model.
    pub fn set_role(&mut self, role: Role, id: &str) -> Result<(), Unknown> {
        let provider = self.get(id)?.provider.clone();
        self.by_provider.insert((provider, role), id.to_owned());
        self.roles.insert(role, id.to_owned());
        Ok(())
    }

    /// The roles that a model plays.
    pub fn roles_of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = Role> + 'a {
        self.roles.iter().filter(move |(_, holder)| *holder == id).map(|(role, _)| *role)
    }

    /// Adds a model, in place of one of the same id.
    pub fn insert(&mut self, model: Model) {
        self.models.insert(model.id.clone(), model);
    }

    /// Every model, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Model> {
        self.models.values()
    }

    /// How many models there are.
    pub fn len(&self) -> usize {
        self.models.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }
}

/// The first entries of the list that comes with the program. The whole of it is read once.
fn builtin(entries: usize) -> Catalogue {
    static WHOLE: OnceLock<Catalogue> = OnceLock::new();
    let read = |entries| {
        let mut catalogue = Catalogue::default();
        let source = Source::new("catalogue.json", BUILTIN);
        read::document(&mut catalogue, &source, Over::OwnProvider, entries)
            .expect("the list that comes with the program is read by a test");
        catalogue
    };
    if entries == usize::MAX { WHOLE.get_or_init(|| read(entries)).clone() } else { read(entries) }
}
