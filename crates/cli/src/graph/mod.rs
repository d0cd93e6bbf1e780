//! Plans and runs as pictures: a graph in layers, on a terminal or as an SVG.

mod card;
mod layout;
mod list;
mod place;
mod route;
mod svg;
mod text;

pub(crate) use card::Picture;
pub(crate) use svg::svg;
pub(crate) use text::text;
