//! Which tags are understood: those of the core schema, and no others.

use saphyr_parser::Tag;
use windlass_model::Code;

use crate::build::shown;
use crate::{Kind, scalar};

/// Why a tag is refused.
pub(crate) struct Refusal {
    pub(crate) code: Code,
    pub(crate) message: String,
    pub(crate) hint: String,
}

/// The value of a tagged scalar.
pub(crate) fn scalar(tag: &Tag, text: &str) -> Result<Kind, Refusal> {
    if is_bare(tag) {
        return Ok(Kind::Str(text.to_owned()));
    }
    if !tag.is_yaml_core_schema() {
        return Err(unknown(tag));
    }
    let value = scalar::resolve(text);
    match (tag.suffix.as_str(), value) {
        ("str", _) => Ok(Kind::Str(text.to_owned())),
        ("int", value @ Kind::Int(_))
        | ("float", value @ Kind::Float(_))
        | ("bool", value @ Kind::Bool(_))
        | ("null", value @ Kind::Null) => Ok(value),
        ("float", Kind::Int(value)) => Ok(Kind::Float(value as f64)),
        ("int" | "float" | "bool" | "null", _) => Err(unfit(tag)),
        _ => Err(unknown(tag)),
    }
}

/// Whether a list (`seq`) or a mapping (`map`) may have the tag.
pub(crate) fn collection(tag: &Tag, fits: &str) -> Result<(), Refusal> {
    match tag.is_yaml_core_schema() {
        _ if is_bare(tag) => Ok(()),
        true if tag.suffix == fits => Ok(()),
        true if ["str", "int", "float", "bool", "null", "seq", "map"].contains(&tag.suffix.as_str()) => {
            Err(unfit(tag))
        }
        _ => Err(unknown(tag)),
    }
}

/// Whether this is an application's own tag, such as `!vault`.
pub(crate) fn is_own(tag: &Tag, name: &str) -> bool {
    tag.handle == "!" && tag.suffix == name
        || tag.handle.is_empty() && tag.suffix.strip_prefix('!') == Some(name)
}

/// A lone `!`, which only says "do not guess".
fn is_bare(tag: &Tag) -> bool {
    (tag.handle.is_empty() && tag.suffix == "!") || (tag.handle == "!" && tag.suffix.is_empty())
}

fn unfit(tag: &Tag) -> Refusal {
    Refusal {
        code: Code::BadValue,
        message: format!("the tag `!!{}` does not fit this value", shown(&tag.suffix)),
        hint: "remove the tag, or write a value of its type".to_owned(),
    }
}

fn unknown(tag: &Tag) -> Refusal {
    let name = match tag.is_yaml_core_schema() {
        true => format!("!!{}", tag.suffix),
        false => format!("{}{}", tag.handle, tag.suffix),
    };
    let hint = match name.as_str() {
        "!vault" | "!vault-encrypted" => {
            "encrypted values are not read from documents: declare the value under `secrets` with env, file or command"
        }
        "!unsafe" => {
            "write the text without the tag, and put `{% raw %}…{% endraw %}` around what must not be rendered"
        }
        _ => "remove the tag; documents know only the tags of YAML's core schema, such as `!!str`",
    };
    Refusal {
        code: Code::UnsupportedTag,
        message: format!("the tag `{}` is not supported", shown(&name)),
        hint: hint.to_owned(),
    }
}
