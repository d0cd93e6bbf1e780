//! Contexts: each strategy as it is documented, and beside it what claude-workflow makes of the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use windlass_llm::context::{
    AsGiven, Beside, Builder, Bundle, Compactor, Fit, Fitting, Given, Memory, Misfit, Once, Output, Over,
    Piece, Plain, Policy, Router, Shared, Strategy,
};
use windlass_llm::tokens::{Chars4, Estimator, Tiktoken};

/// The ids that are left, and those that were left out.
type Left = Result<(Vec<String>, Vec<String>), Misfit>;

fn policy(
    strategy: Strategy,
    keep_last_n: impl Into<Option<u32>>,
    max_tokens: impl Into<Option<u64>>,
) -> Policy {
    Policy { strategy, keep_last_n: keep_last_n.into(), max_tokens: max_tokens.into() }
}

fn bundle(sizes: &[usize]) -> Bundle {
    let piece = |(n, size): (usize, &usize)| Piece::new(format!("t{n}"), "x".repeat(*size));
    Bundle { memory: BTreeMap::new(), pieces: sizes.iter().enumerate().map(piece).collect() }
}

fn compact(compactor: &dyn Compactor, bundle: &Bundle, policy: &Policy) -> Result<Fit, Misfit> {
    let summary = &mut |pieces: &[Piece], room: u64| Ok(format!("sum of {} in {room}", pieces.len()));
    compactor.compact(bundle.clone(), policy, &Chars4::default(), summary)
}

fn left(result: Result<Fit, Misfit>) -> Left {
    let fit = result?;
    let ids = |ids: &[Arc<str>]| ids.join("+");
    let kept = fit.bundle.pieces.iter().map(|piece| ids(&piece.ids)).collect();
    Ok((kept, fit.dropped.iter().map(|dropped| ids(&dropped.ids)).collect()))
}

fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn builders_compared() {
    let output = |id: &str, text: Option<&str>, completed, in_prompt| Output {
        id: id.into(),
        text: text.map(Into::into),
        completed,
        in_prompt,
    };
    let given = Given {
        outputs: vec![
            output("c", Some("same"), true, false),
            output("a", Some("other"), true, false),
            output("b", Some("same"), true, false),
            output("empty", Some(""), true, false),
            output("none", None, true, false),
            output("failed", Some("half"), false, false),
            output("quoted", Some("in the prompt"), true, true),
        ],
        memory: BTreeMap::from([("k".to_owned(), Arc::from("v"))]),
    };
    let built = |builder: &dyn Builder| {
        let bundle = builder.build(&given);
        assert_eq!(bundle.memory, given.memory);
        bundle.pieces.iter().map(|piece| (piece.ids.join("+"), piece.text.to_string())).collect::<Vec<_>>()
    };
    let pair = |id: &str, text: &str| (id.to_owned(), text.to_owned());
    // Both: in the order of needs, completed tasks only, none that is empty.
    assert_eq!(
        built(&AsGiven),
        [pair("c", "same"), pair("a", "other"), pair("b", "same"), pair("quoted", "in the prompt")]
    );
    // Corrected: what two tasks gave is sent once, and nothing that the prompt has already.
    assert_eq!(built(&Once), [pair("c+b", "same"), pair("a", "other")]);
}

#[test]
fn compactors_compared() {
    use Strategy::{HeadTail, KeepLastN, None as Nothing, Summarize, Truncate};
    // Three outputs of 10 tokens each.
    let three = bundle(&[40, 40, 40]);
    let all = || Ok((ids(&["t0", "t1", "t2"]), ids(&[])));
    let too_large = |max| Err(Misfit::TooLarge { tokens: 30, max });
    let refused = |key, why: &str| Err(Misfit::Policy { key, why: why.into() });
    let lacks_max =
        |word| refused("strategy", &format!("`{word}` needs `max_tokens: N`, what is left may be so large"));
    for (policy, compatible, corrected) in [
        (policy(Nothing, None, None), all(), all()),
        (policy(Nothing, None, 30), all(), all()),
        (policy(Nothing, None, 29), too_large(29), too_large(29)),
        (
            policy(KeepLastN, 2, None),
            Ok((ids(&["t1", "t2"]), ids(&["t0"]))),
            Ok((ids(&["t1", "t2"]), ids(&["t0"]))),
        ),
        (policy(KeepLastN, 3, None), all(), all()),
        (policy(KeepLastN, 9, None), all(), all()),
        (
            policy(KeepLastN, 2, 19),
            Err(Misfit::TooLarge { tokens: 20, max: 19 }),
            Err(Misfit::TooLarge { tokens: 20, max: 19 }),
        ),
        (policy(Truncate, None, 30), all(), all()),
        (
            policy(Truncate, None, 25),
            Ok((ids(&["t1", "t2"]), ids(&["t0"]))),
            Ok((ids(&["t1", "t2"]), ids(&["t0"]))),
        ),
        (
            policy(Truncate, None, 9),
            Ok((ids(&[]), ids(&["t0", "t1", "t2"]))),
            Ok((ids(&[]), ids(&["t0", "t1", "t2"]))),
        ),
        // What contradicts itself has no effect there, and is refused here.
        (
            policy(KeepLastN, 0, None),
            all(),
            refused("keep_last_n", "0 outputs are no context: leave the context out"),
        ),
        (
            policy(KeepLastN, None, None),
            all(),
            refused("strategy", "`keep_last_n` needs `keep_last_n: N`, the number of outputs that stay"),
        ),
        (policy(Truncate, None, None), all(), lacks_max("truncate")),
        (
            policy(Truncate, None, 0),
            all(),
            refused("max_tokens", "0 tokens are no context: leave the context out"),
        ),
        (
            policy(Truncate, 2, 99),
            all(),
            refused("keep_last_n", "it has no meaning with the strategy `truncate`"),
        ),
        (
            policy(Nothing, 2, None),
            all(),
            refused("keep_last_n", "it has no meaning with the strategy `none`"),
        ),
        // Strategies that it does not know.
        (policy(HeadTail, None, 30), all(), all()),
        (policy(HeadTail, None, 25), too_large(25), Ok((ids(&["t0", "t2"]), ids(&["t1"])))),
        (policy(HeadTail, None, None), all(), lacks_max("head_tail")),
        (policy(Summarize, None, 30), all(), all()),
        (policy(Summarize, None, 25), too_large(25), Ok((ids(&["t0+t1", "t2"]), ids(&["t0", "t1"])))),
        (policy(Summarize, None, None), all(), lacks_max("summarize")),
    ] {
        assert_eq!(left(compact(&Plain, &three, &policy)), compatible, "compatible: {policy:?}");
        assert_eq!(left(compact(&Fitting, &three, &policy)), corrected, "corrected: {policy:?}");
    }
}

#[test]
fn compatible_tokens_are_a_quarter_of_all_bytes_without_a_least() {
    // Three outputs of 3 bytes: 9 bytes are 2 tokens together, though each alone is none.
    let fits = |max| compact(&Plain, &bundle(&[3, 3, 3]), &policy(Strategy::None, None, max)).is_ok();
    assert!(fits(2) && !fits(1));
}

#[test]
fn memory_counts_and_is_never_left_out() {
    let mut with = bundle(&[40, 40]);
    with.memory.insert("k".into(), "m".repeat(80).into());
    for compactor in [&Plain as &dyn Compactor, &Fitting] {
        let fit = compact(compactor, &with, &policy(Strategy::Truncate, None, 30)).expect("it fits");
        assert_eq!((fit.bundle.pieces.len(), fit.bundle.memory.len()), (1, 1));
        let large = compact(compactor, &with, &policy(Strategy::Truncate, None, 19));
        assert_eq!(large, Err(Misfit::TooLarge { tokens: 20, max: 19 }));
    }
}

#[test]
fn a_text_that_is_too_long_by_itself_loses_its_middle() {
    let text: String = (0..500).map(|n| format!("line {n}\n")).collect();
    let one = Bundle { memory: BTreeMap::new(), pieces: vec![Piece::new("log", text.as_str())] };
    let o200k = Tiktoken::O200k;
    let max = policy(Strategy::HeadTail, None, 100);
    let fit = Fitting.compact(one, &max, &o200k, &mut |_, _| Err("none".into())).expect("it fits");
    let short = &fit.bundle.pieces[0].text;
    assert!(
        short.starts_with("line 0\n") && short.ends_with("line 499\n") && short.contains("left out"),
        "{short}"
    );
    assert!((60..=100).contains(&o200k.count(short)), "{}", o200k.count(short));
    assert!(fit.dropped[0].partly && fit.dropped[0].tokens > 800, "{:?}", fit.dropped);
}

#[test]
fn a_summary_is_asked_for_once_with_what_it_may_have_and_stands_first() {
    let mut asked = Vec::new();
    let mut summarize = |pieces: &[Piece], room: u64| {
        asked.push((pieces.len(), room));
        Ok("short".to_owned())
    };
    let max = policy(Strategy::Summarize, None, 50);
    let fit = Fitting
        .compact(bundle(&[100, 60, 60, 40]), &max, &Chars4::default(), &mut summarize)
        .expect("it fits");
    // 25 tokens are for the newest: 10 and 15 fit. The summary has what they leave of the 50.
    assert_eq!(asked, [(2, 25)]);
    assert!(fit.bundle.pieces[0].summary && &*fit.bundle.pieces[0].text == "short");
    assert_eq!(fit.bundle.pieces[0].ids.len(), 2);
    let never = &mut |_: &[Piece], _: u64| Err("the budget has nothing left".to_owned());
    let refused = Fitting.compact(bundle(&[100, 60, 60, 40]), &max, &Chars4::default(), never);
    assert_eq!(refused, Err(Misfit::Summary("the budget has nothing left".into())));
    let long = &mut |_: &[Piece], _: u64| Ok("x".repeat(1000));
    let refused = Fitting.compact(bundle(&[100, 60, 60, 40]), &max, &Chars4::default(), long);
    assert!(matches!(refused, Err(Misfit::TooLarge { max: 50, .. })), "{refused:?}");
}

#[test]
fn what_is_sent_is_marked_and_stable_parts_come_first() {
    let mut with = Once.build(&Given::outputs([("b", "two\n"), ("a", "one")]));
    with.memory.insert("style".into(), "brief".into());
    let (messages, stable) = with.messages("Go.");
    let texts: Vec<String> = messages.iter().map(|message| message.text()).collect();
    assert_eq!(stable, 1);
    assert_eq!(
        texts,
        [
            "<memory name=\"style\">\nbrief\n</memory>\n",
            "<output of=\"b\">\ntwo\n</output>\n<output of=\"a\">\none\n</output>\n",
            "Go."
        ]
    );
    assert_eq!(Bundle::default().messages("Go.").0.len(), 1);
}

#[test]
fn routers_compared() {
    let routed = |router: &dyn Router, output: Option<&str>| {
        let mut inputs = BTreeMap::from([("a".to_owned(), Arc::from("a person's"))]);
        let output: Option<Arc<str>> = output.map(Into::into);
        for from in ["a", "b"] {
            router.route(from, output.as_ref(), &mut inputs, &|name| name == "a");
        }
        inputs.into_iter().map(|(name, text)| format!("{name}={text}")).collect::<Vec<_>>()
    };
    assert_eq!(routed(&Over, Some("out")), ["a=out", "b=out"], "compatible: over what a person wrote");
    assert_eq!(routed(&Beside, Some("out")), ["a=a person's", "b=out"], "corrected: beside it");
    assert_eq!(routed(&Over, None), ["a=", "b="]);
    assert_eq!(routed(&Beside, None), ["a=a person's"]);
}

#[test]
fn memory_keeps_the_last_text_of_a_name() {
    let memory = Shared::default();
    assert_eq!(memory.get("k"), None);
    memory.put("k", "one");
    memory.put("k", "two");
    assert_eq!(memory.get("k").as_deref(), Some("two"));
    assert_eq!(memory.all().len(), 1);
}

#[test]
fn policies_are_read_with_places() {
    use windlass_model::Source;
    let read = |text: &str| {
        let source = Source::new("w.yaml", text);
        let node = windlass_yaml::parse(&source, &windlass_yaml::Limits::default()).expect("it is YAML");
        let reader = windlass_yaml::Reader::new(&source);
        let policy = Policy::read_whole(&reader, &node);
        reader.into_result(policy).map_err(|problems| problems.to_string())
    };
    let good = read("strategy: keep_last_n\nkeep_last_n: 4\nmax_tokens: 8000\n").expect("it is good");
    assert_eq!(good, Some(policy(Strategy::KeepLastN, 4, 8000)));
    for (text, told) in [
        ("strategy: keep_last\n", "w.yaml:1:11: `strategy`: "),
        ("strategy: truncate\n", "w.yaml:1:1: `strategy`: `truncate` needs `max_tokens: N`"),
        ("strategy: truncate\nmax_tokens: 0\n", "w.yaml:2:1: `max_tokens`: 0 tokens"),
        ("strategy: none\nkeep_last_n: 3\n", "w.yaml:2:1: `keep_last_n`: it has no meaning"),
        ("strategy: none\ntruncate_to: 3\n", "w.yaml:2:1: unknown key `truncate_to`"),
        ("strategy: none\nmax_tokens: -3\n", "w.yaml:2:13: `max_tokens`: "),
    ] {
        let problems = read(text).expect_err(text);
        assert!(problems.contains(told), "{text}: {problems}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever the strategy: what comes out fits, what went in is left or told, and the order is kept.
    #[test]
    fn nothing_is_lost_in_silence(
        sizes in proptest::collection::vec(0usize..200, 0..12),
        strategy in 0usize..5,
        keep in 1u32..6,
        max in 1u64..120,
    ) {
        let strategy = Strategy::WORDS[strategy].1;
        let keep = (strategy == Strategy::KeepLastN).then_some(keep);
        let given = bundle(&sizes);
        let policy = policy(strategy, keep, max);
        let Ok(fit) = compact(&Fitting, &given, &policy) else { return Ok(()) };
        prop_assert!(fit.bundle.tokens(&Chars4::default()) <= max);
        let ids = |all: &mut dyn Iterator<Item = &Arc<str>>| all.map(|id| id.to_string()).collect::<Vec<_>>();
        let left = ids(&mut fit.bundle.pieces.iter().flat_map(|piece| &piece.ids));
        let dropped = ids(&mut fit.dropped.iter().flat_map(|dropped| &dropped.ids));
        for piece in &given.pieces {
            let id = piece.ids[0].to_string();
            prop_assert!(left.contains(&id) || dropped.contains(&id), "{id} is lost: {fit:?}");
        }
        let numbers: Vec<usize> = left.iter().map(|id| id[1..].parse().expect("a number")).collect();
        prop_assert!(numbers.is_sorted(), "{left:?}");
    }

    /// Cutting never breaks a character, and never leaves more than there is room for.
    #[test]
    fn any_text_can_be_cut(text in "\\PC{1,300}", max in 1u64..60) {
        let one = Bundle { memory: BTreeMap::new(), pieces: vec![Piece::new("a", text.as_str())] };
        let policy = policy(Strategy::HeadTail, None, max);
        let fit = Fitting.compact(one, &policy, &Tiktoken::Cl100k, &mut |_, _| Err("none".into()));
        prop_assert!(fit.expect("the middle can always go").bundle.tokens(&Tiktoken::Cl100k) <= max);
    }
}
