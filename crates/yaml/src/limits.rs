//! How large, deep and tangled a document may be.

/// Bounds on what is read, so that a broken or hostile document is refused at once.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of text.
    pub bytes: usize,
    /// Lists and mappings inside each other, counted after aliases are expanded. It also bounds the
    /// recursion of everything that walks a tree.
    pub depth: usize,
    /// Values (keys included) after aliases and merge keys are expanded.
    pub nodes: usize,
    /// Bytes of scalar text after aliases and merge keys are expanded: a few aliases of one long text
    /// are as good a bomb as many of a short one.
    pub text: usize,
    /// Characters that begin or end a token (brackets, commas, colons, quotes, `&`, `*`, `!`, `?`) in a
    /// text that is YAML and not JSON. A flow collection may turn out to be a key, so the parser holds its
    /// tokens back until it ends, at some hundred bytes each; this bounds that memory.
    pub marks: usize,
    /// Problems reported for one document; what goes on after so many helps nobody.
    pub problems: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 8 << 20, depth: 128, nodes: 1_000_000, text: 32 << 20, marks: 1_000_000, problems: 100 }
    }
}
