//! The BERT encoder once more: 64-bit floats, plain loops, one text at a time. What the model computes has to agree.

use crate::local::tiny::{HEADS, HIDDEN, LAYERS, WORDS, Weights};

type Rows = Vec<Vec<f64>>;

/// How the inner products of a layer are bent.
pub(crate) type Bend = fn(f64) -> f64;

pub(crate) fn relu(x: f64) -> f64 {
    x.max(0.0)
}

pub(crate) fn gelu_tanh(x: f64) -> f64 {
    0.5 * x * (1.0 + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh())
}

/// x·Φ(x), with the error function as its Maclaurin series.
pub(crate) fn gelu(x: f64) -> f64 {
    let z = (x / std::f64::consts::SQRT_2).clamp(-5.0, 5.0);
    let (mut term, mut sum) = (z, z);
    for n in 1..200 {
        term *= -z * z / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    0.5 * x * (1.0 + 2.0 / std::f64::consts::PI.sqrt() * sum)
}

/// Returns the ids of words that are in the vocabulary, between the special tokens.
pub(crate) fn ids(words: &[&str]) -> Vec<usize> {
    let id = |word: &&str| WORDS.iter().position(|known| known == word).unwrap();
    [2].into_iter().chain(words.iter().map(id)).chain([3]).collect()
}

/// Returns the states of the tokens after the last layer.
pub(crate) fn states(weights: &Weights, ids: &[usize], bend: Bend) -> Rows {
    let net = Net(weights);
    let mut states: Rows = ids
        .iter()
        .enumerate()
        .map(|(place, id)| {
            let word = net.row("embeddings.word_embeddings.weight", *id);
            let position = net.row("embeddings.position_embeddings.weight", place);
            let kind = net.row("embeddings.token_type_embeddings.weight", 0);
            (0..HIDDEN).map(|n| word[n] + position[n] + kind[n]).collect()
        })
        .collect();
    states = net.norm("embeddings.LayerNorm", &states);
    for layer in 0..LAYERS {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let [queries, keys, values] = ["query", "key", "value"]
            .map(|part| net.linear(&name(&format!("attention.self.{part}")), &states));
        let mixed = attention(&queries, &keys, &values);
        let attended = net.linear(&name("attention.output.dense"), &mixed);
        states = net.norm(&name("attention.output.LayerNorm"), &sum(&attended, &states));
        let mut inner = net.linear(&name("intermediate.dense"), &states);
        inner.iter_mut().flatten().for_each(|x| *x = bend(*x));
        let output = net.linear(&name("output.dense"), &inner);
        states = net.norm(&name("output.LayerNorm"), &sum(&output, &states));
    }
    states
}

/// Returns the mean of the states as a unit vector.
pub(crate) fn mean(states: &Rows) -> Vec<f64> {
    unit((0..HIDDEN).map(|n| states.iter().map(|state| state[n]).sum()).collect())
}

pub(crate) fn unit(vector: Vec<f64>) -> Vec<f64> {
    let length = vector.iter().map(|x| x * x).sum::<f64>().sqrt();
    vector.into_iter().map(|x| x / length).collect()
}

struct Net<'a>(&'a Weights);

impl Net<'_> {
    fn row(&self, name: &str, index: usize) -> Vec<f64> {
        let (shape, numbers) = &self.0[name];
        let width = shape.last().unwrap();
        numbers[index * width..(index + 1) * width].iter().map(|x| f64::from(*x)).collect()
    }

    fn linear(&self, name: &str, states: &Rows) -> Rows {
        let outputs = self.0[&format!("{name}.weight")].0[0];
        let bias = self.row(&format!("{name}.bias"), 0);
        let rows: Rows = (0..outputs).map(|output| self.row(&format!("{name}.weight"), output)).collect();
        let one = |state: &Vec<f64>| {
            let products = rows.iter().map(|row| row.iter().zip(state).map(|(w, x)| w * x).sum::<f64>());
            products.zip(&bias).map(|(product, bias)| product + bias).collect()
        };
        states.iter().map(one).collect()
    }

    fn norm(&self, name: &str, states: &Rows) -> Rows {
        let (scale, shift) = (self.row(&format!("{name}.weight"), 0), self.row(&format!("{name}.bias"), 0));
        let one = |state: &Vec<f64>| {
            let mean = state.iter().sum::<f64>() / state.len() as f64;
            let variance = state.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / state.len() as f64;
            (0..state.len())
                .map(|n| (state[n] - mean) / (variance + 1e-12).sqrt() * scale[n] + shift[n])
                .collect()
        };
        states.iter().map(one).collect()
    }
}

fn attention(queries: &Rows, keys: &Rows, values: &Rows) -> Rows {
    let width = HIDDEN / HEADS;
    let mut mixed = vec![vec![0.0; HIDDEN]; queries.len()];
    for head in 0..HEADS {
        let columns = head * width..(head + 1) * width;
        for (query, mixed) in queries.iter().zip(&mut mixed) {
            let score = |key: &Vec<f64>| {
                columns.clone().map(|n| query[n] * key[n]).sum::<f64>() / (width as f64).sqrt()
            };
            let shares: Vec<f64> = keys.iter().map(|key| score(key).exp()).collect();
            let whole: f64 = shares.iter().sum();
            for (share, value) in shares.iter().zip(values) {
                columns.clone().for_each(|n| mixed[n] += share / whole * value[n]);
            }
        }
    }
    mixed
}

fn sum(a: &Rows, b: &Rows) -> Rows {
    a.iter().zip(b).map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect()).collect()
}
