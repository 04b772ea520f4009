//! The selection of the rows that a run works on.

use std::str::FromStr;

use serde_json::Value;

use super::error::PipelineError;
use super::row::{Object, as_text};

/// Rows to work on. The default is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Only rows of these types; empty for all types.
    pub types: Vec<String>,
    /// Only rows that match one of these; empty for all.
    pub selectors: Vec<Selector>,
}

/// A condition on one field, written `[Type:]field=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Selector {
    type_name: Option<String>,
    field: String,
    value: String,
}

impl FromStr for Selector {
    type Err = PipelineError;

    /// Splits at the first `=`, and what is left of it at the first `:`.
    fn from_str(text: &str) -> Result<Selector, PipelineError> {
        let invalid = || PipelineError::InvalidSelector { text: text.to_owned() };
        let (left, value) = text.split_once('=').ok_or_else(invalid)?;
        let (type_name, field) = match left.split_once(':') {
            Some((type_name, field)) => (Some(type_name.trim()), field.trim()),
            None => (None, left.trim()),
        };
        if field.is_empty() || type_name.is_some_and(str::is_empty) {
            return Err(invalid());
        }
        Ok(Selector {
            type_name: type_name.map(str::to_owned),
            field: field.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl Selection {
    /// Tells whether a row of this type with these properties is selected.
    pub(super) fn takes(&self, type_name: &str, data: &Object<'_>) -> bool {
        (self.types.is_empty() || self.types.iter().any(|wanted| wanted == type_name))
            && (self.selectors.is_empty() || self.selectors.iter().any(|one| one.takes(type_name, data)))
    }
}

impl Selector {
    fn takes(&self, type_name: &str, data: &Object<'_>) -> bool {
        if self.type_name.as_deref().is_some_and(|wanted| wanted != type_name) {
            return false;
        }
        data.value(&self.field).is_some_and(|value: Value| as_text(&value) == self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn takes(selectors: &[&str], type_name: &str, data: &str) -> bool {
        let selectors = selectors.iter().map(|text| text.parse().unwrap()).collect();
        let data: Object<'_> = serde_json::from_str(data).unwrap();
        Selection { types: Vec::new(), selectors }.takes(type_name, &data)
    }

    #[test]
    fn values_compare_as_text() {
        assert!(takes(&["slug=a=b"], "Doc", r#"{"slug":"a=b"}"#));
        assert!(takes(&["n=7"], "Doc", r#"{"n":7}"#));
        assert!(takes(&["n=null"], "Doc", r#"{"n":null}"#));
        assert!(takes(&["on=true"], "Doc", r#"{"on":true}"#));
        assert!(takes(&[r#"tags=["a",1]"#], "Doc", r#"{"tags":["a", 1]}"#));
        assert!(takes(&["slug="], "Doc", r#"{"slug":""}"#));
        assert!(!takes(&["slug="], "Doc", "{}"));
        assert!(!takes(&["slug=A"], "Doc", r#"{"slug":"a"}"#));
    }

    #[test]
    fn a_type_in_front_binds_and_one_match_is_enough() {
        assert!(takes(&["Doc:slug=a"], "Doc", r#"{"slug":"a"}"#));
        assert!(!takes(&["Person:slug=a"], "Doc", r#"{"slug":"a"}"#));
        assert!(takes(&["Person:slug=a", "slug=a:b"], "Doc", r#"{"slug":"a:b"}"#));
        let types = Selection { types: vec!["Person".to_owned()], selectors: Vec::new() };
        assert!(types.takes("Person", &Object::default()) && !types.takes("Doc", &Object::default()));
    }

    #[test]
    fn selectors_of_another_form_are_refused() {
        for text in ["slug", "=a", ":f=a", "Doc:=a", ""] {
            assert!(text.parse::<Selector>().is_err(), "{text}");
        }
    }
}
