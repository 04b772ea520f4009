//! Static bearer tokens: where they come from, what is refused, and how a presented one is compared.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use super::payload;
use crate::env::{Env, NotUnicode};

const AWS_SECRET: &str = "OMNIGRAPH_SERVER_BEARER_TOKENS_AWS_SECRET";
const SINGLE: &str = "OMNIGRAPH_SERVER_BEARER_TOKEN";
const FILE: &str = "OMNIGRAPH_SERVER_BEARER_TOKENS_FILE";
const JSON: &str = "OMNIGRAPH_SERVER_BEARER_TOKENS_JSON";

/// Actors that the system itself uses as authors; no credential may prove one.
pub const RESERVED_ACTOR_PREFIX: &str = "omnigraph:";

/// Actor of the token that stands alone in its variable.
const DEFAULT_ACTOR: &str = "default";

/// The kind of source that tokens came from, as the log names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenSource {
    /// Environment variables or the file that one names.
    EnvOrFile,
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TokenSource::EnvOrFile => f.write_str("env-or-file"),
        }
    }
}

/// Why tokens are refused at startup. No variant holds a token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The secret store is named, but this build cannot ask it.
    #[error(
        "OMNIGRAPH_SERVER_BEARER_TOKENS_AWS_SECRET is set, but this build has no AWS Secrets Manager support; \
         rebuild with --features aws, or unset it and use another token variable"
    )]
    NoAwsSupport,
    /// The tokens file cannot be read.
    #[error("cannot read the tokens file '{}' of OMNIGRAPH_SERVER_BEARER_TOKENS_FILE: {source}", .file.display())]
    ReadFile {
        /// The file.
        file: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Not one JSON object of strings.
    #[error("{origin} is not one JSON object from actor to token (line {line}, column {column})")]
    Malformed {
        /// The variable or file.
        origin: String,
        /// Line from 1.
        line: usize,
        /// Column from 1.
        column: usize,
    },
    /// A key without visible characters.
    #[error("{origin} has a blank actor")]
    BlankActor {
        /// The variable or file.
        origin: String,
    },
    /// A token without visible characters.
    #[error("the token of actor '{actor}' in {origin} is blank")]
    BlankToken {
        /// The actor.
        actor: String,
        /// The variable or file.
        origin: String,
    },
    /// One actor with two tokens.
    #[error("actor '{actor}' has two tokens; give each actor one")]
    RepeatedActor {
        /// The actor.
        actor: String,
    },
    /// Two actors with one token.
    #[error("actors '{first}' and '{second}' have the same token; give each actor its own")]
    SharedToken {
        /// The one first in order.
        first: String,
        /// The other one.
        second: String,
    },
    /// A name that actors cannot have.
    #[error("actor {actor:?} in {origin}: {rule}")]
    ActorName {
        /// The actor.
        actor: String,
        /// The variable or file.
        origin: String,
        /// What is wrong.
        rule: &'static str,
    },
    /// A variable that cannot be read.
    #[error(transparent)]
    NotUnicode(#[from] NotUnicode),
}

/// The tokens of a process: SHA-256 digests and the actors they prove. The plaintext is not kept.
#[derive(Clone, Default)]
pub struct TokenStore {
    entries: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    actor: Arc<str>,
    digest: [u8; 32],
}

impl TokenStore {
    /// Reads the tokens of the environment; none set is an empty store.
    ///
    /// A token that stands alone belongs to actor `default` and is combined with those of the file, or else of the
    /// JSON variable. Actors and tokens are trimmed.
    ///
    /// # Errors
    /// [`TokenError`] for the first thing that is refused.
    pub fn load(env: &Env<'_>) -> Result<Self, TokenError> {
        if env.get(AWS_SECRET)?.is_some() {
            return Err(TokenError::NoAwsSupport);
        }
        let mut tokens = Vec::new();
        if let Some(token) = env.get(SINGLE)? {
            tokens.push((DEFAULT_ACTOR.to_owned(), token, SINGLE.to_owned()));
        }
        let (text, origin) = if let Some(file) = env.get(FILE)? {
            let file = PathBuf::from(file);
            let text = std::fs::read_to_string(&file)
                .map_err(|source| TokenError::ReadFile { file: file.clone(), source })?;
            (Some(text), format!("the tokens file '{}'", file.display()))
        } else {
            (env.get(JSON)?, JSON.to_owned())
        };
        if let Some(text) = text {
            let pairs = payload::parse(&text).map_err(|(line, column)| TokenError::Malformed {
                origin: origin.clone(),
                line,
                column,
            })?;
            tokens.extend(pairs.0.into_iter().map(|(actor, token)| (actor, token, origin.clone())));
        }
        Self::check(tokens)
    }

    /// Returns a store of these pairs of actor and token.
    ///
    /// # Errors
    /// [`TokenError`], as for tokens of the environment.
    pub fn new<A: Into<String>, T: Into<String>>(
        pairs: impl IntoIterator<Item = (A, T)>,
    ) -> Result<Self, TokenError> {
        let origin = "the token list";
        Self::check(pairs.into_iter().map(|(actor, token)| (actor.into(), token.into(), origin.to_owned())))
    }

    fn check(tokens: impl IntoIterator<Item = (String, String, String)>) -> Result<Self, TokenError> {
        let mut digests = BTreeMap::new();
        let mut owners = BTreeMap::new();
        for (actor, token, origin) in tokens {
            let (actor, token) = (actor.trim(), token.trim());
            if actor.is_empty() {
                return Err(TokenError::BlankActor { origin });
            }
            if let Some(rule) = actor_problem(actor) {
                return Err(TokenError::ActorName { actor: actor.to_owned(), origin, rule });
            }
            if token.is_empty() {
                return Err(TokenError::BlankToken { actor: actor.to_owned(), origin });
            }
            let digest = digest(token.as_bytes());
            if digests.insert(actor.to_owned(), digest).is_some() {
                return Err(TokenError::RepeatedActor { actor: actor.to_owned() });
            }
            if let Some(first) = owners.insert(digest, actor.to_owned()) {
                return Err(TokenError::SharedToken { first, second: actor.to_owned() });
            }
        }
        let entries =
            digests.into_iter().map(|(actor, digest)| Entry { actor: actor.into(), digest }).collect();
        Ok(Self { entries })
    }

    /// Tells whether there is no token.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Returns the kind of source they came from, for the log.
    pub fn source(&self) -> TokenSource {
        TokenSource::EnvOrFile
    }

    /// Returns the actors in order.
    pub fn actors(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| &*entry.actor)
    }

    /// Returns the actor that a presented token proves.
    ///
    /// Compares with every digest in constant time and does not stop at a match, so that the time tells neither a
    /// prefix nor a position.
    pub fn resolve(&self, token: &[u8]) -> Option<Arc<str>> {
        let presented = digest(token);
        let mut found = 0u64;
        for (number, entry) in (1u64..).zip(&self.entries) {
            found.conditional_assign(&number, entry.digest.ct_eq(&presented));
        }
        let index = usize::try_from(found).ok()?.checked_sub(1)?;
        self.entries.get(index).map(|entry| Arc::clone(&entry.actor))
    }
}

/// Shows the actors only.
impl fmt::Debug for TokenStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenStore")
            .field("actors", &self.actors().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Returns the rule that a trimmed name breaks: actors reach policies, logs and commits.
pub(crate) fn actor_problem(actor: &str) -> Option<&'static str> {
    if actor.starts_with(RESERVED_ACTOR_PREFIX) {
        Some("names that start with 'omnigraph:' are reserved for the system")
    } else if actor.chars().any(char::is_control) {
        Some("control characters are not allowed")
    } else {
        None
    }
}

fn digest(token: &[u8]) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fixtures::env_of;

    fn load(variables: &[(&str, &str)]) -> Result<TokenStore, TokenError> {
        let lookup = env_of(variables);
        TokenStore::load(&Env::new(&lookup))
    }

    #[test]
    fn the_digest_is_sha_256() {
        let hex: String = digest(b"abc").iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn the_single_token_is_combined_with_the_file_which_wins_over_the_json() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("tokens.json");
        std::fs::write(&file, r#"{"zoe":"s1","act-lin":"s2"}"#).unwrap();
        let store =
            load(&[(SINGLE, " s0 "), (FILE, file.to_str().unwrap()), (JSON, "this is not even looked at")])
                .unwrap();
        assert_eq!(store.actors().collect::<Vec<_>>(), ["act-lin", "default", "zoe"]);
        assert_eq!(store.resolve(b"s0").as_deref(), Some("default"));
        assert_eq!(store.resolve(b"s2").as_deref(), Some("act-lin"));
        for wrong in [&b" s0 "[..], b"s", b"", b"s00"] {
            assert_eq!(store.resolve(wrong), None);
        }
    }

    #[test]
    fn blank_variables_are_unset() {
        assert!(load(&[(SINGLE, " "), (JSON, "\n"), (FILE, ""), (AWS_SECRET, "  ")]).unwrap().is_empty());
        assert!(load(&[]).unwrap().resolve(b"").is_none());
    }

    #[test]
    fn the_aws_secret_needs_its_feature_whatever_else_is_set() {
        let error = load(&[(AWS_SECRET, "arn:x"), (SINGLE, "t")]).unwrap_err();
        assert!(error.to_string().contains("--features aws"));
    }

    #[test]
    fn what_is_not_one_object_of_strings_is_refused_without_quoting_it() {
        for text in
            ["[]", "x", r#"{"a":1}"#, r#"{"a":{"b":"secret"}}"#, r#""secret""#, r#"{"a":"secret"} 1"#, "{"]
        {
            let error = load(&[(JSON, text)]).unwrap_err();
            let shown = format!("{error} {error:?}");
            assert!(matches!(error, TokenError::Malformed { .. }), "{text}");
            assert!(shown.contains(JSON) && !shown.contains("secret"), "{shown}");
        }
    }

    #[test]
    fn a_missing_file_is_refused_by_name() {
        let error = load(&[(FILE, "/no/such/tokens.json")]).unwrap_err();
        assert!(error.to_string().contains("/no/such/tokens.json"), "{error}");
    }

    #[test]
    fn blank_repeated_shared_and_reserved_are_refused() {
        let refused = |text| load(&[(JSON, text)]).unwrap_err();
        assert!(matches!(refused(r#"{" ":"t"}"#), TokenError::BlankActor { .. }));
        assert!(matches!(refused(r#"{"ada":" "}"#), TokenError::BlankToken { actor, .. } if actor == "ada"));
        assert!(
            matches!(refused(r#"{"ada":"t","ada":"t"}"#), TokenError::RepeatedActor { actor } if actor == "ada")
        );
        assert!(matches!(refused(r#"{"ada":"t"," ada":"u"}"#), TokenError::RepeatedActor { .. }));
        assert!(matches!(refused(r#"{"omnigraph:recovery":"t"}"#), TokenError::ActorName { .. }));
        assert!(matches!(refused(r#"{"a\u0000b":"t"}"#), TokenError::ActorName { .. }));
        let shared = refused(r#"{"ada":"secret","lin":" secret"}"#);
        assert!(
            matches!(&shared, TokenError::SharedToken { first, second } if first == "ada" && second == "lin")
        );
        assert!(!format!("{shared} {shared:?}").contains("secret"));
        let twice = load(&[(SINGLE, "t"), (JSON, r#"{"default":"u"}"#)]).unwrap_err();
        assert!(matches!(twice, TokenError::RepeatedActor { actor } if actor == "default"));
    }

    #[test]
    fn nothing_shows_a_token() {
        let store = TokenStore::new([("ada", "hush")]).unwrap();
        let shown = format!("{store:?}");
        assert!(shown.contains("ada") && !shown.contains("hush"), "{shown}");
    }

    proptest! {
        #[test]
        fn every_token_proves_its_own_actor(
            tokens in prop::collection::btree_map("[a-z]{1,8}", "[!-~]{1,12}", 1..20),
            other in "[!-~]{0,12}",
        ) {
            let distinct: std::collections::BTreeSet<_> = tokens.values().collect();
            let store = TokenStore::new(tokens.clone());
            prop_assert_eq!(store.is_ok(), distinct.len() == tokens.len());
            if let Ok(store) = store {
                for (actor, token) in &tokens {
                    let proven = store.resolve(token.as_bytes());
                    prop_assert_eq!(proven.as_deref(), Some(actor.as_str()));
                }
                prop_assert_eq!(store.resolve(other.as_bytes()).is_some(), distinct.contains(&other));
            }
        }
    }
}
