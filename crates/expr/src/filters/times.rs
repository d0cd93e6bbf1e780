//! Filters that read and write times.

use minijinja::{Error, State, Value};

use crate::args::{Args, Entry, entry};
use crate::ops::as_float;
use crate::times::{Moment, at, written};

pub(super) static FILTERS: &[Entry] = &[
    entry("to_datetime", &["format"], |_, args| {
        let form = args.text_or("format", "%Y-%m-%d %H:%M:%S")?;
        Moment::read(&args.input_text()?, &form).map(Value::from_object)
    }),
    entry("strftime", &["second", "utc"], strftime),
];

/// `'%Y-%m-%d' | strftime(seconds)`: the input is the form.
fn strftime(_: &mut State<'_, '_>, args: &Args<'_>) -> Result<Value, Error> {
    let number = |value: Value| {
        let number = as_float(&value).or_else(|| value.as_str()?.trim().parse().ok());
        number.ok_or_else(|| args.error("needs a number of seconds"))
    };
    let seconds = args.get("second").map(number).transpose()?;
    written(&args.input_text()?, &at(seconds, args.flag("utc", false))?).map(Value::from)
}
