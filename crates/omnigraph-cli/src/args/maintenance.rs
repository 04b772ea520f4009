//! Arguments of the maintenance commands: `optimize`, `index`, `repair`, `cleanup`, `recovery`.

use std::time::Duration;

use clap::{Args, Subcommand};

use super::uri::OptionalUri;

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
    #[arg(long, value_name = "DUR", value_parser = parse_duration)]
    pub(crate) older_than: Option<Duration>,
    /// Leave files that no commit names alone until they are so old; longer than any write takes.
    #[arg(long, value_name = "DUR", value_parser = parse_duration, default_value = "1d", hide = true)]
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

/// Parses `90`, `90s`, `15m`, `12h`, `30d`, `4w`.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected an integer with one of s, m, h, d, w, such as 30d".to_owned();
    let (number, seconds) = match text.as_bytes().last() {
        Some(b's') => (&text[..text.len() - 1], 1),
        Some(b'm') => (&text[..text.len() - 1], 60),
        Some(b'h') => (&text[..text.len() - 1], 60 * 60),
        Some(b'd') => (&text[..text.len() - 1], 24 * 60 * 60),
        Some(b'w') => (&text[..text.len() - 1], 7 * 24 * 60 * 60),
        _ => (text, 1),
    };
    if !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(expected());
    }
    let number: u64 = number.parse().map_err(|_| expected())?;
    number.checked_mul(seconds).map(Duration::from_secs).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_parsed_with_their_unit() {
        assert_eq!(parse_duration("90"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("15m"), Ok(Duration::from_secs(900)));
        assert_eq!(parse_duration("2w"), Ok(Duration::from_secs(14 * 86_400)));
        for wrong in ["", "d", "1.5h", "-3d", "+3d", "3 d", "3y", "99999999999999999w"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
