//! Layers of a graph: every edge goes from a layer to the next, and few edges cross.
//!
//! The classic way of Sugiyama: the longest path gives each node its layer, an edge over several layers gets a
//! bend in each that it passes, and sweeps over the layers put each node near the middle of its neighbours.

/// How often all layers are put in order anew. More sweeps rarely find fewer crossings.
const SWEEPS: usize = 12;

/// A graph in layers. Nodes from `real` on are bends of edges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// How many nodes are the graph's own.
    pub(crate) real: usize,
    /// The nodes of each layer, in order.
    pub(crate) layers: Vec<Vec<usize>>,
    /// Each edge of the graph as the nodes that it passes, its ends included.
    pub(crate) paths: Vec<Vec<usize>>,
    /// For each node, its neighbours in the layer before.
    pub(crate) before: Vec<Vec<usize>>,
    /// For each node, its neighbours in the layer behind.
    pub(crate) behind: Vec<Vec<usize>>,
}

impl Layout {
    /// Lays out `count` nodes with edges among them that form no circle.
    pub(crate) fn new(count: usize, edges: &[(usize, usize)]) -> Self {
        let depth = depths(count, edges);
        let mut layers = vec![Vec::new(); depth.iter().max().map_or(0, |deepest| deepest + 1)];
        (0..count).for_each(|node| layers[depth[node]].push(node));
        let mut next = count;
        let mut paths = Vec::with_capacity(edges.len());
        for &(from, to) in edges {
            let mut path = vec![from];
            for layer in &mut layers[depth[from] + 1..depth[to]] {
                layer.push(next);
                path.push(next);
                next += 1;
            }
            path.push(to);
            paths.push(path);
        }
        let (mut before, mut behind) = (vec![Vec::new(); next], vec![Vec::new(); next]);
        for pair in paths.iter().flat_map(|path| path.windows(2)) {
            behind[pair[0]].push(pair[1]);
            before[pair[1]].push(pair[0]);
        }
        let mut layout = Self { real: count, layers, paths, before, behind };
        layout.untangle();
        layout
    }

    /// How many nodes and bends there are.
    pub(crate) fn len(&self) -> usize {
        self.before.len()
    }

    /// Sweeps down and up, and keeps the order with the fewest crossings.
    fn untangle(&mut self) {
        let mut best = (self.crossings(), self.layers.clone());
        for sweep in 0..SWEEPS {
            if best.0 == 0 {
                break;
            }
            self.sweep(sweep % 2 == 0);
            let crossings = self.crossings();
            if crossings < best.0 {
                best = (crossings, self.layers.clone());
            }
        }
        self.layers = best.1;
    }

    fn sweep(&mut self, down: bool) {
        let mut at = self.positions();
        let count = self.layers.len();
        let order: Vec<usize> = if down { (0..count).collect() } else { (0..count).rev().collect() };
        for layer in order {
            let neighbours = if down { &self.before } else { &self.behind };
            let middle = |node: &usize| match &neighbours[*node] {
                none if none.is_empty() => at[*node] as f64,
                some => some.iter().map(|&n| at[n] as f64).sum::<f64>() / some.len() as f64,
            };
            let mut keyed: Vec<(f64, usize)> = self.layers[layer].iter().map(|n| (middle(n), *n)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0));
            self.layers[layer] = keyed.into_iter().map(|(_, node)| node).collect();
            self.layers[layer].iter().enumerate().for_each(|(n, &node)| at[node] = n);
        }
    }

    /// The place of each node in its layer.
    fn positions(&self) -> Vec<usize> {
        let mut at = vec![0; self.len()];
        for layer in &self.layers {
            layer.iter().enumerate().for_each(|(n, &node)| at[node] = n);
        }
        at
    }

    /// How many pairs of edges cross.
    fn crossings(&self) -> usize {
        let at = self.positions();
        self.layers.iter().map(|layer| self.crossings_behind(layer, &at)).sum()
    }

    /// Counts the inversions among the ends of edges, in the order of their starts.
    fn crossings_behind(&self, layer: &[usize], at: &[usize]) -> usize {
        let mut ends: Vec<usize> = Vec::new();
        for &node in layer {
            let mut own: Vec<usize> = self.behind[node].iter().map(|&n| at[n]).collect();
            own.sort_unstable();
            ends.extend(own);
        }
        let mut tree = vec![0usize; ends.iter().max().map_or(0, |m| m + 2)];
        let mut crossings = 0;
        for (seen, &end) in ends.iter().enumerate() {
            crossings += seen - prefix(&tree, end + 1);
            add(&mut tree, end + 1);
        }
        crossings
    }
}

/// The sum of a Fenwick tree's first entries.
fn prefix(tree: &[usize], mut at: usize) -> usize {
    let mut sum = 0;
    while at > 0 {
        sum += tree[at];
        at &= at - 1;
    }
    sum
}

fn add(tree: &mut [usize], mut at: usize) {
    while at < tree.len() {
        tree[at] += 1;
        at += at & at.wrapping_neg();
    }
}

/// For each node, the length of the longest path to it.
fn depths(count: usize, edges: &[(usize, usize)]) -> Vec<usize> {
    let mut behind = vec![Vec::new(); count];
    let mut waiting = vec![0; count];
    for &(from, to) in edges {
        behind[from].push(to);
        waiting[to] += 1;
    }
    let mut ready: Vec<usize> = (0..count).filter(|&node| waiting[node] == 0).collect();
    let mut depth = vec![0; count];
    while let Some(node) = ready.pop() {
        for &next in &behind[node] {
            depth[next] = depth[next].max(depth[node] + 1);
            waiting[next] -= 1;
            if waiting[next] == 0 {
                ready.push(next);
            }
        }
    }
    depth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_over_several_layers_bend_in_each() {
        let layout = Layout::new(3, &[(0, 1), (1, 2), (0, 2)]);
        assert_eq!(layout.layers, [vec![0], vec![1, 3], vec![2]]);
        assert_eq!(layout.paths, [vec![0, 1], vec![1, 2], vec![0, 3, 2]]);
    }

    #[test]
    fn what_can_be_untangled_is() {
        // 0 and 1 lead to 3 and 2: in index order both edges would cross.
        let layout = Layout::new(4, &[(0, 3), (1, 2)]);
        assert_eq!(layout.crossings(), 0);
        let tangled = Layout::new(4, &[(0, 2), (0, 3), (1, 2), (1, 3)]);
        assert_eq!(tangled.crossings(), 1, "two times two has to cross once");
    }

    #[test]
    fn nothing_is_a_graph_too() {
        assert_eq!(Layout::new(0, &[]).layers.len(), 0);
        assert_eq!(Layout::new(2, &[]).layers, [vec![0, 1]]);
    }
}
