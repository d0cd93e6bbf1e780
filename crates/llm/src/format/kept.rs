//! Replies that were kept: read as they would be while they come, without a service.

use super::{Fold, anthropic, at_once, chat, responses};
use crate::sse::{Event, Parser};
use crate::{Delta, Error, Kind, Reply};

/// The formats that services speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Anthropic's Messages.
    Anthropic,
    /// OpenAI's Chat Completions.
    Chat,
    /// OpenAI's Responses.
    Responses,
}

impl Format {
    /// All of them.
    pub const ALL: [Format; 3] = [Format::Anthropic, Format::Chat, Format::Responses];

    /// Reads the body of an answer that came in these pieces: a stream of events, or one JSON text. Where the service
    /// told no usage, the reply has none and says that it is estimated.
    pub fn read_kept<'b>(
        self,
        pieces: impl IntoIterator<Item = &'b [u8]>,
        tell: &mut dyn FnMut(Delta<'_>),
    ) -> Result<Reply, Error> {
        let mut fold = self.fold();
        let mut pieces = pieces.into_iter();
        let mut first: Vec<u8> = Vec::new();
        // What kind of answer it is shows at its first letter.
        while first.trim_ascii_start().is_empty() {
            let Some(piece) = pieces.next() else { break };
            first.extend_from_slice(piece);
        }
        if first.trim_ascii_start().starts_with(b"{") {
            pieces.for_each(|piece| first.extend_from_slice(piece));
            at_once(&first, &mut *fold, tell)?;
        } else {
            let (mut parser, mut last) = (Parser::default(), false);
            let mut each = |event: Event<'_>| {
                last = last || fold.event(event, tell)?;
                Ok(())
            };
            parser.push(&first, &mut each)?;
            pieces.try_for_each(|piece| parser.push(piece, &mut each))?;
            parser.end(&mut each)?;
        }
        fold.reply().ok_or_else(|| Error::new(Kind::BadAnswer, "the answer is not a whole reply"))
    }

    fn fold(self) -> Box<dyn Fold> {
        match self {
            Format::Anthropic => Box::new(anthropic::fold::Folding::new(None)),
            Format::Chat => Box::new(chat::fold::Folding::default()),
            Format::Responses => Box::new(responses::fold::Folding::default()),
        }
    }
}
