//! Cuts a list of texts into runs, each of which travels in one request.

use std::ops::Range;

/// Most bytes of text in one request. Providers count tokens; a token is hardly ever less than a byte.
pub(crate) const BYTES_PER_REQUEST: usize = 256 << 10;

/// Cuts texts into runs of at most `texts` texts and `bytes` bytes. A text longer than `bytes` is a run of its own.
pub(crate) fn runs(
    lengths: impl IntoIterator<Item = usize>,
    texts: usize,
    bytes: usize,
) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let (mut start, mut size, mut end) = (0, 0_usize, 0);
    for length in lengths {
        if end > start && (end - start == texts || size.saturating_add(length) > bytes) {
            runs.push(start..end);
            (start, size) = (end, 0);
        }
        size = size.saturating_add(length);
        end += 1;
    }
    if end > start {
        runs.push(start..end);
    }
    runs
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn runs_end_at_either_limit() {
        assert_eq!(runs([1, 1, 1, 1, 1], 2, 100), [0..2, 2..4, 4..5]);
        assert_eq!(runs([6, 4, 1, 30, 1], 9, 10), [0..2, 2..3, 3..4, 4..5]);
        assert!(runs([], 2, 10).is_empty());
    }

    proptest! {
        #[test]
        fn runs_cover_every_text_once_and_keep_the_limits(
            lengths in prop::collection::vec(0_usize..40, 0..50), texts in 1_usize..6, bytes in 0_usize..60,
        ) {
            let runs = runs(lengths.clone(), texts, bytes);
            let covered: Vec<usize> = runs.iter().cloned().flatten().collect();
            prop_assert_eq!(covered, (0..lengths.len()).collect::<Vec<_>>());
            for run in runs {
                prop_assert!(run.len() <= texts);
                prop_assert!(run.len() == 1 || lengths[run].iter().sum::<usize>() <= bytes);
            }
        }
    }
}
