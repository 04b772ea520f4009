//! Which kind of server the API document describes.

/// Name of the security scheme.
pub(super) const BEARER: &str = "bearer_token";

/// Which server the document is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// One that asks who makes a request. The document of the repository has this form.
    Authenticated,
    /// One that does not: the document knows no credentials.
    Open,
}
