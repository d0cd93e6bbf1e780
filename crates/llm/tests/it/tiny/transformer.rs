//! Two layers of attention over letters, with weights from a seed, and the choice of the next letter by chance.

/// How many tokens it can have in mind.
pub(super) const CONTEXT: usize = 512;
/// Printable ASCII, the line end, and the end of the text.
const WORDS: usize = 97;
const END: usize = 96;
const WIDTH: usize = 32;
const HEADS: usize = 4;
const HEAD: usize = WIDTH / HEADS;
const LAYERS: usize = 2;

/// The tokens of a text; what is no letter of the model's is a question mark.
pub(super) fn tokens_of(text: &str) -> Vec<usize> {
    text.chars()
        .map(|letter| match letter {
            '\n' => 95,
            ' '..='~' => letter as usize - 32,
            _ => '?' as usize - 32,
        })
        .collect()
}

/// The letter of a token; none for the end.
pub(super) fn text_of(token: usize) -> Option<char> {
    match token {
        END => None,
        95 => Some('\n'),
        token => char::from_u32(token as u32 + 32),
    }
}

/// Numbers that look like chance, from a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A matrix: rows of weights, each for one number that comes out.
struct Matrix(Vec<Vec<f32>>);

impl Matrix {
    fn new(rows: usize, columns: usize, chance: &mut Chance) -> Self {
        let scale = (3.0 / columns as f64).sqrt();
        let mut weight = || ((chance.next() * 2.0 - 1.0) * scale) as f32;
        Self((0..rows).map(|_| (0..columns).map(|_| weight()).collect()).collect())
    }

    fn of(&self, input: &[f32]) -> Vec<f32> {
        self.0.iter().map(|row| dot(row, input)).collect()
    }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// With the mean square of 1.
fn normal(input: &[f32]) -> Vec<f32> {
    let scale = (dot(input, input) / input.len() as f32 + 1e-5).sqrt().recip();
    input.iter().map(|x| x * scale).collect()
}

struct Layer {
    query: Matrix,
    key: Matrix,
    value: Matrix,
    mix: Matrix,
    wide: Matrix,
    narrow: Matrix,
}

/// The weights.
pub(super) struct Model {
    words: Matrix,
    places: Matrix,
    layers: Vec<Layer>,
    out: Matrix,
}

impl Model {
    pub(super) fn new(seed: u64) -> Self {
        let mut chance = Chance(seed);
        let mut square = |rows, columns| Matrix::new(rows, columns, &mut chance);
        let words = square(WORDS, WIDTH);
        let places = square(CONTEXT, WIDTH);
        let layers = (0..LAYERS).map(|_| Layer {
            query: square(WIDTH, WIDTH),
            key: square(WIDTH, WIDTH),
            value: square(WIDTH, WIDTH),
            mix: square(WIDTH, WIDTH),
            wide: square(4 * WIDTH, WIDTH),
            narrow: square(WIDTH, 4 * WIDTH),
        });
        let layers = layers.collect();
        Self { words, places, layers, out: square(WORDS, WIDTH) }
    }

    /// Reads a prompt.
    pub(super) fn start(&self, prompt: &[usize]) -> Run<'_> {
        let mut run = Run { model: self, seen: vec![Vec::new(); LAYERS], place: 0, logits: vec![0.0; WORDS] };
        prompt.iter().for_each(|token| run.step(*token));
        run
    }
}

/// A text that grows, with what each layer has made of every place: its key and its value.
pub(super) struct Run<'a> {
    model: &'a Model,
    seen: Vec<Vec<(Vec<f32>, Vec<f32>)>>,
    place: usize,
    logits: Vec<f32>,
}

impl Run<'_> {
    /// How much speaks for each token as the next one.
    pub(super) fn logits(&self) -> &[f32] {
        &self.logits
    }

    /// Reads one token more.
    pub(super) fn step(&mut self, token: usize) {
        let model = self.model;
        let add = |x: &mut [f32], more: &[f32]| x.iter_mut().zip(more).for_each(|(x, more)| *x += more);
        let mut state = model.words.0[token].clone();
        add(&mut state, &model.places.0[self.place]);
        for (layer, seen) in model.layers.iter().zip(&mut self.seen) {
            let input = normal(&state);
            seen.push((layer.key.of(&input), layer.value.of(&input)));
            let query = layer.query.of(&input);
            let heads = (0..HEADS).flat_map(|head| attend(&query, seen, head * HEAD..(head + 1) * HEAD));
            let heads: Vec<f32> = heads.collect();
            add(&mut state, &layer.mix.of(&heads));
            let wide: Vec<f32> = layer.wide.of(&normal(&state)).into_iter().map(|x| x.max(0.0)).collect();
            add(&mut state, &layer.narrow.of(&wide));
        }
        self.logits = model.out.of(&normal(&state));
        self.place += 1;
    }
}

/// What one head takes of all the places.
fn attend(query: &[f32], seen: &[(Vec<f32>, Vec<f32>)], part: std::ops::Range<usize>) -> Vec<f32> {
    let scale = (HEAD as f32).sqrt().recip();
    let scores: Vec<f32> =
        seen.iter().map(|(key, _)| dot(&query[part.clone()], &key[part.clone()]) * scale).collect();
    let most = scores.iter().copied().fold(f32::MIN, f32::max);
    let weights: Vec<f32> = scores.iter().map(|score| (score - most).exp()).collect();
    let sum: f32 = weights.iter().sum();
    let mut taken = vec![0.0; HEAD];
    for (weight, (_, value)) in weights.iter().zip(seen) {
        for (taken, value) in taken.iter_mut().zip(&value[part.clone()]) {
            *taken += weight / sum * value;
        }
    }
    taken
}

/// Chooses the next token.
pub(super) struct Sampler {
    chance: Chance,
    temperature: f64,
    top: f64,
}

impl Sampler {
    pub(super) fn new(seed: u64, temperature: f64, top: f64) -> Self {
        Self { chance: Chance(seed), temperature, top }
    }

    pub(super) fn choose(&mut self, logits: &[f32]) -> usize {
        let mut order: Vec<usize> = (0..logits.len()).collect();
        order.sort_by(|a, b| logits[*b].total_cmp(&logits[*a]));
        if self.temperature <= 0.0 {
            return order[0];
        }
        let weight = |token: &usize| (f64::from(logits[*token] - logits[order[0]]) / self.temperature).exp();
        let weights: Vec<f64> = order.iter().map(weight).collect();
        let all: f64 = weights.iter().sum();
        // The likeliest ones, whose chances sum up to `top`.
        let mut sum = 0.0;
        let count = weights.iter().take_while(|weight| {
            let before = sum;
            sum += **weight;
            before < self.top * all
        });
        let count = count.count().max(1);
        let mut point = self.chance.next() * weights[..count].iter().sum::<f64>();
        let chosen = weights[..count].iter().position(|weight| {
            point -= weight;
            point < 0.0
        });
        order[chosen.unwrap_or(count - 1)]
    }
}
