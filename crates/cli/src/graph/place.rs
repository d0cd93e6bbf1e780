//! Where the nodes of each layer stand: near the middle of their neighbours, in order, and not too close.

use super::layout::Layout;

/// How often every layer is placed anew. Odd, so that the last round ends at the leaves.
const ROUNDS: usize = 25;

/// The middle of each node, counted from 0, where `size` is how much room each needs.
pub(crate) fn place(layout: &Layout, size: &[f64]) -> Vec<f64> {
    let mut at = vec![0.0; layout.len()];
    for layer in &layout.layers {
        let wish = vec![0.0; layer.len()];
        spread(layer, &wish, layout.real, size, &mut at);
    }
    for round in 0..ROUNDS {
        let count = layout.layers.len();
        for n in 0..count {
            let layer = &layout.layers[if round.is_multiple_of(2) { n } else { count - 1 - n }];
            let wish: Vec<f64> = layer.iter().map(|&node| wish(layout, node, round, &at)).collect();
            spread(layer, &wish, layout.real, size, &mut at);
        }
    }
    let edge = |node: usize| at[node] - size[node] / 2.0;
    let start = (0..at.len()).map(edge).fold(f64::INFINITY, f64::min);
    if start.is_finite() {
        at.iter_mut().for_each(|at| *at -= start);
    }
    at
}

/// Where a node would like to be: in the middle of its neighbours on the side that was placed before it, in
/// the last rounds of all of them.
fn wish(layout: &Layout, node: usize, round: usize, at: &[f64]) -> f64 {
    let (before, behind) = (&layout.before[node], &layout.behind[node]);
    let (first, second) = if round.is_multiple_of(2) { (before, behind) } else { (behind, before) };
    let both = round + 6 >= ROUNDS || first.is_empty();
    let all = first.iter().chain(second.iter().filter(|_| both));
    let (sum, count) = all.fold((0.0, 0.0), |(sum, count), &n| (sum + at[n], count + 1.0));
    if count == 0.0 { at[node] } else { sum / count }
}

/// A run of nodes that stand as close as they may.
struct Block {
    /// Its place less the room before it: the mean of its nodes' wishes.
    place: f64,
    weight: f64,
    nodes: usize,
}

/// Places a layer as near to its wishes as order and room allow: a least-squares fit in which neighbours that
/// are too close become one block at the mean of their wishes.
fn spread(layer: &[usize], wish: &[f64], real: usize, size: &[f64], at: &mut [f64]) {
    let mut room = Vec::with_capacity(layer.len());
    let mut used = 0.0;
    for (n, &node) in layer.iter().enumerate() {
        if n > 0 {
            used += (size[layer[n - 1]] + size[node]) / 2.0;
        }
        room.push(used);
    }
    let mut blocks: Vec<Block> = Vec::new();
    for (n, &node) in layer.iter().enumerate() {
        // Bends pull harder, so that long edges are straight.
        let weight = if node >= real { 4.0 } else { 1.0 };
        let mut block = Block { place: wish[n] - room[n], weight, nodes: 1 };
        while let Some(last) = blocks.pop_if(|last| last.place > block.place) {
            let weight = last.weight + block.weight;
            block.place = (last.place * last.weight + block.place * block.weight) / weight;
            block.weight = weight;
            block.nodes += last.nodes;
        }
        blocks.push(block);
    }
    let mut n = 0;
    for block in blocks {
        for _ in 0..block.nodes {
            at[layer[n]] = block.place + room[n];
            n += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_stands_in_the_middle_of_its_neighbours() {
        let diamond = Layout::new(4, &[(0, 1), (0, 2), (1, 3), (2, 3)]);
        let at = place(&diamond, &[10.0; 4]);
        assert_eq!([at[1], at[2]], [5.0, 15.0]);
        assert!((at[0] - 10.0).abs() < 0.01 && (at[3] - 10.0).abs() < 0.01, "{at:?}");
    }

    #[test]
    fn no_two_nodes_of_a_layer_are_too_close() {
        let edges: Vec<(usize, usize)> = (0..40).map(|n| (n % 5, 5 + n * 7 % 20)).collect();
        let layout = Layout::new(25, &edges);
        let size: Vec<f64> = (0..layout.len()).map(|n| 4.0 + (n % 3) as f64).collect();
        let at = place(&layout, &size);
        for pair in layout.layers.iter().flat_map(|layer| layer.windows(2)) {
            let least = (size[pair[0]] + size[pair[1]]) / 2.0;
            assert!(at[pair[1]] - at[pair[0]] >= least - 1e-6, "{pair:?}");
        }
        assert!(at.iter().zip(&size).all(|(at, size)| at - size / 2.0 > -1e-6));
    }
}
