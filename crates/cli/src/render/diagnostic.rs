//! Problems on the lines of the texts that they are in, with a caret, a hint and related places.

use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use windlass_model::{Diagnostic, Diagnostics, Location, Source};

use super::{Palette, Tone};

/// How many problems are shown with their lines; the rest is counted.
const MOST: usize = 50;

/// How many lines around a place are shown to the renderer.
const AROUND: usize = 2;

/// A line longer than this is not shown: a caret under kilobytes of JSON helps nobody.
const LONGEST_LINE: usize = 2000;

/// All problems, and how many there are where there are several.
pub(crate) fn diagnostics(problems: &Diagnostics, palette: Palette, width: usize) -> String {
    let renderer = if palette.is_on() { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(DecorStyle::Unicode).term_width(width.max(20));
    let shown: Vec<String> = problems.iter().take(MOST).map(|problem| one(problem, &renderer)).collect();
    let mut text = shown.join("\n\n");
    if problems.len() > MOST {
        text.push_str(&format!("\n\n… and {} more problems", problems.len() - MOST));
    } else if problems.len() > 1 {
        let count = format!("{} problems", problems.len());
        text.push_str(&format!("\n\n{}", palette.paint(Tone::Strong, &count)));
    }
    text
}

fn one(problem: &Diagnostic, renderer: &Renderer) -> String {
    let title = Level::ERROR.primary_title(problem.message.as_str()).id(problem.code.as_str());
    let mut elements: Vec<Element<'_>> = Vec::new();
    let places = windows(problem);
    for window in &places {
        elements.push(window.snippet().into());
    }
    if places.is_empty()
        && let Some(location) = &problem.location
    {
        elements.push(origin(location).into());
    }
    if let Some(hint) = &problem.hint {
        elements.push(Level::HELP.message(hint.as_str()).into());
    }
    let report = if elements.is_empty() { Group::with_title(title) } else { title.elements(elements) };
    renderer.render(&[report])
}

/// A place whose text cannot be shown: there is none, or too much of it in one line.
fn origin(location: &Location) -> Origin<'_> {
    let origin = Origin::path(location.source.name.as_str());
    if location.source.text.is_empty() {
        return origin;
    }
    let (line, column) = location.line_column();
    origin.line(line).char_column(column)
}

/// A part of a source that is shown, with the places in it.
struct Window {
    source: Arc<Source>,
    /// The bytes of the source that are shown: whole lines.
    start: usize,
    end: usize,
    /// The number of the first line.
    line: usize,
    /// The places: start and end within the window, a label, and whether it is the problem itself.
    marks: Vec<(usize, usize, String, bool)>,
}

impl Window {
    fn snippet(&self) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
        let text = &self.source.text[self.start..self.end];
        let marks = self.marks.iter().map(|(start, end, label, primary)| {
            let kind = if *primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            let mark = kind.span(*start..*end);
            if label.is_empty() { mark } else { mark.label(label.as_str()) }
        });
        Snippet::source(text).path(self.source.name.as_str()).line_start(self.line).annotations(marks)
    }
}

/// The windows of a problem's places: its own first, then one for each related place.
fn windows(problem: &Diagnostic) -> Vec<Window> {
    let own = problem.location.iter().map(|location| (location, String::new(), true));
    let related = problem.related.iter().map(|(location, label)| (location, label.clone(), false));
    let mut windows: Vec<Window> = Vec::new();
    for (location, label, primary) in own.chain(related) {
        let Some(window) = window(location, label, primary) else { continue };
        // Places near each other are shown together.
        let near = windows.iter_mut().find(|w| {
            Arc::ptr_eq(&w.source, &window.source) && w.start <= window.end && window.start <= w.end
        });
        match near {
            Some(near) => near.join(window),
            None => windows.push(window),
        }
    }
    windows
}

impl Window {
    fn join(&mut self, other: Window) {
        let start = self.start.min(other.start);
        let shift = |marks: Vec<(usize, usize, String, bool)>, by: usize| {
            marks.into_iter().map(move |(a, b, label, primary)| (a + by, b + by, label, primary))
        };
        let own = std::mem::take(&mut self.marks);
        self.marks = shift(own, self.start - start).chain(shift(other.marks, other.start - start)).collect();
        self.line = self.line.min(other.line);
        (self.start, self.end) = (start, self.end.max(other.end));
    }
}

fn window(location: &Location, label: String, primary: bool) -> Option<Window> {
    let text = location.source.text.as_str();
    if text.is_empty() {
        return None;
    }
    let floor = |at: u32| {
        let mut at = (at as usize).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (from, mut to) =
        (floor(location.span.start), floor(location.span.end).max(floor(location.span.start)));
    // What goes over many lines is marked on its first line only.
    if let Some(line) = text[from..to].find('\n') {
        to = from + line;
    }
    let start = lines_back(text, from, AROUND);
    let end = lines_on(text, to, AROUND);
    if text[start..end].lines().any(|line| line.len() > LONGEST_LINE) {
        return None;
    }
    let line = text.as_bytes()[..start].iter().filter(|&&b| b == b'\n').count() + 1;
    let marks = vec![(from - start, to - start, label, primary)];
    Some(Window { source: location.source.clone(), start, end, line, marks })
}

fn lines_back(text: &str, at: usize, lines: usize) -> usize {
    let breaks = text.as_bytes()[..at].iter().enumerate().rev().filter(|(_, b)| **b == b'\n');
    breaks.map(|(at, _)| at + 1).nth(lines).unwrap_or(0)
}

fn lines_on(text: &str, at: usize, lines: usize) -> usize {
    let breaks = text.as_bytes()[at..].iter().enumerate().filter(|(_, b)| **b == b'\n');
    breaks.map(|(offset, _)| at + offset).nth(lines).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use windlass_model::{Code, Span};

    use super::*;

    fn place(source: &Arc<Source>, what: &str, nth: usize) -> Location {
        let (start, found) = source.text.match_indices(what).nth(nth).expect("it is in the text");
        Location { source: source.clone(), span: Span::new(start, start + found.len()) }
    }

    fn show(problems: Diagnostics, width: usize) -> String {
        diagnostics(&problems, Palette::PLAIN, width)
    }

    #[test]
    fn a_problem_is_shown_on_its_line_with_its_hint() {
        let source = Source::new("a.yaml", "workflow: x\ntasks:\n  - id: a\n    nedds: [b]\n");
        let problem = Diagnostic::new(Code::UnknownKey, "unknown key \"nedds\"")
            .at(place(&source, "nedds", 0))
            .hint("did you mean \"needs\"?");
        assert_eq!(
            show(problem.into(), 80),
            "\
error[WL0105]: unknown key \"nedds\"
  ╭▸ a.yaml:4:5
  │
4 │     nedds: [b]
  │     ━━━━━
  │
  ╰ help: did you mean \"needs\"?"
        );
    }

    #[test]
    fn related_places_are_shown_beside_it() {
        let source = Source::new("a.yaml", "tasks:\n  - id: a\n  - id: b\n  - id: a\n");
        let problem = Diagnostic::new(Code::DuplicateKey, "task a stands twice")
            .at(place(&source, "id: a", 1))
            .related(place(&source, "id: a", 0), "it stands here first");
        let text = show(problem.into(), 80);
        assert!(text.contains("a.yaml:4:5"), "{text}");
        assert!(text.contains("it stands here first"), "{text}");
    }

    #[test]
    fn a_far_place_in_a_large_text_is_found_and_counted_right() {
        let mut text = "x: 1\n".repeat(20_000);
        text.push_str("bad: \u{1F600}\n");
        let source = Source::new("big.yaml", text);
        let shown = show(Diagnostic::new(Code::WrongType, "wrong").at(place(&source, "bad", 0)).into(), 80);
        assert!(shown.contains("big.yaml:20001:1"), "{shown}");
    }

    #[test]
    fn an_endless_line_is_only_named() {
        let source = Source::new("a.json", format!("[{}", "1,".repeat(50_000)));
        let problem = Diagnostic::new(Code::Syntax, "it ends too early")
            .at(Location { source: source.clone(), span: Span::new(100_000, 100_001) });
        let shown = show(problem.into(), 80);
        assert!(shown.contains("a.json:1:100001"), "{shown}");
        assert!(shown.len() < 300, "{shown}");
    }

    #[test]
    fn any_place_and_width_can_be_shown() {
        let source = Source::new("a.yaml", "ä: ü\n\n日本: [\n");
        for start in 0..20 {
            for end in 0..20 {
                let at = Location { source: source.clone(), span: Span::new(start, end) };
                let problem = Diagnostic::new(Code::Syntax, "x").at(at.clone()).related(at, "y");
                for width in [0, 10, 80] {
                    assert!(show(problem.clone().into(), width).contains("WL0101"));
                }
            }
        }
    }

    #[test]
    fn many_problems_are_counted() {
        let mut problems = Diagnostics::default();
        (0..60).for_each(|n| problems.push(Diagnostic::new(Code::BadValue, format!("p{n}"))));
        let text = show(problems, 80);
        assert!(text.contains("error[WL0109]: p49") && !text.contains("p50"), "{text}");
        assert!(text.ends_with("… and 10 more problems"), "{text}");
    }
}
