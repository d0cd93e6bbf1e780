//! A step: one word that says what it does, and the keywords that say how.

use std::time::Duration;

use windlass_model::{Code, Location, OnDoubt, RetryOn};
use windlass_yaml::{Kind, Map, Node, Reader, Text};

use super::keywords::{BLOCK, DEED, INCLUDE, Key, SHARED, STEP};
use super::read::{File, cut, short};
use super::{
    Item, Placed, Repeat, Shared, Step, Until, Where, Written, condition, elsewhere, policy, rollout, vars,
};

/// How deep blocks and includes may stand in each other. It bounds the recursion over them.
const MAX_DEPTH: u32 = 32;

/// What `loop_control` says.
#[derive(Default)]
struct Control {
    item: Option<String>,
    index: Option<String>,
    label: Option<Written>,
    pause: Duration,
}

impl File<'_> {
    /// A step, a block or an include.
    pub(super) fn item(&self, node: &Node) -> Option<Item> {
        let mut map = self.reader.map(node)?;
        elsewhere::refuse(self.reader, &mut map);
        for key in ["block", "include"] {
            if map.key_span(key).is_some() {
                return self.nested(map, node);
            }
        }
        for key in ["rescue", "always"] {
            if let Some(span) = map.key_span(key) {
                let problem =
                    self.reader.problem(Code::Misplaced, span, format!("`{key}` stands without a `block`"));
                self.reader.note(problem.hint("put the steps that may fail under `block`, beside it"));
                map.node(key);
            }
        }
        let mut step = self.blank(opening(self.reader, node));
        self.common(&mut map, &mut step);
        self.deed(&mut map, &mut step, &[SHARED, STEP, DEED, BLOCK, INCLUDE]);
        self.finish(map, &[SHARED, STEP, DEED, BLOCK, INCLUDE], true);
        Some(Item::Step(Box::new(step)))
    }

    /// A block or an include: each file is only so deep, but files include files.
    fn nested(&self, map: Map<'_, '_>, node: &Node) -> Option<Item> {
        let depth = &self.shelf.depth;
        if depth.get() == MAX_DEPTH {
            let at = opening(self.reader, node);
            let message = format!("blocks and includes stand more than {MAX_DEPTH} deep in each other");
            self.reader.note(self.reader.problem(Code::TooBig, at.span, message).hint("nest them less"));
            return None;
        }
        depth.set(depth.get() + 1);
        let block = match map.key_span("block") {
            Some(_) => self.block(map),
            None => self.include_steps(map),
        };
        depth.set(depth.get() - 1);
        block.map(|block| Item::Block(Box::new(block)))
    }

    /// A step of which nothing is known yet.
    pub(super) fn blank(&self, at: Location) -> Step {
        let input = Written { source: self.reader.source().clone(), node: Node::new(at.span, Kind::Null) };
        Step {
            at,
            alone: false,
            shared: Shared::default(),
            id: None,
            name: None,
            description: String::new(),
            word: None,
            input,
            args: None,
            keys: Vec::new(),
            repeat: None,
            until: None,
            register: None,
            changed_when: None,
            failed_when: None,
            timeout: None,
            retry: None,
            shortcuts: Vec::new(),
            produces: Vec::new(),
            consumes: Vec::new(),
        }
    }

    fn common(&self, map: &mut Map<'_, '_>, step: &mut Step) {
        let reader = self.reader;
        step.id = map.text("id").map(|id| self.placed(id));
        step.name = self.written(map, "name");
        step.description = map.text("description").map(|text| text.value).unwrap_or_default();
        step.shared = self.shared(map);
        step.timeout = map.duration("timeout").map(|timeout| timeout.value);
        step.retry = policy::retry(reader, map, RetryOn::Any);
        step.produces = self.keys(map, "produces");
        step.consumes = self.keys(map, "consumes");
    }

    /// What the step does, and the keywords about that.
    pub(super) fn deed(&self, map: &mut Map<'_, '_>, step: &mut Step, tables: &[&[Key]]) {
        let reader = self.reader;
        step.repeat = self.repeat(map);
        step.until = self.until(map);
        step.register = map.text("register").map(|name| {
            vars::check(reader, &name, "a registered result");
            self.placed(name)
        });
        step.changed_when = condition::read(reader, map, "changed_when");
        step.failed_when = condition::read(reader, map, "failed_when");
        step.args = self.written(map, "args");
        for key in ["creates", "removes"] {
            if let (Some(span), Some(value)) = (map.key_span(key), self.written(map, key)) {
                step.shortcuts.push((Placed { value: key.to_owned(), at: reader.location(span) }, value));
            }
        }
        self.word(map, step, tables);
    }

    fn word(&self, map: &mut Map<'_, '_>, step: &mut Step, tables: &[&[Key]]) {
        let mut words =
            map.entries().iter().filter(|(key, _)| key.as_str().is_some_and(|key| self.is_word(key)));
        let Some((key, input)) = words.next() else { return self.no_word(map, step, tables) };
        let (key, span) = (key.as_str().unwrap_or_default(), key.span);
        map.node(key);
        for (other, _) in words {
            let name = other.as_str().unwrap_or_default();
            let message = format!("a step does one thing, and this one has `{key}` and `{name}`");
            let problem = self.reader.problem(Code::SeveralWords, other.span, message);
            let first = self.reader.location(span);
            self.reader
                .note(problem.related(first, format!("`{key}` stands here")).hint("make two steps of it"));
            map.node(name);
        }
        step.word = Some(Placed { value: short(key).to_owned(), at: self.reader.location(span) });
        step.input.node = input.clone();
        if let Some(compiler) = self.shelf.words.get(short(key)) {
            for own in compiler.keys() {
                step.keys.extend(map.node(own).map(|node| ((*own).to_owned(), node.clone())));
            }
        }
    }

    /// Says that there is no word; an unknown key is taken for a misspelt one.
    fn no_word(&self, map: &mut Map<'_, '_>, step: &Step, tables: &[&[Key]]) {
        let known = super::keywords::names(tables);
        let unknown = map
            .entries()
            .iter()
            .map(|(key, _)| key)
            .find(|key| key.as_str().is_some_and(|key| !known.contains(&key) && !elsewhere::known(key)));
        let reader = self.reader;
        let Some(key) = unknown else {
            if map.entries().iter().all(|(key, _)| key.as_str().is_none_or(|key| !elsewhere::known(key))) {
                let problem = reader.problem(Code::NoWord, step.at.span, "the step says nothing to do");
                reader.note(problem.hint("add a word such as `run`, `copy` or `template`"));
            }
            return;
        };
        let name = key.as_str().unwrap_or_default();
        let problem =
            reader.problem(Code::UnknownWord, key.span, format!("unknown step word `{}`", cut(name)));
        let hint = match self.nearest_word(name, tables) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`windlass schema workflow` lists the words that steps can have".to_owned(),
        };
        reader.note(problem.hint(hint));
        map.node(name);
    }

    fn repeat(&self, map: &mut Map<'_, '_>) -> Option<Repeat> {
        let over = map.exclusive(&["loop", "with_items"]);
        let nodes = [self.written(map, "loop"), self.written(map, "with_items")];
        let control_span = map.key_span("loop_control");
        let control = self.control(map);
        let Some(over) = over else {
            if let Some(span) = control_span.filter(|_| nodes.iter().all(Option::is_none)) {
                let problem =
                    self.reader.problem(Code::Misplaced, span, "`loop_control` stands without a `loop`");
                self.reader.note(problem.hint("add `loop: [ … ]`, or remove it"));
            }
            return None;
        };
        let flat = over == "with_items";
        let [plain, items] = nodes;
        let control = control.unwrap_or_default();
        let over = if flat { items? } else { plain? };
        Some(Repeat {
            over,
            flat,
            item: control.item.unwrap_or_else(|| "item".to_owned()),
            index: control.index,
            label: control.label,
            pause: control.pause,
        })
    }

    fn control(&self, map: &mut Map<'_, '_>) -> Option<Control> {
        let mut map = map.map("loop_control")?;
        let mut name = |key: &str| {
            let text = map.text(key)?;
            vars::check(self.reader, &text, "a loop's item or index");
            Some(text.value)
        };
        let (item, index) = (name("loop_var"), name("index_var"));
        let label = self.written(&mut map, "label");
        let pause = map.seconds("pause").map(|pause| pause.value).unwrap_or_default();
        map.finish();
        Some(Control { item, index, label, pause })
    }

    fn until(&self, map: &mut Map<'_, '_>) -> Option<Until> {
        let conditions = condition::read(self.reader, map, "until");
        let places = ["retries", "delay"].map(|key| (key, map.key_span(key)));
        let retries = map.int_in("retries", 1..=1_000_000).map_or(3, |n| n.value as u32);
        let delay = map.seconds("delay").map_or(Duration::from_secs(5), |delay| delay.value);
        if conditions.is_none() {
            for (key, span) in places {
                let Some(span) = span else { continue };
                let problem =
                    self.reader.problem(Code::Misplaced, span, format!("`{key}` stands without an `until`"));
                self.reader.note(problem.hint("add `until: <expression>`; to try again after a failure use `retry: { max_attempts: 3 }`"));
            }
        }
        Some(Until { conditions: conditions?, retries, delay })
    }

    /// The keywords that what is below inherits.
    pub(super) fn shared(&self, map: &mut Map<'_, '_>) -> Shared {
        let reader = self.reader;
        Shared {
            when: condition::read(reader, map, "when").unwrap_or_default(),
            vars: vars::variables(reader, map, "vars"),
            environment: vars::named(reader, map, "environment"),
            tags: tags(self.keys(map, "tags")),
            ignore_errors: map.bool("ignore_errors").map(|flag| flag.value),
            ignore_unreachable: map.bool("ignore_unreachable").map(|flag| flag.value),
            no_log: map.bool("no_log").map(|flag| flag.value),
            on_doubt: map
                .choice("on_doubt", &[("rerun", OnDoubt::Rerun), ("hold", OnDoubt::Hold)])
                .map(|word| word.value),
            chdir: self.written(map, "chdir"),
            role: rollout::role(reader, map),
            place: Where {
                delegate_to: self.written(map, "delegate_to"),
                run_once: map.bool("run_once").map(|flag| flag.value),
            },
        }
    }

    /// Texts whose places do not matter.
    pub(super) fn keys(&self, map: &mut Map<'_, '_>, key: &str) -> Vec<String> {
        map.texts(key).unwrap_or_default().into_iter().map(|text| text.value).collect()
    }

    pub(super) fn placed(&self, text: Text) -> Placed<String> {
        Placed { at: self.reader.location(text.span), value: text.value }
    }

    /// What stands at a key, whatever it is.
    pub(super) fn written(&self, map: &mut Map<'_, '_>, key: &str) -> Option<Written> {
        let node = map.node(key).filter(|node| !node.is_null())?;
        Some(Written { source: self.reader.source().clone(), node: node.clone() })
    }
}

/// Tags, of which one text may hold several with commas between, as in Ansible.
fn tags(written: Vec<String>) -> Vec<String> {
    let parts = written.iter().flat_map(|tags| tags.split(',')).map(str::trim);
    parts.filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

/// Where a mapping begins: it may go on for pages.
pub(super) fn opening(reader: &Reader, node: &Node) -> Location {
    let first = node.as_map().and_then(|entries| entries.first());
    reader.location(first.map_or(node.span, |(key, _)| key.span))
}
