//! A mutator that knows JSON: it changes values and their order where bytes at random would mostly break the
//! syntax, and nothing behind the parser would ever be reached.
//!
//! A text is a number of lines with a JSON value each; a single value is one line.

use libfuzzer_sys::fuzzer_mutate;
use serde_json::{Map, Value};

/// Numbers at which code breaks.
const NUMBERS: &[i128] = &[
    0,
    1,
    -1,
    2,
    3,
    255,
    256,
    65_535,
    i32::MAX as i128,
    u32::MAX as i128,
    u32::MAX as i128 + 1,
    i64::MAX as i128,
    i64::MIN as i128,
    u64::MAX as i128,
];

/// Changes `data[..size]` in place and gives the new size, at most `max`.
pub fn mutate(data: &mut [u8], size: usize, max: usize, seed: u32) -> usize {
    let mut dice = Dice(u64::from(seed) << 32 | size as u64);
    let changed = if dice.below(4) == 0 { None } else { change(&data[..size], &mut dice) };
    match changed {
        Some(text) if !text.is_empty() && text.len() <= max => {
            data[..text.len()].copy_from_slice(text.as_bytes());
            text.len()
        }
        _ => fuzzer_mutate(data, size, max),
    }
}

/// The text with one line changed, or with its lines in another order; none where that cannot be done.
fn change(data: &[u8], dice: &mut Dice) -> Option<String> {
    let text = std::str::from_utf8(data).ok()?;
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let at = dice.index(lines.len())?;
    let other = dice.index(lines.len())?;
    match dice.below(if lines.len() > 1 { 10 } else { 6 }) {
        0..6 => {
            let mut value: Value = serde_json::from_str(&lines[at]).ok()?;
            for _ in 0..=dice.below(3) {
                change_value(&mut value, dice);
            }
            lines[at] = value.to_string();
        }
        6 => drop(lines.remove(at)),
        7 => lines.insert(other, lines[at].clone()),
        8 => lines.swap(at, other),
        _ => lines.truncate(at.max(1)),
    }
    Some(lines.join("\n"))
}

/// Changes one value somewhere in a tree.
fn change_value(tree: &mut Value, dice: &mut Dice) {
    let count = count(tree);
    let donor = nth(tree, &mut dice.below(count)).cloned().unwrap_or(Value::Null);
    let Some(value) = nth(tree, &mut dice.below(count)) else { return };
    if dice.below(8) == 0 {
        *value = donor;
        return;
    }
    match value {
        Value::Null => *value = donor,
        Value::Bool(flag) => *flag = !*flag,
        Value::Number(number) => *value = change_number(number, dice),
        Value::String(text) => change_text(text, &donor, dice),
        Value::Array(items) => change_list(items, donor, dice),
        Value::Object(map) => change_map(map, donor, dice),
    }
}

fn change_number(number: &serde_json::Number, dice: &mut Dice) -> Value {
    let old = number.as_i128().unwrap_or_default();
    let new = match dice.below(4) {
        0 => old + 1,
        1 => old - 1,
        2 => dice.below(8) as i128,
        _ => NUMBERS[dice.below(NUMBERS.len())],
    };
    match (u64::try_from(new), i64::try_from(new)) {
        (Ok(new), _) => new.into(),
        (_, Ok(new)) => new.into(),
        _ => Value::from(0.5),
    }
}

fn change_text(text: &mut String, donor: &Value, dice: &mut Dice) {
    match (dice.below(4), donor) {
        (0, _) => text.clear(),
        (1, Value::String(other)) => text.clone_from(other),
        (2, _) => *text = text.repeat(2),
        _ => {
            let mut bytes = text.clone().into_bytes();
            let (size, max) = (bytes.len(), bytes.len() + 8);
            bytes.resize(max, 0);
            let size = fuzzer_mutate(&mut bytes, size, max);
            bytes.truncate(size);
            *text = String::from_utf8_lossy(&bytes).into_owned();
        }
    }
}

fn change_list(items: &mut Vec<Value>, donor: Value, dice: &mut Dice) {
    let (Some(at), Some(other)) = (dice.index(items.len()), dice.index(items.len())) else {
        items.push(donor);
        return;
    };
    match dice.below(4) {
        0 => drop(items.remove(at)),
        1 => items.insert(other, items[at].clone()),
        2 => items.swap(at, other),
        _ => items.push(donor),
    }
}

fn change_map(map: &mut Map<String, Value>, donor: Value, dice: &mut Dice) {
    let Some(at) = dice.index(map.len()) else {
        map.insert("x".to_owned(), donor);
        return;
    };
    let key = map.keys().nth(at).expect("the index is below the length").clone();
    match dice.below(3) {
        0 => drop(map.remove(&key)),
        1 => drop(map.insert(key, donor)),
        _ => drop(map.insert(donor.as_str().unwrap_or("x").to_owned(), Value::Null)),
    }
}

/// How many values a tree has, itself included.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// The value at a position in the tree's order.
fn nth<'v>(value: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Value::Object(map) => map.values_mut().find_map(|item| nth(item, left)),
        _ => None,
    }
}

/// Numbers that follow from a seed (splitmix64), so that a run can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % bound.max(1) as u64) as usize
    }

    fn index(&mut self, len: usize) -> Option<usize> {
        (len > 0).then(|| self.below(len))
    }
}
