//! A graph as a list: its layers, and in each the tasks with what they wait for. Fits everywhere.

use super::card::Picture;
use super::layout::Layout;
use crate::render::{Palette, Tone, fit};

/// The picture as a list in at most `width` columns.
pub(super) fn list(picture: &Picture, palette: Palette, width: usize) -> String {
    let layout = Layout::new(picture.cards.len(), &picture.edges);
    let mut needs = vec![Vec::new(); picture.cards.len()];
    picture.edges.iter().for_each(|&(from, to)| needs[to].push(picture.cards[from].title.as_str()));
    let mut text = String::new();
    for (n, layer) in layout.layers.iter().enumerate() {
        let mut tasks: Vec<usize> = layer.iter().copied().filter(|&node| node < layout.real).collect();
        tasks.sort_unstable();
        for (row, task) in tasks.into_iter().enumerate() {
            let card = &picture.cards[task];
            let number = if row == 0 { format!("{:>3}", n + 1) } else { "   ".to_owned() };
            let sign = card.mark.map_or("•".to_owned(), |mark| mark.sign(palette));
            let behind = match needs[task].as_slice() {
                [] => String::new(),
                needs => palette.paint(Tone::Faint, &format!(" ← {}", needs.join(", "))),
            };
            let line = format!("{} {sign} {}{behind}", palette.paint(Tone::Faint, &number), card.title);
            text.push_str(&format!("{}\n", fit(&line, width)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::release;

    #[test]
    fn each_layer_lists_its_tasks_and_what_they_wait_for() {
        assert_eq!(
            list(&Picture::of_plan(&release()), Palette::PLAIN, 80),
            "  1 • compile\n  2 • config ← compile\n    • test ← compile\n  3 • sign-off ← config, test\n"
        );
    }
}
