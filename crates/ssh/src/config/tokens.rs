//! The `%` tokens of OpenSSH's options.

/// What the tokens stand for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tokens {
    /// `%h`: the host's address.
    pub(crate) host: String,
    /// `%n`: the host as the user named it.
    pub(crate) original: String,
    /// `%k`: the host key's alias, or the name as typed.
    pub(crate) alias: String,
    /// `%p`.
    pub(crate) port: u16,
    /// `%r`: the user over there.
    pub(crate) remote: String,
    /// `%u`: the user here.
    pub(crate) local: String,
    /// `%d`: the home here.
    pub(crate) home: String,
}

impl Tokens {
    /// The text with its tokens replaced. What we cannot replace (`%C`, `${VARIABLE}`) is named in the error.
    pub(crate) fn expand(&self, text: &str) -> Result<String, String> {
        if text.contains("${") {
            return Err("a variable of the environment".into());
        }
        let mut out = String::with_capacity(text.len());
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            if c != '%' {
                out.push(c);
                continue;
            }
            match chars.next() {
                Some('%') => out.push('%'),
                Some('h') => out.push_str(&self.host),
                Some('n') => out.push_str(&self.original),
                Some('k') => out.push_str(&self.alias),
                Some('p') => out.push_str(&self.port.to_string()),
                Some('r') => out.push_str(&self.remote),
                Some('u') => out.push_str(&self.local),
                Some('d') => out.push_str(&self.home),
                Some(other) => return Err(format!("the token %{other}")),
                None => return Err("a percent sign at the end".into()),
            }
        }
        Ok(out)
    }

    /// A path with its tokens replaced and `~` resolved.
    pub(crate) fn path(&self, text: &str) -> Result<std::path::PathBuf, String> {
        let text = self.expand(text)?;
        match text.strip_prefix("~/") {
            Some(rest) => Ok(std::path::Path::new(&self.home).join(rest)),
            None if text.starts_with('~') => Err("the home of another user".into()),
            None => Ok(text.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_replaced_once() {
        let tokens = Tokens {
            host: "10.0.0.1".into(),
            original: "web%h".into(),
            alias: "web".into(),
            port: 2222,
            remote: "ops".into(),
            local: "ann".into(),
            home: "/home/ann".into(),
        };
        assert_eq!(tokens.expand("%r@%h:%p %n %u %% %k").as_deref(), Ok("ops@10.0.0.1:2222 web%h ann % web"));
        assert_eq!(tokens.path("~/.ssh/%h"), Ok("/home/ann/.ssh/10.0.0.1".into()));
        assert_eq!(tokens.path("%d/x"), Ok("/home/ann/x".into()));
        for wrong in ["%C", "%", "${HOME}/x"] {
            assert!(tokens.expand(wrong).is_err(), "{wrong}");
        }
        assert!(tokens.path("~bob/x").is_err());
    }
}
