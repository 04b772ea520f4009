//! Every wire type decodes and encodes as its line of `contract.txt` says.

use std::collections::BTreeMap;

use omnigraph_api::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::contract::{Contract, Member, Presence, Shape, Type, contract, sample};

type Recode = fn(&str) -> serde_json::Result<String>;

fn recode<T: DeserializeOwned + Serialize>(text: &str) -> serde_json::Result<String> {
    serde_json::to_string(&serde_json::from_str::<T>(text)?)
}

macro_rules! types {
    ($($wire:ident,)*) => { BTreeMap::from([$((stringify!($wire), recode::<$wire> as Recode),)*]) };
}

fn types() -> BTreeMap<&'static str, Recode> {
    types![
        BlobEntityKind,
        BlobRangeOutput,
        BranchCreateOutput,
        BranchCreateRequest,
        BranchDeleteOutput,
        BranchListOutput,
        BranchMergeOutcome,
        BranchMergeOutput,
        BranchMergeRequest,
        ChangeBaselineOutput,
        ChangeBaselineRecord,
        ChangeBaselineRequest,
        ChangeBlockOutput,
        ChangeCauseOutput,
        ChangeDiffRefusalOutput,
        ChangeDiffRefusalReason,
        ChangeEndpointsOutput,
        ChangeErrorOutput,
        ChangeFeedGapOutput,
        ChangeFeedOutput,
        ChangeImageOutput,
        ChangeOpOutput,
        ChangeOutput,
        ChangeRequest,
        ChangeTypeOutput,
        CommitChangesOutput,
        CommitListOutput,
        CommitOutput,
        EntityChangeOutput,
        EntityKindOutput,
        ErrorCode,
        ErrorOutput,
        ExportRequest,
        ExternalBlobSourceOutput,
        GraphBatchDeclarationOutput,
        GraphBatchLoadOutput,
        GraphInfo,
        GraphListResponse,
        HealthOutput,
        IngestOutput,
        IngestRequest,
        InvokeStoredQueryRequest,
        InvokeStoredQueryResponse,
        KeyConflictOutput,
        LegacyReadOutput,
        LoadMode,
        MergeConflictKindOutput,
        MergeConflictOutput,
        ParamDescriptor,
        ParamKind,
        PreconditionFailureOutput,
        PublishedDatasetVersionConflictOutput,
        QueriesCatalogOutput,
        QueryCatalogEntry,
        QueryRequest,
        ReadOutput,
        ReadRequest,
        ReadSetConflictOutput,
        ReadTargetOutput,
        RecoveryRequiredOutput,
        ResourceLimitOutput,
        SchemaApplyOutput,
        SchemaApplyRequest,
        SchemaOutput,
        SnapshotDatasetOutput,
        SnapshotOutput,
    ]
}

/// Calls `check` for each object type with its line and its sample without anything optional.
fn each_object(check: impl Fn(&str, Recode, &[Member], bool, Value)) {
    let (contract, types) = (contract(), types());
    for (name, shape) in &contract {
        if let Shape::Object { closed, members } = shape {
            check(name, types[name], members, *closed, sample(&contract, name, false));
        }
    }
}

#[test]
fn there_is_a_type_for_each_component() {
    let (contract, types) = (contract(), types());
    assert_eq!(types.keys().collect::<Vec<_>>(), contract.keys().collect::<Vec<_>>());
}

#[test]
fn values_pass_byte_for_byte() {
    let (contract, types) = (contract(), types());
    let pass = |name: &str, value: &Value| {
        let text = value.to_string();
        assert_eq!(types[name](&text).unwrap(), text, "{name}");
    };
    for (name, shape) in &contract {
        match shape {
            Shape::Object { .. } => {
                pass(name, &sample(&contract, name, true));
                pass(name, &sample(&contract, name, false));
            }
            Shape::Enum(words) => words.iter().for_each(|word| pass(name, &json!(word))),
            Shape::OneOf(names) => names.iter().for_each(|part| pass(name, &sample(&contract, part, true))),
        }
    }
}

#[test]
fn null_and_nothing_are_the_same_for_a_member_that_may_be_absent() {
    each_object(|name, recode, members, _, least| {
        let least_text = least.to_string();
        for member in members {
            let mut other = least.clone();
            let object = other.as_object_mut().unwrap();
            match member.presence {
                Presence::LeftOut if !matches!(member.ty, Type::Array(_)) => {
                    object.insert(member.name.to_owned(), Value::Null);
                }
                Presence::Null => {
                    object.shift_remove(member.name);
                }
                _ => continue,
            }
            assert_eq!(recode(&other.to_string()).unwrap(), least_text, "{name}.{}", member.name);
        }
    });
}

#[test]
fn a_default_stands_for_nothing_but_not_for_null() {
    each_object(|name, recode, members, _, least| {
        let defaulted = |m: &&Member| matches!(m.presence, Presence::Default | Presence::DefaultLeftOut);
        for member in members.iter().filter(defaulted) {
            let mut other = least.clone();
            other.as_object_mut().unwrap().shift_remove(member.name);
            assert_eq!(recode(&other.to_string()).unwrap(), least.to_string(), "{name}.{}", member.name);
            other[member.name] = Value::Null;
            let error = recode(&other.to_string()).unwrap_err().to_string();
            assert!(error.starts_with("invalid type: null"), "{name}.{}: {error}", member.name);
        }
    });
}

#[test]
fn a_required_member_must_be_there() {
    each_object(|name, recode, members, _, least| {
        for member in members.iter().filter(|m| m.presence == Presence::Required) {
            let mut other = least.clone();
            other.as_object_mut().unwrap().shift_remove(member.name);
            let error = recode(&other.to_string()).unwrap_err().to_string();
            let expected = format!("missing field `{}`", member.name);
            assert!(error.starts_with(&expected), "{name}: {error}");
        }
    });
}

#[test]
fn unknown_members_are_refused_by_closed_types_only() {
    each_object(|name, recode, _, closed, least| {
        let mut other = least.clone();
        other["table_keys"] = json!(["node:City"]);
        match recode(&other.to_string()) {
            Ok(text) => {
                assert!(!closed, "{name}");
                assert_eq!(text, least.to_string(), "{name}");
            }
            Err(error) => {
                assert!(
                    closed && error.to_string().starts_with("unknown field `table_keys`"),
                    "{name}: {error}"
                );
            }
        }
    });
}

#[test]
fn unknown_words_are_refused_except_where_unknown_is_a_word() {
    let (contract, types): (Contract, _) = (contract(), types());
    for (name, shape) in &contract {
        let Shape::Enum(words) = shape else { continue };
        let other = types[name]("\"Other\"");
        assert_eq!(other.ok().as_deref(), words.contains(&"unknown").then_some("\"unknown\""), "{name}");
    }
}
