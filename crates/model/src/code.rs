//! The stable codes of expected errors, each with its page.
//!
//! A code without a page does not compile: the page is included here. Codes are grouped by where the
//! problem lies: `WL01xx` the text of a document, `WL02xx` what a workflow says, `WL03xx` expressions,
//! `WL04xx` modules and their parameters, `WL05xx` planning, `WL06xx` execution, `WL07xx` the store and
//! its runs, `WL08xx` the lifecycle, `WL09xx` the command line.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// A stable name for one kind of expected error.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $($(#[doc = $doc])* $name,)* }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The code as people write it, such as `WL0101`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text,)* }
            }

            /// The page that explains it, in Markdown.
            pub fn page(self) -> &'static str {
                match self { $(Code::$name => include_str!(concat!("../codes/", $text, ".md")),)* }
            }
        }
    };
}

codes! {
    /// The text is not YAML (or JSON).
    Syntax = "WL0101",
    /// The document is larger, deeper or more tangled than the limits allow.
    TooBig = "WL0102",
    /// The text is not UTF-8.
    NotUtf8 = "WL0103",
    /// A mapping has the same key twice.
    DuplicateKey = "WL0104",
    /// A mapping has a key that means nothing there.
    UnknownKey = "WL0105",
    /// A value is of another type than its key takes.
    WrongType = "WL0106",
    /// A mapping lacks a key that it needs.
    MissingKey = "WL0107",
    /// A duration cannot be read.
    BadDuration = "WL0108",
    /// A value is of the right type, and not one that is allowed.
    BadValue = "WL0109",
    /// A text holds several documents where one is expected.
    SeveralDocuments = "WL0110",
    /// A value has a tag that is not supported.
    UnsupportedTag = "WL0111",
    /// An amount of money cannot be read.
    BadMoney = "WL0112",
    /// A document's file cannot be read.
    Unreadable = "WL0113",
    /// A mapping has keys that exclude each other.
    ExclusiveKeys = "WL0114",
    /// An alias has nothing to stand for.
    BadAlias = "WL0115",
    /// The parameters of a module are wrong.
    BadParams = "WL0401",
    /// There is no module of this name.
    UnknownModule = "WL0402",
    /// A file that a step copies or renders cannot be read.
    MissingSource = "WL0403",
    /// A template file is no template.
    BadTemplate = "WL0404",
    /// An expression in a module's parameters is wrong.
    BadExpression = "WL0405",
    /// A module failed.
    ModuleFailed = "WL0601",
    /// A command ended with a status other than 0.
    CommandFailed = "WL0602",
    /// An assertion does not hold.
    AssertionFailed = "WL0603",
    /// A step said that the run must not go on.
    Refused = "WL0604",
    /// A module did not end in time.
    ModuleTimeout = "WL0605",
    /// A module was cancelled.
    ModuleCancelled = "WL0606",
    /// The operating system refused something.
    HostIo = "WL0607",
    /// A module broke: a mistake of the program.
    ModuleBroke = "WL0608",
    /// A template could not be rendered.
    RenderFailed = "WL0609",
    /// The backend that was asked for is not registered.
    UnknownBackend = "WL0801",
    /// No backend knows this kind of document.
    Unrecognised = "WL0802",
    /// The backend lacks a capability that the request needs.
    Incapable = "WL0803",
    /// A secret cannot be had.
    NoSecret = "WL0804",
    /// No step upstream produces a key that a step consumes.
    NoProducer = "WL0805",
    /// A part of the program panicked.
    Internal = "WL0806",
    /// Something is no well-formed plan.
    MalformedPlan = "WL0807",
    /// The plan has an action that is not registered.
    UnknownAction = "WL0808",
    /// A value of the run's state is of another type than its reader takes.
    StateType = "WL0809",
    /// Something could not be taken back.
    CleanupFailed = "WL0810",
    /// The request has no document.
    NoDocument = "WL0811",
    /// There is no such scope of the run's state.
    NoScope = "WL0812",
    /// What was typed on the command line makes no sense.
    BadArgument = "WL0901",
    /// A variable on the command line cannot be read.
    BadVariable = "WL0902",
    /// No run of this folder has that id.
    NoSuchRun = "WL0903",
    /// The beginning of an id fits several runs.
    AmbiguousRun = "WL0904",
    /// No step of the run waits for an answer.
    NothingWaits = "WL0905",
    /// A file or a folder cannot be used.
    FileUnusable = "WL0906",
    /// The program's own output cannot be written.
    OutputFailed = "WL0907",
    /// The doctor found something that needs care.
    Unhealthy = "WL0908",
    /// There is no error with that code.
    NoSuchCode = "WL0909",
    /// The document has no task with that id.
    NoSuchTask = "WL0910",
}

impl Code {
    /// Finds a code by its text, in any case, with or without the `WL`.
    pub fn find(text: &str) -> Option<Code> {
        let text = text.trim().to_ascii_uppercase();
        Self::ALL.iter().copied().find(|c| c.as_str() == text || c.as_str().strip_prefix("WL") == Some(&text))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::find(&text).ok_or_else(|| serde::de::Error::custom(format!("unknown code {text}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_opens_with_its_code_and_says_what_to_do() {
        for code in Code::ALL {
            let page = code.page();
            assert!(page.starts_with(&format!("# {code}: ")), "{code}'s page has no title");
            assert!(page.contains("\n## What to do\n"), "{code}'s page does not say what to do");
        }
    }

    #[test]
    fn codes_are_found_by_their_text() {
        assert_eq!(Code::find("wl0101"), Some(Code::Syntax));
        assert_eq!(Code::find("0101"), Some(Code::Syntax));
        assert_eq!(Code::find("WL9999"), None);
    }
}
