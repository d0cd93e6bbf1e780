//! A graph on a terminal: boxes in layers and lines between them; a list where it would be too wide.

use super::card::{Card, Picture};
use super::layout::Layout;
use super::list::list;
use super::place::place;
use super::route::route;
use crate::render::{Palette, Tone, columns, fit};

/// The room between two boxes.
const GAP: usize = 3;

const LONGEST_TITLE: usize = 32;

/// Above so many tasks the lines of a graph help nobody.
const MOST: usize = 300;

/// The picture in at most `width` columns.
pub(crate) fn text(picture: &Picture, palette: Palette, width: usize) -> String {
    let head = format!(
        "{}  {}\n",
        palette.paint(Tone::Strong, &picture.title),
        palette.paint(Tone::Faint, &picture.subtitle)
    );
    let drawn = if picture.cards.len() > MOST { None } else { boxes(picture, palette, width) };
    let body = drawn.unwrap_or_else(|| list(picture, palette, width));
    format!("{}\n{body}", fit(&head, width))
}

/// A box with its place: its left edge, its middle and the width of its inside.
struct Slot<'a> {
    card: Option<&'a Card>,
    middle: usize,
    inside: usize,
}

fn boxes(picture: &Picture, palette: Palette, width: usize) -> Option<String> {
    let layout = Layout::new(picture.cards.len(), &picture.edges);
    let inside: Vec<usize> = (0..layout.len()).map(|node| picture.cards.get(node).map_or(0, room)).collect();
    let outside = |node: usize| if node < layout.real { inside[node] + 2 } else { 1 };
    let size: Vec<f64> = (0..layout.len()).map(|node| (outside(node) + GAP) as f64).collect();
    let at: Vec<usize> = place(&layout, &size).iter().map(|at| at.round() as usize - 1).collect();
    let at = straight(&layout, at, &size);
    let edge = (0..layout.len()).map(|node| at[node] + outside(node) / 2 + 1).max().unwrap_or(0);
    if edge > width {
        return None;
    }
    let mut text = String::new();
    for (n, layer) in layout.layers.iter().enumerate() {
        let mut slots: Vec<(usize, Slot<'_>)> = layer
            .iter()
            .map(|&node| {
                (node, Slot { card: picture.cards.get(node), middle: at[node], inside: inside[node] })
            })
            .collect();
        slots.sort_by_key(|(_, slot)| slot.middle);
        for row in 0..3 {
            text.push_str(&box_row(&slots, row, &layout, palette));
        }
        if n + 1 < layout.layers.len() {
            let hops: Vec<(usize, usize)> = layer
                .iter()
                .flat_map(|&node| layout.behind[node].iter().map(move |&next| (node, next)))
                .map(|(from, to)| (at[from], at[to]))
                .collect();
            for row in route(&hops, edge + 1) {
                let line: String = row.into_iter().collect();
                text.push_str(&format!("{}\n", palette.paint(Tone::Faint, line.trim_end())));
            }
        }
    }
    Some(text)
}

/// Moves what rounding put one column beside its neighbour under it, where there is room.
fn straight(layout: &Layout, mut at: Vec<usize>, size: &[f64]) -> Vec<usize> {
    let apart = |a: usize, b: usize, at: &[usize]| {
        let least = (size[a] + size[b]) / 2.0;
        at[b] as f64 - at[a] as f64 >= least
    };
    for layer in &layout.layers {
        for (n, &node) in layer.iter().enumerate() {
            let Some(&near) = layout.before[node].iter().find(|&&up| at[up].abs_diff(at[node]) == 1) else {
                continue;
            };
            let (before, over) = (at[node], at[near]);
            at[node] = over;
            let left = n == 0 || apart(layer[n - 1], node, &at);
            let right = layer.get(n + 1).is_none_or(|&next| apart(node, next, &at));
            if !left || !right {
                at[node] = before;
            }
        }
    }
    at
}

/// The inside of a box: odd, so that it has a middle.
fn room(card: &Card) -> usize {
    let wide = columns(&label(card)) + 2;
    wide + usize::from(wide.is_multiple_of(2))
}

fn label(card: &Card) -> String {
    let title = fit(&card.title, LONGEST_TITLE);
    card.mark.map_or(title.clone(), |mark| format!("{} {title}", mark.sign))
}

/// One of the three rows of a layer's boxes. A bend is a line that goes through.
fn box_row(slots: &[(usize, Slot<'_>)], row: usize, layout: &Layout, palette: Palette) -> String {
    let mut line = String::new();
    let mut x = 0;
    for (node, slot) in slots {
        let Some(card) = slot.card else {
            line.push_str(&format!("{}{}", " ".repeat(slot.middle - x), palette.paint(Tone::Faint, "│")));
            x = slot.middle + 1;
            continue;
        };
        let half = slot.inside / 2;
        let left = slot.middle - half - 1;
        line.push_str(&" ".repeat(left - x));
        line.push_str(&match row {
            0 => rim(half, '╭', if layout.before[*node].is_empty() { '─' } else { '┴' }, '╮', card, palette),
            1 => inner(card, slot.inside, palette),
            _ => rim(half, '╰', if layout.behind[*node].is_empty() { '─' } else { '┬' }, '╯', card, palette),
        });
        x = left + slot.inside + 2;
    }
    format!("{line}\n")
}

fn rim(half: usize, left: char, port: char, right: char, card: &Card, palette: Palette) -> String {
    let side = "─".repeat(half);
    palette.paint(frame(card), &format!("{left}{side}{port}{side}{right}"))
}

fn inner(card: &Card, inside: usize, palette: Palette) -> String {
    let label = label(card);
    let spare = inside - columns(&label);
    let (before, after) = (" ".repeat(spare / 2), " ".repeat(spare - spare / 2));
    let wall = palette.paint(frame(card), "│");
    let tone = card.mark.map_or(Tone::Strong, |mark| mark.tone);
    format!("{wall}{before}{}{after}{wall}", palette.paint(tone, &label))
}

fn frame(card: &Card) -> Tone {
    card.mark.map_or(Tone::Faint, |mark| mark.tone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Story, release, shape};

    #[test]
    fn a_diamond_is_a_diamond() {
        assert_eq!(
            text(&Picture::of_plan(&release()), Palette::PLAIN, 80),
            "\
release  4 tasks · 5 steps

        ╭─────────╮
        │ compile │
        ╰────┬────╯
      ╭──────┴─────╮
 ╭────┴────╮   ╭───┴───╮
 │ config  │   │ test  │
 ╰────┬────╯   ╰───┬───╯
      ╰──────┬─────╯
       ╭─────┴─────╮
       │ sign-off  │
       ╰───────────╯
"
        );
    }

    #[test]
    fn what_is_too_wide_becomes_a_list() {
        let text = text(&Picture::of_plan(&release()), Palette::PLAIN, 15);
        assert!(text.contains("compile") && !text.contains('╭'), "{text}");
        assert!(text.lines().all(|line| columns(line) <= 15), "{text}");
    }

    #[test]
    fn a_run_shows_the_marks_of_its_tasks() {
        let text = text(&Picture::of_run(&Story::failed().state, "r1"), Palette::PLAIN, 80);
        assert!(text.contains("│ ✗ test  │") && text.contains("│ ✚ compile │"), "{text}");
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(text(&Picture::of_plan(&shape(&[])), Palette::PLAIN, 80), "shape  0 tasks · 0 steps\n\n");
    }
}
