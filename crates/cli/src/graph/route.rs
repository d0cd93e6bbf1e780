//! Lines between two layers of a terminal graph: each node's edges share one rung, and crossings are bridged.

/// The part of an edge between two layers: from a column above to a column below.
pub(super) type Hop = (usize, usize);

/// All edges from one column: down to a rung, along it, and down to each target.
#[derive(Debug)]
struct Group {
    from: usize,
    to: Vec<usize>,
    /// The row of its rung; `None` where it goes straight down.
    row: Option<usize>,
}

const UP: u8 = 1;
const DOWN: u8 = 2;
const LEFT: u8 = 4;
const RIGHT: u8 = 8;

/// The rows between two layers, each as characters by column.
pub(super) fn route(hops: &[Hop], width: usize) -> Vec<Vec<char>> {
    let mut groups = group(hops);
    let rows = rungs(&mut groups).max(1);
    let mut bits = vec![vec![0u8; width]; rows];
    let mut owner: Vec<Vec<Option<usize>>> = vec![vec![None; width]; rows];
    for (n, group) in groups.iter().enumerate() {
        let Some(row) = group.row else { continue };
        let (left, right) = group.span();
        for x in left..=right {
            bits[row][x] |= if x > left { LEFT } else { 0 } | if x < right { RIGHT } else { 0 };
            owner[row][x] = Some(n);
        }
        bits[row][group.from] |= UP;
        group.to.iter().for_each(|&x| bits[row][x] |= DOWN);
    }
    for (n, group) in groups.iter().enumerate() {
        let rung = group.row.unwrap_or(rows);
        for row in 0..rung {
            pass(&mut bits[row][group.from], owner[row][group.from].filter(|&o| o != n).is_some());
        }
        for &x in &group.to {
            for row in group.row.map_or(rows, |row| row + 1)..rows {
                let other = owner[row][x].filter(|&o| o != n);
                pass(&mut bits[row][x], other.is_some_and(|o| !groups[o].to.contains(&x)));
            }
        }
    }
    bits.iter().map(|row| row.iter().map(|&bits| sign(bits)).collect()).collect()
}

/// A line goes down through a cell: over what is there where it only crosses it, as a part of it otherwise.
fn pass(cell: &mut u8, crosses: bool) {
    *cell = if crosses { UP | DOWN } else { *cell | UP | DOWN };
}

impl Group {
    /// Whether both can have their rungs in one row: they do not touch, or lead to the same targets.
    fn goes_with(&self, other: &Group) -> bool {
        let ((left, right), (from, to)) = (self.span(), other.span());
        right < from || to < left || self.to == other.to
    }

    fn span(&self) -> (usize, usize) {
        let all = || self.to.iter().copied().chain([self.from]);
        (all().min().unwrap_or(self.from), all().max().unwrap_or(self.from))
    }
}

fn group(hops: &[Hop]) -> Vec<Group> {
    let mut sorted = hops.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let chunks = sorted.chunk_by(|a, b| a.0 == b.0);
    chunks
        .map(|chunk| Group { from: chunk[0].0, to: chunk.iter().map(|hop| hop.1).collect(), row: None })
        .collect()
}

/// Gives each group that does not go straight down a row, and says how many rows there are. A group whose
/// column another group ends in has its rung above that one's, so that their lines do not run together.
fn rungs(groups: &mut [Group]) -> usize {
    let bent = |group: &Group| group.to != [group.from];
    let mut open: Vec<usize> = (0..groups.len()).filter(|&n| bent(&groups[n])).collect();
    let mut rows: Vec<Vec<usize>> = Vec::new();
    while !open.is_empty() {
        // The first that has to be below none that is still open; any where they form a circle.
        let free = open.iter().position(|&n| {
            open.iter().all(|&other| other == n || !groups[n].to.contains(&groups[other].from))
        });
        let n = open.remove(free.unwrap_or(0));
        let above = groups.iter().filter(|other| groups[n].to.contains(&other.from));
        let least = above.filter_map(|other| other.row).map(|row| row + 1).max().unwrap_or(0);
        let fits = |row: &Vec<usize>| row.iter().all(|&other| groups[n].goes_with(&groups[other]));
        let row = (least..rows.len()).find(|&row| fits(&rows[row])).unwrap_or(rows.len().max(least));
        rows.resize_with(rows.len().max(row + 1), Vec::new);
        rows[row].push(n);
        groups[n].row = Some(row);
    }
    rows.len()
}

fn sign(bits: u8) -> char {
    const SIGNS: [char; 16] =
        [' ', '╵', '╷', '│', '╴', '╯', '╮', '┤', '╶', '╰', '╭', '├', '─', '┴', '┬', '┼'];
    SIGNS[usize::from(bits & 15)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(hops: &[Hop], width: usize) -> Vec<String> {
        let lines = route(hops, width);
        lines.iter().map(|row| row.iter().collect::<String>().trim_end().to_owned()).collect()
    }

    #[test]
    fn lines_fork_and_join() {
        assert_eq!(shown(&[(2, 2)], 5), ["  │"]);
        assert_eq!(shown(&[(4, 0), (4, 8)], 9), ["╭───┴───╮"]);
        assert_eq!(shown(&[(0, 4), (8, 4)], 9), ["╰───┬───╯"]);
    }

    #[test]
    fn a_line_that_only_crosses_another_is_a_bridge() {
        assert_eq!(shown(&[(0, 8), (4, 4)], 9), ["╰───│───╮"]);
    }

    #[test]
    fn lines_of_different_nodes_do_not_run_together() {
        // The first node's target is the column in which the second one begins.
        assert_eq!(shown(&[(0, 4), (4, 8)], 9), ["│   ╰───╮", "╰───╮   │"]);
    }
}
