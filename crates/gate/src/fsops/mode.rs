//! Permissions: octal, and symbolic as `chmod` has them.

/// Permissions as somebody asked for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Exactly these bits.
    Bits(u32),
    /// Changes to the bits that are there.
    Symbolic(Vec<Clause>),
}

/// One change: `u+x`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Clause {
    /// Any of `u`, `g`, `o`; none if nobody was named, which means all of them within the umask.
    who: String,
    op: char,
    perms: String,
}

impl Mode {
    /// Reads `"0644"` or `"u=rw,g+X"`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let octal = text.trim().trim_start_matches("0o");
        if !octal.is_empty() && octal.bytes().all(|byte| byte.is_ascii_digit()) {
            return u32::from_str_radix(octal, 8)
                .ok()
                .filter(|bits| *bits <= 0o7777)
                .map(Self::Bits)
                .ok_or_else(|| format!("{text:?} is not an octal mode"));
        }
        let mut clauses = Vec::new();
        for part in text.split(',') {
            clause(part.trim(), text, &mut clauses)?;
        }
        Ok(Self::Symbolic(clauses))
    }

    /// The bits that come of it where `now` are the present ones.
    pub(crate) fn over(&self, now: u32, dir: bool, umask: u32) -> u32 {
        match self {
            Self::Bits(bits) => *bits,
            Self::Symbolic(clauses) => {
                clauses.iter().fold(now, |bits, clause| clause.over(bits, dir || now & 0o111 != 0, umask))
            }
        }
    }
}

/// Reads one part between commas, which may hold several changes for the same people (`u+r-w`).
fn clause(part: &str, whole: &str, into: &mut Vec<Clause>) -> Result<(), String> {
    let ops = ['+', '-', '='];
    let start = part.find(ops).ok_or_else(|| format!("{whole:?} is not a mode"))?;
    let (who, mut rest) = part.split_at(start);
    if let Some(c) = who.chars().find(|c| !"ugoa".contains(*c)) {
        return Err(format!("{c:?} is not one of u, g, o, a in {whole:?}"));
    }
    let who = if who.contains('a') { "ugo" } else { who };
    while let Some(op) = rest.chars().next() {
        let after = &rest[1..];
        let (perms, next) = after.split_at(after.find(ops).unwrap_or(after.len()));
        if let Some(c) = perms.chars().find(|c| !"rwxXstugo".contains(*c)) {
            return Err(format!("{c:?} is not a permission in {whole:?}"));
        }
        into.push(Clause { who: who.into(), op, perms: perms.into() });
        rest = next;
    }
    Ok(())
}

impl Clause {
    /// `executable` is whether `X` counts.
    fn over(&self, now: u32, executable: bool, umask: u32) -> u32 {
        let (who, mask) = if self.who.is_empty() { ("ugo", !umask) } else { (self.who.as_str(), !0) };
        who.chars().fold(now, |bits, who| {
            let change = self.bits(who, now, executable) & mask;
            match self.op {
                '+' => bits | change,
                '-' => bits & !change,
                _ => bits & !owned(who) | change,
            }
        })
    }

    /// What the permissions mean for one class of users.
    fn bits(&self, who: char, now: u32, executable: bool) -> u32 {
        let shift = shift(who);
        self.perms.chars().fold(0, |bits, perm| {
            bits | match perm {
                'r' => 4 << shift,
                'w' => 2 << shift,
                'x' => 1 << shift,
                'X' if executable => 1 << shift,
                's' if who == 'u' => 0o4000,
                's' if who == 'g' => 0o2000,
                't' if who == 'o' => 0o1000,
                'u' | 'g' | 'o' => (now >> self::shift(perm) & 7) << shift,
                _ => 0,
            }
        })
    }
}

fn shift(who: char) -> u32 {
    match who {
        'u' => 6,
        'g' => 3,
        _ => 0,
    }
}

/// Every bit that `=` sets anew for a class.
fn owned(who: char) -> u32 {
    match who {
        'u' => 0o4700,
        'g' => 0o2070,
        _ => 0o1007,
    }
}

/// The umask of this process, which cannot be asked for without setting it (and so upsetting other threads)
/// except through `/proc`.
pub(crate) fn umask() -> u32 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let line = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
            u32::from_str_radix(line.trim(), 8).ok()
        })
        .unwrap_or(0o022)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_apply_as_chmod_does() {
        for (mode, now, dir, expected) in [
            ("0644", 0o777, false, 0o644),
            ("u=rw,g=r,o=", 0o777, false, 0o640),
            ("a+x", 0o644, false, 0o755),
            ("+x", 0o600, false, 0o711),
            ("+w", 0o444, false, 0o644),
            ("=rw", 0o777, false, 0o644),
            ("u=rwX,g=rX,o=", 0o644, false, 0o640),
            ("u=rwX,g=rX,o=", 0o744, false, 0o750),
            ("a+X", 0o600, true, 0o711),
            ("go-rwx", 0o755, true, 0o700),
            ("u+s,g+s", 0o755, false, 0o6755),
            ("u=rwx", 0o4755, false, 0o755),
            ("o+t", 0o777, true, 0o1777),
            ("g=u,o=g", 0o750, false, 0o777),
            ("u+r-w", 0o200, false, 0o400),
            ("u-x+X", 0o700, false, 0o700),
        ] {
            assert_eq!(Mode::parse(mode).unwrap().over(now, dir, 0o022), expected, "{mode} over {now:o}");
        }
        for mode in ["", "u", "u=rq", "x+r", "99", "12345", "u=r,"] {
            assert!(Mode::parse(mode).is_err(), "{mode}");
        }
    }

    #[test]
    fn the_umask_is_read() {
        assert!(umask() <= 0o777);
    }
}
