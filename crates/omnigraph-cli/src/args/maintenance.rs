//! Arguments of the maintenance commands: `optimize`, `index`, `repair`, `cleanup`, `recovery`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::uri::OptionalUri;
use omnigraph_api::duration;

#[derive(Debug, Args)]
pub(crate) struct Optimize {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The branch to compact.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub(crate) branch: String,
}

#[derive(Debug, Args)]
pub(crate) struct Repair {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// Act instead of previewing.
    #[arg(long)]
    pub(crate) confirm: bool,
    /// Also publish what cannot be verified.
    #[arg(long, requires = "confirm")]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Cleanup {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// Keep so many of the newest versions of each table on each branch.
    #[arg(long, value_name = "N")]
    pub(crate) keep: Option<u32>,
    /// Keep everything younger, e.g. 30d: seconds, or with one of s, m, h, d, w.
    #[arg(long, value_name = "DUR", value_parser = parse_age)]
    pub(crate) older_than: Option<Duration>,
    /// Leave files that no commit names alone until they are so old; longer than any write takes.
    #[arg(long, value_name = "DUR", value_parser = parse_age, default_value = "1d", hide = true)]
    pub(crate) grace: Duration,
    /// Remove; without it nothing is removed.
    #[arg(long)]
    pub(crate) confirm: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Recovery {
    /// List the writes that a crash interrupted, and how they ended.
    #[command(after_help = "Example:\n  omnigraph recovery list my.graph --json")]
    List(RecoveryList),
}

#[derive(Debug, Args)]
pub(crate) struct RecoveryList {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Index {
    /// List the declared indexes: what they cover, their size and state.
    #[command(after_help = "Example:\n  omnigraph index list my.graph")]
    List(IndexList),
    /// Build what the declared indexes lack.
    #[command(after_help = "Example:\n  omnigraph index build my.graph")]
    Build(IndexBuild),
}

#[derive(Debug, Args)]
pub(crate) struct IndexList {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The branch to look at.
    #[arg(long, value_name = "BRANCH", default_value = "main", conflicts_with = "snapshot")]
    pub(crate) branch: String,
    /// The commit to look at.
    #[arg(long, value_name = "COMMIT")]
    pub(crate) snapshot: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct IndexBuild {
    #[command(flatten)]
    pub(crate) uri: OptionalUri,
    /// The branch whose indexes are built.
    #[arg(long, value_name = "BRANCH", default_value = "main")]
    pub(crate) branch: String,
}

/// Parses an age. The receipt counts ages in seconds, so milliseconds are refused.
fn parse_age(text: &str) -> Result<Duration, String> {
    match duration::parse(text) {
        Ok(_) if text.ends_with("ms") => {
            Err(format!("'{text}' is too fine; write a whole number and one of s, m, h, d, w, such as 30d"))
        }
        parsed => parsed.map_err(|error| error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_durations_of_whole_seconds() {
        assert_eq!(parse_age("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_age("2w"), Ok(Duration::from_secs(14 * 86_400)));
        for text in ["", "500ms", "2000ms", "soon", "-3d", "99999999999999999w"] {
            assert!(parse_age(text).is_err(), "{text}");
        }
    }
}
