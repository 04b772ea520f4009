//! The wire formats of the providers: requests and answers as JSON. No I/O.

use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use crate::config::Remote;
use crate::error::{EmbedError, Result};
use crate::provider::Provider;
use crate::vector::{Purpose, unit};

/// Which dialect a provider speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// `POST <base>/embeddings` with a list of texts; see OpenAI's API reference, "Create embeddings".
    OpenAi,
    /// `POST <base>/models/<model>:embedContent` with one text; see the Gemini API reference, `models.embedContent`.
    Gemini,
}

impl Dialect {
    /// Returns the provider's dialect; those that compute in this process have none.
    pub(crate) fn of(provider: Provider) -> Option<Dialect> {
        match provider {
            Provider::OpenAiCompatible | Provider::OpenAi => Some(Dialect::OpenAi),
            Provider::Gemini => Some(Dialect::Gemini),
            Provider::Local | Provider::Mock => None,
        }
    }

    /// Returns how many texts one request takes.
    pub(crate) fn texts_per_request(self) -> usize {
        match self {
            Dialect::OpenAi => 64,
            Dialect::Gemini => 1,
        }
    }

    /// Returns the address of the call.
    ///
    /// # Errors
    /// [`EmbedError::InvalidBaseUrl`] for a URL without a path.
    pub(crate) fn url(self, base_url: &str, model: &str) -> Result<Url> {
        let mut url =
            Url::parse(base_url).map_err(|error| EmbedError::InvalidBaseUrl { reason: error.to_string() })?;
        {
            let mut path = url
                .path_segments_mut()
                .map_err(|()| EmbedError::InvalidBaseUrl { reason: "it has no path".to_owned() })?;
            path.pop_if_empty();
            match self {
                Dialect::OpenAi => path.push("embeddings"),
                Dialect::Gemini => path.push("models").push(&format!("{}:embedContent", bare(model))),
            };
        }
        Ok(url)
    }

    /// Returns the header that carries the key.
    ///
    /// # Errors
    /// [`EmbedError::InvalidKey`].
    pub(crate) fn auth(self, provider: Provider, remote: &Remote) -> Result<(HeaderName, HeaderValue)> {
        match self {
            Dialect::OpenAi => Ok((AUTHORIZATION, remote.api_key.header("Bearer ", provider)?)),
            Dialect::Gemini => {
                Ok((HeaderName::from_static("x-goog-api-key"), remote.api_key.header("", provider)?))
            }
        }
    }

    /// Returns the JSON of a request for at most [`Dialect::texts_per_request`] texts.
    pub(crate) fn body(self, model: &str, purpose: Purpose, texts: &[&str], dimension: usize) -> Vec<u8> {
        let json = match self {
            Dialect::OpenAi => {
                serde_json::to_vec(&OpenAiRequest { model, input: texts, dimensions: dimension })
            }
            Dialect::Gemini => serde_json::to_vec(&GeminiRequest {
                model: format!("models/{}", bare(model)),
                content: Content { parts: texts.iter().map(|text| Part { text }).collect() },
                task_type: match purpose {
                    Purpose::Query => "RETRIEVAL_QUERY",
                    Purpose::Document => "RETRIEVAL_DOCUMENT",
                },
                output_dimensionality: dimension,
            }),
        };
        json.expect("strings and numbers are always JSON")
    }

    /// Reads the vectors of an answer, in the order of the texts.
    ///
    /// # Errors
    /// [`EmbedError::Malformed`], [`EmbedError::Count`], and the errors of [`unit`].
    pub(crate) fn vectors(self, answer: &[u8], count: usize, dimension: usize) -> Result<Vec<Vec<f32>>> {
        let lists = match self {
            Dialect::OpenAi => {
                let answer: OpenAiAnswer = parse(answer)?;
                in_order(answer.data, count)?
            }
            Dialect::Gemini => {
                let answer: GeminiAnswer = parse(answer)?;
                vec![answer.embedding.values]
            }
        };
        if lists.len() != count {
            return Err(EmbedError::Count { expected: count, actual: lists.len() });
        }
        lists
            .into_iter()
            .map(|list| {
                // Serializers that meet a NaN write null.
                let numbers: Vec<f64> = list.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
                unit(&numbers, dimension)
            })
            .collect()
    }
}

/// Puts the lists into the order of their `index`. A service that gives no index answers in the order asked.
fn in_order(mut items: Vec<Item>, count: usize) -> Result<Vec<Components>> {
    if items.len() != count {
        return Err(EmbedError::Count { expected: count, actual: items.len() });
    }
    if items.iter().all(|item| item.index.is_some()) {
        items.sort_by_key(|item| item.index);
        if !items.iter().enumerate().all(|(at, item)| item.index == Some(at)) {
            return Err(EmbedError::Malformed { reason: format!("the indexes are not 0 to {}", count - 1) });
        }
    }
    Ok(items.into_iter().map(|item| item.embedding).collect())
}

/// Returns the model without the collection that Gemini's resource names start with.
fn bare(model: &str) -> &str {
    model.strip_prefix("models/").unwrap_or(model)
}

fn parse<'a, T: Deserialize<'a>>(answer: &'a [u8]) -> Result<T> {
    serde_json::from_slice(answer).map_err(|error| {
        // Some gateways report a failure of the service behind them with status 200.
        let reason = match stated_error(answer) {
            Some(message) => format!("it reports an error: {message}"),
            None => error.to_string(),
        };
        EmbedError::Malformed { reason }
    })
}

/// Returns what an answer says about its failure: the error message in it, else its start.
pub(crate) fn message(answer: &str) -> String {
    excerpt(&stated_error(answer.as_bytes()).unwrap_or_else(|| answer.to_owned()))
}

fn stated_error(answer: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(answer).ok()?;
    let error = value.get("error")?;
    let message = error.get("message").unwrap_or(error);
    Some(message.as_str().map_or_else(|| message.to_string(), str::to_owned))
}

/// Returns at most 300 characters on one line.
pub(crate) fn excerpt(text: &str) -> String {
    let line = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    let line = line.collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None if line.is_empty() => "no message".to_owned(),
        None => line,
    }
}

type Components = Vec<Option<f64>>;

#[derive(Serialize)]
struct OpenAiRequest<'a> {
    model: &'a str,
    input: &'a [&'a str],
    dimensions: usize,
}

#[derive(Deserialize)]
struct OpenAiAnswer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: Option<usize>,
    embedding: Components,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GeminiRequest<'a> {
    model: String,
    content: Content<'a>,
    task_type: &'static str,
    output_dimensionality: usize,
}

#[derive(Serialize)]
struct Content<'a> {
    parts: Vec<Part<'a>>,
}

#[derive(Serialize)]
struct Part<'a> {
    text: &'a str,
}

#[derive(Deserialize)]
struct GeminiAnswer {
    embedding: Values,
}

#[derive(Deserialize)]
struct Values {
    values: Components,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_ai(answer: &str, count: usize) -> Result<Vec<Vec<f32>>> {
        Dialect::OpenAi.vectors(answer.as_bytes(), count, 2)
    }

    #[test]
    fn requests_have_the_providers_shapes() {
        let body = Dialect::OpenAi.body("m", Purpose::Query, &["a", "b\"\n"], 2);
        assert_eq!(String::from_utf8(body).unwrap(), r#"{"model":"m","input":["a","b\"\n"],"dimensions":2}"#);
        for (purpose, task) in
            [(Purpose::Query, "RETRIEVAL_QUERY"), (Purpose::Document, "RETRIEVAL_DOCUMENT")]
        {
            let body: serde_json::Value =
                serde_json::from_slice(&Dialect::Gemini.body("models/g", purpose, &["a"], 2)).unwrap();
            let expected = serde_json::json!({
                "model": "models/g", "content": {"parts": [{"text": "a"}]}, "taskType": task, "outputDimensionality": 2
            });
            assert_eq!(body, expected);
        }
    }

    #[test]
    fn addresses_keep_the_path_of_the_base() {
        let url = |dialect: Dialect, base, model| dialect.url(base, model).unwrap().to_string();
        assert_eq!(url(Dialect::OpenAi, "https://h/api/v1", "m"), "https://h/api/v1/embeddings");
        assert_eq!(url(Dialect::OpenAi, "http://h:1", "m"), "http://h:1/embeddings");
        assert_eq!(
            url(Dialect::Gemini, "https://h/v1beta", "g-2"),
            "https://h/v1beta/models/g-2:embedContent"
        );
        assert_eq!(url(Dialect::Gemini, "https://h", "../x?y"), "https://h/models/..%2Fx%3Fy:embedContent");
    }

    #[test]
    fn vectors_are_ordered_by_index() {
        let answer = r#"{"data":[{"index":1,"embedding":[0,2]},{"index":0,"embedding":[3,0]}],"model":"m"}"#;
        assert_eq!(open_ai(answer, 2).unwrap(), [[1.0, 0.0], [0.0, 1.0]]);
        let no_index = r#"{"data":[{"embedding":[0,2]},{"embedding":[3,0]}]}"#;
        assert_eq!(open_ai(no_index, 2).unwrap(), [[0.0, 1.0], [1.0, 0.0]]);
    }

    #[test]
    fn answers_of_another_shape_are_refused() {
        let item = |index: usize, list: &str| format!(r#"{{"index":{index},"embedding":{list}}}"#);
        let data = |items: &[String]| format!(r#"{{"data":[{}]}}"#, items.join(","));
        let twice = data(&[item(0, "[1,0]"), item(0, "[1,0]")]);
        assert!(matches!(open_ai(&twice, 2), Err(EmbedError::Malformed { .. })));
        let short = data(&[item(0, "[1,0]")]);
        assert!(matches!(open_ai(&short, 2), Err(EmbedError::Count { expected: 2, actual: 1 })));
        let wide = data(&[item(0, "[1,0,0]")]);
        assert!(matches!(open_ai(&wide, 1), Err(EmbedError::Dimension { expected: 2, actual: 3 })));
        let nan = data(&[item(0, "[1,null]")]);
        assert!(matches!(open_ai(&nan, 1), Err(EmbedError::NonFinite { component: 1 })));
        let zero = data(&[item(0, "[0,0]")]);
        assert!(matches!(open_ai(&zero, 1), Err(EmbedError::ZeroVector)));
        for bad in ["", "[]", "{}", r#"{"data":[{"embedding":"AAAA"}]}"#, "<html>"] {
            assert!(matches!(open_ai(bad, 1), Err(EmbedError::Malformed { .. })), "{bad}");
        }
        let gemini = Dialect::Gemini.vectors(br#"{"embedding":{"values":[0,5]}}"#, 1, 2).unwrap();
        assert_eq!(gemini, [[0.0, 1.0]]);
    }

    #[test]
    fn messages_are_taken_out_of_the_answer_and_shortened() {
        assert_eq!(message(r#"{"error":{"message":"no such\nmodel","code":1}}"#), "no such model");
        assert_eq!(message(r#"{"error":"busy"}"#), "busy");
        assert_eq!(message("<html>\r\n bad gateway"), "<html> bad gateway");
        assert_eq!(message(""), "no message");
        assert_eq!(message(&"é".repeat(400)).chars().count(), 301);
        let Err(EmbedError::Malformed { reason }) = open_ai(r#"{"error":{"message":"quota"}}"#, 1) else {
            panic!("no vector in an error");
        };
        assert_eq!(reason, "it reports an error: quota");
    }
}
