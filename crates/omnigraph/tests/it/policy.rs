//! A policy on a handle, and what a handle tells of itself.

use std::sync::Arc;

use futures::TryStreamExt;
use omnigraph::db::{
    Load, LoadMode, LoadSource, MergeBranches, Mutate, ReadTarget, SchemaApplyOptions, SnapshotId,
};
use omnigraph::{OmniError, Omnigraph, Result};
use omnigraph_policy::{
    Operation, PolicyAction, PolicyChecker, PolicyEngine, PolicyError, PolicyRequest, ResourceScope,
};

use crate::fixtures::{fresh, lines, names};

const SCHEMA: &str = "node Person { name: String @key  age: I32? }";

const BUNDLE: &str = "
version: 1
groups:
  editors: [act-lin]
  owners: [act-ada]
protected_branches: [main]
rules:
  - id: editors-work-on-drafts
    allow: { actors: { group: editors }, actions: [change], branch_scope: unprotected }
  - id: editors-open-and-close-drafts
    allow: { actors: { group: editors }, actions: [branch_create, branch_delete], target_branch_scope: unprotected }
  - id: owners-publish
    allow: { actors: { group: owners }, actions: [branch_merge, schema_apply], target_branch_scope: protected }
  - id: owners-change
    allow: { actors: { group: owners }, actions: [change], branch_scope: any }
";

/// What a writing method is called with.
#[derive(Clone, Copy, Debug)]
enum Call {
    Mutate(&'static str),
    Load(&'static str),
    Fork { from: &'static str, to: &'static str },
    Create { from: &'static str, name: &'static str },
    CreateAtCommit { name: &'static str },
    Delete(&'static str),
    Merge { source: &'static str, target: &'static str, dry_run: bool },
    Apply,
}

impl Call {
    async fn run(self, graph: &Omnigraph, actor: Option<&str>) -> Result<()> {
        let text = r#"query add() { insert Person { name: "New" } }"#;
        let line = || LoadSource::Text(r#"{"type":"Person","data":{"name":"Loaded"}}"#.to_owned());
        match self {
            Call::Mutate(branch) => {
                graph.mutate(Mutate { actor, ..Mutate::new(branch, text) }).await.map(drop)
            }
            Call::Load(branch) => {
                graph.load(Load { actor, ..Load::new(branch, line(), LoadMode::Merge) }).await.map(drop)
            }
            Call::Fork { from, to } => {
                let load = Load { actor, base: Some(from), ..Load::new(to, line(), LoadMode::Merge) };
                graph.load(load).await.map(drop)
            }
            Call::Create { from, name } => graph.branch_create_from_as(from, name, actor).await,
            Call::CreateAtCommit { name } => {
                let head = graph.snapshot_of("main").await?.commit().graph_commit_id;
                graph.branch_create_from_as(SnapshotId::new(head), name, actor).await
            }
            Call::Delete(name) => graph.branch_delete_as(name, actor).await,
            Call::Merge { source, target, dry_run } => {
                let merge = MergeBranches { actor, dry_run, ..MergeBranches::new(source, target) };
                graph.branch_merge(merge).await.map(drop)
            }
            Call::Apply => {
                let schema = "node Person { name: String @key  age: I32?  city: String? }";
                let options = SchemaApplyOptions { actor, ..SchemaApplyOptions::default() };
                graph.apply_schema_with_options(schema, &options).await.map(drop)
            }
        }
    }

    /// What the operation of the HTTP layer asks for the same call.
    fn operation(self) -> Operation<'static> {
        match self {
            Call::Mutate(branch) | Call::Load(branch) => Operation::Change { branch: Some(branch.trim()) },
            Call::Fork { from, to } => Operation::ForkingLoad { source: Some(from), branch: to },
            Call::Create { from, name } => Operation::BranchCreate { source: Some(from), name },
            Call::CreateAtCommit { name } => Operation::BranchCreate { source: Some("<snapshot>"), name },
            Call::Delete(name) => Operation::BranchDelete { name },
            Call::Merge { source, target, .. } => Operation::BranchMerge { source, target },
            Call::Apply => Operation::SchemaApply { branch: "main" },
        }
    }
}

const CALLS: [Call; 15] = [
    Call::Mutate("main"),
    Call::Mutate(" main "),
    Call::Mutate("draft"),
    Call::Load("main"),
    Call::Load("draft"),
    Call::Fork { from: "main", to: "made" },
    Call::Fork { from: "draft", to: "made" },
    Call::Create { from: "main", name: "new" },
    Call::Create { from: "draft", name: "new" },
    Call::CreateAtCommit { name: "new" },
    Call::Delete("draft"),
    Call::Merge { source: "draft", target: "main", dry_run: false },
    Call::Merge { source: "draft", target: "main", dry_run: true },
    Call::Merge { source: "main", target: "draft", dry_run: false },
    Call::Apply,
];

async fn fixture() -> Omnigraph {
    let graph = fresh(SCHEMA).await;
    graph.branch_create("draft").await.unwrap();
    graph.mutate(Mutate::new("draft", r#"query add() { insert Person { name: "Draft" } }"#)).await.unwrap();
    graph
}

/// Everything that a write could leave behind.
async fn trace(graph: &Omnigraph) -> (Vec<String>, Vec<String>, Vec<String>, u64) {
    let branches = graph.branch_list().await.unwrap();
    let mut heads = Vec::new();
    for branch in &branches {
        heads.push(graph.snapshot_of(branch.as_str()).await.unwrap().commit().graph_commit_id);
    }
    (branches, heads, lines(graph, "main").await, graph.stats().await.unwrap().commits)
}

#[tokio::test]
async fn every_write_is_judged_as_the_http_layer_judges_it_and_a_denial_leaves_no_trace() {
    let bundle = PolicyEngine::load_graph_from_source(BUNDLE, "people").unwrap();
    for actor in ["act-lin", "act-ada", "act-eve"] {
        for call in CALLS {
            let graph = fixture().await;
            let guarded = graph.clone().with_policy(Arc::new(bundle.clone()));
            let expected = call
                .operation()
                .requests()
                .iter()
                .all(|request: &PolicyRequest| bundle.authorize(actor, request).unwrap().allowed);
            let before = trace(&graph).await;
            let outcome = call.run(&guarded, Some(actor)).await;
            match (&outcome, expected) {
                (Ok(()), true) => {}
                (Err(OmniError::Policy(denial)), false) => {
                    assert!(denial.to_string().contains("denied"), "{denial}");
                    assert_eq!(trace(&graph).await, before, "{actor} {call:?}");
                }
                _ => panic!("{actor} {call:?}: expected {expected}, got {outcome:?}"),
            }
            let anonymous = call.run(&graph.clone().with_policy(Arc::new(bundle.clone())), None).await;
            assert!(
                matches!(&anonymous, Err(OmniError::Policy(denial)) if denial.to_string().contains("no actor")),
                "{call:?}: {anonymous:?}"
            );
        }
    }
}

#[tokio::test]
async fn without_a_policy_nothing_is_asked_and_reads_never_are() {
    for call in CALLS {
        call.run(&fixture().await, None).await.unwrap();
    }
    let nobody = PolicyEngine::load_graph_from_source("version: 1\n", "people").unwrap();
    let guarded = fixture().await.with_policy(Arc::new(nobody));
    assert_eq!(names(&guarded, "draft").await, ["Draft"]);
    assert_eq!(lines(&guarded, ReadTarget::from("main")).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_policy_that_cannot_decide_is_no_denial() {
    struct Broken;
    impl PolicyChecker for Broken {
        fn check(&self, _: PolicyAction, _: &ResourceScope, _: &str) -> std::result::Result<(), PolicyError> {
            Err(PolicyError::Internal("out of order".to_owned()))
        }
    }
    let guarded = fixture().await.with_policy(Arc::new(Broken));
    let outcome = Call::Mutate("main").run(&guarded, Some("act-ada")).await;
    assert!(matches!(&outcome, Err(OmniError::Policy(error)) if !error.is_denial()), "{outcome:?}");
}

#[tokio::test]
async fn streams_give_what_the_writers_get() {
    let graph = fixture().await;
    let batch: String =
        (0..5000).map(|n| format!("{{\"type\":\"Person\",\"data\":{{\"name\":\"p{n}\"}}}}\n")).collect();
    graph.load(Load::new("draft", LoadSource::Text(batch), LoadMode::Merge)).await.unwrap();
    let mut written = Vec::new();
    graph.export("draft", &[], &mut written).await.unwrap();
    let stream = graph.export_stream("draft", &[]).await.unwrap();
    assert_eq!(stream.graph_commit_id, graph.snapshot_of("draft").await.unwrap().commit().graph_commit_id);
    // The stream shows the commit it was opened at, whatever happens meanwhile.
    Call::Mutate("draft").run(&graph, None).await.unwrap();
    let pieces: Vec<_> = stream.try_collect().await.unwrap();
    assert!(pieces.len() > 1, "5 000 rows are read in steps");
    assert_eq!(pieces.concat(), written);

    let unknown = graph.export_stream("draft", &["Persn".to_owned()]).await.map(|_| ());
    assert!(unknown.unwrap_err().to_string().starts_with("unknown export type 'Persn'"));
    let (stream, baseline) = graph.change_baseline_stream("draft", &Default::default()).await.unwrap();
    let pieces: Vec<_> = stream.try_collect().await.unwrap();
    assert_eq!(pieces.concat().iter().filter(|byte| **byte == b'\n').count(), 5002);
    assert_eq!(
        baseline.snapshot_commit_id,
        graph.snapshot_of("draft").await.unwrap().commit().graph_commit_id
    );
}

#[tokio::test]
async fn a_handle_counts_commits_and_calls() {
    let graph = fixture().await;
    let before = graph.stats().await.unwrap();
    Call::Mutate("main").run(&graph, None).await.unwrap();
    let after = graph.stats().await.unwrap();
    assert_eq!(after.commits, before.commits + 1);
    assert_eq!(after.open_intents, 0);
    let calls = |stats: &omnigraph::db::HandleStats, kind: &str| {
        stats.storage.calls.iter().find(|(name, _)| *name == kind).unwrap().1
    };
    for kind in ["get", "create"] {
        assert!(calls(&after, kind) > calls(&before, kind), "{kind}: {after:?}");
    }
    assert!(after.storage.writes > before.storage.writes && after.storage.written_bytes > 0, "{after:?}");
    assert!(after.caches.iter().any(|cache| cache.name == "tables" && cache.entries > 0), "{after:?}");
}
