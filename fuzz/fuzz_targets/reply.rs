//! Replies of language models: any bytes of a service are a reply of each format or an error, the same in whatever
//! pieces they come, and what was told while they came is what the reply says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use windlass_llm::{Delta, Format, Reply};

fuzz_target!(|bytes: &[u8]| {
    let Some((piece, bytes)) = bytes.split_first() else { return };
    for format in Format::ALL {
        let (whole, told) = read(format, bytes, bytes.len().max(1));
        let pieces = read(format, bytes, usize::from(*piece).max(1));
        assert_eq!((&whole, &told), (&pieces.0, &pieces.1), "{format:?}");
        if let Some(reply) = whole {
            assert!(told.len() <= bytes.len() * 3 && reply.usage.prompt() >= reply.usage.input, "{format:?}");
            assert!(serde_json::to_string(&reply.message()).is_ok());
        }
    }
});

/// A reply, with the text that was told while it came.
fn read(format: Format, bytes: &[u8], piece: usize) -> (Option<Reply>, String) {
    let mut told = String::new();
    let reply = format.read_kept(bytes.chunks(piece), &mut |delta| {
        if let Delta::Text(text) = delta {
            told.push_str(text);
        }
    });
    (reply.ok(), told)
}
