//! Reads lists of models and puts them over a catalogue.

use std::collections::BTreeMap;
use std::sync::Arc;

use windlass_model::{Code, Diagnostics, Money, Source, Span};
use windlass_yaml::{Limits, Map, Node, Reader, Spanned, parse};

use super::{Catalogue, LongPrompt, Model, Prices, Role, Vocabulary};

/// Whose roles an entry may take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Over {
    /// Anybody's: a person said so.
    All,
    /// Those of older models of its provider, so that one list can name a model of each provider for a role.
    OwnProvider,
}

const ROLES: [(&str, Role); 3] =
    [("flagship", Role::Flagship), ("balanced", Role::Balanced), ("fast", Role::Fast)];

const VOCABULARIES: [(&str, Vocabulary); 6] = [
    ("o200k", Vocabulary::O200k),
    ("cl100k", Vocabulary::Cl100k),
    ("claude-3", Vocabulary::Claude3),
    ("claude-4.7", Vocabulary::Claude47),
    ("chars4", Vocabulary::Chars4),
    ("unknown", Vocabulary::Unknown),
];

/// Reads a whole text: `about`, `models` and `roles`.
pub(super) fn document(
    catalogue: &mut Catalogue,
    source: &Arc<Source>,
    over: Over,
    entries: usize,
) -> Result<(), Diagnostics> {
    let node = parse(source, &Limits::default())?;
    let reader = Reader::new(source);
    if let Some(mut map) = reader.map(&node) {
        map.node("about");
        map.required("models");
        if let Some(models) = map.node("models") {
            list(catalogue, &reader, models, over, entries);
        }
        if let Some(roles) = map.map("roles") {
            read_roles(catalogue, roles);
        }
        map.finish();
    }
    reader.into_result(())
}

/// Reads a list of models.
pub(super) fn list(catalogue: &mut Catalogue, reader: &Reader, models: &Node, over: Over, entries: usize) {
    let mut seen: BTreeMap<String, Span> = BTreeMap::new();
    for node in reader.list(models).unwrap_or_default().iter().take(entries) {
        let Some(map) = reader.map(node) else { continue };
        let Some(model) = entry(catalogue, map, &mut seen) else { continue };
        if let Some(role) = model.default_role {
            take_role(catalogue, role, &model, over);
        }
        catalogue.insert(model);
    }
}

fn take_role(catalogue: &mut Catalogue, role: Role, model: &Model, over: Over) {
    catalogue.by_provider.insert((model.provider.clone(), role), model.id.clone());
    let others = catalogue.of_role(role).is_some_and(|holder| holder.provider != model.provider);
    if over == Over::All || !others {
        catalogue.roles.insert(role, model.id.clone());
    }
}

fn read_roles(catalogue: &mut Catalogue, mut roles: Map<'_, '_>) {
    for (word, role) in ROLES {
        let Some(id) = roles.text(word) else { continue };
        if let Err(unknown) = catalogue.set_role(role, &id.value) {
            let reader = roles.reader();
            let problem = reader.problem(Code::UnknownModel, id.span, format!("`{word}`: {unknown}"));
            reader.note(problem.hint(unknown.hint()));
        }
    }
    roles.finish();
}

/// Reads one entry over what is known of its id. `None` where there is no whole entry to take; what is wrong with
/// it was noted.
fn entry(catalogue: &Catalogue, mut map: Map<'_, '_>, seen: &mut BTreeMap<String, Span>) -> Option<Model> {
    let reader = map.reader();
    map.required("id");
    let id = map.text("id").filter(|id| known_once(reader, id, seen));
    let known = id.as_ref().and_then(|id| catalogue.models.get(&id.value)).cloned();
    if id.is_some() && known.is_none() {
        for key in ["provider", "max_context", "input_cost_per_1m", "output_cost_per_1m"] {
            map.required(key);
        }
    }
    let prices = prices(&mut map, known.as_ref().map(|known| known.prices));
    let provider = map.text("provider").map(|text| text.value);
    let max_context = positive(&mut map, "max_context");
    let max_output = positive(&mut map, "max_output").map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let long = map.map("long_prompt").map(|long| long_prompt(long, prices));
    let role = map.choice("default_role", &ROLES).map(|role| role.value);
    let tools = map.bool("supports_tools").map(|tools| tools.value);
    let tokenizer = map.choice("tokenizer", &VOCABULARIES).map(|kind| kind.value);
    let note = map.text("note").map(|text| text.value);
    map.finish();
    let long = match long {
        Some(long) => Some(long?),
        None => None,
    };
    let known = known.as_ref();
    Some(Model {
        id: id?.value,
        provider: provider.or_else(|| known.map(|known| known.provider.clone()))?,
        max_context: max_context.or_else(|| known.map(|known| known.max_context))?,
        max_output: max_output.or_else(|| known.and_then(|known| known.max_output)),
        prices: prices?,
        // A price that a person gives is the price: tiers of the list below do not live on beside it.
        long_prompt: long.or_else(|| {
            known.filter(|known| Some(known.prices) == prices).and_then(|known| known.long_prompt)
        }),
        default_role: role.or_else(|| known.and_then(|known| known.default_role)),
        supports_tools: tools.unwrap_or_else(|| known.is_some_and(|known| known.supports_tools)),
        tokenizer: tokenizer.unwrap_or_else(|| known.map(|known| known.tokenizer).unwrap_or_default()),
        note,
    })
}

/// Whether an id is fit and comes for the first time in its list.
fn known_once(reader: &Reader, id: &Spanned<String>, seen: &mut BTreeMap<String, Span>) -> bool {
    let odd = |c: char| c.is_whitespace() || c.is_control();
    if id.value.is_empty() || id.value.chars().any(odd) || Role::parse(&id.value).is_some() {
        let message = format!("`id`: `{}` cannot be the id of a model", id.value.escape_debug());
        let problem = reader.problem(Code::BadModel, id.span, message);
        reader.note(problem.hint("ids have no blanks, and are none of flagship, balanced, fast"));
        return false;
    }
    match seen.insert(id.value.clone(), id.span) {
        None => true,
        Some(first) => {
            let message = format!("the model `{}` is in this list twice", id.value);
            let problem = reader.problem(Code::BadModel, id.span, message);
            reader.note(problem.related(reader.location(first), "the other entry stands here"));
            false
        }
    }
}

/// Prices over those of a known entry. Where the price of input is new, that of caches is not taken over.
fn prices(map: &mut Map<'_, '_>, known: Option<Prices>) -> Option<Prices> {
    let input = money(map, "input_cost_per_1m");
    let output = money(map, "output_cost_per_1m");
    let (read, write) = (money(map, "cache_read_cost_per_1m"), money(map, "cache_write_cost_per_1m"));
    let kept = known.filter(|known| input.is_none_or(|input| input == known.input));
    let base = input.or(known.map(|known| known.input))?;
    Some(Prices {
        input: base,
        output: output.or(known.map(|known| known.output))?,
        cache_read: read.or(kept.map(|known| known.cache_read)).unwrap_or(base),
        cache_write: write.or(kept.map(|known| known.cache_write)).unwrap_or(base),
    })
}

/// `None` where something is wrong with it.
fn long_prompt(mut map: Map<'_, '_>, short: Option<Prices>) -> Option<LongPrompt> {
    map.required("above");
    let above = positive(&mut map, "above");
    let prices = prices(&mut map, short);
    map.finish();
    Some(LongPrompt { above: above?, prices: prices? })
}

fn money(map: &mut Map<'_, '_>, key: &str) -> Option<Money> {
    map.money(key).map(|nanos| Money(nanos.value))
}

fn positive(map: &mut Map<'_, '_>, key: &str) -> Option<u64> {
    map.int_in(key, 1..).and_then(|number| u64::try_from(number.value).ok())
}
