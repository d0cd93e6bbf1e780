//! Blocks: steps that share keywords, with what happens when one of them fails.

use windlass_model::Code;
use windlass_yaml::Map;

use super::keywords::{BLOCK, SHARED};
use super::read::File;
use super::{Block, Named};

impl File<'_> {
    pub(super) fn block(&self, mut map: Map<'_, '_>) -> Option<Block> {
        if map.required("block")
            && map.node("block").is_some_and(|node| node.as_list().is_some_and(<[_]>::is_empty))
        {
            let span = map.key_span("block").unwrap_or_default();
            let problem = self.reader.problem(Code::BadValue, span, "the block has no steps");
            self.reader.note(problem.hint("add steps to it, or remove it"));
        }
        // A name tells a reader what the block is for; the plan has no place for it.
        map.text("name");
        map.text("description");
        let block = Block {
            shared: self.shared(&mut map),
            defaults: Named::new(),
            body: self.steps(&mut map, "block"),
            rescue: self.steps(&mut map, "rescue"),
            always: self.steps(&mut map, "always"),
            included: false,
        };
        self.finish(map, &[SHARED, BLOCK], false);
        Some(block)
    }
}
