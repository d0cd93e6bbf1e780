//! Frames: taken apart from bytes that arrive in any pieces, and put together.

use super::{LIMIT, PIECE};

/// What is before the body.
const PREFIX: usize = 8;

/// What is before the bytes of a content: its mark and its transfer.
const HEAD: usize = 9;

/// Consumed bytes are moved out of the way once there are this many of them.
const SLACK: usize = 64 << 10;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A message, as JSON that nobody has read yet.
    Message(Vec<u8>),
    /// A piece of a content.
    Content {
        /// Which transfer it belongs to.
        transfer: u32,
        /// The piece.
        bytes: Vec<u8>,
    },
}

/// Why bytes are no frames. There is no way to go on after it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is no length: the other side does not speak this protocol.
    #[error("expected the length of a frame, got \"{0}\"")]
    Length(String),
    /// The body is longer than this side takes.
    #[error("a frame of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// As it was announced.
        length: usize,
        /// What this side takes.
        limit: usize,
    },
    /// The body is neither a message nor a piece of a content.
    #[error("a frame begins with \"{0}\", which is no message and no content")]
    Mark(String),
    /// The stream ended within a frame.
    #[error("the stream ended within a frame")]
    Cut,
}

/// Takes frames apart: bytes go in by [`push`](Self::push), frames come out of [`pull`](Self::pull).
#[derive(Debug)]
pub struct Decoder {
    bytes: Vec<u8>,
    /// How many of the bytes are done with.
    done: usize,
    limit: usize,
}

impl Decoder {
    /// A decoder that takes messages up to a length; never longer than [`LIMIT`].
    pub fn new(limit: usize) -> Self {
        Self { bytes: Vec::new(), done: 0, limit: limit.min(LIMIT) }
    }

    /// Adds bytes as they came.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.done == self.bytes.len() {
            self.bytes.clear();
            self.done = 0;
        } else if self.done > SLACK {
            self.bytes.drain(..self.done);
            self.done = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame, or None until more bytes come.
    pub fn pull(&mut self) -> Result<Option<Frame>, FrameError> {
        let blank = self.rest().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.done += blank;
        let rest = self.rest();
        let Some(prefix) = rest.get(..PREFIX) else {
            // What cannot become a length is refused at once: an error text may well be shorter than one.
            return if rest.iter().all(u8::is_ascii_hexdigit) { Ok(None) } else { Err(no_length(rest)) };
        };
        let length = number(prefix).ok_or_else(|| no_length(rest))? as usize;
        self.check(length, rest.get(PREFIX).copied())?;
        let Some(body) = rest.get(PREFIX..PREFIX + length) else { return Ok(None) };
        let frame = frame(body)?;
        self.done += PREFIX + length;
        Ok(Some(frame))
    }

    /// Says whether the stream may end here.
    pub fn end(&self) -> Result<(), FrameError> {
        if self.rest().iter().all(u8::is_ascii_whitespace) { Ok(()) } else { Err(FrameError::Cut) }
    }

    /// How many bytes wait for the rest of their frame.
    pub fn held(&self) -> usize {
        self.rest().len()
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.done..]
    }

    /// Refuses a frame as early as can be known, before its body has come.
    fn check(&self, length: usize, mark: Option<u8>) -> Result<(), FrameError> {
        let most = |limit| if length > limit { Err(FrameError::TooLong { length, limit }) } else { Ok(()) };
        if length == 0 {
            return Err(FrameError::Mark(String::new()));
        }
        match mark {
            Some(b'#') => most(HEAD + PIECE),
            Some(b'{') => most(self.limit),
            Some(other) => Err(FrameError::Mark(shown(&[other]))),
            None => most(self.limit.max(HEAD + PIECE)),
        }
    }
}

fn frame(body: &[u8]) -> Result<Frame, FrameError> {
    if body.first() == Some(&b'{') {
        return Ok(Frame::Message(body.to_vec()));
    }
    let transfer = body.get(1..HEAD).and_then(number).ok_or_else(|| FrameError::Mark(shown(body)))?;
    Ok(Frame::Content { transfer, bytes: body[HEAD..].to_vec() })
}

/// Eight lower-case digits; anything else has a second way to be written, and is refused.
fn number(digits: &[u8]) -> Option<u32> {
    let good = digits.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let text = str::from_utf8(digits).ok().filter(|_| good)?;
    u32::from_str_radix(text, 16).ok()
}

fn no_length(rest: &[u8]) -> FrameError {
    FrameError::Length(shown(rest))
}

/// The beginning of bytes that make no sense, for a person: it often is an error message of a shell.
fn shown(bytes: &[u8]) -> String {
    bytes[..bytes.len().min(80)].escape_ascii().to_string()
}

/// A frame with a message.
pub fn encode(message: &impl serde::Serialize) -> Vec<u8> {
    let mut frame = vec![b'0'; PREFIX];
    serde_json::to_writer(&mut frame, message)
        .expect("messages have text for keys and are written to memory");
    let length = format!("{:08x}", frame.len() - PREFIX);
    // A body of 4 GiB would have nine digits; whoever sends it is told by the other side.
    frame.splice(..PREFIX, length.into_bytes());
    frame
}

/// A frame with a piece of a content, of at most [`PIECE`] bytes.
pub fn encode_content(transfer: u32, bytes: &[u8]) -> Vec<u8> {
    let mut frame = format!("{:08x}#{transfer:08x}", HEAD + bytes.len()).into_bytes();
    frame.extend_from_slice(bytes);
    frame
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(chunks: &[&[u8]], limit: usize) -> Result<Vec<Frame>, FrameError> {
        let mut decoder = Decoder::new(limit);
        let mut frames = Vec::new();
        for chunk in chunks {
            decoder.push(chunk);
            while let Some(frame) = decoder.pull()? {
                frames.push(frame);
            }
        }
        decoder.end().map(|()| frames)
    }

    #[test]
    fn frames_have_the_written_form() {
        assert_eq!(encode(&serde_json::json!({"type": "ping"})), b"0000000f{\"type\":\"ping\"}");
        assert_eq!(encode_content(0x1f, b"xyz"), b"0000000c#0000001fxyz");
        let frames = decode(&[b" \n0000000f{\"type\":\"ping\"}\r\n0000000c#0000001fxyz\n"], 100).unwrap();
        assert_eq!(
            frames,
            [
                Frame::Message(b"{\"type\":\"ping\"}".to_vec()),
                Frame::Content { transfer: 0x1f, bytes: b"xyz".to_vec() }
            ]
        );
    }

    #[test]
    fn what_is_no_frame_is_refused_as_early_as_can_be() {
        for (bytes, said) in [
            (&b"sh"[..], "expected the length of a frame, got \"sh\""),
            (b"bash: no", "expected the length of a frame, got \"bash: no\""),
            (b"0000000F{", "expected the length of a frame, got \"0000000F{\""),
            (b"+000000f", "expected the length of a frame, got \"+000000f\""),
            (b"00000000", "a frame begins with \"\", which is no message and no content"),
            (b"00000002[", "a frame begins with \"[\", which is no message and no content"),
            (b"00000003#00", "a frame begins with \"#00\", which is no message and no content"),
            (b"ffffffff", "a frame of 4294967295 bytes is over the limit of 1000000"),
            (b"000f4241{", "a frame of 1000001 bytes is over the limit of 1000000"),
            (b"0001000a#", "a frame of 65546 bytes is over the limit of 65545"),
            (b"00000002{", "the stream ended within a frame"),
            (b"0000", "the stream ended within a frame"),
        ] {
            let error = decode(&[bytes], 1_000_000).unwrap_err();
            assert_eq!(error.to_string(), said, "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_length_alone_allocates_nothing() {
        let mut decoder = Decoder::new(LIMIT);
        decoder.push(b"03ffffff{");
        assert_eq!(decoder.pull(), Ok(None));
        assert!(decoder.bytes.capacity() < 100);
    }

    #[test]
    fn a_long_stream_needs_no_more_than_a_frame() {
        let mut decoder = Decoder::new(1000);
        let frame = encode_content(1, &[7; 1000]);
        for _ in 0..1000 {
            decoder.push(&frame);
            assert!(decoder.pull().unwrap().is_some());
        }
        assert!(decoder.bytes.capacity() < 200_000, "{}", decoder.bytes.capacity());
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            valid in 0_usize..4,
            size in 1_usize..50,
        ) {
            let mut stream = Vec::new();
            for n in 0..valid {
                stream.extend(encode_content(n as u32, &bytes));
                stream.extend(encode(&serde_json::json!({ "n": n })));
            }
            stream.extend(&bytes);
            let chunks: Vec<&[u8]> = stream.chunks(size).collect();
            let (whole, pieces) = (decode(&[&stream], 300), decode(&chunks, 300));
            // An error may show more of what is wrong where more of it has come.
            prop_assert_eq!(whole.is_ok(), pieces.is_ok());
            if let (Ok(whole), Ok(pieces)) = (whole, pieces) {
                prop_assert!(whole.len() >= 2 * valid);
                prop_assert_eq!(whole, pieces);
            }
        }
    }
}
