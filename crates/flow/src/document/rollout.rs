//! How a task goes over its hosts: `hosts`, `chunk`, `serial`, `max_fail_percentage`.

use windlass_model::{Become, Code};
use windlass_yaml::{Kind, Map, Node, Reader};

use super::Written;

/// What a task says about its hosts.
#[derive(Debug, Default)]
pub(crate) struct Rollout {
    /// The patterns; `None` is this machine.
    pub hosts: Option<Written>,
    pub chunk: Option<Chunk>,
    pub serial: Vec<Size>,
    pub max_fail_percentage: Option<u32>,
}

/// How many hosts are worked on at once.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunk {
    pub size: u32,
    /// Whether a chunk begins only when all hosts of the one before are done.
    pub barrier: bool,
}

/// The size of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Size {
    Hosts(u32),
    /// A share of the task's hosts, in percent.
    Percent(u32),
}

impl Size {
    /// The number of hosts, of `all`: at least one.
    pub(crate) fn of(self, all: usize) -> u32 {
        match self {
            Size::Hosts(hosts) => hosts,
            Size::Percent(percent) => ((all as u64 * u64::from(percent) / 100) as u32).max(1),
        }
    }
}

/// Takes the keys of a task about its hosts.
pub(super) fn read(reader: &Reader, map: &mut Map<'_, '_>) -> Rollout {
    let hosts = map.node("hosts").filter(|node| !node.is_null()).cloned();
    Rollout {
        hosts: hosts.map(|node| Written { source: reader.source().clone(), node }),
        chunk: chunk(reader, map),
        serial: serial(reader, map),
        max_fail_percentage: map.int_in("max_fail_percentage", 0..=100).map(|n| n.value as u32),
    }
}

/// `chunk: 10`, or `chunk: { size: 10, mode: window | barrier }`.
fn chunk(reader: &Reader, map: &mut Map<'_, '_>) -> Option<Chunk> {
    let node = map.node("chunk").filter(|node| !node.is_null())?;
    if node.as_map().is_none() {
        let size = map.int_in("chunk", 1..=1_000_000)?;
        return Some(Chunk { size: size.value as u32, barrier: false });
    }
    let mut map = reader.map(node)?;
    let size = if map.required("size") { map.int_in("size", 1..=1_000_000) } else { None };
    let barrier = map.choice("mode", &[("window", false), ("barrier", true)]).is_some_and(|mode| mode.value);
    map.finish();
    Some(Chunk { size: size?.value as u32, barrier })
}

/// `serial: 5`, `serial: "30%"`, or a list of them.
fn serial(reader: &Reader, map: &mut Map<'_, '_>) -> Vec<Size> {
    let Some(node) = map.node("serial") else { return Vec::new() };
    let one = |node: &Node| {
        let size = size(node);
        if size.is_none() {
            let message = "`serial`: expected a number of hosts or a share of them";
            let wrong = reader.problem(Code::WrongType, node.span, message);
            reader.note(
                wrong.hint("write `serial: 5`, `serial: \"30%\"`, or a list such as `[1, 5, \"50%\"]`"),
            );
        }
        size
    };
    match &node.value {
        Kind::List(items) => items.iter().filter_map(one).collect(),
        _ => one(node).into_iter().collect(),
    }
}

fn size(node: &Node) -> Option<Size> {
    match (&node.value, node.text()) {
        (Kind::Int(hosts), _) => u32::try_from(*hosts).ok().filter(|&hosts| hosts > 0).map(Size::Hosts),
        (Kind::Str(_), Some(text)) => match text.trim().strip_suffix('%') {
            Some(percent) => {
                percent.trim().parse().ok().filter(|percent| (1..=100).contains(percent)).map(Size::Percent)
            }
            None => text.trim().parse().ok().filter(|&hosts: &u32| hosts > 0).map(Size::Hosts),
        },
        _ => None,
    }
}

/// As whom steps run: `become`, `become_user`, `become_method`.
pub(super) fn role(reader: &Reader, map: &mut Map<'_, '_>) -> Become {
    let method = map.text("become_method");
    if let Some(method) = method.as_ref().filter(|method| !METHODS.contains(&method.value.as_str())) {
        let message = format!("`become_method`: `{}` is not known", method.value);
        let wrong = reader.problem(Code::WrongType, method.span, message);
        reader.note(wrong.hint(format!("it is one of {}", METHODS.join(", "))));
    }
    Become {
        on: map.bool("become").map(|flag| flag.value),
        user: map.text("become_user").map(|user| user.value),
        method: method.map(|method| method.value),
    }
}

/// The ways to become another user.
pub(crate) const METHODS: &[&str] = &["sudo", "su", "doas"];

/// What a step says about the host that does it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Where {
    pub delegate_to: Option<Written>,
    pub run_once: Option<bool>,
}
