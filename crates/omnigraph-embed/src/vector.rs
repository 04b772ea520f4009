//! Vectors: what they are for, and the checks that every one of them passes.

use crate::error::{EmbedError, Result};

/// What a vector is for. Some models embed a question otherwise than the passages that answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Query,
    Document,
}

/// Checks length and components and divides by the Euclidean length, computed in 64-bit floats.
///
/// # Errors
/// [`EmbedError::Dimension`], [`EmbedError::NonFinite`], [`EmbedError::ZeroVector`].
pub(crate) fn unit(components: &[f64], dimension: usize) -> Result<Vec<f32>> {
    if components.len() != dimension {
        return Err(EmbedError::Dimension { expected: dimension, actual: components.len() });
    }
    if let Some(component) = components.iter().position(|value| !value.is_finite()) {
        return Err(EmbedError::NonFinite { component });
    }
    // Dividing by the largest component first keeps the squares of huge and of tiny ones in range.
    let largest = components.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    if largest == 0.0 {
        return Err(EmbedError::ZeroVector);
    }
    let norm = components.iter().map(|value| (value / largest).powi(2)).sum::<f64>().sqrt();
    Ok(components.iter().map(|value| (value / largest / norm) as f32).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_is_divided_by_its_length() {
        assert_eq!(unit(&[3.0, -4.0], 2).unwrap(), [0.6, -0.8]);
        assert_eq!(unit(&[3e300, 4e300], 2).unwrap(), [0.6, 0.8]);
        assert_eq!(unit(&[3e-300, 4e-300], 2).unwrap(), [0.6, 0.8]);
    }

    #[test]
    fn what_has_no_direction_or_another_length_is_refused() {
        assert!(matches!(unit(&[1.0], 2), Err(EmbedError::Dimension { expected: 2, actual: 1 })));
        assert!(matches!(unit(&[1.0, f64::NAN], 2), Err(EmbedError::NonFinite { component: 1 })));
        assert!(matches!(unit(&[f64::INFINITY, 1.0], 2), Err(EmbedError::NonFinite { component: 0 })));
        assert!(matches!(unit(&[0.0, -0.0], 2), Err(EmbedError::ZeroVector)));
    }
}
