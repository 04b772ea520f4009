//! Text forms of scalar values: what counts as a date or an instant, and the canonical spellings that ids are made of.
//!
//! Pure functions over values; the calendar is the proleptic Gregorian one of `chrono`, years −262143 to 262142.

use chrono::{DateTime, Datelike, NaiveDate};

/// Days from 0001-01-01 to 1970-01-01, plus one.
const EPOCH_DAYS_FROM_CE: i32 = 719_163;

const MILLIS_PER_DAY: i64 = 86_400_000;

/// Reads a date as days since 1970-01-01.
///
/// Accepts `YYYY-MM-DD` (one-digit month and day tolerated; a year with a sign may have more digits), `YYYYMMDD`, and
/// a full date-time, whose day in UTC counts.
///
/// ```
/// use omnigraph_compiler::scalar::parse_date;
/// assert_eq!(parse_date("2024-06-01"), Some(19875));
/// assert_eq!(parse_date("2024-06-01T23:30:00-02:00"), Some(19876));
/// assert_eq!(parse_date("2024-13-01"), None);
/// ```
pub fn parse_date(text: &str) -> Option<i32> {
    match calendar_day(text) {
        Some(day) => Some(day),
        None => i32::try_from(instant(text)?.div_euclid(MILLIS_PER_DAY)).ok(),
    }
}

/// Reads an instant as milliseconds since the epoch, UTC.
///
/// Accepts a date, `T` or a space, then `HH:MM:SS` (or `HHMMSS`) with an optional fraction and an optional `Z`,
/// `±hh:mm`, `±hhmm` or `±hh`. Without an offset UTC is meant; a bare date is its midnight; digits below the
/// millisecond are cut off.
///
/// ```
/// use omnigraph_compiler::scalar::parse_datetime;
/// assert_eq!(parse_datetime("2024-06-01T00:00:00Z"), Some(1_717_200_000_000));
/// assert_eq!(parse_datetime("2024-06-01 02:00:00.0009+02"), Some(1_717_200_000_000));
/// assert_eq!(parse_datetime("2024-06-01"), Some(1_717_200_000_000));
/// ```
pub fn parse_datetime(text: &str) -> Option<i64> {
    match calendar_day(text) {
        Some(day) => Some(i64::from(day) * MILLIS_PER_DAY),
        None => instant(text),
    }
}

/// Writes days since 1970-01-01 as `YYYY-MM-DD`; `None` outside the calendar.
pub fn format_date(days: i32) -> Option<String> {
    let date = NaiveDate::from_num_days_from_ce_opt(days.checked_add(EPOCH_DAYS_FROM_CE)?)?;
    Some(date.format("%Y-%m-%d").to_string())
}

/// Writes milliseconds since the epoch as `YYYY-MM-DDTHH:MM:SS.mmmZ`; `None` outside the calendar.
pub fn format_datetime(millis: i64) -> Option<String> {
    Some(DateTime::from_timestamp_millis(millis)?.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
}

/// Writes the canonical spelling of a 32-bit float: shortest decimal that reads back, no exponent, both zeros `0`.
///
/// `None` for values that are not finite.
pub fn spell_f32(value: f32) -> Option<String> {
    match value {
        0.0 => Some("0".to_owned()),
        v if v.is_finite() => Some(v.to_string()),
        _ => None,
    }
}

/// Writes the canonical spelling of a 64-bit float: shortest decimal that reads back, no exponent, both zeros `0`.
///
/// `None` for values that are not finite.
///
/// ```
/// use omnigraph_compiler::scalar::spell_f64;
/// assert_eq!(spell_f64(1e23).as_deref(), Some("100000000000000000000000"));
/// assert_eq!(spell_f64(-0.0).as_deref(), Some("0"));
/// ```
pub fn spell_f64(value: f64) -> Option<String> {
    match value {
        0.0 => Some("0".to_owned()),
        v if v.is_finite() => Some(v.to_string()),
        _ => None,
    }
}

/// A bare date, as days since the epoch.
fn calendar_day(text: &str) -> Option<i32> {
    let (year, month, day) = match text.as_bytes() {
        [b'+' | b'-', rest @ ..] => {
            let (digits, tail) = text[1..].split_once('-')?;
            if !(4..=6).contains(&digits.len()) || !all_digits(digits) || rest.is_empty() {
                return None;
            }
            let year: i32 = digits.parse().ok()?;
            let (month, day) = tail.split_once('-')?;
            (if text.starts_with('-') { -year } else { year }, month, day)
        }
        bytes if bytes.len() == 8 && all_digits(text) => (text[..4].parse().ok()?, &text[4..6], &text[6..]),
        _ => {
            let (year, tail) = text.split_once('-')?;
            if year.len() != 4 || !all_digits(year) {
                return None;
            }
            let (month, day) = tail.split_once('-')?;
            (year.parse().ok()?, month, day)
        }
    };
    let date = NaiveDate::from_ymd_opt(year, one_or_two_digits(month)?, one_or_two_digits(day)?)?;
    Some(date.num_days_from_ce() - EPOCH_DAYS_FROM_CE)
}

/// A date with a time, as milliseconds since the epoch.
fn instant(text: &str) -> Option<i64> {
    let separator = text.find(['T', 't', ' '])?;
    let day = calendar_day(&text[..separator])?;
    let clock = &text[separator + 1..];
    let (clock, offset) = match clock.find(['Z', 'z', '+', '-']) {
        None => (clock, 0),
        Some(at) => (&clock[..at], offset_millis(&clock[at..])?),
    };
    let local = i64::from(day) * MILLIS_PER_DAY + time_millis(clock)?;
    let millis = local - offset;
    DateTime::from_timestamp_millis(millis).map(|_| millis)
}

/// `HH:MM:SS` or `HHMMSS`, the former with an optional fraction, as milliseconds of the day. Second 60 is the next one.
fn time_millis(text: &str) -> Option<i64> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() && all_digits(fraction) => (whole, fraction),
        Some(_) => return None,
        None => (text, ""),
    };
    let bytes = whole.as_bytes();
    let (hour, minute, second) = match bytes.len() {
        8 if bytes[2] == b':' && bytes[5] == b':' => (&bytes[0..2], &bytes[3..5], &bytes[6..8]),
        6 if fraction.is_empty() => (&bytes[0..2], &bytes[2..4], &bytes[4..6]),
        _ => return None,
    };
    let (hour, minute, second) = (pair(hour)?, pair(minute)?, pair(second)?);
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let millis = fraction.bytes().chain(std::iter::repeat(b'0')).take(3);
    let millis = millis.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some(((hour * 60 + minute) * 60 + second) * 1000 + millis)
}

/// `Z`, `±hh:mm`, `±hhmm` or `±hh`, in milliseconds east of UTC.
fn offset_millis(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    let sign = match bytes.first()? {
        b'Z' | b'z' => return (bytes.len() == 1).then_some(0),
        b'+' => 1,
        _ => -1,
    };
    let (hours, minutes) = match &bytes[1..] {
        [a, b] => (pair(&[*a, *b])?, 0),
        [a, b, c, d] | [a, b, b':', c, d] => (pair(&[*a, *b])?, pair(&[*c, *d])?),
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn one_or_two_digits(text: &str) -> Option<u32> {
    if matches!(text.len(), 1 | 2) && all_digits(text) { text.parse().ok() } else { None }
}

fn pair(bytes: &[u8]) -> Option<i64> {
    match bytes {
        [a, b] if a.is_ascii_digit() && b.is_ascii_digit() => {
            Some(i64::from(a - b'0') * 10 + i64::from(b - b'0'))
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_every_tolerated_form() {
        for text in ["2020-09-08", "2020-9-8", "2020-09-8", "20200908", "2020-09-08 01:02:03", "+2020-09-08"]
        {
            assert_eq!(parse_date(text), Some(18513), "{text}");
        }
        assert_eq!(parse_date("1969-12-31"), Some(-1));
        assert_eq!(parse_date("1970-01-01T00:30:00+01:00"), Some(-1));
        assert_eq!(parse_date("+10000-01-01").and_then(format_date).as_deref(), Some("+10000-01-01"));
        assert_eq!(parse_date("-0001-01-01").and_then(format_date).as_deref(), Some("-0001-01-01"));
    }

    #[test]
    fn malformed_dates_are_refused() {
        for text in [
            "",
            "-",
            "+",
            "T",
            "80-01-01",
            "342",
            "foo",
            "2020-09-08-03",
            "2020--04-03",
            "2020--",
            "2020-02-30",
            "2020-13-01",
            "2020/01/01",
            " 2020-01-01",
            "2020-01-01 ",
            "2020-001-1",
            "2020-+1-01",
            "２０２０-01-01",
            "99999999-01-01",
            "2020-09-08 01",
            "2020-09-08 01:02",
            "2020-09-08T25:00:00",
            "é",
            "20é00-1-1",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
            assert_eq!(parse_datetime(text), None, "{text}");
        }
    }

    #[test]
    fn instants_are_read_in_every_tolerated_form() {
        for text in [
            "2024-06-01T12:30:15.250Z",
            "2024-06-01 12:30:15.25",
            "2024-06-01t12:30:15.2509999999999z",
            "2024-06-01T14:30:15.250+02:00",
            "2024-06-01T14:30:15.250+0200",
            "2024-06-01T14:30:15.250+02",
            "2024-06-01T07:00:15.250-05:30",
        ] {
            assert_eq!(parse_datetime(text), Some(1_717_245_015_250), "{text}");
        }
        assert_eq!(parse_datetime("2024-06-01T123015Z"), Some(1_717_245_015_000));
        assert_eq!(parse_datetime("1969-12-31T23:59:59.9999Z"), Some(-1));
        assert_eq!(parse_datetime("2016-12-31T23:59:60Z"), parse_datetime("2017-01-01"));
    }

    #[test]
    fn malformed_instants_are_refused() {
        for text in [
            "2024-06-01T",
            "2024-06-01T12:30:15.",
            "2024-06-01T12:30:15.Z",
            "2024-06-01T12:30:15 Z",
            "2024-06-01T12:30:15+2",
            "2024-06-01T12:30:15+24:00",
            "2024-06-01T12:30:15+02:60",
            "2024-06-01T12:30:15ZZ",
            "2024-06-01T24:00:00",
            "2024-06-01T12:60:00",
            "2024-06-01T12:30:61",
            "2024-06-01T1:30:15",
            "2024-06-01T12-30-15",
            "2024-06-01T12:30:15+é1",
        ] {
            assert_eq!(parse_datetime(text), None, "{text}");
        }
    }

    #[test]
    fn written_values_read_back() {
        for days in [-719_162, -1, 0, 1, 19_875, 2_932_896, 3_000_000, -800_000] {
            assert_eq!(parse_date(&format_date(days).unwrap()), Some(days));
        }
        for millis in [-62_135_596_800_000, -1, 0, 1, 1_717_245_015_250, 253_402_300_800_000] {
            assert_eq!(parse_datetime(&format_datetime(millis).unwrap()), Some(millis));
        }
        assert_eq!(format_date(i32::MAX), None);
        assert_eq!(format_datetime(i64::MIN), None);
        assert_eq!(format_datetime(0).as_deref(), Some("1970-01-01T00:00:00.000Z"));
    }

    #[test]
    fn floats_are_spelt_without_exponent() {
        assert_eq!(spell_f32(0.1).as_deref(), Some("0.1"));
        assert_eq!(spell_f64(0.1f32.into()).as_deref(), Some("0.10000000149011612"));
        assert_eq!(spell_f64(2.0).as_deref(), Some("2"));
        assert_eq!(spell_f64(-2.5e-7).as_deref(), Some("-0.00000025"));
        assert_eq!(spell_f32(-0.0).as_deref(), Some("0"));
        assert_eq!(spell_f32(f32::NAN), None);
        assert_eq!(spell_f64(f64::INFINITY), None);
    }
}
