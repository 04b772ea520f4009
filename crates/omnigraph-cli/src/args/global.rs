//! Flags of every command.

use clap::builder::{FalseyValueParser, NonEmptyStringValueParser};
use clap::{Args, ValueEnum};

/// Flags that may stand before or after any subcommand.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// Author recorded with a write.
    #[arg(
        long = "as",
        value_name = "ACTOR",
        global = true,
        help_heading = "Global options",
        value_parser = NonEmptyStringValueParser::new()
    )]
    pub(crate) actor: Option<String>,
    /// The server: a name from the operator config, or a URL.
    #[arg(long, value_name = "NAME|URL", global = true, help_heading = "Global options")]
    pub(crate) server: Option<String>,
    /// The graph of the server.
    #[arg(long, value_name = "ID", global = true, help_heading = "Global options")]
    pub(crate) graph: Option<String>,
    /// A profile of the operator config [env: OMNIGRAPH_PROFILE].
    #[arg(long, value_name = "NAME", global = true, help_heading = "Global options")]
    pub(crate) profile: Option<String>,
    /// The graph's storage: a path, file://… or s3://bucket/prefix [env: OMNIGRAPH_STORE].
    #[arg(long, value_name = "URI", global = true, help_heading = "Global options")]
    pub(crate) store: Option<String>,
    /// The cluster: a directory, a storage root, or a name from the operator config.
    #[arg(long, value_name = "DIR|URI|NAME", global = true, hide = true, help_heading = "Global options")]
    pub(crate) cluster: Option<String>,
    /// Compute the `@embed` vectors that loads and mutations leave out, with the embedder of the environment.
    #[arg(
        long,
        global = true,
        env = "OMNIGRAPH_EMBED_ON_WRITE",
        hide_env_values = true,
        value_parser = FalseyValueParser::new(),
        help_heading = "Global options"
    )]
    pub(crate) embed_on_write: bool,
    /// Consent to a destructive write on a target that is not local.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) yes: bool,
    /// Do not announce writes; warnings and errors still show.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) quiet: bool,
    /// Print one JSON document, and a failure as one JSON object on stderr.
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Durability of writes: `full` survives power loss, `relaxed` leaves flushing to the system.
    #[arg(long, value_name = "LEVEL", global = true, default_value = "full", hide = true)]
    pub(crate) durability: DurabilityArg,
    /// Bytes that caches, sorts and loads may hold, e.g. 512MiB.
    #[arg(long, value_name = "SIZE", global = true, value_parser = parse_size, default_value = "1GiB", hide = true)]
    pub(crate) memory: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum DurabilityArg {
    Full,
    Relaxed,
}

/// Parses `512MiB`, `2GB`, `1048576`.
fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().map_err(|_| "expected a size such as 512MiB".to_owned())?;
    let unit: u64 = match text[digits..].trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        other => return Err(format!("unknown unit '{other}': use KiB, MiB or GiB")),
    };
    number
        .checked_mul(unit)
        .filter(|bytes| *bytes >= 16 << 20)
        .ok_or_else(|| "the smallest budget is 16MiB".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_parsed_with_their_unit() {
        assert_eq!(parse_size("512MiB"), Ok(512 << 20));
        assert_eq!(parse_size("2g"), Ok(2 << 30));
        assert_eq!(parse_size("20000000"), Ok(20_000_000));
        assert!(parse_size("1KiB").is_err());
        assert!(parse_size("lots").is_err());
    }
}
