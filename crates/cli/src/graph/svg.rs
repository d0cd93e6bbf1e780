//! A graph as an SVG that needs nothing else: cards in columns, curves between them, light and dark.

use std::fmt::Write;

use super::card::{Card, Picture};
use super::layout::Layout;
use super::place::place;
use crate::render::{Tone, columns, fit};

const MARGIN: f64 = 32.0;
const HEADER: f64 = 84.0;
const CARD_HEIGHT: f64 = 52.0;
/// The room between two cards of a column.
const GAP: f64 = 18.0;
/// The room that an edge takes where it passes a column.
const BEND: f64 = 22.0;
/// The room between two columns.
const CHANNEL: f64 = 72.0;
const LONGEST_TITLE: usize = 30;
const LONGEST_SUBTITLE: usize = 34;

/// Colours of stages, in turn: well apart from each other on light and on dark ground.
const HUES: [&str; 8] =
    ["#4f6df5", "#0e9f8e", "#e8793a", "#b44fd8", "#d9467e", "#6a9a1f", "#2596d1", "#c79a12"];

const STYLE: &str = "\
svg{--ground:#f6f7fb;--card:#fff;--line:#dfe3ee;--ink:#1b2033;--soft:#687089;--edge:#b3bbd0;\
font-family:Inter,system-ui,-apple-system,'Segoe UI','DejaVu Sans',sans-serif}\
@media(prefers-color-scheme:dark){svg{--ground:#12141c;--card:#1d2130;--line:#31374b;--ink:#eef0f8;\
--soft:#98a1ba;--edge:#4b5470}}\
.ground{fill:#f6f7fb;fill:var(--ground)}\
.card{fill:#fff;fill:var(--card);stroke:#dfe3ee;stroke:var(--line)}\
.shade{fill:#1b2033;opacity:.05}\
.h{font-size:19px;font-weight:650;fill:#1b2033;fill:var(--ink)}\
.t{font-size:13.5px;font-weight:600;fill:#1b2033;fill:var(--ink)}\
.s{font-size:11.5px;fill:#687089;fill:var(--soft)}\
.e{fill:none;stroke:#b3bbd0;stroke:var(--edge);stroke-width:1.75;stroke-linecap:round}\
.p{fill:#b3bbd0;fill:var(--edge)}\
.b{font-size:11px;font-weight:700;fill:#fff;text-anchor:middle}\
.faded{opacity:.55}";

/// The picture as an SVG document.
pub(crate) fn svg(picture: &Picture) -> String {
    let layout = Layout::new(picture.cards.len(), &picture.edges);
    let size: Vec<f64> =
        (0..layout.len()).map(|n| if n < layout.real { CARD_HEIGHT + GAP } else { BEND }).collect();
    let middle = place(&layout, &size);
    let columns = Columns::new(picture, &layout);
    let bottom = (0..layout.len()).map(|n| middle[n] + size[n] / 2.0).fold(0.0, f64::max);
    let (width, height) =
        (columns.right.max(header_width(picture)) + MARGIN, HEADER + bottom - GAP.min(bottom) + MARGIN);
    let y = |node: usize| HEADER + middle[node] - GAP / 2.0;

    let mut out = String::new();
    open(&mut out, picture, width, height);
    for path in &layout.paths {
        edge(&mut out, picture, path, &columns, &y);
    }
    for (node, card) in picture.cards.iter().enumerate() {
        draw_card(
            &mut out,
            picture,
            card,
            columns.of[node],
            y(node) - CARD_HEIGHT / 2.0,
            columns.width_of(node),
        );
    }
    out.push_str("</svg>\n");
    out
}

/// Where each column begins and how wide it is.
struct Columns {
    /// The left edge of each node's column.
    of: Vec<f64>,
    /// The width of each node's column.
    widths: Vec<f64>,
    right: f64,
}

impl Columns {
    fn new(picture: &Picture, layout: &Layout) -> Self {
        let (mut of, mut widths) = (vec![0.0; layout.len()], vec![0.0; layout.len()]);
        let mut x = MARGIN;
        for layer in &layout.layers {
            let cards = layer.iter().filter_map(|&node| picture.cards.get(node));
            let width = cards.map(card_width).fold(96.0, f64::max);
            for &node in layer {
                (of[node], widths[node]) = (x, width);
            }
            x += width + CHANNEL;
        }
        Self { of, widths, right: (x - CHANNEL).max(MARGIN) }
    }

    fn width_of(&self, node: usize) -> f64 {
        self.widths[node]
    }
}

fn card_width(card: &Card) -> f64 {
    let title = columns(&fit(&card.title, LONGEST_TITLE)) as f64 * 8.1;
    let subtitle = columns(&fit(&card.subtitle, LONGEST_SUBTITLE)) as f64 * 6.4;
    let badge = if card.mark.is_some() { 26.0 } else { 0.0 };
    34.0 + (title + badge).max(subtitle)
}

fn header_width(picture: &Picture) -> f64 {
    let legend: f64 = picture.stages.iter().map(|stage| legend_width(stage)).sum();
    let title = (columns(&picture.title) as f64 * 11.0).max(columns(&picture.subtitle) as f64 * 6.6);
    MARGIN + title + if legend > 0.0 { 40.0 + legend } else { 0.0 }
}

fn legend_width(stage: &str) -> f64 {
    34.0 + columns(stage) as f64 * 6.8
}

fn open(out: &mut String, picture: &Picture, width: f64, height: f64) {
    let _ = write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\">\n<title>{0}</title>\n<style>{STYLE}</style>\n\
         <rect class=\"ground\" width=\"100%\" height=\"100%\" rx=\"14\"/>\n\
         <text class=\"h\" x=\"{MARGIN}\" y=\"42\">{0}</text>\n\
         <text class=\"s\" x=\"{MARGIN}\" y=\"62\">{1}</text>\n",
        escape(&picture.title),
        escape(&picture.subtitle),
    );
    let mut x = width - MARGIN - picture.stages.iter().map(|stage| legend_width(stage)).sum::<f64>();
    for (n, stage) in picture.stages.iter().enumerate() {
        let _ = writeln!(
            out,
            "<circle cx=\"{:.1}\" cy=\"38\" r=\"5\" fill=\"{}\"/><text class=\"s\" x=\"{:.1}\" y=\"42\">{}</text>",
            x + 8.0,
            hue(Some(n)),
            x + 18.0,
            escape(stage),
        );
        x += legend_width(stage);
    }
}

/// One edge: from a card's right side through its bends to another card's left side, and a small head.
fn edge(out: &mut String, picture: &Picture, path: &[usize], columns: &Columns, y: &impl Fn(usize) -> f64) {
    let (first, last) = (path[0], path[path.len() - 1]);
    let waiting = |node: usize| {
        picture.cards.get(node).and_then(|card| card.mark).is_some_and(|mark| mark.tone == Tone::Faint)
    };
    let faded = if waiting(first) || waiting(last) { " faded" } else { "" };
    let (mut x, mut from) = (columns.of[first] + columns.width_of(first), y(first));
    let mut curve = format!("M{x:.1} {from:.1}");
    for &node in &path[1..] {
        let (left, to) = (columns.of[node], y(node));
        let end = if node == last { left - 5.0 } else { left };
        let half = (end - x) / 2.0;
        let _ = write!(curve, "C{:.1} {from:.1} {:.1} {to:.1} {end:.1} {to:.1}", x + half, end - half);
        if node != last {
            x = left + columns.width_of(node);
            let _ = write!(curve, "H{x:.1}");
        }
        from = to;
    }
    let tip = columns.of[last] - 1.5;
    let _ = writeln!(
        out,
        "<path class=\"e{faded}\" d=\"{curve}\"/>\
         <path class=\"p{faded}\" d=\"M{tip:.1} {from:.1}l-7.5 -4.2v8.4z\"/>",
    );
}

fn draw_card(out: &mut String, picture: &Picture, card: &Card, x: f64, y: f64, width: f64) {
    let colour = card.mark.map_or_else(|| hue(card.stage), |mark| state_hue(mark.tone));
    let faded = if card.mark.is_some_and(|mark| mark.tone == Tone::Faint) { " class=\"faded\"" } else { "" };
    let stage = card.stage.and_then(|stage| picture.stages.get(stage)).map_or("", String::as_str);
    let tip: Vec<&str> =
        [card.title.as_str(), stage, card.mark.map_or("", |mark| mark.word), &card.description]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect();
    let _ = write!(
        out,
        "<g{faded}><title>{}</title>\
         <rect class=\"shade\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{CARD_HEIGHT}\" rx=\"10\"/>\
         <rect class=\"card\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{CARD_HEIGHT}\" rx=\"9\"/>\
         <rect x=\"{:.1}\" y=\"{:.1}\" width=\"4\" height=\"{:.1}\" rx=\"2\" fill=\"{colour}\"/>\
         <text class=\"t\" x=\"{:.1}\" y=\"{:.1}\">{}</text><text class=\"s\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        escape(&tip.join(" · ")),
        x + 0.5,
        y + 2.5,
        width,
        x + 7.0,
        y + 10.0,
        CARD_HEIGHT - 20.0,
        x + 20.0,
        y + 22.5,
        escape(&fit(&card.title, LONGEST_TITLE)),
        x + 20.0,
        y + 39.0,
        escape(&fit(&card.subtitle, LONGEST_SUBTITLE)),
    );
    if let Some(mark) = card.mark {
        badge(out, mark.sign, colour, x + width - 17.0, y + 17.5);
    }
    out.push_str("</g>\n");
}

fn badge(out: &mut String, sign: &str, colour: &str, x: f64, y: f64) {
    let _ = write!(
        out,
        "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"8.5\" fill=\"{colour}\"/>\
         <text class=\"b\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
        y + 4.0,
        escape(sign),
    );
}

fn hue(stage: Option<usize>) -> &'static str {
    stage.map_or(HUES[0], |stage| HUES[stage % HUES.len()])
}

fn state_hue(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "#2c9a5b",
        Tone::Change => "#d08a12",
        Tone::Skip => "#7c8aa5",
        Tone::Bad => "#d43d3d",
        Tone::Busy => "#3f78e0",
        Tone::Ask => "#a24bd0",
        Tone::Strong | Tone::Faint => "#a3abc0",
    }
}

fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // XML has no way to write these.
            c if c.is_control() => {}
            c => out.push(c),
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Story, release};

    #[test]
    fn every_task_is_a_card_and_every_need_an_edge() {
        let text = svg(&Picture::of_plan(&release()));
        assert_eq!(text.matches("class=\"card\"").count(), 4);
        assert_eq!(text.matches("class=\"e\"").count(), 4);
        assert!(text.starts_with("<svg ") && text.ends_with("</svg>\n"));
        assert!(!text.contains("class=\"b\""), "a plan has no states");
    }

    #[test]
    fn a_run_shows_its_states() {
        let story = Story::failed();
        let text = svg(&Picture::of_run(&story.state, "r1"));
        assert!(text.contains("#d43d3d") && text.contains("✗"), "the failed task is red");
        assert!(text.contains("failed · run r1"));
    }

    #[test]
    fn nothing_in_a_plan_becomes_markup() {
        let mut picture = Picture::of_plan(&release());
        picture.cards[0].title = "<script>&\"\u{7}".into();
        let text = svg(&picture);
        assert!(text.contains("&lt;script&gt;&amp;&quot;") && !text.contains("<script>"));
    }
}
