//! Values that are not known before something has run: an expression that uses one fails, and says so.

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Value};

/// What such a failure says before it names the cause.
const UNFORESEEN: &str = "unknown before it runs, for it depends on ";

/// A value that nobody can know yet. An expression that uses it fails with [`ErrorKind::Unforeseen`], whatever else
/// it does with it: `default` does not help, since nobody can know whether it would be needed. `cause` says what it
/// depends on (`what build/run does`).
///
/// [`ErrorKind::Unforeseen`]: crate::ErrorKind::Unforeseen
pub fn unforeseen(cause: &str) -> Value {
    Value::from(Error::new(ErrorKind::InvalidOperation, format!("{UNFORESEEN}{cause}")))
}

/// The failure that a message of the engine tells, if it tells of such a value.
pub(crate) fn told(message: &str) -> Option<crate::Error> {
    let (_, cause) = message.split_once(UNFORESEEN)?;
    Some(crate::Error::new(crate::ErrorKind::Unforeseen, format!("{UNFORESEEN}{cause}")))
}

/// A member of a value, if it can be used. The engine checks only what it gets itself.
pub(crate) fn sound(member: Value) -> Result<Value, Error> {
    if member.kind() == ValueKind::Invalid { Err(broken(&member)) } else { Ok(member) }
}

/// The error that a value stands for. The engine shows it between `<invalid value: ` and `>`.
pub(crate) fn broken(value: &Value) -> Error {
    let shown = value.to_string();
    let why = shown.strip_prefix("<invalid value: ").and_then(|rest| rest.strip_suffix('>'));
    Error::new(ErrorKind::InvalidOperation, why.unwrap_or(&shown).to_owned())
}
