//! Which bytes outside the graph a write may refer to. Nothing, unless a policy names bases.

use std::path::PathBuf;

use super::uri::{BlobUri, Scheme};
use crate::error::{OmniError, Result};

/// Where a base may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExternalBlobExecutionScope {
    /// By servers and embedded graphs.
    ServerSafe,
    /// By embedded graphs only; required of `file://` bases.
    EmbeddedOnly,
}

/// A directory or prefix below which bytes may be referenced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalBlobBase {
    /// `s3://bucket/prefix` or `file:///directory`.
    pub uri: String,
    /// Where it may be used.
    pub scope: ExternalBlobExecutionScope,
}

/// Which bytes outside the graph a write may refer to.
///
/// ```
/// use omnigraph::{ExternalBlobBase, ExternalBlobExecutionScope::ServerSafe, ExternalBlobPolicy};
///
/// let base = ExternalBlobBase { uri: "S3://Acme-Assets/kb".to_owned(), scope: ServerSafe };
/// let policy = ExternalBlobPolicy::allow(vec![base])?;
/// assert_eq!(policy.bases(), ["s3://acme-assets/kb/"]);
/// # Ok::<(), omnigraph::OmniError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ExternalBlobPolicy {
    bases: Vec<Base>,
}

#[derive(Clone, Debug)]
struct Base {
    uri: BlobUri,
    scope: ExternalBlobExecutionScope,
    /// Of a `file://` base, with links resolved.
    directory: Option<PathBuf>,
}

impl ExternalBlobPolicy {
    /// Refuses every reference.
    pub fn deny() -> ExternalBlobPolicy {
        ExternalBlobPolicy::default()
    }

    /// Accepts what is strictly below one of the bases.
    ///
    /// # Errors
    /// [`OmniError::ExternalBlobPolicy`] for a base that is no URI, a `file://` base that is not `EmbeddedOnly` or no
    /// directory, bases that overlap, and for no base at all.
    pub fn allow(bases: Vec<ExternalBlobBase>) -> Result<ExternalBlobPolicy> {
        if bases.is_empty() {
            return Err(refused("", "a policy that allows references names at least one base"));
        }
        let mut parsed = bases.iter().map(Base::parse).collect::<Result<Vec<_>>>()?;
        parsed.sort_by(|a, b| (&a.uri, a.scope).cmp(&(&b.uri, b.scope)));
        for (at, base) in parsed.iter().enumerate() {
            if let Some(other) = parsed[..at].iter().find(|other| overlap(&other.uri, &base.uri)) {
                let reason = format!("it overlaps with the base '{}'", other.uri.as_base());
                return Err(refused(&base.uri.as_base(), &reason));
            }
        }
        Ok(ExternalBlobPolicy { bases: parsed })
    }

    /// Returns the normal forms of the bases, sorted.
    pub fn bases(&self) -> Vec<String> {
        self.bases.iter().map(|base| base.uri.as_base()).collect()
    }

    /// Returns what of this a server may use.
    pub fn server_safe(&self) -> ExternalBlobPolicy {
        let safe = |base: &&Base| base.scope == ExternalBlobExecutionScope::ServerSafe;
        ExternalBlobPolicy { bases: self.bases.iter().filter(safe).cloned().collect() }
    }

    /// Checks that a URI may be referenced; returns it parsed.
    pub(crate) fn check(&self, text: &str) -> Result<Allowed> {
        let not_allowed =
            || refused(&shown(text), "no base of this graph allows it; give the bytes as base64:…");
        let uri = BlobUri::object(text).map_err(|error| refused(&shown(text), &error.to_string()))?;
        let base = self.bases.iter().find(|base| uri.is_below(&base.uri)).ok_or_else(not_allowed)?;
        Ok(Allowed { uri, directory: base.directory.clone() })
    }
}

/// A URI that may be referenced.
#[derive(Clone, Debug)]
pub(crate) struct Allowed {
    pub(crate) uri: BlobUri,
    /// The directory that the file must be in, links resolved.
    pub(crate) directory: Option<PathBuf>,
}

impl Base {
    fn parse(base: &ExternalBlobBase) -> Result<Base> {
        let text = &base.uri;
        let uri = BlobUri::base(text).map_err(|error| refused(&shown(text), &error.to_string()))?;
        let directory = match uri.scheme() {
            Scheme::S3 => None,
            Scheme::File if base.scope == ExternalBlobExecutionScope::ServerSafe => {
                return Err(refused(text, "a file:// base is for embedded graphs only"));
            }
            Scheme::File => {
                let directory = PathBuf::from(format!("/{}", uri.path())).canonicalize();
                let directory = directory.ok().filter(|directory| directory.is_dir());
                Some(directory.ok_or_else(|| refused(text, "it is not an existing directory"))?)
            }
        };
        Ok(Base { uri, scope: base.scope, directory })
    }
}

fn overlap(a: &BlobUri, b: &BlobUri) -> bool {
    a.is_within(b) || b.is_within(a)
}

/// Returns a URI without what may be a secret: user information and query.
pub(super) fn shown(text: &str) -> String {
    let cut = text.find(['?', '#']).map_or(text, |at| &text[..at]);
    match (cut.find("://"), cut.find('@')) {
        (Some(start), Some(at)) if start + 3 <= at => format!("{}…@{}", &cut[..start + 3], &cut[at + 1..]),
        _ => cut.to_owned(),
    }
}

fn refused(uri: &str, reason: &str) -> OmniError {
    OmniError::ExternalBlobPolicy { uri: uri.to_owned(), reason: reason.to_owned(), at: None }
}

#[cfg(test)]
mod tests {
    use super::ExternalBlobExecutionScope::{EmbeddedOnly, ServerSafe};
    use super::*;

    fn base(uri: &str, scope: ExternalBlobExecutionScope) -> ExternalBlobBase {
        ExternalBlobBase { uri: uri.to_owned(), scope }
    }

    #[test]
    fn bases_that_contradict_the_rules_are_refused() {
        let reason = |bases: Vec<ExternalBlobBase>| match ExternalBlobPolicy::allow(bases) {
            Err(OmniError::ExternalBlobPolicy { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        assert!(reason(vec![]).contains("at least one base"));
        assert!(reason(vec![base("file:///tmp", ServerSafe)]).contains("embedded graphs only"));
        assert!(reason(vec![base("file:///no/such/place", EmbeddedOnly)]).contains("existing directory"));
        let nested = vec![base("s3://a/kb/", ServerSafe), base("s3://a/kb/img/", ServerSafe)];
        assert!(reason(nested).contains("overlaps with the base 's3://a/kb/'"));
        let beside = vec![base("s3://a/kb/", ServerSafe), base("s3://a/kb2/", ServerSafe)];
        assert_eq!(ExternalBlobPolicy::allow(beside).unwrap().bases().len(), 2);
    }

    #[test]
    fn a_server_uses_only_what_is_safe_for_servers() {
        let bases = vec![base("file:///", EmbeddedOnly), base("s3://a/kb", ServerSafe)];
        let policy = ExternalBlobPolicy::allow(bases).unwrap();
        assert!(policy.check("file:///x").is_ok() && policy.check("s3://a/kb/x").is_ok());
        assert!(policy.server_safe().check("file:///x").is_err());
        assert!(policy.server_safe().check("s3://a/kb/x").is_ok());
    }

    #[test]
    fn errors_never_show_credentials() {
        for text in ["s3://me:secret@b/k", "s3://b/k?sig=secret", "https://me:secret@b/k?secret"] {
            let shown = ExternalBlobPolicy::deny().check(text).unwrap_err().to_string();
            assert!(!shown.contains("secret"), "{shown}");
        }
    }
}
