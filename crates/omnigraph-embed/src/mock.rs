//! The mock embedder: the same text gives the same unit vector on every machine, and nearness has no meaning.

use crate::error::Result;
use crate::vector::unit;

/// Computes the vector of a text.
///
/// Each component is one step of Marsaglia's xorshift ("Xorshift RNGs", 2003, triple 13, 7, 17), mapped to -1..=1 and
/// seeded with the text's FNV-1a hash; then the vector is normalized.
///
/// # Errors
/// [`crate::EmbedError::ZeroVector`] if every component is zero.
pub(crate) fn embed(text: &str, dimension: usize) -> Result<Vec<f32>> {
    unit(&components(text, dimension), dimension)
}

fn components(text: &str, dimension: usize) -> Vec<f64> {
    let mut state = fnv1a(text.as_bytes());
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let share = (state as f64 / u64::MAX as f64) as f32;
        f64::from(share * 2.0 - 1.0)
    };
    (0..dimension).map(|_| step()).collect()
}

/// FNV-1a with 64 bits (Fowler, Noll, Vo).
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(14_695_981_039_346_656_037, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(1_099_511_628_211)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_of_the_published_test_vectors() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn components_follow_the_definition() {
        // Computed apart from this code, with arbitrary-precision integers.
        let cases: [(&str, [f64; 4], [f32; 4]); 3] = [
            (
                "",
                [-0.5493521690368652, -0.969761848449707, -0.4142313599586487, 0.4430147409439087],
                [-0.43294, -0.7642615, -0.32645237, 0.34913635],
            ),
            (
                "a",
                [0.7922627925872803, 0.5381298065185547, -0.4885159730911255, -0.5065267086029053],
                [0.66661936, 0.45278883, -0.41104317, -0.42619762],
            ),
            (
                "héllo",
                [0.3022383451461792, 0.9692546129226685, -0.5632960796356201, -0.9403508901596069],
                [0.20228654, 0.64871705, -0.37701112, -0.62937194],
            ),
        ];
        for (text, raw, vector) in cases {
            assert_eq!(components(text, 4), raw, "{text}");
            assert_eq!(embed(text, 4).unwrap(), vector, "{text}");
        }
    }

    #[test]
    fn vectors_have_length_one_and_differ_by_text() {
        for dimension in [1, 2, 768, 3072] {
            let vector = embed("ferry", dimension).unwrap();
            let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
            assert_eq!(vector.len(), dimension);
            assert!((length - 1.0).abs() < 1e-6, "{length}");
        }
        assert_eq!(embed("ferry", 8).unwrap(), embed("ferry", 8).unwrap());
        assert_ne!(embed("ferry", 8).unwrap(), embed("Ferry", 8).unwrap());
    }
}
