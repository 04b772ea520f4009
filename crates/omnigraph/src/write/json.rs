//! JSON values of input records: text is borrowed from the record where possible, integers keep all their digits, and
//! members that occur twice are refused where the grammar wants it.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

/// A parsed JSON value. Integers keep all 64 bits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json<'a> {
    Null,
    Bool(bool),
    /// A number token without fraction and exponent that fits.
    Int(i64),
    /// Such a token above `i64::MAX`.
    UInt(u64),
    /// The token `-0`: the integer 0, or the float −0.
    NegativeZero,
    /// Any other number.
    Float(f64),
    Text(Cow<'a, str>),
    Array(Vec<Json<'a>>),
    /// Members in input order.
    Object(Members<'a>),
}

/// Members of an object in input order.
pub(crate) type Members<'a> = Vec<(Cow<'a, str>, Json<'a>)>;

impl Json<'_> {
    /// Returns a word for error messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Bool(_) => "a boolean",
            Json::Int(_) | Json::UInt(_) | Json::NegativeZero => "an integer",
            Json::Float(_) => "a fractional number",
            Json::Text(_) => "a string",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        }
    }
}

/// Objects with more members than this are checked for duplicates by an index instead of a scan.
const SCANNED_MEMBERS: usize = 32;

/// What to do with a member name that occurs twice in one object, at any depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Duplicates {
    /// Refuse it: `duplicate JSON member 'x'`.
    Refuse,
    /// The last one counts.
    KeepLast,
}

/// Parses one value that fills the whole text.
///
/// # Errors
/// Malformed JSON, nesting beyond 127 levels, text after the value, or a refused duplicate.
pub(crate) fn parse(text: &[u8], duplicates: Duplicates) -> Result<Json<'_>, serde_json::Error> {
    let zeros = Zeros { text, read: Cell::new(0) };
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Seed { duplicates, zeros: &zeros }.deserialize(&mut reader)?;
    reader.end()?;
    Ok(value)
}

/// Finds how negative zeros are spelled, which the parser does not tell: it hands out a float for `-0` and `-0.0`.
struct Zeros<'t> {
    text: &'t [u8],
    /// Where the search for the next one begins.
    read: Cell<usize>,
}

impl Zeros<'_> {
    /// Tells whether the next negative zero is written without fraction and exponent. To be asked once for each, in
    /// the order of the text, so that all of them cost one pass.
    fn next_is_integer(&self) -> bool {
        let (mut at, mut in_text) = (self.read.get(), false);
        while let Some(&byte) = self.text.get(at) {
            match byte {
                b'\\' if in_text => at += 1,
                b'"' => in_text = !in_text,
                b'-' if !in_text => {
                    let rest = &self.text[at..];
                    let part = |b: &u8| matches!(b, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
                    let token = &rest[..rest.iter().position(|b| !part(b)).unwrap_or(rest.len())];
                    at += token.len();
                    let mantissa = token.split(|b| matches!(b, b'e' | b'E')).next().unwrap_or(token);
                    let underflow = || std::str::from_utf8(token).is_ok_and(|t| t.parse() == Ok(-0.0_f64));
                    if !mantissa.iter().any(|b| matches!(b, b'1'..=b'9')) || underflow() {
                        self.read.set(at);
                        return token == b"-0";
                    }
                    continue;
                }
                _ => {}
            }
            at += 1;
        }
        self.read.set(at);
        false
    }
}

/// Deserializes a [`Json`].
#[derive(Clone, Copy)]
struct Seed<'t> {
    duplicates: Duplicates,
    zeros: &'t Zeros<'t>,
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Json<'de>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// Member names, borrowed when they hold no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text))
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json<'de>, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json<'de>, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json<'de>, E> {
        Ok(Json::Int(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json<'de>, E> {
        Ok(i64::try_from(value).map_or(Json::UInt(value), Json::Int))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json<'de>, E> {
        // Equal bits, as a comparison would not tell the zeros apart.
        let negative_zero = value.to_bits() == (-0.0_f64).to_bits();
        Ok(if negative_zero && self.zeros.next_is_integer() {
            Json::NegativeZero
        } else {
            Json::Float(value)
        })
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json<'de>, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json<'de>, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = items.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Json::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json<'de>, A::Error> {
        let mut members: Members<'de> = Vec::new();
        let mut places: HashMap<Cow<'de, str>, usize> = HashMap::new();
        while let Some(name) = entries.next_key_seed(Name)? {
            let value = entries.next_value_seed(self)?;
            if members.len() == SCANNED_MEMBERS {
                places.extend(members.iter().enumerate().map(|(place, (name, _))| (name.clone(), place)));
            }
            let known = match members.len() < SCANNED_MEMBERS {
                true => members.iter().position(|(known, _)| *known == name),
                false => places.get(&name).copied(),
            };
            match known {
                Some(_) if self.duplicates == Duplicates::Refuse => {
                    return Err(A::Error::custom(format_args!("duplicate JSON member '{name}'")));
                }
                Some(place) => members[place].1 = value,
                None => {
                    if members.len() >= SCANNED_MEMBERS {
                        places.insert(name.clone(), members.len());
                    }
                    members.push((name, value));
                }
            }
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_keep_all_bits_and_fractions_are_told_apart() {
        let parsed = parse(b"[1, -1, 18446744073709551615, 3.0, 1e3]", Duplicates::Refuse).unwrap();
        let expected =
            vec![Json::Int(1), Json::Int(-1), Json::UInt(u64::MAX), Json::Float(3.0), Json::Float(1000.0)];
        assert_eq!(parsed, Json::Array(expected));
    }

    #[test]
    fn negative_zeros_are_told_apart_by_their_spelling() {
        let text = br#"{"-0":"-0.0 \"-0.0","a":[-0.0,-0,-0e5,-1e-999,-1.5,-0],"a":-0,"b":-0.00}"#;
        let Json::Object(members) = parse(text, Duplicates::KeepLast).unwrap() else { panic!() };
        let spelled = |json: &Json<'_>| matches!(json, Json::NegativeZero);
        assert_eq!(members.iter().map(|(_, value)| spelled(value)).collect::<Vec<_>>(), [false, true, false]);
        let Json::Array(items) = parse(b"[-0.0,-0,-0e5,-1e-999,-1.5,-0]", Duplicates::Refuse).unwrap() else {
            panic!()
        };
        let expected = [false, true, false, false, false, true];
        assert_eq!(items.iter().map(spelled).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_duplicate_is_refused_at_any_depth_or_the_last_one_counts() {
        let text = br#"{"a":[{"x":1,"x":2}]}"#;
        let error = parse(text, Duplicates::Refuse).unwrap_err().to_string();
        assert!(error.contains("duplicate JSON member 'x'"), "{error}");
        let parsed = parse(br#"{"x":1,"x":2}"#, Duplicates::KeepLast).unwrap();
        assert_eq!(parsed, Json::Object(vec![("x".into(), Json::Int(2))]));
    }

    #[test]
    fn duplicates_are_found_in_wide_objects() {
        let members: Vec<String> = (0..100).map(|n| format!("\"m{n}\":{n}")).collect();
        for duplicate in [3, 31, 32, 99] {
            let text = format!("{{{},\"m{duplicate}\":-1}}", members.join(","));
            let error = parse(text.as_bytes(), Duplicates::Refuse).unwrap_err().to_string();
            assert!(error.contains(&format!("duplicate JSON member 'm{duplicate}'")), "{error}");
            let Json::Object(kept) = parse(text.as_bytes(), Duplicates::KeepLast).unwrap() else { panic!() };
            assert_eq!((kept.len(), &kept[duplicate].1), (100, &Json::Int(-1)));
        }
    }

    #[test]
    fn text_after_the_value_and_deep_nesting_are_refused() {
        assert!(parse(b"{} {}", Duplicates::Refuse).is_err());
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(parse(deep.as_bytes(), Duplicates::Refuse).is_err());
    }
}
