//! Takes secrets out of texts before they go anywhere.
//!
//! A secret is found as it is and in the forms that programs commonly give it: escaped for JSON, in Base64, for
//! URLs, and quoted for a shell; of one with several lines also each long line alone. What cannot be found is a
//! secret that was changed in other ways (reversed, hashed, in Base64 together with other bytes), and one that
//! a program prints in parts: a live line is looked at by itself, so a secret broken over two of them is missed
//! there, though not in the whole output that is captured.
//!
//! Secrets of one to three bytes are taken out only where they stand alone, between characters that are no
//! letters and digits: the secret `1` must not turn every number of an output into stars. Such a secret is
//! hardly one.

use std::sync::Arc;

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

/// What stands where a secret stood.
pub const MASK: &str = "********";

/// From this length on, in bytes, a secret is found anywhere, also within a word.
const LONG: usize = 4;

/// From this length on, in bytes, a line of a secret with several lines is a secret of its own.
const LONG_LINE: usize = 8;

/// Knows the run's secrets, and takes them out of texts.
#[derive(Default)]
pub struct Redactor {
    finder: Option<AhoCorasick>,
}

impl Redactor {
    /// A redactor of these secrets, in the forms in which they may appear.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let mut found: Vec<String> = secrets.into_iter().flat_map(forms).collect();
        found.sort_unstable();
        found.dedup();
        if found.is_empty() {
            return Self::default();
        }
        // It fails for more than four billion bytes of secrets only, and a secret has a million at most.
        Self { finder: Some(AhoCorasick::new(&found).expect("secrets are few and short")) }
    }

    /// The text without secrets. Secrets that overlap become one mask.
    pub fn text(&self, text: &str) -> String {
        let places = self.places(text);
        let mut clean = String::with_capacity(text.len());
        let mut at = 0;
        for (start, end) in places {
            clean.push_str(&text[at..start]);
            clean.push_str(MASK);
            at = end;
        }
        clean.push_str(&text[at..]);
        clean
    }

    /// Takes secrets out of every string and number of a JSON value, keys included. A number that shows a
    /// secret becomes the mask.
    pub fn value(&self, value: &mut Value) {
        if self.finder.is_none() {
            return;
        }
        match value {
            Value::String(text) => {
                if self.is_in(text) {
                    *text = self.text(text);
                }
            }
            Value::Number(number) => {
                if self.is_in(&number.to_string()) {
                    *value = MASK.into();
                }
            }
            Value::Array(list) => list.iter_mut().for_each(|item| self.value(item)),
            Value::Object(map) => self.map(map),
            Value::Null | Value::Bool(_) => {}
        }
    }

    /// A value that others hold too, without secrets; the same one where there are none.
    pub fn shared(&self, value: Arc<Value>) -> Arc<Value> {
        if self.finder.is_none() {
            return value;
        }
        let mut clean = Value::clone(&value);
        self.value(&mut clean);
        Arc::new(clean)
    }

    /// Whether there is nothing to take out.
    pub fn is_empty(&self) -> bool {
        self.finder.is_none()
    }

    fn map(&self, map: &mut Map<String, Value>) {
        map.values_mut().for_each(|item| self.value(item));
        if !map.keys().any(|key| self.is_in(key)) {
            return;
        }
        for (key, item) in std::mem::take(map) {
            let clean = self.text(&key);
            // Two keys that differ in their secrets only stay two.
            let mut name = clean.clone();
            let mut count = 1;
            while map.contains_key(&name) {
                count += 1;
                name = format!("{clean} ({count})");
            }
            map.insert(name, item);
        }
    }

    fn is_in(&self, text: &str) -> bool {
        !self.places(text).is_empty()
    }

    /// Where secrets stand, in order; places that overlap are one.
    fn places(&self, text: &str) -> Vec<(usize, usize)> {
        let Some(finder) = &self.finder else { return Vec::new() };
        let mut all: Vec<(usize, usize)> = finder
            .find_overlapping_iter(text)
            .map(|found| (found.start(), found.end()))
            .filter(|&(start, end)| end - start >= LONG || stands_alone(text, start, end))
            .collect();
        all.sort_unstable();
        let mut merged: Vec<(usize, usize)> = Vec::with_capacity(all.len());
        for (start, end) in all {
            match merged.last_mut() {
                Some(last) if start < last.1 => last.1 = last.1.max(end),
                _ => merged.push((start, end)),
            }
        }
        merged
    }
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Redactor({} forms)", self.finder.as_ref().map_or(0, AhoCorasick::patterns_len))
    }
}

fn stands_alone(text: &str, start: usize, end: usize) -> bool {
    let before = text[..start].chars().next_back();
    let after = text[end..].chars().next();
    !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
}

/// The forms in which a secret may appear.
fn forms(secret: &str) -> Vec<String> {
    if secret.is_empty() {
        return Vec::new();
    }
    let mut all = vec![secret.to_owned()];
    all.extend(escaped(secret));
    if secret.len() < LONG {
        return all;
    }
    // `echo "$TOKEN" | base64` has the newline in it.
    for text in [secret.to_owned(), format!("{secret}\n")] {
        for engine in [STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD] {
            all.push(engine.encode(&text));
        }
    }
    all.extend(percent_encoded(secret));
    all.push(secret.replace('\'', r"'\''"));
    all.push(secret.replace('\'', r#"'"'"'"#));
    // The first and the last line of a key file are the same in all of them, and no secret.
    let lines =
        secret.lines().map(str::trim).filter(|line| line.len() >= LONG_LINE && !line.starts_with("-----"));
    for line in lines.filter(|line| *line != secret) {
        all.push(line.to_owned());
        all.extend(escaped(line));
    }
    all
}

/// The text within a JSON string: as it is commonly written, and in ASCII as Python and some others do.
fn escaped(text: &str) -> Vec<String> {
    let json = Value::from(text).to_string();
    let json = &json[1..json.len() - 1];
    let mut ascii = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            ascii.push(c);
        } else {
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| ascii.push_str(&format!("\\u{unit:04x}")));
        }
    }
    vec![json.replace('/', "\\/"), json.to_owned(), ascii]
}

/// The text in a URL: everything but what RFC 3986 leaves as it is, with a space in both of its forms and the
/// digits in both cases; besides with `/` left as it is, as in paths.
fn percent_encoded(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (kept, upper) in [("-._~", true), ("-._~", false), ("-._~/", true), ("-._~/", false)] {
        let mut url = String::with_capacity(text.len() * 3);
        for byte in text.bytes() {
            match byte {
                _ if byte.is_ascii_alphanumeric() || kept.contains(byte as char) => url.push(byte as char),
                _ if upper => url.push_str(&format!("%{byte:02X}")),
                _ => url.push_str(&format!("%{byte:02x}")),
            }
        }
        all.push(url.replace("%20", "+"));
        all.push(url);
    }
    all
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn clean(secrets: &[&str], text: &str) -> String {
        Redactor::new(secrets.iter().copied()).text(text)
    }

    #[test]
    fn a_secret_is_found_in_the_forms_that_programs_give_it() {
        let secret = "pä ss/w'o\"rd\n2";
        let forms = [
            secret.to_owned(),
            serde_json::to_string(secret).unwrap(),
            r#""p\u00e4 ss/w'o\"rd\n2""#.to_owned(),
            STANDARD.encode(secret),
            STANDARD_NO_PAD.encode(format!("{secret}\n")),
            URL_SAFE_NO_PAD.encode(secret),
            "p%C3%A4%20ss%2Fw%27o%22rd%0A2".to_owned(),
            "p%c3%a4+ss%2fw%27o%22rd%0a2".to_owned(),
            "p%C3%A4%20ss/w%27o%22rd%0A2".to_owned(),
            "'pä ss/w'\\''o\"rd\n2'".to_owned(),
        ];
        for form in forms {
            let shown = clean(&[secret], &format!("<{form}>"));
            assert!(shown.contains(MASK), "{form:?} was shown as {shown:?}");
            assert!(!shown.contains("ss"), "{form:?} was shown as {shown:?}");
        }
    }

    #[test]
    fn long_lines_of_a_secret_are_secrets_and_the_frame_of_a_key_is_not() {
        let key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\nshort\n-----END KEY-----";
        assert_eq!(clean(&[key], "a MIIEvQIBADANBg b"), "a ******** b");
        assert_eq!(clean(&[key], "-----BEGIN KEY----- short"), "-----BEGIN KEY----- short");
    }

    #[test]
    fn secrets_that_overlap_leave_nothing_of_either() {
        assert_eq!(clean(&["abcd", "cdef"], "-abcdef-"), "-********-");
        assert_eq!(clean(&["abcd", "abcdef"], "abcdef abcd"), "******** ********");
        assert_eq!(clean(&["abcd", "ab"], "abcd ab abc"), "******** ******** abc");
    }

    #[test]
    fn short_secrets_are_taken_out_only_where_they_stand_alone() {
        assert_eq!(clean(&["1"], "1 of 11: x1, \"1\""), "******** of 11: x1, \"********\"");
        assert_eq!(clean(&["ab"], "abc äab ab"), "abc äab ********");
    }

    #[test]
    fn keys_and_numbers_are_looked_at_too_and_no_entry_is_lost() {
        let redactor = Redactor::new(["hunter2", "swordfish", "123456"]);
        let mut value = json!({"hunter2": 1, "swordfish": 2, "n": [123456, 9123456.5, 12], "b": true});
        redactor.value(&mut value);
        assert_eq!(value, json!({"********": 1, "******** (2)": 2, "n": [MASK, MASK, 12], "b": true}));
    }

    #[test]
    fn nothing_is_taken_out_without_secrets() {
        let redactor = Redactor::new(["", ""]);
        assert!(redactor.is_empty());
        assert_eq!(redactor.text("as it is"), "as it is");
    }

    /// Every string and number of a tree.
    fn texts(value: &Value, all: &mut Vec<String>) {
        match value {
            Value::String(text) => all.push(text.clone()),
            Value::Number(number) => all.push(number.to_string()),
            Value::Array(list) => list.iter().for_each(|item| texts(item, all)),
            Value::Object(map) => map.iter().for_each(|(key, item)| {
                all.push(key.clone());
                texts(item, all);
            }),
            Value::Null | Value::Bool(_) => {}
        }
    }

    // Few letters, so that secrets overlap with each other and with themselves. A secret of stars only is the
    // mask itself.
    fn secret() -> impl Strategy<Value = String> {
        "[abä1'\"/ \n]{4,9}"
    }

    fn tree(secrets: Vec<String>) -> impl Strategy<Value = Value> {
        let noise = "[abä1'\"/ \n]{0,6}";
        let planted = (noise, proptest::sample::select(secrets), noise);
        let text = prop_oneof![noise, planted.prop_map(|(a, b, c)| format!("{a}{b}{c}"))];
        let leaf = prop_oneof![text.clone().prop_map(Value::from), any::<u32>().prop_map(Value::from)];
        leaf.prop_recursive(3, 24, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(text.clone(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn no_secret_survives_in_any_tree(
            (secrets, mut value) in proptest::collection::vec(secret(), 1..4)
                .prop_flat_map(|secrets| (Just(secrets.clone()), tree(secrets)))
        ) {
            let redactor = Redactor::new(secrets.iter().map(String::as_str));
            redactor.value(&mut value);
            let mut all = Vec::new();
            texts(&value, &mut all);
            for secret in &secrets {
                for text in &all {
                    prop_assert!(!text.contains(secret.as_str()), "{text:?} has {secret:?}");
                }
            }
        }
    }
}
