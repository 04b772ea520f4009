//! Handlers of what commits changed: of one commit, the feed of a branch, and baselines. Errors here tell less than elsewhere:
//! see [`ApiError::changes`].

use std::str::FromStr;

use axum::Json;
use axum::extract::RawQuery;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use omnigraph::changes::{ChangeFeedPosition, ChangeFeedRequest, ChangeFeedScope, FeedStart};
use omnigraph_api::headers::NDJSON_UTF8;
use omnigraph_api::{
    ChangeBaselineOutput, ChangeBaselineRecord, ChangeBaselineRequest, ChangeErrorDetail, ChangeErrorReply,
    ErrorCode, ErrorDetail, ErrorReply,
};
use omnigraph_policy::Operation;
use omnigraph_service as service;

use super::commits::{Named, is_not_found, is_readable};
use crate::error::ApiError;
use crate::extract::{ApiJson, ApiPath, query_pairs};
use crate::graph_request::{GraphRequest, branch_name};
use crate::transport;

/// Parameters of a change route. Nothing is ignored: a filter that is misspelt would mean more data.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    branch: Option<String>,
    cursor: Option<String>,
    start: Option<String>,
    page_token: Option<String>,
    limit: Option<usize>,
    filter: ChangeBaselineRequest,
}

impl Asked {
    /// Reads a query string; `single` are the parameters that the route has besides the filter and may have once.
    fn parse(query: Option<&str>, single: &[&str]) -> Result<Asked, ApiError> {
        let mut asked = Asked::default();
        for (name, value) in query_pairs(query.unwrap_or_default())? {
            match name.as_str() {
                "kind" => asked.filter.kind.push(word(&name, &value)?),
                "op" => asked.filter.op.push(word(&name, &value)?),
                "type" => asked.filter.type_names.push(value),
                "limit" if asked.limit.is_none() => asked.limit = Some(number(&name, &value)?),
                "branch" | "cursor" | "start" | "page_token" if single.contains(&name.as_str()) => {
                    let slot = match name.as_str() {
                        "branch" => &mut asked.branch,
                        "cursor" => &mut asked.cursor,
                        "start" => &mut asked.start,
                        _ => &mut asked.page_token,
                    };
                    if slot.replace(value).is_some() {
                        return Err(repeated(&name));
                    }
                }
                "limit" => return Err(repeated(&name)),
                _ => return Err(ApiError::bad_request(format!("unknown query parameter '{name}'"))),
            }
        }
        if asked.limit == Some(0) {
            return Err(ApiError::bad_request("limit must be at least 1"));
        }
        Ok(asked)
    }

    fn scope(&self) -> ChangeFeedScope {
        service::baseline_scope(&self.filter)
    }

    /// Returns where to begin. The position is checked after authorization, its form before.
    fn position(&self) -> Result<ChangeFeedPosition, ApiError> {
        match (&self.cursor, &self.start, &self.page_token) {
            (None, None, None) => Ok(ChangeFeedPosition::Start(FeedStart::Now)),
            (Some(cursor), None, None) => Ok(ChangeFeedPosition::Cursor(cursor.clone())),
            (None, None, Some(token)) => Ok(ChangeFeedPosition::PageToken(token.clone())),
            (None, Some(start), None) => start_of(start).map(ChangeFeedPosition::Start),
            _ => Err(ApiError::bad_request("give one of cursor, start and page_token")),
        }
    }
}

fn start_of(text: &str) -> Result<FeedStart, ApiError> {
    match (text, text.strip_prefix("after:")) {
        ("now", _) => Ok(FeedStart::Now),
        ("beginning", _) => Ok(FeedStart::Beginning),
        (_, Some(commit)) if !commit.trim().is_empty() => {
            Ok(FeedStart::AfterCommit(commit.trim().to_owned()))
        }
        _ => Err(ApiError::bad_request("start must be now | beginning | after:<commit_id>")),
    }
}

fn word<T: serde::de::DeserializeOwned>(name: &str, value: &str) -> Result<T, ApiError> {
    serde_json::from_value(value.into())
        .map_err(|error| ApiError::bad_request(format!("query parameter '{name}': {error}")))
}

fn number(name: &str, value: &str) -> Result<usize, ApiError> {
    usize::from_str(value)
        .map_err(|error| ApiError::bad_request(format!("query parameter '{name}': '{value}': {error}")))
}

fn repeated(name: &str) -> ApiError {
    ApiError::bad_request(format!("the query parameter '{name}' is given more than once"))
}

/// `GET commits/{commit_id}/changes`. A commit that the caller may not read is answered as one that is not there.
pub(super) async fn of_commit(
    graph_request: GraphRequest,
    ApiPath(Named { commit_id }): ApiPath<Named>,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let asked = Asked::parse(query.as_deref(), &["page_token"])?;
    let engine = &graph_request.graph.engine;
    let absent =
        || ChangeErrorReply::refused(ErrorCode::NotFound, format!("commit '{}' not found", commit_id.trim()));
    let commit = match engine.get_commit(&commit_id).await {
        Ok(commit) => commit,
        Err(error) if is_not_found(&error) => return Err(absent().into()),
        Err(error) => return Err(ApiError::changes(&error)),
    };
    if !is_readable(&graph_request, &commit)? {
        return Err(absent().into());
    }
    let token = asked.page_token.as_deref();
    match service::commit_changes(engine, &commit_id, &asked.scope(), token, asked.limit).await {
        Ok(output) => Ok(Json(output).into_response()),
        // It went away while it was looked at.
        Err(error) if is_not_found(&error) => Err(absent().into()),
        Err(error) => Err(ApiError::changes(&error)),
    }
}

/// `GET changes`.
pub(super) async fn poll(
    graph_request: GraphRequest,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let asked = Asked::parse(query.as_deref(), &["branch", "cursor", "start", "page_token"])?;
    let branch = branch_name(asked.branch.as_deref())?;
    let position = asked.position()?;
    graph_request.authorize(Operation::Read { branch: Some(branch) })?;
    let request = ChangeFeedRequest {
        branch: Some(branch.to_owned()),
        scope: asked.scope(),
        max_changes: asked.limit,
        ..ChangeFeedRequest::new(position)
    };
    let output = service::poll_changes(&graph_request.graph.engine, &request).await;
    Ok(Json(output.map_err(|error| ApiError::changes(&error))?).into_response())
}

/// `POST changes/baseline`: the data of one commit, and in the last line the cursor behind it.
pub(super) async fn baseline(
    graph_request: GraphRequest,
    ApiJson(request): ApiJson<ChangeBaselineRequest>,
) -> Result<Response, ApiError> {
    let branch = branch_name(request.branch.as_deref())?;
    graph_request.authorize(Operation::Export { branch: Some(branch) })?;
    let engine = &graph_request.graph.engine;
    let catalog = engine.catalog(branch).await.map_err(|error| ApiError::changes(&error))?;
    let known: Vec<String> = catalog.type_keys().map(|key| key.name).collect();
    if let Some(unknown) = request.type_names.iter().find(|name| !known.contains(name)) {
        return Err(ErrorReply::unknown_type(unknown).into());
    }
    let reservation = graph_request.app.transport.reserve().await.map_err(limit)?;
    let captured = engine.change_baseline_stream(branch, &service::baseline_scope(&request)).await;
    let (source, baseline) = captured.map_err(|error| ApiError::changes(&error))?;
    let record = ChangeBaselineRecord {
        baseline: ChangeBaselineOutput {
            snapshot_commit_id: baseline.snapshot_commit_id,
            resume_cursor: baseline.resume_cursor,
        },
    };
    let mut last = serde_json::to_vec(&record)
        .map_err(|error| ApiError::internal(format!("writing the cursor: {error}")))?;
    last.push(b'\n');
    let headers = [(CONTENT_TYPE, HeaderValue::from_static(NDJSON_UTF8))];
    Ok((
        headers,
        transport::body(source, Some(last.into()), reservation, graph_request.app.client_timeouts.reading),
    )
        .into_response())
}

fn limit(detail: ErrorDetail) -> ApiError {
    match detail {
        ErrorDetail::ResourceLimit(limit) => {
            ChangeErrorReply::from(ChangeErrorDetail::ResourceLimit(limit)).into()
        }
        other => ErrorReply::from(other).into(),
    }
}

#[cfg(test)]
mod tests {
    use omnigraph_api::{ChangeOpOutput, EntityKindOutput};

    use super::*;

    fn parse(query: &str) -> Result<Asked, ApiError> {
        Asked::parse(Some(query), &["branch", "cursor", "start", "page_token"])
    }

    #[test]
    fn filters_repeat_and_everything_else_is_given_once() {
        let asked = parse("kind=node&kind=edge&type=A%20B&op=delete&limit=7&branch=d&start=now").unwrap();
        assert_eq!(asked.filter.kind, [EntityKindOutput::Node, EntityKindOutput::Edge]);
        assert_eq!(asked.filter.type_names, ["A B"]);
        assert_eq!(asked.filter.op, [ChangeOpOutput::Delete]);
        assert_eq!((asked.limit, asked.branch.as_deref()), (Some(7), Some("d")));
        assert_eq!(asked.position().unwrap(), ChangeFeedPosition::Start(FeedStart::Now));
        for (query, part) in [
            ("kind=nodes", "kind"),
            ("op=upsert", "op"),
            ("limit=x", "limit"),
            ("limit=-1", "limit"),
            ("limit=0", "at least 1"),
            ("limit=1&limit=1", "more than once"),
            ("branch=a&branch=a", "more than once"),
            ("max_bytes=1", "unknown query parameter 'max_bytes'"),
            ("branch=%zz", "percent escape"),
        ] {
            let error = parse(query).unwrap_err();
            assert_eq!(error.status(), 400, "{query}");
            assert!(error.to_string().contains(part), "{query}: {error}");
        }
        assert!(Asked::parse(Some("cursor=x"), &["page_token"]).is_err());
    }

    #[test]
    fn a_poll_has_one_position() {
        let position = |query: &str| parse(query).unwrap().position();
        assert_eq!(position("").unwrap(), ChangeFeedPosition::Start(FeedStart::Now));
        assert_eq!(position("start=beginning").unwrap(), ChangeFeedPosition::Start(FeedStart::Beginning));
        let after = ChangeFeedPosition::Start(FeedStart::AfterCommit("01J".into()));
        assert_eq!(position("start=after:01J").unwrap(), after);
        assert_eq!(position("cursor=c").unwrap(), ChangeFeedPosition::Cursor("c".into()));
        assert_eq!(position("page_token=t").unwrap(), ChangeFeedPosition::PageToken("t".into()));
        for query in ["start=later", "start=after:", "start=", "cursor=c&start=now", "cursor=c&page_token=t"]
        {
            assert_eq!(position(query).unwrap_err().status(), 400, "{query}");
        }
    }
}
