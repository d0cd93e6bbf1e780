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
    /// Brackets, commas and colons of a text that is YAML and not JSON. A flow collection may be a key,
    /// so its tokens are held back until it ends; this bounds that memory.
    pub indicators: usize,
    /// Problems reported for one document; what goes on after so many helps nobody.
    pub problems: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 8 << 20,
            depth: 128,
            nodes: 1_000_000,
            text: 32 << 20,
            indicators: 1_000_000,
            problems: 100,
        }
    }
}
