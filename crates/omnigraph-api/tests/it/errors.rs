//! Error answers: what a server makes and what a client reads.

use omnigraph_api::*;
use serde_json::json;

fn conflict(id: Option<&str>, kind: MergeConflictKindOutput) -> MergeConflictOutput {
    MergeConflictOutput {
        entity_kind: EntityKindOutput::Node,
        type_name: "City".to_owned(),
        entity_id: id.map(str::to_owned),
        kind,
        message: "both sides changed this entity".to_owned(),
    }
}

fn text(reply: &ErrorReply) -> String {
    serde_json::to_string(reply.body()).unwrap()
}

/// Each detail with its status and its body.
fn details() -> Vec<(ErrorDetail, u16, &'static str)> {
    let (entity_kind, type_name) = (EntityKindOutput::Edge, "Road".to_owned());
    vec![
        (
            ErrorDetail::MergeConflicts(vec![conflict(
                Some("oslo"),
                MergeConflictKindOutput::DivergentUpdate,
            )]),
            409,
            r#"{"error":"merge conflicts: node type 'City', entity id 'oslo' (divergent_update)","code":"conflict","merge_conflicts":[{"entity_kind":"node","type_name":"City","entity_id":"oslo","kind":"divergent_update","message":"both sides changed this entity"}]}"#,
        ),
        (
            ErrorDetail::PublishedDatasetVersionConflict(PublishedDatasetVersionConflictOutput {
                entity_kind,
                type_name: type_name.clone(),
                expected_published_dataset_version: 4,
                actual_published_dataset_version: 5,
            }),
            409,
            r#"{"error":"edge type 'Road' is at published dataset version 5, expected 4: read again and retry","code":"conflict","published_dataset_version_conflict":{"entity_kind":"edge","type_name":"Road","expected_published_dataset_version":4,"actual_published_dataset_version":5}}"#,
        ),
        (
            ErrorDetail::ReadSetConflict(ReadSetConflictOutput {
                member: "graph_head:main".to_owned(),
                expected: None,
                actual: Some("01J".to_owned()),
            }),
            409,
            r#"{"error":"'graph_head:main' changed while the write was prepared: expected nothing, found '01J': read again and retry","code":"conflict","read_set_conflict":{"member":"graph_head:main","expected":null,"actual":"01J"}}"#,
        ),
        (
            ErrorDetail::KeyConflict(KeyConflictOutput {
                entity_kind,
                type_name: type_name.clone(),
                entity_id: Some("x".to_owned()),
            }),
            409,
            r#"{"error":"edge type 'Road' already has id 'x'","code":"conflict","key_conflict":{"entity_kind":"edge","type_name":"Road","entity_id":"x"}}"#,
        ),
        (
            ErrorDetail::KeyConflict(KeyConflictOutput { entity_kind, type_name, entity_id: None }),
            409,
            r#"{"error":"edge type 'Road' already has this id","code":"conflict","key_conflict":{"entity_kind":"edge","type_name":"Road"}}"#,
        ),
        (
            ErrorDetail::ResourceLimit(ResourceLimitOutput {
                resource: "graph_batch_request_bytes".to_owned(),
                limit: 33554432,
                actual: 33554433,
            }),
            413,
            r#"{"error":"resource limit exceeded for graph_batch_request_bytes: actual 33554433, limit 33554432","code":"bad_request","resource_limit":{"resource":"graph_batch_request_bytes","limit":33554432,"actual":33554433}}"#,
        ),
        (
            ErrorDetail::BlobRange(BlobRangeOutput { start: 5, end: 9, length: 4 }),
            416,
            r#"{"error":"range 5..9 of a blob of 4 bytes is not satisfiable","code":"bad_request","blob_range":{"start":5,"end":9,"length":4}}"#,
        ),
        (
            ErrorDetail::ExternalBlobSource(ExternalBlobSourceOutput {
                uri: "s3://b/k".to_owned(),
                reason: "not found".to_owned(),
            }),
            424,
            r#"{"error":"external blob source 's3://b/k' is unavailable: not found","external_blob_source":{"uri":"s3://b/k","reason":"not found"}}"#,
        ),
        (
            ErrorDetail::RecoveryRequired(RecoveryRequiredOutput { operation_id: "op-1".to_owned() }),
            503,
            r#"{"error":"recovery required: operation op-1 is not finished","recovery_required":{"operation_id":"op-1"}}"#,
        ),
        (
            ErrorDetail::PreconditionFailure(PreconditionFailureOutput {
                expected: "a".to_owned(),
                actual: None,
            }),
            412,
            r#"{"error":"precondition failed: expected head 'a' but current is <absent>","precondition_failure":{"expected":"a"}}"#,
        ),
        (
            ErrorDetail::ChangeFeedGap(ChangeFeedGapOutput {
                cursor: Some("c".to_owned()),
                first_unreadable_commit_id: "01J".to_owned(),
            }),
            410,
            r#"{"error":"commit '01J' can no longer be read, as its history was reclaimed: take a new baseline","change_feed_gap":{"cursor":"c","first_unreadable_commit_id":"01J"}}"#,
        ),
        (
            ErrorDetail::ChangeDiffRefusal(ChangeDiffRefusalOutput {
                reason: ChangeDiffRefusalReason::SchemaBoundary,
                graph_commit_id: "01J".to_owned(),
                type_name: Some("City".to_owned()),
            }),
            409,
            r#"{"error":"commit '01J' changes the schema of 'City': take a new baseline","code":"conflict","change_diff_refusal":{"reason":"schema_boundary","graph_commit_id":"01J","type_name":"City"}}"#,
        ),
    ]
}

#[test]
fn a_detail_decides_status_and_code() {
    for (detail, status, body) in details() {
        let reply = ErrorReply::from(detail.clone());
        assert_eq!((reply.status(), text(&reply).as_str()), (status, body));
        let decoded = ErrorOutput::decode(body.as_bytes()).unwrap();
        assert_eq!(&decoded, reply.body());
        let other = ErrorReply::detailed(detail, "other text").into_parts();
        assert_eq!(
            other,
            (status, ErrorOutput::decode(body.replace(&decoded.error, "other text").as_bytes()).unwrap())
        );
    }
}

#[test]
fn a_code_has_its_status() {
    let statuses = ErrorCode::ALL.map(|code| ErrorReply::new(code, "x").status());
    assert_eq!(statuses, [401, 403, 400, 404, 405, 409, 429, 500]);
    let reply = ErrorReply::new(ErrorCode::TooManyRequests, "x");
    assert_eq!(text(&reply), r#"{"error":"x","code":"too_many_requests"}"#);
}

#[test]
fn named_causes_have_their_status_and_text() {
    let cases = [
        (ErrorReply::missing_token(), 401, "unauthorized", "missing bearer token"),
        (ErrorReply::invalid_token(), 401, "unauthorized", "invalid bearer token"),
        (ErrorReply::graph_not_found("g"), 404, "not_found", "graph 'g' not found"),
        (ErrorReply::branch_not_found("b"), 404, "not_found", "branch 'b' not found"),
        (ErrorReply::commit_not_found("c"), 404, "not_found", "commit 'c' not found"),
        (ErrorReply::tag_mismatch(), 412, "conflict", "If-Match"),
        (ErrorReply::body_too_large(1048576), 413, "bad_request", "length limit"),
        (ErrorReply::unsupported_media_type(headers::NDJSON), 415, "bad_request", "Content-Type"),
        (ErrorReply::blob_delivery_failed(), 500, "internal", "Blob delivery failed before response headers"),
    ];
    for (reply, status, code, words) in cases {
        let (actual, body) = reply.into_parts();
        assert_eq!(actual, status);
        assert!(body.error.contains(words), "{}", body.error);
        assert_eq!(serde_json::to_value(&body).unwrap(), json!({"error": body.error, "code": code}));
    }
    let denied_or_absent = text(&ErrorReply::stored_query_not_found());
    assert_eq!(denied_or_absent, r#"{"error":"stored query not found","code":"not_found"}"#);
}

#[test]
fn a_lost_precondition_names_branch_and_heads() {
    let reply = ErrorReply::precondition_failed("main", "a", Some("b"));
    assert_eq!(reply.status(), 412);
    assert_eq!(
        text(&reply),
        r#"{"error":"precondition failed on branch 'main': expected head 'a' but current is b","precondition_failure":{"expected":"a","actual":"b"}}"#
    );
    let reply = ErrorReply::precondition_failed("main", "a", None);
    assert!(reply.body().error.ends_with("but current is <absent>"), "{}", reply.body().error);
}

#[test]
fn the_text_of_a_refused_merge_is_short_and_its_list_complete() {
    let kinds = [
        MergeConflictKindOutput::UniqueViolation,
        MergeConflictKindOutput::OrphanEdge,
        MergeConflictKindOutput::DeleteVsUpdate,
        MergeConflictKindOutput::DivergentInsert,
        MergeConflictKindOutput::DivergentInsert,
    ];
    let all: Vec<_> = kinds.into_iter().map(|kind| conflict(None, kind)).collect();
    let text = |n: usize| ErrorDetail::MergeConflicts(all[..n].to_vec()).to_string();
    let three = "merge conflicts: node type 'City' (unique_violation); node type 'City' (orphan_edge); node type 'City' (delete_vs_update)";
    assert_eq!(text(3), three);
    assert_eq!(text(5), format!("{three}; and 2 more"));
    let reply = ErrorReply::from(ErrorDetail::MergeConflicts(all.clone()));
    assert_eq!(reply.body().merge_conflicts, all);
}

#[test]
fn unknown_codes_are_kept_and_unreadable_details_left_out() {
    let body = r#"{"error":"gone","code":"retired","merge_conflicts":[{"kind":"new_kind"}],"key_conflict":7,"resource_limit":null,"precondition_failure":{"expected":"a"},"hint":"x"}"#;
    let output = ErrorOutput::decode(body.as_bytes()).unwrap();
    assert_eq!(output.error, "gone");
    assert_eq!(output.known_code(), None);
    assert_eq!(output.code, Some(WireCode::Unknown("retired".to_owned())));
    assert_eq!(
        serde_json::to_string(&output).unwrap(),
        r#"{"error":"gone","code":"retired","precondition_failure":{"expected":"a"}}"#
    );
    let body = r#"{"error":"x","change_diff_refusal":{"reason":"new_reason","graph_commit_id":"c"}}"#;
    let refusal = ErrorOutput::decode(body.as_bytes()).unwrap().change_diff_refusal.unwrap();
    assert_eq!(refusal.reason, ChangeDiffRefusalReason::Unknown);
}

#[test]
fn bodies_without_text_are_no_error_objects() {
    for body in
        ["", "<html>", "null", "[\"x\"]", "{}", r#"{"error":{"message":"x"}}"#, r#"{"code":"internal"}"#]
    {
        assert_eq!(ErrorOutput::decode(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn refused_bodies_are_bad_requests() {
    let error = decode_request::<ExportRequest>(br#"{"table_keys":[]}"#).unwrap_err();
    let reply = ErrorReply::from(error);
    assert_eq!(reply.status(), 400);
    assert!(reply.body().error.contains("unknown field `table_keys`"), "{}", reply.body().error);
}

fn limit(resource: &str) -> ChangeErrorDetail {
    ChangeErrorDetail::ResourceLimit(ResourceLimitOutput {
        resource: resource.to_owned(),
        limit: 8192,
        actual: 9000,
    })
}

fn change_text(reply: &ChangeErrorReply) -> String {
    serde_json::to_string(reply.body()).unwrap()
}

#[test]
fn change_routes_tell_their_own_limits_only() {
    let reply = ChangeErrorReply::from(limit("commit_changes_page_changes"));
    assert_eq!(reply.status(), 413);
    assert_eq!(
        change_text(&reply),
        r#"{"error":"resource limit exceeded for commit_changes_page_changes: actual 9000, limit 8192","code":"bad_request","resource_limit":{"resource":"commit_changes_page_changes","limit":8192,"actual":9000}}"#
    );
    let failed = ChangeErrorReply::failed();
    assert_eq!(failed.status(), 500);
    assert_eq!(change_text(&failed), r#"{"error":"internal error while reading changes","code":"internal"}"#);
    assert_eq!(ChangeErrorReply::from(limit("scan_buffer_bytes")), failed);
    assert_eq!(ChangeErrorReply::detailed(limit("scan_buffer_bytes"), "s3://secret"), failed);
    assert_eq!(ChangeErrorReply::refused(ErrorCode::Internal, "s3://secret"), failed);
}

#[test]
fn change_routes_name_the_operation_under_a_fixed_text() {
    let detail =
        ChangeErrorDetail::RecoveryRequired(RecoveryRequiredOutput { operation_id: "op-1".to_owned() });
    let reply = ChangeErrorReply::detailed(detail.clone(), "s3://secret");
    assert_eq!(reply, ChangeErrorReply::from(detail));
    assert_eq!(reply.status(), 503);
    assert_eq!(
        change_text(&reply),
        r#"{"error":"recovery required before changes can be read","recovery_required":{"operation_id":"op-1"}}"#
    );
}

#[test]
fn change_errors_read_as_errors() {
    let gap = ChangeFeedGapOutput { cursor: None, first_unreadable_commit_id: "01J".to_owned() };
    let refusal = ChangeDiffRefusalOutput {
        reason: ChangeDiffRefusalReason::ParentlessCommit,
        graph_commit_id: "01J".to_owned(),
        type_name: None,
    };
    let replies = [
        (ChangeErrorReply::from(ChangeErrorDetail::ChangeFeedGap(gap)), 410),
        (ChangeErrorReply::from(ChangeErrorDetail::ChangeDiffRefusal(refusal)), 409),
        (ChangeErrorReply::refused(ErrorCode::NotFound, "branch 'b' not found"), 404),
    ];
    for (reply, status) in replies {
        assert_eq!(reply.status(), status);
        let text = change_text(&reply);
        let general = ErrorOutput::decode(text.as_bytes()).unwrap();
        assert_eq!(serde_json::to_string(&general).unwrap(), text);
    }
}
