//! Which bytes of a blob a request gets: its conditions (`If-Match`, `If-None-Match`, RFC 9110 §13) and its range (§14).

use std::ops::Range;

use axum::http::HeaderMap;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE};

/// What the conditions of a request come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// Go on.
    Holds,
    /// The client has these bytes: 304.
    NotModified,
    /// `If-Match` names others: 412.
    Failed,
}

/// Evaluates `If-Match`, then `If-None-Match`, for the strong tag of the current bytes.
pub(super) fn condition(headers: &HeaderMap, etag: &str) -> Condition {
    if headers.contains_key(IF_MATCH) {
        match tags(headers, IF_MATCH.as_str()) {
            Some(Tags::Any) => {}
            Some(Tags::List(list)) if list.iter().any(|tag| !tag.weak && tag.opaque == etag) => {}
            // A condition that cannot be read does not hold.
            Some(Tags::List(_)) | None => return Condition::Failed,
        }
    }
    match tags(headers, IF_NONE_MATCH.as_str()) {
        Some(Tags::Any) => Condition::NotModified,
        Some(Tags::List(list)) if list.iter().any(|tag| tag.opaque == etag) => Condition::NotModified,
        Some(Tags::List(_)) | None => Condition::Holds,
    }
}

enum Tags {
    Any,
    List(Vec<Tag>),
}

struct Tag {
    weak: bool,
    /// Quotes included.
    opaque: String,
}

/// Reads all values of a header as `*` or one list of tags; none when it is absent or malformed.
fn tags(headers: &HeaderMap, name: &str) -> Option<Tags> {
    let mut list = Vec::new();
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    for value in values {
        let text = value.to_str().ok()?.trim();
        if text == "*" {
            return (headers.get_all(name).iter().count() == 1).then_some(Tags::Any);
        }
        let mut rest = text;
        loop {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                break;
            }
            let (tag, after) = tag(rest)?;
            list.push(tag);
            rest = after.trim_start();
            if !rest.is_empty() && !rest.starts_with(',') {
                return None;
            }
        }
    }
    (!list.is_empty()).then_some(Tags::List(list))
}

/// Reads one tag from the start of a text.
fn tag(text: &str) -> Option<(Tag, &str)> {
    let (weak, quoted) = match text.strip_prefix("W/") {
        Some(quoted) => (true, quoted),
        None => (false, text),
    };
    let inner = quoted.strip_prefix('"')?;
    let end = inner.find('"')?;
    if inner[..end].bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return None;
    }
    Some((Tag { weak, opaque: quoted[..end + 2].to_owned() }, &inner[end + 1..]))
}

/// Which bytes to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// All: 200.
    All,
    /// Some: 206.
    Part(Range<u64>),
    /// What lies outside: 416. Half-open, as it was asked for; without a last byte it ends where the blob ends, which may be
    /// before its start.
    Outside {
        /// First byte.
        start: u64,
        /// The byte after the last.
        end: u64,
    },
}

/// Reads `Range` and `If-Range` against a blob of `length` bytes. What is not exactly one range of bytes is ignored.
pub(super) fn wanted(headers: &HeaderMap, etag: &str, length: u64) -> Wanted {
    let mut ranges = headers.get_all(RANGE).iter();
    let (Some(range), None) = (ranges.next(), ranges.next()) else { return Wanted::All };
    let mut conditions = headers.get_all(IF_RANGE).iter();
    match (conditions.next(), conditions.next()) {
        (None, _) => {}
        (Some(one), None) if one.as_bytes() == etag.as_bytes() => {}
        _ => return Wanted::All,
    }
    range.to_str().ok().and_then(|text| part(text, length)).unwrap_or(Wanted::All)
}

fn part(text: &str, length: u64) -> Option<Wanted> {
    let (unit, range) = text.split_once('=')?;
    if !unit.eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.split_once('-')?;
    let number = |digits: &str| {
        (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| digits.parse::<u64>().ok())
            .flatten()
    };
    if first.is_empty() {
        let count = number(last)?;
        return Some(if count == 0 || length == 0 {
            Wanted::Outside { start: length, end: length }
        } else {
            Wanted::Part(length - count.min(length)..length)
        });
    }
    let first = number(first)?;
    let end = if last.is_empty() { None } else { Some(number(last)?) };
    match end {
        Some(last) if last < first => None,
        Some(last) if first >= length => Some(Wanted::Outside { start: first, end: last.checked_add(1)? }),
        None if first >= length => Some(Wanted::Outside { start: first, end: length }),
        Some(last) => Some(Wanted::Part(first..last.saturating_add(1).min(length))),
        None => Some(Wanted::Part(first..length)),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    const ETAG: &str = "\"0123\"";

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| {
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
        };
        let mut headers = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn conditions_compare_tags() {
        use Condition::*;
        let cases: [(&[(&str, &str)], Condition); 17] = [
            (&[], Holds),
            (&[("if-match", ETAG)], Holds),
            (&[("if-match", "*")], Holds),
            (&[("if-match", "\"x\", \"0123\"")], Holds),
            (&[("if-match", "\"x\""), ("if-match", ETAG)], Holds),
            (&[("if-match", "\"x\"")], Failed),
            (&[("if-match", "W/\"0123\"")], Failed),
            (&[("if-match", "0123")], Failed),
            (&[("if-match", "\"0123\" \"x\"")], Failed),
            (&[("if-match", "*"), ("if-match", ETAG)], Failed),
            (&[("if-match", "")], Failed),
            (&[("if-none-match", ETAG)], NotModified),
            (&[("if-none-match", "W/\"0123\"")], NotModified),
            (&[("if-none-match", "*")], NotModified),
            (&[("if-none-match", "\"x\", ,\"y\"")], Holds),
            (&[("if-none-match", "0123")], Holds),
            (&[("if-match", "\"x\""), ("if-none-match", ETAG)], Failed),
        ];
        for (given, expected) in cases {
            assert_eq!(condition(&headers(given), ETAG), expected, "{given:?}");
        }
    }

    #[test]
    fn one_range_of_digits_counts() {
        use Wanted::*;
        let cases: [(&str, u64, Wanted); 24] = [
            ("bytes=0-3", 10, Part(0..4)),
            ("BYTES=2-99", 10, Part(2..10)),
            ("bytes=9-9", 10, Part(9..10)),
            ("bytes=4-", 10, Part(4..10)),
            ("bytes=-3", 10, Part(7..10)),
            ("bytes=-99", 10, Part(0..10)),
            ("bytes=0-18446744073709551615", 10, Part(0..10)),
            ("bytes=10-12", 10, Outside { start: 10, end: 13 }),
            ("bytes=11-", 10, Outside { start: 11, end: 10 }),
            ("bytes=-0", 10, Outside { start: 10, end: 10 }),
            ("bytes=-5", 0, Outside { start: 0, end: 0 }),
            ("bytes=0-", 0, Outside { start: 0, end: 0 }),
            ("bytes=0-0", 0, Outside { start: 0, end: 1 }),
            ("bytes=3-2", 10, All),
            ("bytes=0-1,3-4", 10, All),
            ("items=0-1", 10, All),
            ("bytes=a-b", 10, All),
            ("bytes= 0-1", 10, All),
            ("bytes=0 -1", 10, All),
            ("bytes=+1-2", 10, All),
            ("bytes=-", 10, All),
            ("bytes", 10, All),
            ("bytes=99999999999999999999-", 10, All),
            ("bytes=10-18446744073709551615", 10, All),
        ];
        for (range, length, expected) in cases {
            assert_eq!(wanted(&headers(&[("range", range)]), ETAG, length), expected, "{range} of {length}");
        }
        let twice = headers(&[("range", "bytes=0-1"), ("range", "bytes=0-1")]);
        assert_eq!(wanted(&twice, ETAG, 10), All);
    }

    #[test]
    fn if_range_needs_the_one_strong_tag() {
        let with = |conditions: &[&str]| {
            let mut given = vec![("range", "bytes=0-1")];
            given.extend(conditions.iter().map(|condition| ("if-range", *condition)));
            wanted(&headers(&given), ETAG, 10)
        };
        assert_eq!(with(&[ETAG]), Wanted::Part(0..2));
        for other in
            [&["W/\"0123\""][..], &["\"x\""], &["Wed, 21 Oct 2015 07:28:00 GMT"], &[ETAG, ETAG], &["0123"]]
        {
            assert_eq!(with(other), Wanted::All, "{other:?}");
        }
    }
}
