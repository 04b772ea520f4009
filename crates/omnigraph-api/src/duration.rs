//! Durations as people write them in flags, variables and config files, such as `500ms`, `30s`, `12h` or `4w`.
//!
//! The grammar: an unsigned whole number, followed by one of the units `ms`, `s`, `m`, `h`, `d`, `w`. A number alone is
//! seconds. There is no sign, no fraction, no blank, no upper case, and no sum of several units. A day has 24 hours.

use std::time::Duration;

/// The units and their lengths in milliseconds, the longest first.
const UNITS: [(&str, u64); 6] =
    [("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Unit of a number alone.
const DEFAULT_UNIT: &str = "s";

/// Why a text is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
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
/// ```
/// use std::time::Duration;
///
/// use omnigraph_api::duration::parse;
///
/// assert_eq!(parse("15m"), Ok(Duration::from_secs(900)));
/// assert_eq!(parse("90"), Ok(Duration::from_secs(90)));
/// assert!(parse("1.5h").is_err());
/// ```
///
/// # Errors
/// [`DurationError`], which repeats the text.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let unit_start = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_start);
    let unit = if unit.is_empty() { DEFAULT_UNIT } else { unit };
    let length = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, length)| *length);
    let Some(length) = length.filter(|_| !number.is_empty()) else {
        return Err(DurationError::Malformed { text: text.to_owned() });
    };
    let too_long = || DurationError::TooLong { text: text.to_owned() };
    // What is left is digits, so that only their number can be too large.
    let number: u64 = number.parse().map_err(|_| too_long())?;
    if length < 1_000 {
        return Ok(Duration::from_millis(number));
    }
    number.checked_mul(length / 1_000).map(Duration::from_secs).ok_or_else(too_long)
}

/// Writes a duration in the longest unit that divides it, rounded down to milliseconds.
///
/// [`parse`] reads back what it returns for every duration that [`parse`] itself can return.
pub fn format(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis == 0 {
        return format!("0{DEFAULT_UNIT}");
    }
    let (unit, length) = UNITS
        .into_iter()
        .find(|(_, length)| millis.is_multiple_of(u128::from(*length)))
        .expect("a millisecond divides every number of them");
    format!("{}{unit}", millis / u128::from(length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_and_its_unit_are_a_duration() {
        for (text, millis) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("2m", 120_000),
            ("12h", 43_200_000),
            ("30d", 2_592_000_000),
            ("2w", 1_209_600_000),
            ("0s", 0),
            ("007s", 7_000),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn a_number_alone_is_seconds() {
        assert_eq!(parse("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("0"), Ok(Duration::ZERO));
    }

    #[test]
    fn other_texts_are_malformed() {
        for text in [
            "", "s", "ms", "-1s", "+3d", "1.5h", "3 d", " 3d", "3d ", "3y", "3D", "3us", "1h30m", "٣s",
            "3\u{b5}s",
        ] {
            assert_eq!(parse(text), Err(DurationError::Malformed { text: text.to_owned() }), "{text}");
        }
    }

    #[test]
    fn more_than_64_bits_of_seconds_are_too_long() {
        assert_eq!(parse("18446744073709551615s"), Ok(Duration::from_secs(u64::MAX)));
        for text in ["18446744073709551616", "18446744073709551615m", "99999999999999999w"] {
            assert_eq!(parse(text), Err(DurationError::TooLong { text: text.to_owned() }), "{text}");
        }
    }

    #[test]
    fn the_longest_unit_that_divides_is_written() {
        for (millis, text) in [
            (0, "0s"),
            (1, "1ms"),
            (1_500, "1500ms"),
            (90_000, "90s"),
            (120_000, "2m"),
            (86_400_000, "1d"),
            (604_800_000, "1w"),
        ] {
            assert_eq!(format(Duration::from_millis(millis)), text);
        }
        assert_eq!(format(Duration::from_micros(1_999)), "1ms");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(number in 0..=u64::MAX, unit in prop::sample::select(UNITS.to_vec())) {
            if let Ok(duration) = parse(&format!("{number}{}", unit.0)) {
                prop_assert_eq!(parse(&format(duration)), Ok(duration));
            }
        }

        #[test]
        fn no_text_panics(text in "[0-9]{0,25}.{0,3}") {
            if let Err(error) = parse(&text) {
                prop_assert!(error.to_string().contains(&text));
            }
        }
    }
}
