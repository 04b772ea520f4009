//! `omnigraph-convert`: makes the example graphs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use omnigraph_examples::batch::{Batch, Count};
use omnigraph_examples::input::Lines;
use omnigraph_examples::{ConvertError, debian, wordnet};

const EXAMPLES: &str = "Examples:
  apt-cache dumpavail | omnigraph-convert debian --packages - --out debian.jsonl
  omnigraph-convert wordnet --dict /usr/share/wordnet --out wordnet.jsonl";

const DEBIAN_EXAMPLES: &str = "Examples:
  apt-cache dumpavail | omnigraph-convert debian --packages - --out debian.jsonl
  omnigraph-convert debian --packages /var/lib/apt/lists/*_Packages --out debian.jsonl
  omnigraph-convert debian --packages Packages.gz --root bash,git --limit-slice 100 --out slice.jsonl";

const WORDNET_EXAMPLES: &str = "Examples:
  omnigraph-convert wordnet --dict /usr/share/wordnet --out wordnet.jsonl
  omnigraph-convert wordnet --dict dict --root dog,cat --limit-slice 500 --out slice.jsonl";

/// Converts public data to JSONL for `omnigraph load`. Prints the number of lines per type to stderr.
#[derive(Parser)]
#[command(name = "omnigraph-convert", version, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    source: Source,
}

#[derive(Subcommand)]
enum Source {
    /// Reads Debian package lists; the schema is examples/debian/schema.pg
    #[command(after_help = DEBIAN_EXAMPLES)]
    Debian(Debian),
    /// Reads the WordNet database; the schema is examples/wordnet/schema.pg
    #[command(after_help = WORDNET_EXAMPLES)]
    Wordnet(Wordnet),
}

#[derive(Args)]
struct Debian {
    /// Package lists, plain or gzip; `-` is stdin
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    packages: Vec<PathBuf>,
    /// Translation-en lists, for long descriptions
    #[arg(long, num_args = 1.., value_name = "FILE")]
    translations: Vec<PathBuf>,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
struct Wordnet {
    /// Folder with the files data.* and index.*
    #[arg(long, value_name = "DIR")]
    dict: PathBuf,
    #[command(flatten)]
    output: Output,
}

#[derive(Args)]
struct Output {
    /// Where to write; `-` is stdout
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Keep at most N packages or synsets, with whatever those need
    #[arg(long, value_name = "N")]
    limit_slice: Option<usize>,
    /// Names of packages, or words, that a slice starts from [default: a few well-known ones]
    #[arg(long, value_name = "NAME", value_delimiter = ',', requires = "limit_slice")]
    root: Vec<String>,
}

fn main() -> ExitCode {
    let converted = match Cli::parse().source {
        Source::Debian(args) => convert_debian(&args),
        Source::Wordnet(args) => convert_wordnet(&args),
    };
    match converted {
        Ok(counts) => {
            report(&counts);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn convert_debian(args: &Debian) -> Result<Vec<Count>, ConvertError> {
    let mut archive = debian::Archive::default();
    for path in &args.packages {
        archive.read_packages(Lines::open(path)?)?;
    }
    for path in &args.translations {
        archive.read_translations(Lines::open(path)?)?;
    }
    if let Some(limit) = args.output.limit_slice {
        debian::slice(&mut archive, &args.output.root, limit)?;
    }
    let mut batch = Batch::create(&args.output.out)?;
    debian::write(&archive, &mut batch)?;
    Ok(batch.finish()?.0)
}

fn convert_wordnet(args: &Wordnet) -> Result<Vec<Count>, ConvertError> {
    let mut database = wordnet::Database::open(&args.dict)?;
    if let Some(limit) = args.output.limit_slice {
        wordnet::slice(&mut database, &args.output.root, limit)?;
    }
    let mut batch = Batch::create(&args.output.out)?;
    wordnet::write(&database, &mut batch)?;
    Ok(batch.finish()?.0)
}

fn report(counts: &[Count]) {
    for count in counts {
        eprintln!("{:>9}  {} {}", count.lines, count.kind, count.name);
    }
    for kind in ["node", "edge"] {
        let lines: u64 = counts.iter().filter(|c| c.kind == kind).map(|c| c.lines).sum();
        eprintln!("{lines:>9}  {kind}s in all");
    }
}
