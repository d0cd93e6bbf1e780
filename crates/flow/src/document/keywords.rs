//! The keys of every level of a document, as data: what the schema says and what suggestions are made of.

/// A key with what it takes.
#[derive(Debug)]
pub(crate) struct Key {
    pub name: &'static str,
    pub kind: Kind,
    pub doc: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One text.
    Text,
    /// One text or a list of texts.
    Texts,
    Bool,
    /// A whole number of at least this.
    Whole(u32),
    /// A number of at least this.
    Number(u32),
    Duration,
    /// Seconds or a duration.
    Seconds,
    /// An expression, a boolean, or a list of them that must all hold.
    Condition,
    /// Names with any values.
    Names,
    Any,
    /// One of a few words.
    Choice(&'static [&'static str]),
    /// What this definition of the schema says.
    Def(&'static str),
    /// A list of what this definition of the schema says.
    ListOf(&'static str),
    /// Names, each with what this definition of the schema says.
    NamesOf(&'static str),
}

const fn key(name: &'static str, kind: Kind, doc: &'static str) -> Key {
    Key { name, kind, doc }
}

/// The keys of the document.
pub(crate) const DOCUMENT: &[Key] = &[
    key("workflow", Kind::Text, "The workflow's name."),
    key("description", Kind::Text, "What it is for."),
    key("vars", Kind::Names, "Variables of the whole run; `-e` wins over them."),
    key("secrets", Kind::NamesOf("secret"), "Where secrets come from; never their values."),
    key("policy", Kind::Def("policy"), "How the run goes."),
    key(
        "stages",
        Kind::ListOf("stage"),
        "Groups of tasks with variables and a policy of their own; they order nothing.",
    ),
    key("tasks", Kind::ListOf("task"), "The tasks."),
];

/// The keys of the run's policy.
pub(crate) const POLICY: &[Key] = &[
    key(
        "strategy",
        Kind::Choice(&["eager", "batched"]),
        "Whether a step starts as soon as it can, or all ready tasks as one batch.",
    ),
    key("max_parallelism", Kind::Whole(1), "How many steps run at once; four for each core by default."),
    key("fail_fast", Kind::Bool, "Whether the first failure ends the run."),
    key("timeout", Kind::Duration, "How long the run may take."),
    key("budget", Kind::Def("budget"), "What the run may use."),
    key(
        "retry",
        Kind::Def("retry"),
        "When and how a failed step is tried again; by default after transient failures only.",
    ),
];

/// The keys of a stage's policy.
pub(crate) const STAGE_POLICY: &[Key] = &[
    key("max_parallelism", Kind::Whole(1), "How many of its steps run at once."),
    key("fail_fast", Kind::Bool, "Whether the first failure ends the stage."),
    key("timeout", Kind::Duration, "How long the stage may take."),
    key("retry", Kind::Def("retry"), "When and how a failed step is tried again."),
];

/// The keys of `retry`.
pub(crate) const RETRY: &[Key] = &[
    key("max_attempts", Kind::Whole(1), "All attempts, the first one included."),
    key("initial_delay", Kind::Duration, "The wait before the second attempt."),
    key("max_delay", Kind::Duration, "The longest wait."),
    key("multiplier", Kind::Number(1), "By what each wait is longer than the one before."),
    key("jitter", Kind::Bool, "Whether waits are spread, so that many do not retry in step."),
    key("errors", Kind::Choice(&["transient", "any"]), "Which failures are tried again."),
];

/// The keys of `budget`.
pub(crate) const BUDGET: &[Key] = &[
    key("amount", Kind::Number(0), "Money."),
    key("currency", Kind::Text, "Of what: three letters such as `USD`."),
    key("tokens", Kind::Whole(0), "Tokens of language models."),
];

/// The keys of a secret, of which it has one.
pub(crate) const SECRET: &[Key] = &[
    key("env", Kind::Text, "An environment variable."),
    key("file", Kind::Text, "A file."),
    key("command", Kind::Text, "A command's standard output."),
];

/// The keys of a stage.
pub(crate) const STAGE: &[Key] = &[
    key("name", Kind::Text, "The stage's name."),
    key("vars", Kind::Names, "Variables of its tasks."),
    key("policy", Kind::Def("stage_policy"), "How its tasks go."),
    key("repeat", Kind::Def("repeat"), "Whether its tasks are done again, round after round."),
    key(
        "transaction",
        Kind::Bool,
        "Whether a failure in it takes back what its tasks did, the last step first.",
    ),
    key("tasks", Kind::ListOf("task"), "Its tasks."),
];

/// The keys of a stage's `repeat`.
pub(crate) const REPEAT: &[Key] = &[
    key("until", Kind::Condition, "What must hold after a round, or another one follows."),
    key("max_rounds", Kind::Whole(1), "How many rounds there are at most, the first included."),
];

/// The keys that tasks, blocks, includes and steps share, and which what is below inherits.
pub(crate) const SHARED: &[Key] = &[
    key("when", Kind::Condition, "It is skipped unless this holds."),
    key("vars", Kind::Names, "Variables of its own."),
    key("environment", Kind::Names, "What to add to the environment of processes."),
    key("tags", Kind::Texts, "Tags, for `--tags` and `--skip-tags`."),
    key("ignore_errors", Kind::Bool, "Whether a failure is let through."),
    key("ignore_unreachable", Kind::Bool, "Whether it is let through that a host cannot be reached."),
    key("no_log", Kind::Bool, "Whether inputs and results are kept out of events, logs and artifacts."),
    key(
        "on_doubt",
        Kind::Choice(&["rerun", "hold"]),
        "What happens when it is not known whether a step ran: it runs again, or a person decides.",
    ),
    key("chdir", Kind::Text, "The folder that commands run in."),
    key("become", Kind::Bool, "Whether to become another user on the host."),
    key("become_user", Kind::Text, "The user to become; `root` by default."),
    key("become_method", Kind::Choice(super::rollout::METHODS), "By what means; `sudo` by default."),
    key("delegate_to", Kind::Text, "The host that does it in place of the task's own."),
    key("run_once", Kind::Bool, "Whether the first host alone does it; the others have its result."),
];

/// The keys of a task, besides those that are shared.
pub(crate) const TASK: &[Key] = &[
    key("id", Kind::Text, "Its id, unique in the document."),
    key("name", Kind::Text, "What people read."),
    key("description", Kind::Text, "Why it is there."),
    key("needs", Kind::Texts, "The tasks that must be done first."),
    key("timeout", Kind::Duration, "How long it may take."),
    key(
        "retry",
        Kind::Def("retry"),
        "When and how a failed step of it is tried again; after any failure by default.",
    ),
    key("hosts", Kind::Texts, "The hosts that it is for, as a pattern; this machine by default."),
    key("chunk", Kind::Def("chunk"), "How many hosts are worked on at once; 10 by default."),
    key("serial", Kind::Any, "Batches of hosts that wait for each other: `5`, `30%`, or a list."),
    key("max_fail_percentage", Kind::Whole(0), "The share of hosts that may fail without failing the task."),
    key("transaction", Kind::Bool, "Whether a failure takes back what its steps did, the last one first."),
    key(
        "gather_facts",
        Kind::Bool,
        "Whether it begins with `setup`, which tells what is known of each host.",
    ),
    key("gather_subset", Kind::Texts, "What `gather_facts` finds out; everything by default."),
    key("steps", Kind::ListOf("step"), "What it does, one after another."),
    key("cleanup", Kind::ListOf("step"), "What always runs at its end, the last one first."),
    key("outputs", Kind::Names, "What it hands on, from the fields of its last result."),
    key("produces", Kind::Texts, "State keys that it writes."),
    key("consumes", Kind::Texts, "State keys that it reads; a producer must be upstream."),
];

/// The keys of a step, besides those that are shared, those of its deed and its word.
pub(crate) const STEP: &[Key] = &[
    key("id", Kind::Text, "Its id, unique in its task; made of the name by default."),
    key("name", Kind::Text, "What people read."),
    key("description", Kind::Text, "Why it is there."),
    key("timeout", Kind::Duration, "How long one attempt may take."),
    key("retry", Kind::Def("retry"), "When and how it is tried again; after any failure by default."),
    key("produces", Kind::Texts, "State keys that it writes."),
    key("consumes", Kind::Texts, "State keys that it reads; a producer must be upstream."),
];

/// The keys that say more about what a step does. A task that is one step has them too.
pub(crate) const DEED: &[Key] = &[
    key("args", Kind::Names, "More parameters of the word."),
    key("loop", Kind::Any, "A list to repeat it over, or an expression that gives one."),
    key("with_items", Kind::Any, "As `loop`, where lists in the list are opened."),
    key("loop_control", Kind::Def("loop_control"), "How the loop goes."),
    key("until", Kind::Condition, "It is repeated until this holds."),
    key("retries", Kind::Whole(1), "How often `until` repeats it; 3 by default."),
    key("delay", Kind::Seconds, "The wait between repetitions; 5 s by default."),
    key("register", Kind::Text, "The name under which later steps of the task see its result."),
    key("changed_when", Kind::Condition, "When it counts as changed."),
    key("failed_when", Kind::Condition, "When it counts as failed."),
    key("creates", Kind::Text, "A path; a command does not run where it exists."),
    key("removes", Kind::Text, "A path; a command does not run where it does not exist."),
];

/// The keys of `chunk` where it is not a number.
pub(crate) const CHUNK: &[Key] = &[
    key("size", Kind::Whole(1), "How many hosts."),
    key(
        "mode",
        Kind::Choice(&["window", "barrier"]),
        "Whether a host begins when another is done, or when its whole chunk is.",
    ),
];

/// The keys of `loop_control`.
pub(crate) const LOOP_CONTROL: &[Key] = &[
    key("loop_var", Kind::Text, "The name of the current item; `item` by default."),
    key("index_var", Kind::Text, "The name of the current index."),
    key("label", Kind::Text, "What to show for an item."),
    key("pause", Kind::Seconds, "The wait between items."),
];

/// The keys of a block, besides those that are shared.
pub(crate) const BLOCK: &[Key] = &[
    key("name", Kind::Text, "What people read."),
    key("description", Kind::Text, "Why it is there."),
    key("block", Kind::ListOf("step"), "Steps that share keywords."),
    key("rescue", Kind::ListOf("step"), "What runs when one of them fails; the failure is then dealt with."),
    key("always", Kind::ListOf("step"), "What runs after them whether they failed or not."),
];

/// The keys of an `include` among steps, besides those that are shared; among tasks it has `id` and `needs` too.
pub(crate) const INCLUDE: &[Key] = &[
    key("name", Kind::Text, "What people read."),
    key("description", Kind::Text, "Why it is there."),
    key("include", Kind::Def("include"), "The file, with its parameters."),
];

/// What `include` takes where it is not a text.
pub(crate) const INCLUDE_FILE: &[Key] = &[
    key("file", Kind::Text, "The file, relative to the one that includes it."),
    key("vars", Kind::Names, "Parameters: they override the variables of the file."),
];

/// The words that `flow` itself gives a meaning.
pub(crate) const OWN_WORDS: &[(&str, &str)] = &[
    ("run", "A command for the shell, or the parameters of `shell`."),
    ("approve", "A question; it waits, durably, until a person says yes or no."),
];

/// The names of keys.
pub(crate) fn names<'k>(tables: &[&'k [Key]]) -> Vec<&'k str> {
    tables.iter().flat_map(|table| table.iter()).map(|key| key.name).collect()
}
