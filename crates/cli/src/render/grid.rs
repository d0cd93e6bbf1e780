//! Tables: columns as wide as what is in them, the last one cut at the edge of the terminal.

use super::{Palette, Tone, columns, fit, pad, pad_left};

/// A table in the making.
#[derive(Debug)]
pub(crate) struct Grid {
    heads: Vec<&'static str>,
    right: Vec<bool>,
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// A table with these headings; one that begins with `>` has its column on the right.
    pub(crate) fn new(heads: &[&'static str]) -> Self {
        Self {
            heads: heads.iter().map(|head| head.trim_start_matches('>')).collect(),
            right: heads.iter().map(|head| head.starts_with('>')).collect(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, which has a cell for each heading.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table in at most `width` columns.
    pub(crate) fn show(&self, palette: Palette, width: usize) -> String {
        let heads: Vec<String> = self.heads.iter().map(|head| palette.paint(Tone::Faint, head)).collect();
        let rows: Vec<&Vec<String>> = std::iter::once(&heads).chain(&self.rows).collect();
        let widths: Vec<usize> = (0..self.heads.len())
            .map(|n| rows.iter().map(|row| row.get(n).map_or(0, |cell| columns(cell))).max().unwrap_or(0))
            .collect();
        rows.iter().map(|row| format!("{}\n", self.line(row, &widths, width))).collect()
    }

    fn line(&self, row: &[String], widths: &[usize], width: usize) -> String {
        let cell = |(n, cell): (usize, &String)| {
            if self.right[n] { pad_left(cell, widths[n]) } else { pad(cell, widths[n]) }
        };
        let cells: Vec<String> = row.iter().enumerate().map(cell).collect();
        fit(cells.join("  ").trim_end(), width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let mut grid = Grid::new(&["RUN", ">TIME", "NAME"]);
        grid.row(["日本".into(), "5s".into(), "a long name".into()]);
        grid.row(["a".into(), "120s".into(), "b".into()]);
        assert_eq!(
            grid.show(Palette::PLAIN, 18),
            "\
RUN   TIME  NAME
日本    5s  a lon…
a     120s  b
"
        );
    }
}
