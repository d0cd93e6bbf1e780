//! Password hashes as the system's `crypt` makes them: SHA-256 (`$5$`) and SHA-512 (`$6$`), after Ulrich
//! Drepper's specification.

use minijinja::Error;
use sha2::{Digest, Sha256, Sha512};

use crate::args::invalid;
use crate::chance::Chance;
use crate::meter::charge;

const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// How many rounds are so usual that a hash does not say them.
const USUAL: u64 = 5000;
/// The salt of these hashes is cut at this length.
const MAX_SALT: usize = 16;
/// How long a password may be: the work grows with its square.
const MAX_PASSWORD: usize = 512;

/// The order in which the bytes of a digest are written, three at a time.
const ORDER_512: [[usize; 3]; 21] = [
    [0, 21, 42],
    [22, 43, 1],
    [44, 2, 23],
    [3, 24, 45],
    [25, 46, 4],
    [47, 5, 26],
    [6, 27, 48],
    [28, 49, 7],
    [50, 8, 29],
    [9, 30, 51],
    [31, 52, 10],
    [53, 11, 32],
    [12, 33, 54],
    [34, 55, 13],
    [56, 14, 35],
    [15, 36, 57],
    [37, 58, 16],
    [59, 17, 38],
    [18, 39, 60],
    [40, 61, 19],
    [62, 20, 41],
];
const ORDER_256: [[usize; 3]; 10] = [
    [0, 10, 20],
    [21, 1, 11],
    [12, 22, 2],
    [3, 13, 23],
    [24, 4, 14],
    [15, 25, 5],
    [6, 16, 26],
    [27, 7, 17],
    [18, 28, 8],
    [9, 19, 29],
];

/// Hashes a password. The kinds are those of Ansible's `password_hash`.
pub(crate) fn hash(password: &str, kind: &str, salt: &str, rounds: Option<u64>) -> Result<String, Error> {
    let (digit, usual) = match kind {
        "sha512" | "sha512_crypt" => ('6', 656_000),
        "sha256" | "sha256_crypt" => ('5', 535_000),
        "md5" | "md5_crypt" | "blowfish" | "bcrypt" => {
            return Err(invalid(format!("the hash `{kind}` is not supported; use sha512 or sha256")));
        }
        _ => return Err(invalid(format!("there is no hash `{kind}`; use sha512 or sha256"))),
    };
    let rounds = rounds.unwrap_or(usual);
    if !(1000..=999_999_999).contains(&rounds) {
        return Err(invalid("a hash takes 1000 to 999999999 rounds"));
    }
    if salt.len() > MAX_SALT || !salt.bytes().all(|byte| LETTERS.contains(&byte)) {
        return Err(invalid(format!("a salt has up to {MAX_SALT} letters, digits, dots and slashes")));
    }
    if password.len() > MAX_PASSWORD {
        return Err(invalid(format!("a password has up to {MAX_PASSWORD} bytes")));
    }
    // A round digests the password, the salt and the last digest; a byte of that takes some nanoseconds.
    charge(usize::try_from(rounds).unwrap_or(usize::MAX).saturating_mul(8 + password.len() / 8))?;
    let digest = match digit {
        '6' => written(&stretch::<Sha512>(password.as_bytes(), salt.as_bytes(), rounds), &ORDER_512),
        _ => written(&stretch::<Sha256>(password.as_bytes(), salt.as_bytes(), rounds), &ORDER_256),
    };
    let said = if rounds == USUAL { String::new() } else { format!("rounds={rounds}$") };
    Ok(format!("${digit}${said}{salt}${digest}"))
}

/// A salt by chance.
pub(crate) fn salt(chance: &mut Chance, length: usize) -> Result<String, Error> {
    let letters: Vec<char> = LETTERS.iter().map(|letter| char::from(*letter)).collect();
    chance.letters(&letters, length)
}

/// The digest that the specification describes in 21 steps; the comments give the steps.
fn stretch<D: Digest>(password: &[u8], salt: &[u8], rounds: u64) -> Vec<u8> {
    // 4–8: the password, the salt, the password again.
    let b = D::new().chain_update(password).chain_update(salt).chain_update(password).finalize();
    // 1–3, 9–12: then as much of that as the password is long, and for each bit of its length a part.
    let mut a = D::new().chain_update(password).chain_update(salt).chain_update(repeated(&b, password.len()));
    let mut length = password.len();
    while length > 0 {
        a.update(if length & 1 == 1 { &b[..] } else { password });
        length >>= 1;
    }
    let mut digest = a.finalize();
    // 13–16: the password, as often as it has bytes.
    let mut all = D::new();
    password.iter().for_each(|_| all.update(password));
    let p = repeated(&all.finalize(), password.len());
    // 17–20: the salt, as often as the first byte says.
    let mut all = D::new();
    (0..16 + usize::from(digest[0])).for_each(|_| all.update(salt));
    let s = repeated(&all.finalize(), salt.len());
    // 21: the rounds.
    for round in 0..rounds {
        let mut next = D::new();
        next.update(if round % 2 == 1 { &p[..] } else { &digest[..] });
        if round % 3 != 0 {
            next.update(&s);
        }
        if round % 7 != 0 {
            next.update(&p);
        }
        next.update(if round % 2 == 1 { &digest[..] } else { &p[..] });
        digest = next.finalize();
    }
    digest.to_vec()
}

fn repeated(digest: &[u8], length: usize) -> Vec<u8> {
    digest.iter().copied().cycle().take(length).collect()
}

/// Writes a digest in the letters of `crypt`, six bits each, the lowest first.
fn written(digest: &[u8], order: &[[usize; 3]]) -> String {
    let mut out = String::new();
    let mut put = |mut bits: u32, letters: usize| {
        for _ in 0..letters {
            out.push(LETTERS[(bits & 63) as usize].into());
            bits >>= 6;
        }
    };
    for [high, middle, low] in order {
        put(u32::from(digest[*high]) << 16 | u32::from(digest[*middle]) << 8 | u32::from(digest[*low]), 4);
    }
    // What is left over: one byte of 64, two of 32.
    match digest.len() {
        64 => put(digest[63].into(), 2),
        _ => put(u32::from(digest[31]) << 8 | u32::from(digest[30]), 3),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_the_specification() {
        let cases = [
            (
                "sha512",
                "saltstring",
                5000,
                "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
            ),
            ("sha256", "saltstring", 5000, "$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5"),
        ];
        for (kind, salt, rounds, expected) in cases {
            assert_eq!(hash("Hello world!", kind, salt, Some(rounds)).unwrap(), expected);
        }
    }
}
