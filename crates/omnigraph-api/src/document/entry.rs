//! The builder that describes one operation: its parameters, its body, its answers and its errors.

use std::collections::BTreeMap;

use utoipa::ToSchema;
use utoipa::openapi::header::Header;
use utoipa::openapi::path::{Operation as Described, OperationBuilder, Parameter};
use utoipa::openapi::request_body::{RequestBody, RequestBodyBuilder};
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Content, Deprecated, RefOr, Required, Response, ResponseBuilder, Schema};

use super::form::{BEARER, Form};
use super::headers::{self, Named};
use super::parameters;
use super::schemas::{content, reference};
use crate::headers::NDJSON;
use crate::{ChangeErrorOutput, ErrorOutput, Operation, Scope};

const JSON: &str = "application/json";

/// What the bodies of an operation's errors are.
#[derive(Clone, Copy)]
enum ErrorBody {
    General,
    Change,
    Absent,
}

/// An error that an operation answers with.
struct Failure {
    text: &'static str,
    headers: Vec<Named>,
}

/// Description of one operation, beyond what the table has.
pub(super) struct Entry {
    summary: &'static str,
    description: &'static str,
    parameters: Vec<Parameter>,
    body: Option<RequestBody>,
    answers: BTreeMap<u16, Response>,
    failures: BTreeMap<u16, Failure>,
    error_body: ErrorBody,
}

/// What errors mean where an operation does not say it better.
fn general_text(status: u16) -> &'static str {
    match status {
        400 => "The graph's id or another parameter is malformed.",
        401 => "The request has no credentials, or unusable ones.",
        403 => "Policy denies the request.",
        404 => "The graph is not served.",
        409 => "The state of the graph is in the way.",
        413 => "The body is longer than 1 MiB.",
        415 => "The header `Content-Type` is not `application/json`.",
        424 => {
            "Bytes outside the graph that the write refers to cannot be read: `external_blob_source`. The error has \
             no code."
        }
        429 => "The actor has too many writes in flight, or too many bytes.",
        500 => "The server failed.",
        503 => {
            "An earlier operation must be recovered first: `recovery_required`. Whether a write happened is not known \
             until then. The error has no code."
        }
        504 => {
            "The request took longer than the server allows. Whether a write happened is not known. The error has no \
             code."
        }
        _ => "The request is refused.",
    }
}

impl Entry {
    fn new(summary: &'static str, description: &'static str) -> Entry {
        Entry {
            summary,
            description,
            parameters: Vec::new(),
            body: None,
            answers: BTreeMap::new(),
            failures: BTreeMap::new(),
            error_body: ErrorBody::General,
        }
    }

    /// Describes an operation of the server, which has no errors yet.
    pub(super) fn server(summary: &'static str, description: &'static str) -> Entry {
        Entry::new(summary, description)
    }

    /// Describes an operation of a graph, with the errors that all of them have.
    pub(super) fn graph(summary: &'static str, description: &'static str) -> Entry {
        Entry::new(summary, description).errors(&[400, 401, 403, 404, 500, 503, 504])
    }

    /// Describes an operation that publishes, which is limited per actor.
    pub(super) fn write(summary: &'static str, description: &'static str) -> Entry {
        Entry::graph(summary, description).errors(&[429])
    }

    /// Describes an operation about changes, whose errors have fewer members.
    pub(super) fn changes(summary: &'static str, description: &'static str) -> Entry {
        Entry { error_body: ErrorBody::Change, ..Entry::graph(summary, description) }
    }

    /// Adds a parameter. Those of the path come from the table.
    pub(super) fn parameter(mut self, parameter: Parameter) -> Entry {
        self.parameters.push(parameter);
        self
    }

    /// Requires a JSON body, which brings the errors of its length and media type.
    pub(super) fn body<T: ToSchema>(mut self) -> Entry {
        let body = RequestBodyBuilder::new().content(JSON, content::<T>()).required(Some(Required::True));
        self.body = Some(body.build());
        self.errors(&[413, 415])
    }

    /// Takes a JSON body that may be absent or null, whatever its media type.
    pub(super) fn optional_body<T: ToSchema>(mut self, text: &'static str) -> Entry {
        let null = ObjectBuilder::new().schema_type(Type::Null);
        let schema = OneOfBuilder::new().item(reference::<T>()).item(null);
        let body = RequestBodyBuilder::new()
            .description(Some(text))
            .content(JSON, Content::new(Some(schema)))
            .required(Some(Required::False));
        self.body = Some(body.build());
        self.errors(&[413])
    }

    /// Requires a body of lines of JSON.
    pub(super) fn ndjson_body(mut self, text: &'static str) -> Entry {
        let schema = ObjectBuilder::new().schema_type(Type::String);
        let body = RequestBodyBuilder::new()
            .description(Some(text))
            .content(NDJSON, Content::new(Some(schema)))
            .required(Some(Required::True));
        self.body = Some(body.build());
        self
    }

    /// Answers with JSON.
    pub(super) fn ok<T: ToSchema>(self, text: &'static str) -> Entry {
        self.answer(200, ResponseBuilder::new().description(text).content(JSON, content::<T>()).build())
    }

    /// Answers with lines of JSON, of which at most one has a schema.
    pub(super) fn ok_ndjson(self, text: &'static str, schema: Option<RefOr<Schema>>) -> Entry {
        let response = ResponseBuilder::new().description(text).content(NDJSON, Content::new(schema));
        self.answer(200, response.build())
    }

    /// Adds an answer that is no error.
    pub(super) fn answer(mut self, status: u16, response: Response) -> Entry {
        self.answers.insert(status, response);
        self
    }

    /// Adds errors in their general meaning.
    pub(super) fn errors(self, statuses: &[u16]) -> Entry {
        statuses.iter().fold(self, |entry, status| entry.error(*status, general_text(*status)))
    }

    /// Adds an error, or says what it means here.
    pub(super) fn error(mut self, status: u16, text: &'static str) -> Entry {
        self.failures.insert(status, Failure { text, headers: Vec::new() });
        self
    }

    /// Adds an error that has headers of its own.
    pub(super) fn error_with(mut self, status: u16, text: &'static str, headers: Vec<Named>) -> Entry {
        self.failures.insert(status, Failure { text, headers });
        self
    }

    /// Takes an error away that operations of its kind have otherwise.
    pub(super) fn never(mut self, status: u16) -> Entry {
        self.failures.remove(&status);
        self
    }

    /// Leaves the bodies of errors out.
    pub(super) fn errors_without_body(mut self) -> Entry {
        self.error_body = ErrorBody::Absent;
        self
    }

    /// Puts the description together with what the table has.
    pub(super) fn build(self, operation: Operation, form: Form) -> Described {
        let mut described = OperationBuilder::new()
            .tag(operation.tag())
            .summary(Some(self.summary))
            .description(Some(self.description))
            .operation_id(Some(operation.operation_id()))
            .request_body(self.body)
            .deprecated(operation.is_deprecated().then_some(Deprecated::True));
        if operation.scope() == Scope::Graph {
            described = described.parameter(parameters::path("graph_id"));
        }
        for name in operation.path_parameters() {
            described = described.parameter(parameters::path(name));
        }
        for parameter in self.parameters {
            described = described.parameter(parameter);
        }
        // Whether the process serves is told to everyone.
        if form == Form::Authenticated && operation != Operation::Health {
            described = described.security(SecurityRequirement::new(BEARER, [""; 0]));
        }
        let error_body = self.error_body;
        let failures =
            self.failures.into_iter().map(|(status, failure)| (status, failure.response(status, error_body)));
        for (status, mut response) in self.answers.into_iter().chain(failures) {
            if let Some(link) = operation.successor_link() {
                add_headers(&mut response, headers::deprecation(&link));
            }
            described = described.response(status.to_string(), response);
        }
        described.build()
    }
}

impl Failure {
    fn response(self, status: u16, body: ErrorBody) -> Response {
        let response = ResponseBuilder::new().description(self.text);
        let mut response = match body {
            ErrorBody::General => response.content(JSON, content::<ErrorOutput>()),
            ErrorBody::Change => response.content(JSON, content::<ChangeErrorOutput>()),
            ErrorBody::Absent => response,
        }
        .build();
        add_headers(&mut response, self.headers);
        add_headers(&mut response, vec![headers::request_id()]);
        if status == 429 {
            add_headers(&mut response, vec![headers::retry_after()]);
        }
        response
    }
}

/// Adds headers to a response.
pub(super) fn add_headers(response: &mut Response, headers: Vec<Named>) {
    let named = headers.into_iter().map(|(name, header): (&str, Header)| (name.to_owned(), RefOr::T(header)));
    response.headers.extend(named);
}
