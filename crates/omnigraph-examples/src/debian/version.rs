//! Order of version numbers (deb-version(7)).

use std::cmp::Ordering;

/// Compares two versions: epoch, upstream version, revision.
pub fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (split(a), split(b));
    part(a.0, b.0).then_with(|| part(a.1, b.1)).then_with(|| part(a.2, b.2))
}

fn split(version: &str) -> (&[u8], &[u8], &[u8]) {
    let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
    let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
    (epoch.as_bytes(), upstream.as_bytes(), revision.as_bytes())
}

/// Compares alternately a run of other characters and a run of digits.
fn part(mut a: &[u8], mut b: &[u8]) -> Ordering {
    while !a.is_empty() || !b.is_empty() {
        loop {
            let (x, y) = (weight(a), weight(b));
            if x != y {
                return x.cmp(&y);
            }
            if x == 0 {
                break;
            }
            (a, b) = (&a[1..], &b[1..]);
        }
        let (x, y) = (digits(&mut a), digits(&mut b));
        let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
        if order.is_ne() {
            return order;
        }
    }
    Ordering::Equal
}

/// `~` sorts before the end of the text, letters after it, everything else last. Digits count as an end.
fn weight(text: &[u8]) -> i32 {
    match text.first() {
        None | Some(b'0'..=b'9') => 0,
        Some(b'~') => -1,
        Some(c) if c.is_ascii_alphabetic() => i32::from(*c),
        Some(c) => i32::from(*c) + 256,
    }
}

/// Takes a run of digits off the front and returns it without leading zeros.
fn digits<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().position(|c| !c.is_ascii_digit()).unwrap_or(text.len());
    let (run, rest) = text.split_at(end);
    *text = rest;
    let zeros = run.iter().take_while(|c| **c == b'0').count();
    &run[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_sort_as_dpkg_sorts_them() {
        let ascending = [
            "1.0~~",
            "1.0~rc1-1",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1+b10",
            "1.0-1.1",
            "1.0a-1",
            "1.0+dfsg-1",
            "1.0.1-1",
            "1.10-1",
            "1:0.1-1",
        ];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
    }

    #[test]
    fn zeros_and_absent_parts_do_not_matter() {
        assert_eq!(compare("1.02", "0:1.2-0"), Ordering::Equal);
    }
}
