//! The YAML dialect: the options and bounds of the parser, and its errors as problems.

use serde::de::DeserializeOwned;
use serde_path_to_error::Track;
use serde_saphyr::options::{AliasLimits, DuplicateKeyPolicy, MergeKeyPolicy, NonFiniteFloatPolicy};
use serde_saphyr::{Location, Options};

use crate::problem::{Misfit, Position, Problem};

/// Returns the options of the parser. `duplicates` tells what becomes of a key given twice, and `typed` whether a Rust type
/// says what each value is to be: then a number or a boolean is never taken for text.
pub(crate) fn options(duplicates: DuplicateKeyPolicy, typed: bool) -> Options {
    let mut alias_limits = AliasLimits::default();
    alias_limits.max_total_replayed_events = 100_000;
    alias_limits.max_replay_stack_depth = 4;
    serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 32, max_documents: 2 },
        duplicate_keys: duplicates,
        merge_keys: MergeKeyPolicy::AsOrdinary,
        alias_limits: alias_limits,
        strict_booleans: true,
        no_schema: typed,
        non_finite_float_policy: NonFiniteFloatPolicy::PassThrough,
        with_snippet: false,
    }
}

/// Reads one YAML document into a type. An absent document is a null. A text that would be a number or a boolean if it
/// were not asked for as text must be quoted.
///
/// # Errors
/// The first misfit: [`Misfit::RepeatedKey`], or [`Misfit::Syntax`] for everything else, also a value of another type.
/// Its path is that of the value being read.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Box<Problem>> {
    let mut track = Track::new();
    let options = options(DuplicateKeyPolicy::Error, true);
    serde_saphyr::with_deserializer_from_str_with_options(text, options, |deserializer| {
        T::deserialize(serde_path_to_error::Deserializer::new(deserializer, &mut track))
    })
    .map_err(|error| {
        // Without a key, the document itself is meant.
        let path = match track.path().to_string() {
            path if matches!(path.as_str(), "." | "?") => String::new(),
            path => path,
        };
        Box::new(Problem { path, ..problem(&error) })
    })
}

/// Turns an error of the parser into a problem, whose message leaves out the position: the problem has it.
pub(crate) fn problem(error: &serde_saphyr::Error) -> Problem {
    let position = error.location().and_then(position);
    let kind = match error.without_snippet() {
        serde_saphyr::Error::DuplicateMappingKey { key, .. } => {
            Misfit::RepeatedKey { key: key.clone().unwrap_or_default() }
        }
        serde_saphyr::Error::MultipleDocuments { .. } => {
            Misfit::Syntax { message: "a second document begins here".to_owned() }
        }
        other => {
            let message = other.to_string();
            let suffix = position.map(|at| format!(" at line {}, column {}", at.line, at.column));
            Misfit::Syntax { message: message.replace(&suffix.unwrap_or_default(), "") }
        }
    };
    Problem::new(String::new(), position, kind)
}

pub(crate) fn position(location: Location) -> Option<Position> {
    (location != Location::UNKNOWN).then(|| Position { line: location.line(), column: location.column() })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_type_is_filled_and_the_first_misfit_told_with_its_path() {
        let read = |text: &str| from_str::<BTreeMap<String, BTreeMap<String, String>>>(text);
        assert_eq!(read("a: { on: no, b: '5' }\n").unwrap()["a"]["on"], "no");
        let problem = read("a:\n  b: 5\n").unwrap_err();
        assert_eq!((problem.path.as_str(), problem.position), ("a.b", Some(Position { line: 2, column: 6 })));
        assert!(
            matches!(&problem.kind, Misfit::Syntax { message } if message.contains("quoted")),
            "{problem}"
        );
        let problem = read("a: {}\na: {}\n").unwrap_err();
        assert_eq!(problem.kind, Misfit::RepeatedKey { key: "a".into() });
        assert_eq!(problem.position, Some(Position { line: 2, column: 1 }));
    }
}
