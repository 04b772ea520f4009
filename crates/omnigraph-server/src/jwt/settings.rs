//! Checked settings of JWT authentication: where the keys are, and what a token must say.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use reqwest::Url;

/// Signatures that can be accepted, in the order of RFC 7518 and RFC 8037.
const ASYMMETRIC: [Algorithm; 9] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// Longest clock difference: more would make expiry meaningless.
const LONGEST_LEEWAY: Duration = Duration::from_secs(600);

const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);

/// Where the public keys are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwksSource {
    /// A JWKS file (RFC 7517 §5).
    File(PathBuf),
    /// An `https://` or `http://` URL of one.
    Url(Url),
}

impl JwksSource {
    /// Tells whether someone on the way could replace the keys: an `http` URL of another machine.
    pub fn is_unprotected(&self) -> bool {
        match self {
            JwksSource::File(_) => false,
            JwksSource::Url(url) => url.scheme() == "http" && !is_loopback(url),
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// JWT settings as they were given, from whichever source.
#[derive(Clone, Debug, Default)]
pub struct JwtOptions {
    /// Path or URL of the JWKS.
    pub jwks: Option<String>,
    /// Issuer that a token must name.
    pub issuer: Option<String>,
    /// Audiences of which a token must name one.
    pub audiences: Vec<String>,
    /// Claim that holds the actor.
    pub actor_claim: Option<String>,
    /// Names of algorithms to accept; empty means every asymmetric one.
    pub algorithms: Vec<String>,
    /// Clock difference that times may show.
    pub leeway: Option<Duration>,
}

/// Checked JWT settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtSettings {
    /// Where the keys are.
    pub jwks: JwksSource,
    /// Issuer that a token must name, byte for byte.
    pub issuer: String,
    /// Audiences of which a token must name one; never empty.
    pub audiences: Vec<String>,
    /// Claim that holds the actor.
    pub actor_claim: String,
    /// Accepted algorithms, asymmetric ones only; never empty.
    pub algorithms: Vec<Algorithm>,
    /// Clock difference that `exp` and `nbf` may show, at most ten minutes.
    pub leeway: Duration,
}

/// Why JWT settings are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwtSettingsError {
    /// A value without which no token can be judged.
    #[error("JWT authentication needs {missing}")]
    Missing {
        /// The flag and its other names.
        missing: &'static str,
    },
    /// An algorithm that is unknown or not asymmetric.
    #[error(
        "JWT algorithm '{algorithm}' cannot be accepted; the choices are RS256, RS384, RS512, PS256, PS384, PS512, \
         ES256, ES384, EdDSA"
    )]
    Algorithm {
        /// As given.
        algorithm: String,
    },
    /// The JWKS location is a URL of another kind.
    #[error("the JWKS location '{location}' is not a path or an https:// or http:// URL")]
    Jwks {
        /// As given, without credentials.
        location: String,
    },
    /// A leeway of more than ten minutes.
    #[error("a JWT leeway of {seconds} s is too long; the most is 600 s")]
    Leeway {
        /// As given.
        seconds: u64,
    },
}

impl JwtSettings {
    /// Checks options; `None` if none is set.
    ///
    /// # Errors
    /// [`JwtSettingsError`]: any option set makes key source, issuer and audience required.
    pub fn new(options: JwtOptions) -> Result<Option<Self>, JwtSettingsError> {
        let set = |text: &Option<String>| {
            text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let list = |texts: &[String]| -> Vec<String> {
            texts.iter().map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
        };
        let (jwks, issuer, actor_claim) =
            (set(&options.jwks), set(&options.issuer), set(&options.actor_claim));
        let (audiences, algorithms) = (list(&options.audiences), list(&options.algorithms));
        let nothing = jwks.is_none()
            && issuer.is_none()
            && actor_claim.is_none()
            && audiences.is_empty()
            && algorithms.is_empty()
            && options.leeway.is_none();
        if nothing {
            return Ok(None);
        }
        let missing = |missing| JwtSettingsError::Missing { missing };
        let jwks = jwks.ok_or(missing("--jwt-jwks (OMNIGRAPH_SERVER_JWT_JWKS, server.jwt.jwks)"))?;
        let issuer =
            issuer.ok_or(missing("--jwt-issuer (OMNIGRAPH_SERVER_JWT_ISSUER, server.jwt.issuer)"))?;
        if audiences.is_empty() {
            return Err(missing("--jwt-audience (OMNIGRAPH_SERVER_JWT_AUDIENCE, server.jwt.audience)"));
        }
        let leeway = options.leeway.unwrap_or(DEFAULT_LEEWAY);
        if leeway > LONGEST_LEEWAY {
            return Err(JwtSettingsError::Leeway { seconds: leeway.as_secs() });
        }
        let algorithms = if algorithms.is_empty() {
            ASYMMETRIC.to_vec()
        } else {
            algorithms.into_iter().map(algorithm).collect::<Result<_, _>>()?
        };
        Ok(Some(Self {
            jwks: source(jwks)?,
            issuer,
            audiences,
            actor_claim: actor_claim.unwrap_or_else(|| "sub".to_owned()),
            algorithms,
            leeway,
        }))
    }
}

fn source(location: String) -> Result<JwksSource, JwtSettingsError> {
    if !location.contains("://") {
        return Ok(JwksSource::File(location.into()));
    }
    match Url::parse(&location) {
        Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(JwksSource::Url(url)),
        Ok(url) if url.scheme() == "file" => {
            url.to_file_path().map(JwksSource::File).map_err(|()| JwtSettingsError::Jwks { location })
        }
        _ => Err(JwtSettingsError::Jwks { location }),
    }
}

fn algorithm(name: String) -> Result<Algorithm, JwtSettingsError> {
    match Algorithm::from_str(&name) {
        Ok(algorithm) if ASYMMETRIC.contains(&algorithm) => Ok(algorithm),
        _ => Err(JwtSettingsError::Algorithm { algorithm: name }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> JwtOptions {
        JwtOptions {
            jwks: Some("https://id/keys".into()),
            issuer: Some("https://id/".into()),
            audiences: vec!["og".into()],
            ..JwtOptions::default()
        }
    }

    #[test]
    fn nothing_set_is_no_jwt() {
        assert_eq!(JwtSettings::new(JwtOptions::default()).unwrap(), None);
        let blank = JwtOptions { issuer: Some(" ".into()), ..JwtOptions::default() };
        assert_eq!(JwtSettings::new(blank).unwrap(), None);
    }

    #[test]
    fn defaults_are_sub_a_minute_and_every_asymmetric_algorithm() {
        let settings = JwtSettings::new(options()).unwrap().unwrap();
        assert_eq!(settings.actor_claim, "sub");
        assert_eq!(settings.leeway, Duration::from_secs(60));
        assert_eq!(settings.algorithms, ASYMMETRIC);
        assert!(!settings.jwks.is_unprotected());
    }

    #[test]
    fn issuer_audience_and_keys_are_required() {
        for (options, missing) in [
            (JwtOptions { jwks: None, ..options() }, "--jwt-jwks"),
            (JwtOptions { issuer: None, ..options() }, "--jwt-issuer"),
            (JwtOptions { audiences: vec![" ".into()], ..options() }, "--jwt-audience"),
        ] {
            assert!(JwtSettings::new(options).unwrap_err().to_string().contains(missing));
        }
    }

    #[test]
    fn shared_secrets_none_and_unknown_algorithms_are_refused() {
        for name in ["HS256", "HS512", "none", "None", "rs256", "ES512", "X"] {
            let options = JwtOptions { algorithms: vec!["RS256".into(), name.into()], ..options() };
            let error = JwtSettings::new(options).unwrap_err();
            assert_eq!(error, JwtSettingsError::Algorithm { algorithm: name.into() });
        }
    }

    #[test]
    fn a_leeway_ends_at_ten_minutes() {
        let with = |seconds| JwtOptions { leeway: Some(Duration::from_secs(seconds)), ..options() };
        assert!(JwtSettings::new(with(600)).is_ok());
        assert_eq!(JwtSettings::new(with(601)).unwrap_err(), JwtSettingsError::Leeway { seconds: 601 });
    }

    #[test]
    fn keys_are_in_a_file_or_at_a_url() {
        let of = |location: &str| {
            let options = JwtOptions { jwks: Some(location.into()), ..options() };
            JwtSettings::new(options).map(|settings| settings.unwrap().jwks)
        };
        assert_eq!(of("keys/a.json").unwrap(), JwksSource::File("keys/a.json".into()));
        assert_eq!(of("file:///a%20b.json").unwrap(), JwksSource::File("/a b.json".into()));
        for (url, unprotected) in [
            ("http://id/k", true),
            ("http://127.0.0.1:9/k", false),
            ("http://[::1]/k", false),
            ("https://id/k", false),
        ] {
            assert_eq!(of(url).unwrap().is_unprotected(), unprotected, "{url}");
        }
        for bad in ["ftp://id/k", "https://", "s3://b/k"] {
            assert!(matches!(of(bad), Err(JwtSettingsError::Jwks { .. })), "{bad}");
        }
    }
}
