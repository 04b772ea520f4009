//! A provider's endpoint: sends a request until it is answered or refused, or runs out of attempts or time.
//!
//! Sending again is safe: an embedding request changes nothing at the provider.

use std::time::{Duration, SystemTime};

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Client, ClientBuilder, Response, Url, redirect};
use tokio::time::Instant;
use tracing::{debug, warn};

use crate::config::{ApiKey, Limits};
use crate::error::{EmbedError, Result};
use crate::tracing_target::TRACING_TARGET;
use crate::wire;

/// Longest wait where the provider does not ask for one.
const LONGEST_BACKOFF: Duration = Duration::from_secs(30);

/// Longest wait that a provider may ask for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(120);

/// How much of a refusal is read for its message, in bytes.
const REFUSAL_BYTES: usize = 64 << 10;

/// A provider's address with its key and the rules of asking. Holds one pool of connections.
#[derive(Clone)]
pub(crate) struct Endpoint {
    client: Client,
    url: Url,
    auth: (HeaderName, HeaderValue),
    api_key: ApiKey,
    limits: Limits,
}

/// Why an attempt failed, and how long the provider asked to wait.
struct Failure {
    error: EmbedError,
    retry_after: Option<Duration>,
}

impl From<EmbedError> for Failure {
    fn from(error: EmbedError) -> Failure {
        Failure { error, retry_after: None }
    }
}

impl Endpoint {
    /// Prepares an HTTP client. Redirects are not followed, for the key would travel with them.
    ///
    /// # Errors
    /// [`EmbedError::Setup`].
    pub(crate) fn new(
        url: Url,
        auth: (HeaderName, HeaderValue),
        api_key: ApiKey,
        limits: Limits,
    ) -> Result<Endpoint> {
        let client = match builder(&url).build() {
            Err(_) if url.scheme() == "http" => {
                // A machine without certificates, such as a bare container, can still reach a plain-text server.
                builder(&url).tls_certs_only([]).build()
            }
            built => built,
        };
        let client = client.map_err(EmbedError::Setup)?;
        Ok(Endpoint { client, url, auth, api_key, limits })
    }

    /// Sends a JSON body and returns the body of a successful answer of at most `most` bytes.
    ///
    /// Dropping the future closes the connection; the provider may still charge for the request.
    ///
    /// # Errors
    /// [`EmbedError::Transport`], [`EmbedError::Timeout`], [`EmbedError::Status`], [`EmbedError::AnswerTooLong`];
    /// [`EmbedError::DeadlineExceeded`] also when the next wait would pass the deadline.
    pub(crate) async fn send(&self, body: &[u8], most: usize) -> Result<Vec<u8>> {
        let Limits { deadline, timeout, attempts, backoff } = self.limits;
        let started = Instant::now();
        let left = || deadline.map(|deadline| deadline.saturating_sub(started.elapsed()));
        let exceeded = |attempts, last: Option<EmbedError>| EmbedError::DeadlineExceeded {
            deadline: deadline.unwrap_or_default(),
            attempts,
            last: last.map(Box::new),
        };
        let mut last = None;
        let mut attempt = 1;
        loop {
            let remaining = left().unwrap_or(Duration::MAX);
            let failure =
                match tokio::time::timeout(timeout.min(remaining), self.send_once(body, most, attempt)).await
                {
                    Ok(Ok(answer)) => {
                        debug!(target: TRACING_TARGET, attempt, bytes = answer.len(), "embedding answered");
                        return Ok(answer);
                    }
                    Ok(Err(failure)) => failure,
                    Err(_) if remaining <= timeout => return Err(exceeded(attempt, last)),
                    Err(_) => Failure::from(EmbedError::Timeout { attempts: attempt, timeout }),
                };
            if !failure.error.is_retryable() || attempt >= attempts {
                return Err(failure.error);
            }
            let wait = match failure.retry_after {
                Some(asked) => asked.min(LONGEST_RETRY_AFTER),
                None => backoff_before(attempt, backoff, rand::random::<f64>()),
            };
            if left().is_some_and(|left| left <= wait) {
                return Err(exceeded(attempt, Some(failure.error)));
            }
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            warn!(target: TRACING_TARGET, attempt, wait_ms, error = %failure.error, "embedding retried");
            tokio::time::sleep(wait).await;
            last = Some(failure.error);
            attempt += 1;
        }
    }

    async fn send_once(&self, body: &[u8], most: usize, attempts: u32) -> Result<Vec<u8>, Failure> {
        let transport =
            |error: reqwest::Error| EmbedError::Transport { attempts, source: error.without_url() };
        let (name, value) = &self.auth;
        let request = self
            .client
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(name, value)
            .body(body.to_vec());
        let mut response = request.send().await.map_err(transport)?;
        let status = response.status();
        if status.is_success() {
            let (answer, complete) = read(&mut response, most).await.map_err(transport)?;
            return if complete { Ok(answer) } else { Err(EmbedError::AnswerTooLong { limit: most }.into()) };
        }
        let retry_after = retry_after(response.headers(), SystemTime::now());
        // The status alone decides what happens next, so a refusal that breaks off is still a refusal.
        let text = read(&mut response, REFUSAL_BYTES).await.map(|(text, _)| text).unwrap_or_default();
        let message = wire::message(&self.api_key.redact(&String::from_utf8_lossy(&text)));
        Err(Failure { error: EmbedError::Status { status: status.as_u16(), attempts, message }, retry_after })
    }
}

fn builder(url: &Url) -> ClientBuilder {
    let builder = Client::builder()
        .redirect(redirect::Policy::none())
        .user_agent(concat!("omnigraph/", env!("CARGO_PKG_VERSION")));
    // A model server on this machine cannot be reached through a proxy elsewhere.
    if is_loopback(url) { builder.no_proxy() } else { builder }
}

/// Reads a body, or the first `most` bytes of it and `false`.
async fn read(response: &mut Response, most: usize) -> reqwest::Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = most - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((bytes, false));
        }
    }
    Ok((bytes, true))
}

/// Returns the wait after an attempt (from 1): the base, doubled for each attempt before it, less up to a half of it so
/// that clients which failed together do not return together. `draw` is in 0..1.
fn backoff_before(attempt: u32, base: Duration, draw: f64) -> Duration {
    let factor = 1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX);
    base.saturating_mul(factor).min(LONGEST_BACKOFF).mul_f64(0.5 + draw / 2.0)
}

/// Reads `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match value.parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => {
            let date = httpdate::parse_http_date(value).ok()?;
            Some(date.duration_since(now).unwrap_or_default())
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_are_bounded() {
        let base = Duration::from_millis(200);
        let longest: Vec<u128> = (1..=4).map(|n| backoff_before(n, base, 1.0).as_millis()).collect();
        assert_eq!(longest, [200, 400, 800, 1600]);
        assert_eq!(backoff_before(3, base, 0.0).as_millis(), 400);
        for attempt in [32, 33, 40, u32::MAX] {
            assert_eq!(backoff_before(attempt, base, 1.0), LONGEST_BACKOFF);
        }
        assert_eq!(backoff_before(5, Duration::ZERO, 0.5), Duration::ZERO);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        let at = |value: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_str(value).unwrap())]);
            retry_after(&headers, now).map(|wait| wait.as_secs())
        };
        assert_eq!(at("7"), Some(7));
        assert_eq!(at("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        assert_eq!(at("Sun, 06 Nov 1994 08:00:00 GMT"), Some(0));
        assert_eq!(at("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn loopback_hosts_are_known() {
        let is = |url: &str| is_loopback(&Url::parse(url).unwrap());
        assert!(is("http://localhost:1/v1") && is("http://127.0.0.2/") && is("http://[::1]:8/"));
        assert!(!is("https://api.openai.com") && !is("http://10.0.0.1") && !is("http://localhost.example"));
    }
}
