//! Values in INI inventories: what Python's `ast.literal_eval` reads is that value, everything else the text.

mod number;
mod text;

use serde_json::{Map, Value};

/// Lists and the like inside of each other; Python gives up at a similar depth.
const DEEPEST: usize = 64;

/// The value that a text of an INI inventory stands for.
pub(super) fn value(text: &str) -> Value {
    Parser { rest: text, depth: 0 }.whole().unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Reads one literal. `None` says that the text is none, or that JSON cannot hold it.
struct Parser<'t> {
    rest: &'t str,
    depth: usize,
}

impl Parser<'_> {
    fn whole(&mut self) -> Option<Value> {
        if self.rest.contains('\0') {
            return None;
        }
        let value = self.tuple()?;
        self.space();
        self.rest.is_empty().then_some(value)
    }

    /// One value, or several with commas between them, which are a tuple.
    fn tuple(&mut self) -> Option<Value> {
        let first = self.value()?;
        if !self.takes(',') {
            return Some(first);
        }
        let mut items = vec![first];
        while !self.at_end() {
            items.push(self.value()?);
            if !self.takes(',') {
                break;
            }
        }
        Some(Value::Array(items))
    }

    fn at_end(&mut self) -> bool {
        self.space();
        self.rest.is_empty() || self.rest.starts_with(')')
    }

    fn value(&mut self) -> Option<Value> {
        self.space();
        match self.rest.chars().next()? {
            '(' | '[' | '{' => self.nested(),
            '\'' | '"' => self.strings(),
            '0'..='9' | '.' | '+' | '-' => self.number(),
            c if c.is_alphabetic() || c == '_' => self.word(),
            _ => None,
        }
    }

    fn nested(&mut self) -> Option<Value> {
        if self.depth == DEEPEST {
            return None;
        }
        self.depth += 1;
        let value = match self.next()? {
            '(' => self.parenthesis(),
            '[' => self.members(']').map(Value::Array),
            _ => self.braces(),
        };
        self.depth -= 1;
        value
    }

    fn parenthesis(&mut self) -> Option<Value> {
        if self.takes(')') {
            return Some(Value::Array(Vec::new()));
        }
        let value = self.tuple()?;
        self.takes(')').then_some(value)
    }

    fn members(&mut self, end: char) -> Option<Vec<Value>> {
        let mut items = Vec::new();
        loop {
            if self.takes(end) {
                return Some(items);
            }
            items.push(self.value()?);
            if !self.takes(',') {
                return self.takes(end).then_some(items);
            }
        }
    }

    /// A dictionary, or a set, which becomes a list.
    fn braces(&mut self) -> Option<Value> {
        if self.takes('}') {
            return Some(Value::Object(Map::new()));
        }
        let first = self.value()?;
        if !self.takes(':') {
            let mut items = vec![first];
            if self.takes(',') {
                items.extend(self.members('}')?);
            } else if !self.takes('}') {
                return None;
            }
            return set(items);
        }
        let mut map = Map::new();
        let mut name = key(first)?;
        loop {
            map.insert(name, self.value()?);
            let more = self.takes(',');
            if self.takes('}') {
                return Some(Value::Object(map));
            }
            if !more {
                return None;
            }
            name = key(self.value()?)?;
            if !self.takes(':') {
                return None;
            }
        }
    }

    fn word(&mut self) -> Option<Value> {
        if let Some(value) = self.prefixed()? {
            return Some(value);
        }
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "True" => Some(Value::Bool(true)),
            "False" => Some(Value::Bool(false)),
            "None" => Some(Value::Null),
            // The one call that a literal may have: there is no other way to write an empty set.
            "set" if self.takes('(') && self.takes(')') => Some(Value::Array(Vec::new())),
            _ => None,
        }
    }

    fn number(&mut self) -> Option<Value> {
        if let Some(rest) = self.rest.strip_prefix("...") {
            self.rest = rest;
            return Some("...".into());
        }
        let (value, rest) = number::read(self.rest)?;
        self.rest = rest;
        Some(value)
    }

    fn strings(&mut self) -> Option<Value> {
        self.prefixed()?
    }

    /// Strings that follow each other, if one begins here, are one string.
    fn prefixed(&mut self) -> Option<Option<Value>> {
        let mut whole: Option<(String, bool)> = None;
        loop {
            self.space();
            let Some(prefix) = text::prefix(self.rest) else { break };
            let (part, rest) = text::read(self.rest, prefix)?;
            self.rest = rest;
            match &mut whole {
                None => whole = Some((part, prefix.bytes)),
                Some((text, bytes)) if *bytes == prefix.bytes => text.push_str(&part),
                Some(_) => return None,
            }
        }
        Some(whole.map(|(text, _)| Value::String(text)))
    }

    /// Spaces, and a comment, which ends the text.
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\x0c']);
        if self.rest.starts_with('#') {
            self.rest = "";
        }
    }

    fn takes(&mut self, sign: char) -> bool {
        self.space();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = &self.rest[c.len_utf8()..];
        Some(c)
    }
}

/// The name of a member, as JSON writes a key that is no text.
fn key(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Array(_) | Value::Object(_) => None,
        other => Some(other.to_string()),
    }
}

/// The members of a set, each once. Lists and the like cannot be members.
fn set(items: Vec<Value>) -> Option<Value> {
    let mut members: Vec<Value> = Vec::new();
    for item in items {
        if item.is_array() || item.is_object() {
            return None;
        }
        if !members.contains(&item) {
            members.push(item);
        }
    }
    Some(Value::Array(members))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// What Ansible's INI plugin makes of each.
    #[test]
    fn values_are_those_of_python() {
        for (text, want) in [
            ("abc", json!("abc")),
            ("5", json!(5)),
            ("-5", json!(-5)),
            ("+5", json!(5)),
            ("- 5", json!(-5)),
            ("--5", json!("--5")),
            ("010", json!("010")),
            ("00", json!(0)),
            ("0_0", json!(0)),
            ("1_000", json!(1000)),
            ("1__0", json!("1__0")),
            ("_1", json!("_1")),
            ("1_", json!("1_")),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("0b101", json!(5)),
            ("0x_1f", json!(31)),
            ("0x", json!("0x")),
            ("1.5", json!(1.5)),
            ("1.", json!(1.0)),
            (".5", json!(0.5)),
            ("1e3", json!(1000.0)),
            ("1e", json!("1e")),
            ("09.5", json!(9.5)),
            ("09", json!("09")),
            ("1.2.3", json!("1.2.3")),
            ("10.0.0.1", json!("10.0.0.1")),
            ("12abc", json!("12abc")),
            ("3j", json!("3j")),
            ("1+2", json!("1+2")),
            ("True", json!(true)),
            ("true", json!("true")),
            ("False", json!(false)),
            ("None", json!(null)),
            ("...", json!("...")),
            ("yes", json!("yes")),
            ("'5'", json!("5")),
            ("\"a b\"", json!("a b")),
            ("'it''s'", json!("its")),
            ("'a' \"b\"", json!("ab")),
            ("'a' b'c'", json!("'a' b'c'")),
            ("r'a\\n'", json!("a\\n")),
            ("b'abc'", json!("abc")),
            ("b'\\xc3\\xa9'", json!("é")),
            ("u'x'", json!("x")),
            ("ur'x'", json!("ur'x'")),
            ("f'x'", json!("f'x'")),
            ("'\\x41\\u00e9\\101\\q\\n'", json!("AéA\\q\n")),
            ("'''a'b'''", json!("a'b")),
            ("''", json!("")),
            ("'a", json!("'a")),
            ("[1, 'a', [True]]", json!([1, "a", [true]])),
            ("[1,]", json!([1])),
            ("[,]", json!("[,]")),
            ("[a]", json!("[a]")),
            ("(1)", json!(1)),
            ("(1,)", json!([1])),
            ("()", json!([])),
            ("1,2", json!([1, 2])),
            ("1,", json!([1])),
            (",", json!(",")),
            ("{'a': 1, 2: 'b', None: [], True: {}}", json!({"a": 1, "2": "b", "null": [], "true": {}})),
            ("{'a': 1,}", json!({"a": 1})),
            ("{}", json!({})),
            ("{1, 2, 1}", json!([1, 2])),
            ("set()", json!([])),
            ("{{ foo }}", json!("{{ foo }}")),
            ("{{ 5 }}", json!("{{ 5 }}")),
            ("5 # note", json!(5)),
            ("abc # note", json!("abc # note")),
            (" 5", json!(5)),
            ("5 6", json!("5 6")),
            ("12345678901234567890123", json!("12345678901234567890123")),
            ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
            ("-True", json!("-True")),
            ("not True", json!("not True")),
            ("", json!("")),
            ("a=b", json!("a=b")),
            ("/usr/bin/python3", json!("/usr/bin/python3")),
            ("-o ProxyCommand=x", json!("-o ProxyCommand=x")),
        ] {
            assert_eq!(value(text), want, "{text:?}");
        }
    }

    #[test]
    fn deep_values_stay_text() {
        let deep = "[".repeat(10_000);
        assert_eq!(value(&deep), json!(deep));
    }
}
