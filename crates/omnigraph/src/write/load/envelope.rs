//! One input record: which type it belongs to, its endpoints and its data.

use omnigraph_compiler::catalog::{Catalog, TypeKey};
use omnigraph_compiler::diagnostics::closest;
use omnigraph_graph::model::ID;

use super::super::json::{Duplicates, Json, Members, parse};
use super::super::rows::{InputPolicy, PHYSICAL};
use crate::error::{OmniError, Result};

/// A record of a node or an edge.
pub(super) struct Envelope<'a> {
    subject: Subject<'a>,
    data: Members<'a>,
}

enum Subject<'a> {
    Node(Json<'a>),
    Edge { name: Json<'a>, from: Json<'a>, to: Json<'a> },
}

fn text<'j>(json: &'j Json<'_>) -> &'j str {
    match json {
        Json::Text(text) => text,
        _ => "",
    }
}

impl<'a> Envelope<'a> {
    /// Parses one record.
    ///
    /// # Errors
    /// Invalid input with its place.
    pub(super) fn parse(record: &'a [u8], line: u64, policy: InputPolicy) -> Result<Envelope<'a>> {
        let refuse = |message: String| OmniError::input(policy.unit(), line, None, None, message);
        let duplicates = match policy {
            InputPolicy::Strict => Duplicates::Refuse,
            InputPolicy::Permissive => Duplicates::KeepLast,
        };
        let parsed = parse(record, duplicates).map_err(|error| {
            if let Err(error) = std::str::from_utf8(record) {
                let byte = error.valid_up_to() + 1;
                return refuse(format!("not valid UTF-8 at byte {byte} of the {}", policy.unit()));
            }
            let reason = error.to_string();
            // serde_json counts lines inside the record; only the column means something to the reader.
            let reason = reason.replace(&format!("line {} column", error.line()), "column");
            match policy {
                _ if reason.starts_with("duplicate JSON member") => refuse(reason),
                InputPolicy::Strict => refuse(format!("invalid strict JSON: {reason}")),
                InputPolicy::Permissive => {
                    let text = format!("invalid JSON at record {line}: {reason}");
                    refuse(text)
                }
            }
        })?;
        let Json::Object(members) = parsed else {
            return Err(refuse("graph batch record must be one JSON object".to_owned()));
        };
        match policy {
            InputPolicy::Strict => strict(members, refuse),
            InputPolicy::Permissive => permissive(members, refuse),
        }
    }

    /// Returns the members of `data`.
    pub(super) fn data(&self) -> &Members<'a> {
        &self.data
    }

    /// Returns the id that the data gives.
    pub(super) fn id(&self) -> Option<&str> {
        self.data.iter().find(|(name, _)| name == ID).map(|(_, value)| text(value))
    }

    /// Returns `from` and `to` of an edge.
    pub(super) fn endpoints(&self) -> Option<(&str, &str)> {
        match &self.subject {
            Subject::Node(_) => None,
            Subject::Edge { from, to, .. } => Some((text(from), text(to))),
        }
    }

    /// Resolves the type: node types by exact name, edge types also ignoring case.
    ///
    /// # Errors
    /// Unknown type, with its place and a similar name.
    pub(super) fn type_key(&self, catalog: &Catalog, line: u64, policy: InputPolicy) -> Result<TypeKey> {
        let unknown = |kind: &str, name: &str, near: Option<&str>| {
            let hint = near.map(|n| format!("; did you mean '{n}'?")).unwrap_or_default();
            let message = format!("unknown {kind} type '{name}'{hint}");
            OmniError::input(policy.unit(), line, None, None, message)
        };
        match &self.subject {
            Subject::Node(name) => {
                let name = text(name);
                match catalog.nodes.contains_key(name) {
                    true => Ok(TypeKey::node(name)),
                    false => {
                        Err(unknown("node", name, closest(name, catalog.nodes.keys().map(String::as_str))))
                    }
                }
            }
            Subject::Edge { name, .. } => {
                let name = text(name);
                match catalog.edge_by_word(name) {
                    Some(edge) => Ok(TypeKey::edge(&edge.name)),
                    None => {
                        Err(unknown("edge", name, closest(name, catalog.edges.keys().map(String::as_str))))
                    }
                }
            }
        }
    }
}

fn strict<'a>(members: Members<'a>, refuse: impl Fn(String) -> OmniError) -> Result<Envelope<'a>> {
    let (mut node, mut edge, mut from, mut to, mut data) = (None, None, None, None, None);
    for (name, value) in members {
        let slot = match name.as_ref() {
            "type" => &mut node,
            "edge" => &mut edge,
            "from" => &mut from,
            "to" => &mut to,
            "data" => {
                match value {
                    Json::Object(members) => data = Some(members),
                    other => return Err(refuse(format!("'data' must be an object, got {}", other.kind()))),
                }
                continue;
            }
            physical if PHYSICAL.contains(&physical) => {
                return Err(refuse(format!("field '{physical}' is reserved physical state")));
            }
            other => return Err(refuse(format!("unknown top-level graph batch field '{other}'"))),
        };
        if !matches!(value, Json::Text(_)) {
            return Err(refuse(format!("'{name}' must be a string, got {}", value.kind())));
        }
        *slot = Some(value);
    }
    let data = data.unwrap_or_default();
    let subject = match (node, edge) {
        (Some(name), None) => {
            if let Some(extra) = from.map(|_| "from").or(to.map(|_| "to")) {
                return Err(refuse(format!("unknown top-level graph batch field '{extra}' of a node")));
            }
            Subject::Node(name)
        }
        (None, Some(name)) => Subject::Edge {
            name,
            from: from.ok_or_else(|| refuse("edge missing 'from'".to_owned()))?,
            to: to.ok_or_else(|| refuse("edge missing 'to'".to_owned()))?,
        },
        _ => return Err(refuse("a record needs exactly one of 'type' or 'edge'".to_owned())),
    };
    Ok(Envelope { subject, data })
}

fn permissive<'a>(members: Members<'a>, refuse: impl Fn(String) -> OmniError) -> Result<Envelope<'a>> {
    let (mut node, mut edge, mut from, mut to, mut data) = (None, None, None, None, Vec::new());
    for (name, value) in members {
        match (name.as_ref(), value) {
            ("type", value @ Json::Text(_)) => node = Some(value),
            ("edge", value @ Json::Text(_)) => edge = Some(value),
            ("from", value @ Json::Text(_)) => from = Some(value),
            ("to", value @ Json::Text(_)) => to = Some(value),
            ("data", Json::Object(members)) => data = members,
            ("data", other) => return Err(refuse(format!("'data' must be an object, got {}", other.kind()))),
            _ => {}
        }
    }
    let subject = match (node, edge) {
        (Some(name), _) => Subject::Node(name),
        (None, Some(name)) => Subject::Edge {
            name,
            from: from.ok_or_else(|| refuse("edge missing 'from'".to_owned()))?,
            to: to.ok_or_else(|| refuse("edge missing 'to'".to_owned()))?,
        },
        (None, None) => return Err(refuse("expected 'type' or 'edge' field".to_owned())),
    };
    Ok(Envelope { subject, data })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, policy: InputPolicy, fragment: &str) {
        let error = Envelope::parse(text.as_bytes(), 3, policy).err().unwrap().to_string();
        assert!(error.contains(fragment), "{error}");
        assert!(error.starts_with(&format!("{} 3: ", policy.unit())), "{error}");
    }

    #[test]
    fn the_strict_grammar_refuses_what_it_does_not_know() {
        let strict = InputPolicy::Strict;
        refused("{}", strict, "exactly one of 'type' or 'edge'");
        refused(r#"{"type":"A","edge":"B"}"#, strict, "exactly one of 'type' or 'edge'");
        refused(r#"{"type":"A","x":1}"#, strict, "unknown top-level graph batch field 'x'");
        refused(r#"{"type":"A","_rowid":1}"#, strict, "reserved physical state");
        refused(r#"{"type":"A","data":null}"#, strict, "'data' must be an object");
        refused(r#"{"edge":"B","to":"x"}"#, strict, "edge missing 'from'");
        refused(r#"{"edge":"B","from":1,"to":"x"}"#, strict, "'from' must be a string");
        refused("[1]", strict, "must be one JSON object");
        refused("{} {}", strict, "invalid strict JSON");
        refused(r#"{"type":"A","data":{"a":1,"a":2}}"#, strict, "duplicate JSON member 'a'");
    }

    #[test]
    fn bytes_that_are_no_text_are_told_as_such() {
        for (policy, text) in [
            (InputPolicy::Strict, "line 3: not valid UTF-8 at byte 10 of the line"),
            (InputPolicy::Permissive, "record 3: not valid UTF-8 at byte 10 of the record"),
        ] {
            let error = Envelope::parse(b"{\"type\":\"\xff\"}", 3, policy).err().unwrap();
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn the_permissive_grammar_ignores_extras_and_prefers_type() {
        let text = br#"{"type":"A","edge":"B","x":1,"data":{"a":1,"a":2}}"#;
        let envelope = Envelope::parse(text, 1, InputPolicy::Permissive).unwrap();
        assert_eq!(envelope.endpoints(), None);
        assert_eq!(envelope.data(), &vec![("a".into(), Json::Int(2))]);
        refused("{}", InputPolicy::Permissive, "expected 'type' or 'edge' field");
        refused(r#"{"edge":"B","from":"x"}"#, InputPolicy::Permissive, "edge missing 'to'");
        refused("nope", InputPolicy::Permissive, "invalid JSON at record 3");
    }
}
