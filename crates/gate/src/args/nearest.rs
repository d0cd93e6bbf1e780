//! The name that somebody most likely meant.

/// The nearest of the names, if one is near enough to be worth naming.
pub(super) fn to<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // Longer words than any name are not worth the work, which grows with their length.
    if word.len() > 64 {
        return None;
    }
    let limit = (word.chars().count() / 3).clamp(1, 3);
    let (distance, name) = names.map(|name| (distance(word, name), name)).min()?;
    (distance <= limit).then_some(name)
}

/// How many letters to insert, drop or replace to make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replace = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found_and_far_ones_are_not() {
        let names = ["path", "state", "recurse", "src"];
        for (word, expected) in [
            ("pth", Some("path")),
            ("stat", Some("state")),
            ("recurs", Some("recurse")),
            ("scr", None),
            ("sr", Some("src")),
            ("bananas", None),
            ("", None),
        ] {
            assert_eq!(to(word, names.into_iter()), expected, "{word}");
        }
    }
}
