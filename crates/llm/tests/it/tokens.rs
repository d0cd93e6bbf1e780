//! Counts and bounds of tokens.

use proptest::prelude::*;
use windlass_llm::catalogue::Catalogue;
use windlass_llm::tokens::{Calibrated, Chars4, Estimator, Estimators, Tiktoken, size, teach};
use windlass_llm::{Message, Part, Request, Tool};

/// Texts of many kinds: prose, code, scripts, noise, and what breaks rules for words.
fn odd() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "hello world",
        "The quick brown fox jumps over the lazy dog. 1234567890",
        "fn main() {\n    let x = vec![1, 2, 3];\n    println!(\"{x:?}\");\n}\n",
        "ﷺ ﷽ नमस्ते दुनिया こんにちは世界 안녕하세요 мир مرحبا שלום Ελλάδα",
        "👩‍👩‍👧‍👦🏳️‍🌈🤷🏽‍♀️",
        "aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUvVwWxXyYzZ",
        "qzxjvkwqzxjvkwqzxjvkwqzxjvkw",
        "====----____####~~~~",
        "\u{0}\u{1}\u{7f}\u{feff}\u{202e}",
        "<|endoftext|><|im_start|>system",
        "e\u{301}\u{302}\u{303}",
    ]
    .map(str::to_owned)
    .to_vec();
    for unit in [" ", "\n", "a", "=", "é", "1", "\t ", "ab ", "\r\n", "🙂", "'s"] {
        texts.push(unit.repeat(3000));
    }
    texts
}

#[test]
fn known_vocabularies_count_as_their_owner_does() {
    // Counts that OpenAI's own tokenizer gives for these texts.
    for (text, cl100k, o200k) in [
        ("hello world", 2, 2),
        ("tiktoken is great!", 6, 6),
        ("antidisestablishmentarianism", 6, 6),
        ("2 + 2 = 4", 7, 7),
        ("お誕生日おめでとう", 9, 8),
        ("", 0, 0),
    ] {
        assert_eq!(Tiktoken::Cl100k.count(text), cl100k, "{text}");
        assert_eq!(Tiktoken::O200k.count(text), o200k, "{text}");
    }
}

#[test]
fn words_that_mean_something_to_a_provider_are_only_text() {
    assert!(Tiktoken::O200k.count("<|endoftext|>") > 3);
}

#[test]
fn a_token_for_every_four_bytes() {
    for (text, tokens) in
        [("", 0), ("a", 1), ("abcd", 1), ("abcdefg", 1), ("abcdefgh", 2), ("ééé", 1), ("éééé", 2)]
    {
        assert_eq!(Chars4::default().count(text), tokens, "{text}");
    }
    assert_eq!(Chars4::new(2).count("abcd"), 2);
    assert_eq!(Chars4::new(0).count("abcdefgh"), 2, "a ratio that makes no sense is four");
    assert_eq!(Chars4::new(-1).count("abcdefgh"), 2);
}

/// Checks for one text that every bound is above every count that is known.
fn bounds_hold(text: &str, estimators: &[std::sync::Arc<dyn Estimator>]) -> Result<(), TestCaseError> {
    let known = [Tiktoken::O200k.count(text), Tiktoken::Cl100k.count(text)];
    for estimator in estimators {
        let bound = estimator.bound(text);
        prop_assert!(
            known.iter().all(|count| bound >= *count),
            "{}: {bound} {known:?} {text:?}",
            estimator.name()
        );
        prop_assert!(estimator.count(text) <= bound);
        prop_assert!(bound <= 2 * text.len() as u64, "{}: {bound} {text:?}", estimator.name());
    }
    Ok(())
}

/// The estimators of models whose vocabulary is not known.
fn estimates() -> Vec<std::sync::Arc<dyn Estimator>> {
    let (catalogue, estimators) = (Catalogue::builtin(), Estimators::default());
    let models = ["claude-3-haiku-20240307", "claude-opus-5-5", "gpt-6-sol"];
    models.map(|id| estimators.of(catalogue.get(id).expect("it is there"))).to_vec()
}

#[test]
fn bounds_hold_for_odd_texts() {
    for text in odd() {
        bounds_hold(&text, &estimates()).expect("it holds");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn bounds_hold_for_any_text(text in "\\PC{0,200}", noise in proptest::collection::vec(any::<char>(), 0..100)) {
        bounds_hold(&text, &estimates())?;
        bounds_hold(&noise.into_iter().collect::<String>(), &estimates())?;
    }

    #[test]
    fn counts_of_parts_are_not_below_the_whole_by_much(a in "[ -~\\n]{0,80}", b in "[ -~\\n]{0,80}") {
        // A reservation may be made part by part: joining two texts never makes more tokens than one more.
        let whole = Tiktoken::O200k.count(&format!("{a}{b}"));
        prop_assert!(whole <= Tiktoken::O200k.count(&a) + Tiktoken::O200k.count(&b) + 2);
    }
}

#[test]
fn a_request_is_more_than_its_texts() {
    let estimator = Calibrated::exact(Tiktoken::O200k);
    let mut request = Request::new("gpt-4o", "hello world", 10);
    let plain = size(&estimator, &request);
    assert!(plain.likely > 2 && plain.bound > plain.likely);
    request.system = Some("be brief".into());
    request.messages.push(Message {
        role: windlass_llm::Role::Assistant,
        parts: vec![Part::ToolCall {
            id: "c1".into(),
            name: "look".into(),
            input: serde_json::json!({"at": "it"}),
        }],
    });
    let more = size(&estimator, &request);
    assert!(more.likely > plain.likely + 8, "{more:?}");
    request.tools.push(Tool {
        name: "look".into(),
        description: "Looks.".into(),
        schema: serde_json::json!({}),
    });
    assert!(size(&estimator, &request).bound >= more.bound + 500, "a first tool brings a system prompt");
}

#[test]
fn what_is_billed_corrects_estimates() {
    let estimators = Estimators::default();
    let estimator = estimators.of(Catalogue::builtin().get("claude-opus-5-5").expect("there"));
    let text = "A paragraph of ordinary prose, as people write it in notes and mails. ".repeat(40);
    let request = Request::new("claude-opus-5-5", &text, 10);
    let (before, bound_before) = (estimator.count(&text), estimator.bound(&text));
    // The model bills a tenth more than GPT-4o would: far below what was assumed.
    let billed = Tiktoken::O200k.count(&text) * 11 / 10 + 11;
    for _ in 0..60 {
        teach(&*estimator, &request, billed);
    }
    assert!(estimator.count(&text) < before && estimator.bound(&text) < bound_before);
    assert!(size(&*estimator, &request).bound >= billed, "what is billed stays below the bound");
    // The same model's estimator is the same one; another's has learnt nothing.
    assert_eq!(
        estimators.of(Catalogue::builtin().get("claude-opus-5-5").expect("there")).count(&text),
        estimator.count(&text)
    );
    assert_eq!(estimators.of(Catalogue::builtin().get("claude-opus-5").expect("there")).count(&text), before);
}

#[test]
fn short_prompts_are_bounded_by_their_bytes() {
    let bounded = |texts: &[&str], estimator: &dyn Estimator| {
        let size = estimator.prompt(texts);
        let counted: u64 =
            texts.iter().map(|text| Tiktoken::Cl100k.count(text).max(Tiktoken::O200k.count(text))).sum();
        assert!(size.bound >= counted && size.likely <= size.bound, "{size:?} {counted}");
        size
    };
    for estimator in estimates() {
        let size = bounded(&["hello world", "Write the notes."], &*estimator);
        assert_eq!(size.bound, 27, "a byte is a token at most");
        for text in odd() {
            bounded(&[&text, &text], &*estimator);
        }
        // What is long is counted: its bound is less than its bytes.
        let prose = "A paragraph of ordinary prose, as people write it. ".repeat(60);
        assert!(bounded(&[&prose], &*estimator).bound < prose.len() as u64 * 3 / 4);
    }
    assert_eq!(Calibrated::exact(Tiktoken::O200k).prompt(&["hello world"]).bound, 2, "exact is exact");
}

#[test]
fn a_vocabulary_that_was_taken_for_exact_is_corrected_too() {
    // A server of another model behind OpenAI's format bills half as much again.
    let estimator = Calibrated::exact(Tiktoken::O200k);
    let text = "one two three four five six seven eight nine ten ".repeat(10);
    let request = Request::new("gpt-4o", &text, 10);
    let billed = Tiktoken::O200k.count(&text) * 3 / 2;
    assert!(estimator.bound(&text) < billed);
    teach(&estimator, &request, billed);
    assert!(size(&estimator, &request).bound >= billed);
}
