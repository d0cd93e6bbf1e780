//! Permissions as people write them, brought to one form.

use serde_json::Value;

use crate::fsops::mode::Mode;

/// An octal text (`"0644"`), a symbolic one as it was written, or one of `words`.
pub(super) fn canonical(value: &Value, words: &[&str]) -> Result<String, String> {
    match value {
        Value::Number(number) => {
            let number = number.as_u64().ok_or_else(|| format!("{number} is not a mode"))?;
            from_number(number).map(|bits| format!("{bits:04o}"))
        }
        Value::String(text) if words.contains(&text.as_str()) => Ok(text.clone()),
        Value::String(text) => match Mode::parse(text)? {
            Mode::Bits(bits) => Ok(format!("{bits:04o}")),
            Mode::Symbolic(_) => Ok(text.clone()),
        },
        _ => Err("expected a mode as in \"0644\" or \"u=rw,g=r\"".into()),
    }
}

/// What a bare number means.
///
/// `0644` without quotes is the octal number 420 to a YAML 1.1 reader, and the decimal number 644 to a YAML 1.2
/// one. Both readings of a number are tried, and the one that makes sense as permissions is taken (each class
/// of users may do no more than the one before, and the owner may read). Where both or neither make sense the
/// number is refused: a wrong guess would open or close a file silently.
fn from_number(number: u64) -> Result<u32, String> {
    let bits = u32::try_from(number).ok().filter(|bits| *bits <= 0o7777);
    let digits = u32::from_str_radix(&number.to_string(), 8).ok().filter(|bits| *bits <= 0o7777);
    match (bits.filter(|bits| plausible(*bits)), digits.filter(|bits| plausible(*bits))) {
        (Some(bits), None) | (None, Some(bits)) => Ok(bits),
        (Some(bits), Some(digits)) if bits == digits => Ok(bits),
        _ => {
            let meant = digits.or(bits).unwrap_or(0o644);
            Err(format!(
                "the number {number} is ambiguous as a mode; write it in quotes, as in \"{meant:04o}\""
            ))
        }
    }
}

fn plausible(bits: u32) -> bool {
    let (user, group, other) = (bits >> 6 & 7, bits >> 3 & 7, bits & 7);
    user & 4 != 0 && group & !user == 0 && other & !group == 0 && bits & 0o7000 != 0o7000 && special(bits)
}

/// A set-id or sticky bit makes sense only where something may be executed.
fn special(bits: u32) -> bool {
    bits & 0o7000 == 0 || bits & 0o111 != 0 && bits >> 6 & 7 == 7
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn modes_have_one_form() {
        for (value, expected) in [
            (json!("0644"), "0644"),
            (json!("644"), "0644"),
            (json!("0o600"), "0600"),
            (json!("2755"), "2755"),
            (json!("u=rwX,g-w"), "u=rwX,g-w"),
            // The same words without quotes, as a YAML 1.1 and as a YAML 1.2 reader hand them on.
            (json!(0o644), "0644"),
            (json!(644), "0644"),
            (json!(0o755), "0755"),
            (json!(755), "0755"),
            (json!(0o600), "0600"),
            (json!(600), "0600"),
            (json!(0o640), "0640"),
            (json!(640), "0640"),
            (json!(0o1777), "1777"),
            (json!(1777), "1777"),
            (json!(0o700), "0700"),
            (json!(700), "0700"),
            (json!(444), "0444"),
            (json!(0o400), "0400"),
        ] {
            assert_eq!(canonical(&value, &[]).as_deref(), Ok(expected), "{value}");
        }
        assert_eq!(canonical(&json!("preserve"), &["preserve"]).as_deref(), Ok("preserve"));
        for value in
            [json!("preserve"), json!("88"), json!(9999), json!(1), json!(-1), json!([]), json!("77777")]
        {
            assert!(canonical(&value, &[]).is_err(), "{value}");
        }
        // 0400 read either way makes sense as permissions (0400, or 0620).
        assert!(canonical(&json!(400), &[]).unwrap_err().contains("\"0400\""));
    }
}
