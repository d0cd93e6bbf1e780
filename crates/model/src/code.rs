//! The stable codes of expected errors, each with its page.
//!
//! A code without a page does not compile: the page is included here. Codes are grouped by where the
//! problem lies: `WL01xx` the text of a document, `WL02xx` what a workflow says, `WL03xx` expressions,
//! `WL04xx` modules and their parameters, `WL05xx` planning, `WL06xx` execution, `WL07xx` the store,
//! its runs and inventories, `WL08xx` the lifecycle, `WL09xx` the command line.

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
    /// Two tasks have one id.
    DuplicateTask = "WL0201",
    /// A name has characters that it cannot have.
    BadName = "WL0202",
    /// A task needs a task that is not there.
    MissingNeed = "WL0203",
    /// Tasks need each other in a circle.
    Circle = "WL0204",
    /// A step or a task says nothing to do.
    NoWord = "WL0205",
    /// A step has two words that say what to do.
    SeveralWords = "WL0206",
    /// A step's word is not known.
    UnknownWord = "WL0207",
    /// A variable has a name with a meaning of its own.
    ReservedName = "WL0208",
    /// A document names hosts, and there is no inventory.
    NoInventory = "WL0209",
    /// A key of Ansible's is not supported.
    NotYet = "WL0210",
    /// Two steps of a task have one id.
    DuplicateStep = "WL0211",
    /// Two stages have one name.
    DuplicateStage = "WL0212",
    /// A file cannot be included.
    BadInclude = "WL0213",
    /// A key stands where it cannot work.
    Misplaced = "WL0214",
    /// A `workflow.json` has nothing in it.
    ConfigEmpty = "WL0230",
    /// A `workflow.json` has no name.
    ConfigName = "WL0231",
    /// A `workflow.json` has no steps.
    ConfigNoSteps = "WL0232",
    /// A step of a `workflow.json` has no id.
    ConfigStepId = "WL0233",
    /// Two steps of a `workflow.json` have one id.
    ConfigStepTwice = "WL0234",
    /// A step of a `workflow.json` has no role.
    ConfigStepRole = "WL0235",
    /// A step of a `workflow.json` depends on one that is not there.
    ConfigDependency = "WL0236",
    /// Steps of a `workflow.json` depend on each other in a circle.
    ConfigCircle = "WL0237",
    /// A `workflow.json` enables a role that is not an optional one.
    ConfigRoleDisabled = "WL0238",
    /// A `workflow.json` of the type `spec-default` has another role.
    ConfigRoleUnknown = "WL0239",
    /// A `workflow.json` lacks a required role.
    ConfigRoleMissing = "WL0240",
    /// A `workflow.json` has a required role twice.
    ConfigRoleTwice = "WL0241",
    /// The required roles of a `workflow.json` are out of order.
    ConfigRoleOrder = "WL0242",
    /// A required step of a `workflow.json` does not depend on the one before.
    ConfigChain = "WL0243",
    /// An optional step of a `workflow.json` does not depend on the validator.
    ConfigPlacement = "WL0244",
    /// An expression does not parse.
    ExpressionSyntax = "WL0301",
    /// An expression names a variable that is not there.
    UnknownVariable = "WL0302",
    /// An expression names a task that is not there.
    UnknownTask = "WL0303",
    /// An expression names a task that is not upstream.
    NotUpstream = "WL0304",
    /// A task has no such field or output.
    BadTaskField = "WL0305",
    /// An expression names a secret that is not declared.
    UnknownSecret = "WL0306",
    /// A secret would be visible in a process list.
    SecretInArgv = "WL0307",
    /// An environment variable is not set.
    UnsetVariable = "WL0308",
    /// Variables refer to each other in a circle.
    VariableCircle = "WL0309",
    /// An expression cannot be evaluated.
    CannotEvaluate = "WL0310",
    /// An expression does not say which of several it means.
    OpenReference = "WL0311",
    /// The parameters of a module are wrong.
    BadParams = "WL0401",
    /// There is no module of this name.
    UnknownModule = "WL0402",
    /// A file that a step copies or renders cannot be read.
    MissingSource = "WL0403",
    /// A template file is no template.
    BadTemplate = "WL0404",
    /// The task to begin at is not there.
    UnknownStart = "WL0501",
    /// An expression needs the result of a task that is left out.
    LeftOut = "WL0502",
    /// A module failed.
    ModuleFailed = "WL0601",
    /// A command ended with a status other than 0.
    CommandFailed = "WL0602",
    /// An assertion does not hold.
    AssertionFailed = "WL0603",
    /// A step said that the run must not go on.
    Refused = "WL0604",
    /// The operating system refused something.
    HostIo = "WL0607",
    /// A template could not be rendered.
    RenderFailed = "WL0609",
    /// A step failed and said no more than that.
    StepFailed = "WL0620",
    /// An attempt at a step took too long.
    StepTimeout = "WL0621",
    /// A task took too long.
    TaskTimeout = "WL0622",
    /// A stage took too long.
    StageTimeout = "WL0623",
    /// The run took too long.
    RunTimeout = "WL0624",
    /// A step was ended before it was done.
    Cancelled = "WL0625",
    /// The budget does not have what a step needs.
    BudgetRefused = "WL0626",
    /// More was used than the budget allows.
    Overdrawn = "WL0627",
    /// No progress is possible with work left.
    Deadlock = "WL0628",
    /// An expression could not be evaluated while the run went on.
    ExpressionFailed = "WL0629",
    /// `until` does not hold after the last attempt.
    UntilUnmet = "WL0630",
    /// `failed_when` holds.
    FailedWhen = "WL0631",
    /// A loop has something else than a list.
    LoopNeedsList = "WL0632",
    /// A person said no.
    Rejected = "WL0633",
    /// A step that may or may not have run counts as failed.
    InDoubt = "WL0634",
    /// An action panicked.
    ActionPanicked = "WL0635",
    /// A task failed, and the run with it.
    TaskFailed = "WL0636",
    /// A person ended the run for good.
    Aborted = "WL0637",
    /// The journal could not be written.
    JournalLost = "WL0639",
    /// What a step did cannot be taken back.
    CannotUndo = "WL0640",
    /// No host of the inventory has this name.
    NoHost = "WL0641",
    /// A check cannot know what this would do.
    Unforeseen = "WL0642",
    /// A repeated stage is not done after its last round.
    RoundsUsedUp = "WL0670",
    /// A provider of language models does not take the key, or the account has no money.
    ModelAccess = "WL0675",
    /// A provider of language models will not answer this request.
    ModelRefused = "WL0676",
    /// A prompt is longer than its model can read.
    PromptTooLong = "WL0677",
    /// A provider of language models did not answer.
    ModelUnavailable = "WL0678",
    /// What a provider of language models answered cannot be understood.
    ModelGarbled = "WL0679",
    /// There is no language model of this name.
    UnknownModel = "WL0680",
    /// A list of language models says something that makes no sense.
    BadModel = "WL0681",
    /// The context of a prompt cannot be made to fit.
    ContextTooLarge = "WL0682",
    /// The options of a prompt's context contradict each other.
    BadContext = "WL0683",
    /// A prompt's options make no sense, or not together.
    BadPrompt = "WL0685",
    /// What stands where a JSON schema is expected is none.
    BadSchema = "WL0686",
    /// The project does not allow a prompt to do this.
    PromptPolicy = "WL0687",
    /// A secret would be sent to a language model.
    SecretInPrompt = "WL0688",
    /// A provider of language models is not declared, or not well.
    BadProvider = "WL0689",
    /// What a model answered does not match the schema.
    SchemaMismatch = "WL0690",
    /// A model called tools until its rounds were used up.
    TooManyRounds = "WL0691",
    /// A step has used what it may cost.
    StepLimit = "WL0692",
    /// An inventory says something that makes no sense.
    BadInventory = "WL0700",
    /// A file or folder of the state cannot be used.
    StateUnusable = "WL0701",
    /// No space is left for the store.
    StoreFull = "WL0702",
    /// The database is damaged, or not ours.
    StoreUnusable = "WL0703",
    /// A later version wrote the store.
    StoreNewer = "WL0704",
    /// The run's id is taken.
    RunExists = "WL0705",
    /// No run has this id.
    UnknownRun = "WL0706",
    /// Several runs' ids begin like this.
    AmbiguousRun = "WL0707",
    /// Another process drives the run.
    RunBusy = "WL0708",
    /// Another process holds the store.
    StoreHeld = "WL0709",
    /// A content that a run stands on is missing.
    NoContent = "WL0710",
    /// A run's records contradict themselves.
    StoreCorrupt = "WL0711",
    /// Groups of an inventory hold each other in a circle.
    InventoryLoop = "WL0712",
    /// A host or a group has a name that it cannot have.
    UnsafeName = "WL0713",
    /// A range stands for too many hosts.
    RangeTooBig = "WL0714",
    /// A program that gives an inventory failed.
    InventoryScript = "WL0715",
    /// There is no inventory where one was named, or none that can be read.
    UnreadInventory = "WL0716",
    /// A value or a file is encrypted with Ansible Vault.
    Vaulted = "WL0717",
    /// A pattern for hosts cannot be read.
    BadPattern = "WL0718",
    /// No host or group is meant by what was named.
    NoHosts = "WL0719",
    /// There is no gate for the host's system and architecture.
    NoGate = "WL0720",
    /// The host has no folder where the gate could lie and run.
    GateHomeless = "WL0721",
    /// What was uploaded is not the gate that was sent.
    GateSpoilt = "WL0722",
    /// The gate on a host ended or fell silent.
    GateLost = "WL0723",
    /// What came from a host cannot come from a gate.
    GateRogue = "WL0724",
    /// The host refuses to let the user become another one.
    BecomeRefused = "WL0725",
    /// Becoming another user lacks something.
    BecomeUnable = "WL0726",
    /// The gate on a host speaks another version of the protocol.
    GateVersion = "WL0727",
    /// A host could not be reached.
    Unreachable = "WL0728",
    /// A file is no exported run, or not a whole one.
    NotPortable = "WL0730",
    /// A later version exported the run.
    PortableNewer = "WL0731",
    /// An exported run is larger than what is taken in.
    PortableTooBig = "WL0732",
    /// A run came from another store, and cannot go on here.
    RunImported = "WL0733",
    /// A backup would lie where something is.
    BackupTaken = "WL0734",
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
    /// The run is over for good.
    NotResumable = "WL0813",
    /// A file holds no saved plan that can be used.
    BadSavedPlan = "WL0820",
    /// What a saved plan stands on has changed.
    StalePlan = "WL0821",
    /// A saved plan was applied before.
    PlanApplied = "WL0822",
    /// A plan that is to be saved holds a secret.
    SecretInPlan = "WL0823",
    /// What was typed on the command line makes no sense.
    BadArgument = "WL0901",
    /// A variable on the command line cannot be read.
    BadVariable = "WL0902",
    /// No step of the run waits for an answer.
    NothingWaits = "WL0905",
    /// A file or a folder cannot be used.
    FileUnusable = "WL0906",
    /// The program's own output cannot be written.
    OutputFailed = "WL0907",
    /// There is no error with that code.
    NoSuchCode = "WL0909",
    /// The document has no task with that id.
    NoSuchTask = "WL0910",
    /// The run is over, and what was asked for needs one that is not.
    RunOver = "WL0911",
    /// A saved plan belongs to the runs of another folder.
    OtherScope = "WL0920",
    /// A plan is to be saved over a file that is something else.
    NotOverwritten = "WL0921",
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
