//! Login and logout: keep and remove the token of a server.

use serde::Serialize;

use super::config::OperatorConfig;
use super::credentials::CredentialsFile;
use super::error::OperatorError;
use super::home::OperatorDir;
use crate::token::BearerToken;

/// What a login did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoginOutput {
    /// The server.
    pub server: String,
    /// The file that holds the token.
    pub credentials_path: String,
    /// Whether the configuration has the server; otherwise nothing uses the token yet.
    pub declared: bool,
}

/// What a logout did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LogoutOutput {
    /// The server.
    pub server: String,
    /// The file that held the token.
    pub credentials_path: String,
}

/// Stores the token of a server.
///
/// # Errors
/// When there is no operator directory, or as [`CredentialsFile::set`].
pub fn login(
    dir: Option<&OperatorDir>,
    config: &OperatorConfig,
    server: &str,
    token: &BearerToken,
) -> Result<LoginOutput, OperatorError> {
    let file = CredentialsFile::of(dir.ok_or(OperatorError::NoHome)?);
    file.set(server, token)?;
    Ok(LoginOutput {
        server: server.to_owned(),
        credentials_path: file.path().display().to_string(),
        declared: config.servers.contains_key(server),
    })
}

/// Removes the token of a server, if there is one.
///
/// # Errors
/// When there is no operator directory, or as [`CredentialsFile::remove`].
pub fn logout(dir: Option<&OperatorDir>, server: &str) -> Result<LogoutOutput, OperatorError> {
    let file = CredentialsFile::of(dir.ok_or(OperatorError::NoHome)?);
    file.remove(server)?;
    Ok(LogoutOutput { server: server.to_owned(), credentials_path: file.path().display().to_string() })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_login_stores_and_a_logout_removes() {
        let home = tempfile::tempdir().unwrap();
        let dir = OperatorDir::new(home.path().join("new"));
        let config = OperatorConfig::parse(Path::new("c"), "servers: { prod: { url: u } }").unwrap().config;
        let token = BearerToken::new("t").unwrap();
        let path = dir.credentials_path().display().to_string();
        let output = login(Some(&dir), &config, "prod", &token).unwrap();
        let expected = format!(r#"{{"server":"prod","credentials_path":"{path}","declared":true}}"#);
        assert_eq!(serde_json::to_string(&output).unwrap(), expected);
        assert!(!login(Some(&dir), &config, "lab", &token).unwrap().declared);
        for _ in 0..2 {
            let output = logout(Some(&dir), "prod").unwrap();
            let expected = format!(r#"{{"server":"prod","credentials_path":"{path}"}}"#);
            assert_eq!(serde_json::to_string(&output).unwrap(), expected);
        }
        let file = CredentialsFile::of(&dir);
        assert_eq!((file.token("prod").unwrap(), file.token("lab").unwrap()), (None, Some(token)));
    }

    #[test]
    fn without_directory_there_is_no_login() {
        let error = logout(None, "prod").unwrap_err().to_string();
        assert!(error.contains("OMNIGRAPH_HOME"), "{error}");
    }
}
