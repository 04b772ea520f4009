//! JSON that passes through as text: neither its numbers nor the order of its members change.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

/// A JSON value kept as its text: members keep their order and numbers all their digits, also those that no machine
/// number holds.
///
/// It can be decoded from JSON text and from a [`Value`] only; deserializers of other formats fail.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RawJson(Box<RawValue>);

impl RawJson {
    /// Takes over a text that must be one JSON value.
    ///
    /// # Errors
    /// When it is not.
    pub fn parse(text: &str) -> serde_json::Result<RawJson> {
        serde_json::from_str(text)
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// When the value cannot be written as JSON, as a map whose keys are not texts.
    pub fn of(value: &impl Serialize) -> serde_json::Result<RawJson> {
        serde_json::value::to_raw_value(value).map(RawJson)
    }

    /// Returns the text, without blanks around it.
    pub fn get(&self) -> &str {
        self.0.get()
    }

    /// Reads the text. Integers beyond 64 bits become the nearest double.
    ///
    /// # Errors
    /// When the text nests deeper than 128 levels or has a number beyond the range of a double.
    pub fn to_value(&self) -> serde_json::Result<Value> {
        serde_json::from_str(self.get())
    }
}

/// Equal when the texts are.
impl PartialEq for RawJson {
    fn eq(&self, other: &RawJson) -> bool {
        self.get() == other.get()
    }
}

impl Eq for RawJson {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_digits_and_order() {
        let text = r#"{"z":123456789012345678901234567890,"a":1.10,"e":1E400}"#;
        let raw = RawJson::parse(text).unwrap();
        assert_eq!(raw.get(), text);
        assert_eq!(serde_json::to_string(&raw).unwrap(), text);
    }

    #[test]
    fn strips_blanks_around_the_value_only() {
        assert_eq!(RawJson::parse(" [1, 2]\n").unwrap().get(), "[1, 2]");
    }

    #[test]
    fn refuses_what_is_no_single_value() {
        for text in ["", "{", "1 2", "{'a':1}"] {
            assert!(RawJson::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reading_refuses_what_has_no_value_in_memory() {
        assert!(RawJson::parse("1e400").unwrap().to_value().is_err());
        let deep = "[".repeat(200) + &"]".repeat(200);
        assert!(RawJson::parse(&deep).unwrap().to_value().is_err());
    }

    #[test]
    fn decodes_from_a_value_in_memory() {
        let raw: RawJson = serde_json::from_value(serde_json::json!({"b": 1, "a": [true]})).unwrap();
        assert_eq!(raw.get(), r#"{"b":1,"a":[true]}"#);
        assert_eq!(raw, RawJson::of(&raw.to_value().unwrap()).unwrap());
    }
}
