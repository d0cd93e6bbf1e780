//! Pages of Markdown on a terminal: titles and code stand out, the rest stays as it is.

use super::{Palette, Tone};

/// A page, coloured. Without colours it is the page itself.
pub(crate) fn markdown(page: &str, palette: Palette) -> String {
    if !palette.is_on() {
        return page.to_owned();
    }
    page.lines().map(|line| format!("{}\n", shown(line, palette))).collect()
}

fn shown(line: &str, palette: Palette) -> String {
    match line.trim_start_matches('#') {
        title if title.len() < line.len() => palette.paint(Tone::Strong, title.trim_start()),
        _ => code(line, palette),
    }
}

/// What stands between backticks, in colour.
fn code(line: &str, palette: Palette) -> String {
    let pieces: Vec<&str> = line.split('`').collect();
    if pieces.len().is_multiple_of(2) {
        return line.to_owned();
    }
    let paint = |(n, piece): (usize, &&str)| {
        if n % 2 == 1 { palette.paint(Tone::Skip, piece) } else { (*piece).to_owned() }
    };
    pieces.iter().enumerate().map(paint).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_and_code_stand_out_in_colour_only() {
        let page = "# A title\n\nSay `x` or `y`.\n";
        assert_eq!(markdown(page, Palette::PLAIN), page);
        let shown = markdown(page, Palette::new(true));
        assert_eq!(shown, "\u{1b}[1mA title\u{1b}[0m\n\nSay \u{1b}[36mx\u{1b}[0m or \u{1b}[36my\u{1b}[0m.\n");
        assert_eq!(code("an odd ` mark", Palette::new(true)), "an odd ` mark");
    }
}
