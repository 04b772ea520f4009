//! The BM25 formula.
//!
//! Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), in the form that Lucene has
//! used since version 8: the inverse document frequency is never negative, and the constant factor `k1 + 1` is left
//! out. With `N` texts of `avg` terms on average, of which `df` have the term:
//!
//! ```text
//! idf   = ln(1 + (N - df + 0.5) / (df + 0.5))
//! score = idf * f / (f + k1 * (1 - b + b * length / avg))
//! ```

/// `k1`: how soon further occurrences of a term stop counting.
const K1: f64 = 1.2;
/// `b`: how much the length of a text counts.
const B: f64 = 0.75;
/// Lengths below this have their part of the formula tabled.
const TABLED: u32 = 256;

/// The inverse document frequency of a term that `with` of `docs` texts have; above zero.
pub(crate) fn idf(docs: u64, with: u64) -> f64 {
    let (docs, with) = (docs as f64, with as f64);
    (1.0 + (docs - with + 0.5) / (with + 0.5)).ln()
}

/// What depends on the average length of a text.
#[derive(Debug)]
pub(crate) struct Bm25 {
    average: f64,
    table: Vec<f64>,
}

impl Bm25 {
    /// The formula for texts of `average` terms, more than 0.
    pub(crate) fn new(average: f64) -> Self {
        let table = (0..TABLED).map(|length| length_norm(average, length)).collect();
        Self { average, table }
    }

    /// What a term of weight `weight` adds to the score of a text of `length` terms in which it occurs `freq` times.
    ///
    /// The value does not fall when `freq` rises or `length` falls, *after rounding too*: `f / (f + c)` is computed as
    /// `1 / (1 + c / f)`, where every step is monotonic. So the score of a block's largest frequency in its
    /// shortest text bounds the scores of all its postings with no margin.
    #[inline]
    pub(crate) fn term_score(&self, weight: f64, freq: u32, length: u32) -> f64 {
        let length_norm = match self.table.get(length as usize) {
            Some(&tabled) => tabled,
            None => length_norm(self.average, length),
        };
        weight * (1.0 / (1.0 + length_norm / f64::from(freq)))
    }
}

fn length_norm(average: f64, length: u32) -> f64 {
    K1 * (1.0 - B + B * (f64::from(length) / average))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_score_is_monotonic_after_rounding() {
        let bm25 = Bm25::new(7.3);
        let freqs = [1, 2, 3, 1000, 1 << 20, (1 << 30) - 1, 1 << 30, u32::MAX - 1, u32::MAX];
        let lengths = [1, 2, 255, 256, 257, 1 << 20, u32::MAX - 1];
        for weight in [0.1, 1.0 / 3.0, 17.0] {
            for pair in freqs.windows(2) {
                assert!(
                    lengths
                        .iter()
                        .all(|&l| bm25.term_score(weight, pair[0], l) <= bm25.term_score(weight, pair[1], l))
                );
            }
            for pair in lengths.windows(2) {
                assert!(
                    freqs
                        .iter()
                        .all(|&f| bm25.term_score(weight, f, pair[0]) >= bm25.term_score(weight, f, pair[1]))
                );
            }
        }
    }

    #[test]
    fn the_formula_by_hand() {
        assert!((idf(4, 1) - (1.0_f64 + 3.5 / 1.5).ln()).abs() < 1e-15);
        assert!(idf(5, 5) > 0.0);
        // f = 2 in a text of average length: 2 / (2 + 1.2).
        assert!((Bm25::new(10.0).term_score(3.0, 2, 10) - 3.0 * 2.0 / 3.2).abs() < 1e-15);
    }
}
