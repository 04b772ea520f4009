//! One process of a fleet: writers that share a handle and act at random on random branches until they are killed.
//!
//! Every effect is announced before it is attempted (`try <action> <branch> <name>`) and closed after its outcome is known:
//! `ok ...` when acknowledged, `no ...` when refused, `open ...` when the outcome is left to recovery. Whoever reads the
//! lines knows of each name whether it must be there, must not, or may. `bad ...` is an error that no race explains.

use std::collections::BTreeMap;
use std::sync::Arc;

use omnigraph::db::{MergeBranches, Mutate};
use omnigraph::error::ManifestErrorKind;
use omnigraph::{OmniError, Omnigraph};
use serde_json::json;
use tokio::task::JoinSet;

use crate::measure::TaskResult;
use crate::worker::acknowledge;

const ADD: &str = "query add($name: String, $n: I64) { insert Item { name: $name, n: $n } }";
const PAIR: &str =
    "query pair($name: String, $n: I64) { insert Item { name: $name, n: $n } insert Twin { name: $name } }";
const DELETE: &str = "query drop($name: String) { delete Item where name = $name }";

/// SplitMix64: repeatable choices without a dependency.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % bound as u64).expect("a remainder is below its bound")
    }
}

/// Runs the writers until the process is killed.
pub(crate) async fn run(
    graph: &str,
    prefix: &str,
    writers: u64,
    branches: &[String],
    seed: u64,
) -> TaskResult {
    let graph = Arc::new(Omnigraph::open(graph).await?);
    let mut tasks = JoinSet::new();
    for number in 0..writers {
        let writer = Writer {
            graph: graph.clone(),
            prefix: format!("{prefix}w{number}"),
            branches: branches.to_vec(),
            dice: Dice(seed.wrapping_mul(1_000_003).wrapping_add(number)),
            own: BTreeMap::new(),
        };
        tasks.spawn(async move { writer.run().await.map_err(|error| error.to_string()) });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

struct Writer {
    graph: Arc<Omnigraph>,
    prefix: String,
    branches: Vec<String>,
    dice: Dice,
    /// Acknowledged single items by branch: what may be deleted.
    own: BTreeMap<String, Vec<String>>,
}

impl Writer {
    async fn run(mut self) -> TaskResult {
        for number in 0_u64.. {
            let branch = self.branches[self.dice.below(self.branches.len())].clone();
            let name = format!("{}n{number}", self.prefix);
            match self.dice.below(100) {
                0..35 => self.add(&branch, &name).await?,
                35..60 => {
                    acknowledge(&format!("try pair {branch} {name}"))?;
                    let outcome = self.mutate(PAIR, &branch, &name, None).await;
                    settle("pair", &branch, &name, &outcome)?;
                }
                60..75 => self.delete(&branch).await?,
                75..88 => self.conditional(&branch, &name).await?,
                88..96 => self.side_branch(&branch, &name).await?,
                _ => {
                    let outcome = self.graph.optimize_on(&branch, None).await;
                    settle("optimize", &branch, &name, &outcome)?;
                }
            }
        }
        Ok(())
    }

    async fn mutate(
        &self,
        source: &str,
        branch: &str,
        name: &str,
        if_commit: Option<&str>,
    ) -> Result<(), OmniError> {
        let mut request = Mutate::new(branch, source);
        request.params.insert("name".to_owned(), json!(name));
        if source != DELETE {
            request.params.insert("n".to_owned(), json!(0));
        }
        request.if_commit = if_commit;
        let receipt = self.graph.mutate(request).await?;
        // A condition that let the write through names the very parent of its commit.
        if let (Some(expected), Some(commit)) = (if_commit, receipt.commit)
            && commit.parent_commit_id.as_deref() != Some(expected)
        {
            println!("bad cond {branch} {name} expected {expected}, parent {:?}", commit.parent_commit_id);
        }
        Ok(())
    }

    async fn add(&mut self, branch: &str, name: &str) -> TaskResult {
        acknowledge(&format!("try add {branch} {name}"))?;
        let outcome = self.mutate(ADD, branch, name, None).await;
        settle("add", branch, name, &outcome)?;
        if outcome.is_ok() {
            self.own.entry(branch.to_owned()).or_default().push(name.to_owned());
        }
        Ok(())
    }

    async fn delete(&mut self, branch: &str) -> TaskResult {
        let Some(name) = self.own.get_mut(branch).and_then(Vec::pop) else { return Ok(()) };
        acknowledge(&format!("try delete {branch} {name}"))?;
        let outcome = self.mutate(DELETE, branch, &name, None).await;
        settle("delete", branch, &name, &outcome)
    }

    async fn conditional(&self, branch: &str, name: &str) -> TaskResult {
        let head = self.graph.snapshot_of(branch).await?.commit().graph_commit_id;
        acknowledge(&format!("try cond {branch} {name}"))?;
        let outcome = self.mutate(ADD, branch, name, Some(&head)).await;
        settle("cond", branch, name, &outcome)
    }

    async fn side_branch(&self, branch: &str, name: &str) -> TaskResult {
        let side = format!("side-{name}");
        let outcome = self.graph.branch_create_from(branch, &side).await;
        settle("fork", &side, name, &outcome)?;
        let outcome = self.mutate(PAIR, &side, name, None).await;
        settle("write", &side, name, &outcome)?;
        if outcome.is_ok() {
            acknowledge(&format!("try side {branch} {name}"))?;
            let outcome = self.graph.branch_merge(MergeBranches::new(&side, branch)).await;
            settle("side", branch, name, &outcome)?;
        }
        let outcome = self.graph.branch_delete(&side).await;
        settle("gone", &side, name, &outcome)
    }
}

/// Prints the outcome of an announced effect.
fn settle<T>(action: &str, branch: &str, name: &str, outcome: &Result<T, OmniError>) -> TaskResult {
    let (word, error) = match outcome {
        Ok(_) => ("ok", String::new()),
        Err(error) => {
            let word = match error {
                OmniError::PreconditionFailed { .. } if action == "cond" => "no",
                OmniError::Manifest(refused) if refused.kind == ManifestErrorKind::Conflict => "no",
                OmniError::RecoveryRequired { .. } => "open",
                _ => "bad",
            };
            (word, format!(" {error}").replace('\n', " "))
        }
    };
    acknowledge(&format!("{word} {action} {branch} {name}{error}"))
}
