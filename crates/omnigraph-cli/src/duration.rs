//! Durations as people write them in flags, such as `30s`, `12h` or `4w`.
//!
//! The grammar: an unsigned whole number, followed by one of the units `ms`, `s`, `m`, `h`, `d`, `w`. A number alone is
//! seconds. There is no sign, no fraction, no blank, and no sum of several units.

use std::time::Duration;

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DurationError {
    /// It does not follow the grammar.
    #[error(
        "'{text}' is not a duration; write a whole number and one of ms, s, m, h, d, w, such as 30s (a number alone is \
         seconds)"
    )]
    Malformed {
        /// The text.
        text: String,
    },
    /// It follows the grammar, but has more seconds than 64 bits can count.
    #[error("'{text}' is too long for a duration")]
    TooLong {
        /// The text.
        text: String,
    },
}

/// Reads a duration.
///
/// # Errors
/// [`DurationError`], which repeats the text.
pub(crate) fn parse(text: &str) -> Result<Duration, DurationError> {
    let (digits, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let malformed = || DurationError::Malformed { text: text.to_owned() };
    let too_long = || DurationError::TooLong { text: text.to_owned() };
    let seconds = match unit {
        "ms" => None,
        "" | "s" => Some(1),
        "m" => Some(60),
        "h" => Some(60 * 60),
        "d" => Some(24 * 60 * 60),
        "w" => Some(7 * 24 * 60 * 60),
        _ => return Err(malformed()),
    };
    if digits.is_empty() {
        return Err(malformed());
    }
    // These are digits, so only their number can be wrong.
    let number: u64 = digits.parse().map_err(|_| too_long())?;
    match seconds {
        None => Ok(Duration::from_millis(number)),
        Some(seconds) => number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(too_long),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed_with_their_unit() {
        for (text, millis) in [
            ("500ms", 500),
            ("90", 90_000),
            ("30s", 30_000),
            ("15m", 900_000),
            ("12h", 43_200_000),
            ("30d", 2_592_000_000),
            ("2w", 1_209_600_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "d", "ms", "1.5h", "-3d", "+3d", "3 d", "3y", "3D", "1h30m"] {
            assert_eq!(parse(text), Err(DurationError::Malformed { text: text.to_owned() }), "{text}");
        }
        let text = "99999999999999999w";
        assert_eq!(parse(text), Err(DurationError::TooLong { text: text.to_owned() }));
    }
}
