//! The arguments of a filter, test or function, bound as Python binds them: by position or by name.

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State, Value};

use crate::meter::charge_nodes;
use crate::repr;

/// A filter or a test: what it is called, what it takes, what it does.
pub(crate) struct Entry {
    pub name: &'static str,
    /// The parameters after the input, in order. With a `*` among them, any number more may follow.
    pub params: &'static [&'static str],
    /// Whether the input and the arguments may be undefined.
    pub forgiving: bool,
    pub run: Run,
}

/// The work of an entry.
pub(crate) type Run = fn(&mut State<'_, '_>, &Args<'_>) -> Result<Value, Error>;

/// An entry that refuses undefined values.
pub(crate) const fn entry(name: &'static str, params: &'static [&'static str], run: Run) -> Entry {
    Entry { name, params, forgiving: false, run }
}

/// An entry that takes undefined values.
pub(crate) const fn forgiving(name: &'static str, params: &'static [&'static str], run: Run) -> Entry {
    Entry { name, params, forgiving: true, run }
}

impl Entry {
    /// Adds it to the environment as a filter.
    pub(crate) fn add_filter(&'static self, env: &mut Environment<'static>) {
        env.add_filter(self.name, move |state: &mut State<'_, '_>, args: &[Value], named: Kwargs| {
            self.call(state, args, &named)
        });
    }

    /// Adds it to the environment as a test.
    pub(crate) fn add_test(&'static self, env: &mut Environment<'static>) {
        env.add_test(self.name, move |state: &mut State<'_, '_>, args: &[Value], named: Kwargs| {
            self.call(state, args, &named)
        });
    }

    /// Binds the arguments and runs.
    pub(crate) fn call(
        &'static self,
        state: &mut State<'_, '_>,
        values: &[Value],
        named: &Kwargs,
    ) -> Result<Value, Error> {
        charge_nodes(1)?;
        let args = Args { entry: self, values, named };
        args.check()?;
        (self.run)(state, &args)
    }
}

/// The bound arguments.
pub(crate) struct Args<'a> {
    entry: &'static Entry,
    values: &'a [Value],
    named: &'a Kwargs,
}

impl<'a> Args<'a> {
    fn check(&self) -> Result<(), Error> {
        let open = self.entry.params.contains(&"*");
        if !open && self.values.len() > self.entry.params.len() + 1 {
            return Err(self.error(format!("takes at most {} arguments", self.entry.params.len())));
        }
        // What takes any number of arguments may pass them on to another filter.
        for name in self.named.args().filter(|_| !open) {
            if !self.entry.params.contains(&name) {
                return Err(self.error(format!("has no parameter `{name}`")));
            }
        }
        match self.values.iter().find(|value| value.is_undefined()) {
            Some(value) if !self.entry.forgiving => Err(repr::undefined(value)),
            _ => Ok(()),
        }
    }

    /// An error that names the filter.
    pub(crate) fn error(&self, what: impl AsRef<str>) -> Error {
        invalid(format!("`{}` {}", self.entry.name, what.as_ref()))
    }

    /// The value that the filter is applied to.
    pub(crate) fn input(&self) -> &'a Value {
        self.values.first().unwrap_or(&Value::UNDEFINED)
    }

    /// All the positional arguments after the input.
    pub(crate) fn rest(&self) -> &'a [Value] {
        self.values.get(1..).unwrap_or_default()
    }

    /// The argument of this name, unless it is not given.
    pub(crate) fn given(&self, name: &str) -> Option<Value> {
        let position = self.entry.params.iter().position(|param| *param == name)?;
        match self.values.get(position + 1) {
            Some(value) => Some(value.clone()),
            None => self.named.peek::<Value>(name).ok(),
        }
    }

    /// The argument of this name, unless it is not given or `none`.
    pub(crate) fn get(&self, name: &str) -> Option<Value> {
        self.given(name).filter(|value| !value.is_none())
    }

    /// The argument of this name, which must be given.
    pub(crate) fn need(&self, name: &str) -> Result<Value, Error> {
        self.given(name).ok_or_else(|| self.error(format!("needs `{name}`")))
    }

    /// A text argument.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Error> {
        self.get(name).map(|value| repr::text(&value)).transpose()
    }

    /// A text argument with a default.
    pub(crate) fn text_or(&self, name: &str, default: &str) -> Result<String, Error> {
        Ok(self.text(name)?.unwrap_or_else(|| default.to_owned()))
    }

    /// A flag; any truthy value sets it.
    pub(crate) fn flag(&self, name: &str, default: bool) -> bool {
        self.given(name).map_or(default, |value| value.is_true())
    }

    /// All named arguments, to be passed on.
    pub(crate) fn all_named(&self) -> Option<Value> {
        let pairs: Vec<(&str, Value)> =
            self.named.args().filter_map(|name| Some((name, self.named(name)?))).collect();
        (!pairs.is_empty()).then(|| Value::from(Kwargs::from_iter(pairs)))
    }

    /// An argument that can only be given by its name.
    pub(crate) fn named(&self, name: &str) -> Option<Value> {
        self.named.peek::<Value>(name).ok()
    }

    /// A flag that can only be given by its name.
    pub(crate) fn named_flag(&self, name: &str) -> bool {
        self.named(name).is_some_and(|value| value.is_true())
    }

    /// A whole number.
    pub(crate) fn int(&self, name: &str) -> Result<Option<i64>, Error> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.as_i64() {
            Some(number) => Ok(Some(number)),
            None => Err(self.error(format!("needs a whole number for `{name}`"))),
        }
    }

    /// A count or a width: a whole number that is not negative.
    pub(crate) fn size(&self, name: &str, default: usize) -> Result<usize, Error> {
        let number = self.int(name)?;
        number.map_or(Ok(default), |number| {
            usize::try_from(number).map_err(|_| self.error(format!("needs `{name}` to be at least zero")))
        })
    }

    /// The input as text.
    pub(crate) fn input_text(&self) -> Result<String, Error> {
        repr::text(self.input())
    }

    /// The items of the input.
    pub(crate) fn input_items(&self) -> Result<Vec<Value>, Error> {
        items(self.input()).map_err(|e| if is_charge(&e) { e } else { self.error("needs a list") })
    }
}

/// Whether an error says that an evaluation has spent what it may: nothing may forgive that.
pub(crate) fn is_charge(error: &Error) -> bool {
    error.detail() == Some(crate::meter::TOO_MUCH)
}

/// An error about a value.
pub(crate) fn invalid(what: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidOperation, what.into())
}

/// The items of a list, the keys of a map, the characters of a text.
pub(crate) fn items(value: &Value) -> Result<Vec<Value>, Error> {
    match value.kind() {
        ValueKind::String => {
            let text = value.as_str().unwrap_or_default();
            charge_nodes(text.len())?;
            Ok(text.chars().map(Value::from).collect())
        }
        ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
            let mut out = Vec::new();
            for item in value.try_iter()? {
                charge_nodes(1)?;
                out.push(item);
            }
            Ok(out)
        }
        kind => Err(invalid(format!("a {kind} has no items"))),
    }
}
