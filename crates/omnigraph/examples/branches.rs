//! Work apart, look at it, bring it together: `cargo run -p omnigraph --example branches`.

use omnigraph::Omnigraph;
use omnigraph::changes::{ChangeFilter, ChangeOp};
use omnigraph::db::{MergeBranches, MergeOutcome, Mutate, SnapshotId};

const SCHEMA: &str = "node Person { name: String @key  age: I32? }";

async fn run(graph: &Omnigraph, branch: &str, statement: &str) -> omnigraph::Result<()> {
    graph.mutate(Mutate::new(branch, &format!("query change() {{ {statement} }}"))).await.map(drop)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let graph = Omnigraph::init("memory://branches", SCHEMA).await?;
    run(&graph, "main", r#"insert Person { name: "Ada", age: 36 }"#).await?;

    // A branch copies nothing: it is one small object, and begins where `main` is.
    graph.branch_create("review").await?;
    run(&graph, "review", r#"insert Person { name: "Bob" }"#).await?;
    run(&graph, "review", r#"update Person set { age: 37 } where name = "Ada""#).await?;
    // Meanwhile `main` goes on.
    run(&graph, "main", r#"insert Person { name: "Cleo" }"#).await?;

    let difference = graph.diff_between("main", "review", &ChangeFilter::default()).await?;
    for change in &difference.changes {
        println!("{:?} {} {}", change.op, change.type_name, change.id);
    }
    let mut changes: Vec<_> = difference.changes.iter().map(|it| (it.id.as_str(), it.op)).collect();
    changes.sort_by_key(|(id, _)| *id);
    let expected = [("Ada", ChangeOp::Update), ("Bob", ChangeOp::Insert), ("Cleo", ChangeOp::Delete)];
    assert_eq!(changes, expected);

    // Both did something, so that the merge is a commit with two parents.
    let before = graph.snapshot_of("main").await?.commit();
    let receipt = graph.branch_merge(MergeBranches::new("review", "main")).await?;
    assert_eq!(receipt.outcome, MergeOutcome::Merged);
    let commit = receipt.commit.ok_or("a merge of two sides makes a commit")?;
    assert_eq!(commit.parent_commit_id.as_ref(), Some(&before.graph_commit_id));
    assert_eq!(commit.merged_parent_commit_id, Some(receipt.source_commit_id));
    graph.branch_delete("review").await?;

    // Every commit stays readable until it is cleaned up.
    let count = async |target: omnigraph::db::ReadTarget| -> omnigraph::Result<u64> {
        Ok(graph.snapshot_of(target).await?.entity_counts().0)
    };
    let (then, now) =
        (count(SnapshotId::new(before.graph_commit_id).into()).await?, count("main".into()).await?);
    println!("{then} persons before, {now} after");
    assert_eq!((then, now), (2, 3));
    Ok(())
}
