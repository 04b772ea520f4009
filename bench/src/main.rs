//! Benchmarks over real data, and the worker processes that the crash and concurrency tests start.
//!
//! `omnigraph-bench debian --data debian.jsonl` loads the full Debian package graph and prints a table; `bench/run.sh`
//! makes the data first. `insert` and `load` are single tasks in a process of their own.

mod debian;
mod fleet;
mod measure;
mod retrieval;
mod storage;
mod versions;
mod worker;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Benchmarks of Omnigraph.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Load the Debian package graph and measure loads, lookups, traversals, aggregates, inserts and opening.
    Debian {
        /// Strict graph batch made by `omnigraph-convert debian`.
        #[arg(long)]
        data: PathBuf,
        /// Where the graphs are put; a temporary directory when absent.
        #[arg(long)]
        dir: Option<PathBuf>,
        /// Commits before each measurement of one-row inserts.
        #[arg(long, value_delimiter = ',', default_value = "10,1000,10000")]
        history: Vec<u64>,
    },
    /// Load a file into a new graph and print seconds, entities and peak memory as JSON.
    Load {
        /// The graph to create.
        #[arg(long)]
        graph: String,
        /// Its schema file.
        #[arg(long)]
        schema: PathBuf,
        /// The rows.
        #[arg(long)]
        data: PathBuf,
        /// Memory budget in bytes.
        #[arg(long, default_value_t = 1 << 30)]
        memory: u64,
    },
    /// Measure vector, full-text, hybrid and graph reads over described documents; prints a JSON list.
    Retrieval {
        /// Directory with `graph.pg` and `graph.jsonl`, made by `bench/peers/dataset.py`.
        #[arg(long)]
        data: PathBuf,
        /// Where the graph is put.
        #[arg(long)]
        dir: PathBuf,
        /// Questions, one JSON object per line: text, section, vector, key, hub.
        #[arg(long)]
        queries: PathBuf,
        /// How long clients ask when throughput is measured.
        #[arg(long, default_value_t = 5.0)]
        seconds: f64,
        /// How many ask at once.
        #[arg(long, default_value_t = 2)]
        clients: usize,
        /// The output is always JSON.
        #[arg(long)]
        json: bool,
    },
    /// One measure of `retrieval`, in this process.
    RetrievalMeasure {
        /// The graph.
        #[arg(long)]
        graph: PathBuf,
        /// Questions.
        #[arg(long)]
        queries: PathBuf,
        /// Which.
        #[arg(long)]
        measure: String,
        /// How long clients ask.
        #[arg(long)]
        seconds: f64,
        /// How many ask at once.
        #[arg(long)]
        clients: usize,
    },
    /// Compare the storage of many one-row commits, optimized and cleaned up, with that of one load.
    Storage {
        /// Strict graph batch made by `omnigraph-convert debian`, whose packages are committed.
        #[arg(long)]
        data: PathBuf,
        /// How many.
        #[arg(long, default_value_t = 10_000)]
        commits: usize,
    },
    /// Measure branches, merges, differences and history at several sizes.
    Versions {
        /// Live branches beside which the last branch is created.
        #[arg(long, default_value_t = 10_000)]
        branches: usize,
        /// Commits of the long history.
        #[arg(long, default_value_t = 10_000)]
        commits: usize,
        /// Rows of the large table.
        #[arg(long, default_value_t = 1_000_000)]
        rows: usize,
    },
    /// Open a graph, print the microseconds that took, and look one package up.
    Probe {
        /// The graph.
        #[arg(long)]
        graph: String,
        /// The package.
        #[arg(long)]
        name: String,
    },
    /// Insert one-row commits of `node Item { name: String @key  n: I64 }`, printing each acknowledged name.
    Insert {
        /// The graph.
        #[arg(long)]
        graph: String,
        /// Names are `<prefix>-<number>`.
        #[arg(long)]
        prefix: String,
        /// How many.
        #[arg(long)]
        count: u64,
    },
    /// Load batches of linked rows one after the other, printing each acknowledged batch.
    Batches {
        /// The graph.
        #[arg(long)]
        graph: String,
        /// Names are `<prefix>-<batch>-<number>`.
        #[arg(long)]
        prefix: String,
        /// Rows per batch.
        #[arg(long)]
        rows: u64,
    },
    /// Run writers that act at random on random branches until killed, printing each attempt and each outcome.
    Fleet {
        /// The graph; its schema has the nodes `Item` and `Twin`.
        #[arg(long)]
        graph: String,
        /// Names are `<prefix>w<writer>n<number>`.
        #[arg(long)]
        prefix: String,
        /// How many writers share the handle.
        #[arg(long)]
        writers: u64,
        /// The branches they write to.
        #[arg(long, value_delimiter = ',')]
        branches: Vec<String>,
        /// Decides what they do.
        #[arg(long)]
        seed: u64,
    },
}

#[tokio::main]
async fn main() {
    let outcome = match Cli::parse().command {
        Command::Debian { data, dir, history } => debian::run(&data, dir.as_deref(), &history).await,
        Command::Load { graph, schema, data, memory } => worker::load(&graph, &schema, &data, memory).await,
        Command::Retrieval { data, dir, queries, seconds, clients, json: _ } => {
            retrieval::run(&retrieval::Task { data, dir, queries, seconds, clients })
        }
        Command::RetrievalMeasure { graph, queries, measure, seconds, clients } => {
            retrieval::measure(&graph, &queries, &measure, seconds, clients).await
        }
        Command::Storage { data, commits } => storage::run(&data, commits).await,
        Command::Versions { branches, commits, rows } => {
            versions::run(versions::Sizes { branches, commits, rows }).await
        }
        Command::Probe { graph, name } => debian::probe(&graph, &name).await,
        Command::Insert { graph, prefix, count } => worker::insert(&graph, &prefix, count).await,
        Command::Batches { graph, prefix, rows } => worker::batches(&graph, &prefix, rows).await,
        Command::Fleet { graph, prefix, writers, branches, seed } => {
            fleet::run(&graph, &prefix, writers, &branches, seed).await
        }
    };
    if let Err(error) = outcome {
        eprintln!("error: {error}");
        std::process::exit(1);
    }
}
