//! The filters: names and meanings of Jinja and Ansible. Each file has one kind; here they come together.

mod addresses;
mod chances;
mod comments;
mod encode;
mod lists;
mod logic;
mod maps;
mod numbers;
mod paths;
mod places;
mod regexes;
mod sets;
mod strings;
mod times;
mod urls;
mod walks;

use minijinja::Environment;

pub(crate) use lists::flattened;
pub(crate) use places::place;
pub(crate) use urls::Url;
pub(crate) use walks::attribute_of;

use crate::args::Entry;

fn all() -> impl Iterator<Item = &'static Entry> {
    [
        addresses::FILTERS,
        chances::FILTERS,
        comments::FILTERS,
        encode::FILTERS,
        lists::FILTERS,
        logic::FILTERS,
        maps::FILTERS,
        numbers::FILTERS,
        paths::FILTERS,
        places::FILTERS,
        regexes::FILTERS,
        sets::FILTERS,
        strings::FILTERS,
        times::FILTERS,
        urls::FILTERS,
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
