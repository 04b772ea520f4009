//! A connection to one base URL, and what all calls under it have in common: token, headers, errors, no redirects.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use omnigraph_api::{ErrorOutput, Operation};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Body, Client, Method, Response, StatusCode, Url, redirect};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::{AddressError, ClientError};
use super::paths;
use crate::token::BearerToken;

/// How long a connection may take to come about. Answers may take any time: a server has no bound on its work.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What is read of the body of an error. A refused merge lists all its conflicts.
const ERROR_BYTES: usize = 16 << 20;

/// What an error shows of a body that is no error object, in characters.
const SHOWN_CHARS: usize = 2_000;

const JSON: &str = "application/json";

/// A base URL with what calls under it need.
#[derive(Clone)]
pub(super) struct Connection {
    http: Client,
    base: Url,
    token: Option<BearerToken>,
}

/// Without the password that the base may have.
impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("base", &self.base()).field("token", &self.token).finish()
    }
}

/// A request in the making.
pub(super) struct Call<'a> {
    connection: &'a Connection,
    method: Method,
    url: Url,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Option<Body>,
    conditional: bool,
}

impl Connection {
    /// Prepares calls under a base. No connection is made yet.
    pub(super) fn new(base: &str, token: Option<BearerToken>) -> Result<Connection, ClientError> {
        let base = parse_base(base)?;
        let mut builder = Client::builder()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .user_agent(concat!("omnigraph/", env!("CARGO_PKG_VERSION")));
        // A server on this machine cannot be reached through a proxy elsewhere.
        if is_loopback(&base) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| ClientError::Setup(error.without_url()))?;
        Ok(Connection { http, base, token })
    }

    /// Returns the connection to a deeper base, by an encoded path with leading `/`. It shares its sockets.
    pub(super) fn under(&self, path: &str) -> Connection {
        let mut deeper = self.clone();
        deeper.base = self.join(path);
        deeper
    }

    /// Returns the base without trailing `/`, user and password.
    pub(super) fn base(&self) -> String {
        shown(&self.base).trim_end_matches('/').to_owned()
    }

    /// Begins a call of an operation of the base, with the values of its path's parameters.
    pub(super) fn call(&self, operation: Operation, values: &[&str]) -> Result<Call<'_>, AddressError> {
        Ok(Call {
            connection: self,
            method: method(operation),
            url: self.join(&paths::path(operation, values)?),
            headers: vec![(ACCEPT, HeaderValue::from_static(JSON))],
            body: None,
            conditional: false,
        })
    }

    fn join(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}{path}", self.base.path().trim_end_matches('/')));
        url
    }

    fn redact(&self, text: &str) -> String {
        self.token.as_ref().map_or_else(|| text.to_owned(), |token| token.redact(text))
    }
}

impl Call<'_> {
    /// Sets a header, instead of one with its name.
    pub(super) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, value));
        self
    }

    /// Says which media types the answer may have.
    pub(super) fn accept(self, types: &'static str) -> Self {
        self.header(ACCEPT, HeaderValue::from_static(types))
    }

    /// Says that the path exists on servers with conditional writes only.
    pub(super) fn conditional(mut self) -> Self {
        self.conditional = true;
        self
    }

    /// Adds a query parameter, if it has a value.
    pub(super) fn query(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.url.query_pairs_mut().append_pair(name, value);
        }
        self
    }

    /// Sets a JSON body.
    pub(super) fn json_body(self, body: &impl Serialize) -> Result<Self, ClientError> {
        let body = serde_json::to_vec(body)
            .map_err(|error| ClientError::Request { what: "the request", problem: error.to_string() })?;
        Ok(self.header(CONTENT_TYPE, HeaderValue::from_static(JSON)).body(body.into()))
    }

    /// Sets the body.
    pub(super) fn body(mut self, body: Body) -> Self {
        self.body = Some(body);
        self
    }

    /// Returns what is called, without user and password.
    pub(super) fn url(&self) -> String {
        shown(&self.url)
    }

    /// Sends the request and returns the answer, whatever its status.
    pub(super) async fn send(self) -> Result<Response, ClientError> {
        let url = self.url();
        let failed = |source: reqwest::Error| {
            let source = source.without_url();
            match source.is_connect() || source.is_builder() {
                true => ClientError::Unreachable { url: url.clone(), source },
                false => ClientError::NoAnswer { url: url.clone(), source },
            }
        };
        let mut request = self.connection.http.request(self.method, self.url).build().map_err(&failed)?;
        *request.body_mut() = self.body;
        for (name, value) in self.headers {
            request.headers_mut().insert(name, value);
        }
        if let Some(token) = self.connection.token.as_ref().and_then(BearerToken::header) {
            request.headers_mut().insert(AUTHORIZATION, token);
        }
        self.connection.http.execute(request).await.map_err(&failed)
    }

    /// Sends the request and returns the answer if it is a success.
    pub(super) async fn answer(self) -> Result<Response, ClientError> {
        let (connection, url, conditional) = (self.connection, self.url(), self.conditional);
        let response = self.send().await?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(connection.refusal(response, url, conditional).await)
    }

    /// Sends the request and reads the JSON of its success.
    pub(super) async fn json<T: DeserializeOwned>(self) -> Result<T, ClientError> {
        let url = self.url();
        let response = self.answer().await?;
        let body = match response.bytes().await {
            Ok(body) => body,
            Err(source) => return Err(ClientError::BrokenBody { url, source: source.without_url() }),
        };
        serde_json::from_slice(&body).map_err(|source| ClientError::Unreadable { url, source })
    }
}

impl Connection {
    /// Returns what an answer that is no success says. The status alone makes it a failure, so a body that breaks off
    /// is taken as far as it came.
    pub(super) async fn refusal(&self, response: Response, url: String, conditional: bool) -> ClientError {
        let status = response.status();
        let retry_after = seconds(&response);
        let moved =
            response.headers().get(LOCATION).map(|to| String::from_utf8_lossy(to.as_bytes()).into_owned());
        let body = read(response).await;
        if let Some(mut error) = ErrorOutput::decode(&body) {
            error.error = self.redact(&error.error);
            return ClientError::Api { status: status.as_u16(), error: Box::new(error), retry_after };
        }
        let text = String::from_utf8_lossy(&body);
        let text = text.trim();
        if conditional && status == StatusCode::NOT_FOUND && text.is_empty() {
            return ClientError::NoConditionalWrites { url };
        }
        let text = match moved {
            Some(to) if status.is_redirection() => format!("redirects are not followed, here to {to}"),
            _ if text.is_empty() => "(empty body)".to_owned(),
            _ => text.to_owned(),
        };
        ClientError::Unexpected { status: status.as_u16(), body: cut(&self.redact(&text)) }
    }
}

fn method(operation: Operation) -> Method {
    match operation.method() {
        omnigraph_api::Method::Get => Method::GET,
        omnigraph_api::Method::Head => Method::HEAD,
        omnigraph_api::Method::Post => Method::POST,
        omnigraph_api::Method::Delete => Method::DELETE,
    }
}

/// Checks a base: `http` or `https`, and nothing behind the path.
fn parse_base(base: &str) -> Result<Url, AddressError> {
    let refused = |base: String, problem: &str| AddressError::Base { base, problem: problem.to_owned() };
    let base = base.trim();
    // What is no URL with a host may hold a password where none can be taken off.
    let opaque = || (if base.contains('@') { "<hidden>" } else { base }).to_owned();
    let url = Url::parse(base).map_err(|error| refused(opaque(), &error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        let told = if url.has_host() { shown(&url) } else { opaque() };
        return Err(refused(told, "it must begin with http:// or https://"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refused(shown(&url), "it has a query or a fragment"));
    }
    Ok(url)
}

/// Returns a URL without user and password.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // These fail for URLs without host only, which have neither.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.into()
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Reads `Retry-After` as seconds, the form that servers of this API use.
fn seconds(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

async fn read(mut response: Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        let room = ERROR_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() == ERROR_BYTES {
            break;
        }
    }
    body
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> Result<String, String> {
        Connection::new(text, None).map(|c| c.base()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_base_is_an_http_url_without_trailing_slash_or_password() {
        assert_eq!(base("http://h:8080//").unwrap(), "http://h:8080");
        assert_eq!(base(" https://h/graphs/kb/ ").unwrap(), "https://h/graphs/kb");
        assert_eq!(base("https://ada:pw@h/x").unwrap(), "https://h/x");
    }

    #[test]
    fn other_bases_are_refused_without_showing_a_password() {
        for text in ["s3://u:pw@b/g", "http://u:pw@h/?a=1", "http://u:pw@h/#a", "http://u:pw@", "u:pw@h"] {
            let error = base(text).unwrap_err();
            assert!(error.contains("is no server URL") && !error.contains("pw"), "{error}");
        }
    }

    #[test]
    fn paths_are_appended_with_one_slash() {
        for text in ["http://h/a/", "http://h/a"] {
            let connection = Connection::new(text, None).unwrap();
            let call = connection.call(Operation::DeleteBranch, &["x/y"]).unwrap();
            let call = call.query("q", Some("a b&c")).query("no", None);
            assert_eq!(call.url(), "http://h/a/branches/x%2Fy?q=a+b%26c");
        }
    }

    #[test]
    fn loopback_hosts_are_known() {
        for (url, expected) in [
            ("http://localhost:1", true),
            ("http://127.0.0.9", true),
            ("http://[::1]", true),
            ("http://h", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "ä".repeat(SHOWN_CHARS + 1);
        assert_eq!(cut(&text).chars().count(), SHOWN_CHARS + 1);
        assert!(cut(&text).ends_with('…'));
        assert_eq!(cut("ä"), "ä");
    }
}
