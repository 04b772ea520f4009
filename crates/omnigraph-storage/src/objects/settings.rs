//! Settings of a bucket's client: what a caller gives, over what the environment says.
//!
//! A setting has several spellings (`endpoint`, `aws_endpoint`, `aws_endpoint_url`); each is kept under its canonical one,
//! so that no two can contradict each other unseen and equal settings compare equal. Keys that the S3 client does not
//! know pass unchanged: Lance has some of its own (`client_max_retries`, `request_timeout`).

use std::collections::BTreeMap;
use std::str::FromStr;

use object_store::aws::AmazonS3ConfigKey;

use crate::error::{Result, StorageError};

/// Read here because the S3 client knows it only under another name, with the opposite meaning.
const FORCE_PATH_STYLE: &str = "AWS_S3_FORCE_PATH_STYLE";

/// Returns the settings to pass to the client. It reads the rest of the environment itself, below these.
pub(crate) fn merged(given: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>> {
    merge(given, std::env::var(FORCE_PATH_STYLE).ok().as_deref())
}

/// Returns the endpoint that canonical settings name, if they do.
pub(crate) fn endpoint(settings: &BTreeMap<String, String>) -> Option<&str> {
    // The order of precedence is the client's.
    let keys = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint];
    keys.iter().find_map(|key| settings.get(key.as_ref())).map(|endpoint| endpoint.trim_end_matches('/'))
}

fn merge(
    given: &BTreeMap<String, String>,
    force_path_style: Option<&str>,
) -> Result<BTreeMap<String, String>> {
    let mut settings: BTreeMap<String, String> = BTreeMap::new();
    for (key, value) in given {
        match settings.insert(canonical(key), value.clone()) {
            Some(other) if other != *value => {
                return Err(StorageError::bad_request(format!(
                    "storage setting '{key}' is given twice, under different spellings and with different values; \
                     keep one of them"
                )));
            }
            Some(_) | None => {}
        }
    }
    if let Some(value) = force_path_style {
        let path_style = matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on");
        let key = AmazonS3ConfigKey::VirtualHostedStyleRequest.as_ref().to_owned();
        settings.entry(key).or_insert_with(|| (!path_style).to_string());
    }
    Ok(settings)
}

fn canonical(key: &str) -> String {
    let key = key.to_ascii_lowercase();
    AmazonS3ConfigKey::from_str(&key).map(|known| known.as_ref().to_owned()).unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_endpoint_is_found_under_every_spelling() {
        for key in ["endpoint", "endpoint_url", "aws_endpoint", "aws_endpoint_url", "AWS_ENDPOINT_URL_S3"] {
            let settings = merge(&given(&[(key, "http://one:9000/")]), None).unwrap();
            assert_eq!(endpoint(&settings), Some("http://one:9000"), "{key}");
        }
        assert_eq!(endpoint(&merge(&given(&[("region", "x")]), None).unwrap()), None);
    }

    #[test]
    fn spellings_of_one_setting_must_agree() {
        let error =
            merge(&given(&[("aws_endpoint", "http://a"), ("endpoint", "http://b")]), None).unwrap_err();
        assert!(error.to_string().contains("'endpoint' is given twice"), "{error}");
        assert!(!error.to_string().contains("http://"), "{error}");
        let same = merge(&given(&[("aws_endpoint", "http://a"), ("endpoint", "http://a")]), None).unwrap();
        assert_eq!(same, given(&[("aws_endpoint", "http://a")]));
    }

    #[test]
    fn what_is_given_wins_over_the_environment() {
        let key = "aws_virtual_hosted_style_request";
        assert_eq!(merge(&given(&[]), Some("TRUE")).unwrap(), given(&[(key, "false")]));
        assert_eq!(merge(&given(&[]), Some("0")).unwrap(), given(&[(key, "true")]));
        let own = given(&[("virtual_hosted_style_request", "true")]);
        assert_eq!(merge(&own, Some("1")).unwrap(), given(&[(key, "true")]));
    }

    #[test]
    fn keys_of_others_pass() {
        let own = given(&[("client_max_retries", "2")]);
        assert_eq!(merge(&own, None).unwrap(), own);
    }
}
