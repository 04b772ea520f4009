//! The JSON object from actor to token that the tokens file and its variable hold. It keeps repeated actors, which a JSON map
//! would hide, so that they can be refused.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

/// Pairs of actor and token in the order of the text; a repeated actor is kept, for the caller to refuse.
pub(super) struct Payload(pub(super) Vec<(String, String)>);

/// Parses the object. The error is where it is malformed, as the parser's own text could quote a token.
pub(super) fn parse(text: &str) -> Result<Payload, (usize, usize)> {
    serde_json::from_str(text).map_err(|error| (error.line(), error.column()))
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;

        impl<'de> Visitor<'de> for Pairs {
            type Value = Payload;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("one object from actor to token")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Payload, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = entries.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Payload(pairs))
            }
        }

        deserializer.deserialize_map(Pairs)
    }
}
