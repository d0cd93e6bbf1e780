//! The program's few colours, by what they mean.

use anstyle::{AnsiColor, Style};

/// Colours texts, or leaves them as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Palette {
    on: bool,
}

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// A name, a heading.
    Strong,
    /// What is there and not important.
    Faint,
    /// All is well.
    Good,
    /// Something was changed.
    Change,
    /// Something was left out.
    Skip,
    /// Something failed.
    Bad,
    /// Something is under way.
    Busy,
    /// A person is asked.
    Ask,
}

impl Palette {
    /// No colours.
    pub(crate) const PLAIN: Palette = Palette { on: false };

    /// Colours where `on`.
    pub(crate) fn new(on: bool) -> Self {
        Self { on }
    }

    /// Whether it colours at all.
    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    /// The text in the colour of what it means.
    pub(crate) fn paint(self, tone: Tone, text: &str) -> String {
        if !self.on || text.is_empty() {
            return text.to_owned();
        }
        let style = tone.style();
        format!("{}{text}{}", style.render(), style.render_reset())
    }
}

impl Tone {
    fn style(self) -> Style {
        let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Tone::Strong => Style::new().bold(),
            Tone::Faint => Style::new().dimmed(),
            Tone::Good => color(AnsiColor::Green),
            Tone::Change => color(AnsiColor::Yellow),
            Tone::Skip => color(AnsiColor::Cyan),
            Tone::Bad => color(AnsiColor::Red).bold(),
            Tone::Busy => color(AnsiColor::Blue),
            Tone::Ask => color(AnsiColor::Magenta).bold(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_appear_only_where_they_are_wanted() {
        assert_eq!(Palette::PLAIN.paint(Tone::Bad, "x"), "x");
        assert_eq!(Palette::new(true).paint(Tone::Good, "x"), "\u{1b}[32mx\u{1b}[0m");
        assert_eq!(Palette::new(true).paint(Tone::Good, ""), "");
    }
}
