//! The gate's protocol: bytes mean the same frames in whatever pieces they come, a decoder holds no more than it
//! was given, and a message that is understood says the same when it is written again.

#![no_main]

use libfuzzer_sys::fuzz_target;
use windlass_gate::wire::{Answer, Decoder, Frame, FrameError, LIMIT, ORDER_LIMIT, encode, order};

fuzz_target!(|bytes: &[u8]| {
    let Some((piece, bytes)) = bytes.split_first() else { return };
    for limit in [LIMIT, ORDER_LIMIT, 64] {
        let whole = frames(bytes, bytes.len().max(1), limit);
        let pieces = frames(bytes, usize::from(*piece).max(1), limit);
        // What an error quotes, and which of two it is, depends on how much was there.
        assert_eq!((&whole.0, whole.1.is_ok()), (&pieces.0, pieces.1.is_ok()));
        whole.0.iter().for_each(message);
    }
});

/// The frames in some bytes that come in pieces, and how it ends.
fn frames(bytes: &[u8], piece: usize, limit: usize) -> (Vec<Frame>, Result<(), FrameError>) {
    let (mut decoder, mut frames) = (Decoder::new(limit), Vec::new());
    for piece in bytes.chunks(piece) {
        decoder.push(piece);
        assert!(decoder.held() <= bytes.len());
        loop {
            match decoder.pull() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Err(error)),
            }
        }
    }
    (frames, decoder.end())
}

fn message(frame: &Frame) {
    let Frame::Message(json) = frame else { return };
    if let Ok(said) = order(json) {
        assert_eq!(order(&encode(&said)[8..]).ok(), Some(said));
    }
    if let Ok(said) = serde_json::from_slice::<Answer>(json) {
        assert_eq!(serde_json::from_slice(&encode(&said)[8..]).ok(), Some(said));
    }
}
