//! The filters: names and meanings of Jinja and Ansible. Each file has one kind; here they come together.

mod encode;
mod lists;
mod logic;
mod maps;
mod numbers;
mod paths;
mod regexes;
mod sets;
mod strings;
mod walks;

use minijinja::Environment;

use crate::args::Entry;

fn all() -> impl Iterator<Item = &'static Entry> {
    [
        encode::FILTERS,
        lists::FILTERS,
        logic::FILTERS,
        maps::FILTERS,
        numbers::FILTERS,
        paths::FILTERS,
        regexes::FILTERS,
        sets::FILTERS,
        strings::FILTERS,
        walks::FILTERS,
    ]
    .into_iter()
    .flatten()
}

pub(crate) fn add_to(env: &mut Environment<'static>) {
    all().for_each(|filter| filter.add_filter(env));
}

/// The names of all filters.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    all().map(|filter| filter.name)
}
