//! Branches, tags, history and time travel, as a caller sees them.

use std::time::Duration;

use omnigraph::db::{
    CleanupPolicyOptions, CommitPage, Load, LoadMode, LoadSource, MergeBranches, Mutate, SnapshotId,
};
use omnigraph::error::{ManifestErrorKind, OmniError};
use omnigraph::{Omnigraph, Result};

use crate::fixtures::{fresh, lines, names};

const SCHEMA: &str = "node Person { name: String @key  age: I32? }  edge Knows: Person -> Person";

async fn add(graph: &Omnigraph, branch: &str, name: &str, actor: Option<&str>) -> Result<String> {
    let text = format!(r#"query add() {{ insert Person {{ name: "{name}" }} }}"#);
    let receipt = graph.mutate(Mutate { actor, ..Mutate::new(branch, &text) }).await?;
    Ok(receipt.commit.unwrap().graph_commit_id)
}

#[tokio::test]
async fn a_branch_is_written_loaded_queried_and_exported_apart_from_its_source() {
    let graph = fresh(SCHEMA).await;
    add(&graph, "main", "Ada", None).await.unwrap();
    graph.branch_create("review/a").await.unwrap();
    graph.branch_create_from("review/a", "review").await.unwrap();
    add(&graph, "review/a", "Bob", None).await.unwrap();
    let text = LoadSource::Text(r#"{"type":"Person","data":{"name":"Cyd"}}"#.to_owned());
    graph.load(Load::new("review", text, LoadMode::Append)).await.unwrap();
    assert_eq!(names(&graph, "main").await, ["Ada"]);
    assert_eq!(names(&graph, "review/a").await, ["Ada", "Bob"]);
    assert_eq!(names(&graph, "review").await, ["Ada", "Cyd"]);
    assert_eq!(lines(&graph, "review").await.len(), 2);
    assert_eq!(graph.branch_list().await.unwrap(), ["main", "review", "review/a"]);
}

#[tokio::test]
async fn names_are_refused_with_the_reason() {
    let graph = fresh(SCHEMA).await;
    let refused = async |name: &str| graph.branch_create(name).await.unwrap_err().to_string();
    assert!(refused("main").await.contains("cannot create branch 'main'"));
    assert!(refused("a b").await.contains("blanks"));
    assert!(refused(" ").await.contains("empty"));
    assert!(refused("__schema_apply_lock__").await.contains("does not allow internal system ref"));
    graph.branch_create(" x ").await.unwrap();
    assert!(refused("x").await.contains("already exists"));
    let error = graph.branch_delete("main").await.unwrap_err().to_string();
    assert!(error.contains("cannot delete branch 'main'"), "{error}");
    match graph.branch_delete("y").await.unwrap_err() {
        OmniError::Manifest(error) => assert_eq!(error.kind, ManifestErrorKind::NotFound),
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn what_was_captured_from_a_branch_is_never_answered_by_a_later_one_of_its_name() {
    let graph = fresh(SCHEMA).await;
    graph.branch_create("x").await.unwrap();
    let eve = add(&graph, "x", "Eve", None).await.unwrap();
    let captured = graph.snapshot_of("x").await.unwrap();
    graph.branch_delete("x").await.unwrap();
    graph.branch_create("x").await.unwrap();
    add(&graph, "x", "Frank", None).await.unwrap();
    assert_eq!(names(&graph, "x").await, ["Frank"]);
    assert_eq!(captured.entity_counts().0, 1);
    assert_eq!(names(&graph, SnapshotId::new(eve)).await, ["Eve"]);
}

#[tokio::test]
async fn history_is_listed_newest_first_by_pages_and_by_author() {
    let graph = fresh(SCHEMA).await;
    let mut ids = Vec::new();
    for n in 0..7 {
        let actor = if n % 2 == 0 { "even" } else { "odd" };
        ids.push(add(&graph, "main", &format!("p{n}"), Some(actor)).await.unwrap());
    }
    ids.reverse();
    let list = async |page: CommitPage| {
        let commits = graph.list_commits("main", &page).await.unwrap();
        commits.into_iter().map(|commit| commit.graph_commit_id).collect::<Vec<_>>()
    };
    let all = list(CommitPage::default()).await;
    assert_eq!(all[..7], ids[..]);
    assert_eq!(all.len(), 8);
    let first = list(CommitPage { limit: Some(3), ..CommitPage::default() }).await;
    let second = list(CommitPage { limit: Some(3), after: first.last().cloned(), actor: None }).await;
    assert_eq!([first, second].concat(), all[..6]);
    let odd = list(CommitPage { actor: Some("odd".to_owned()), ..CommitPage::default() }).await;
    assert_eq!(odd, [ids[1].clone(), ids[3].clone(), ids[5].clone()]);
    let unknown =
        CommitPage { after: Some("01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()), ..CommitPage::default() };
    assert!(graph.list_commits("main", &unknown).await.unwrap_err().to_string().contains("not found"));
}

#[tokio::test]
async fn tags_survive_and_name_commits() {
    let graph = fresh(SCHEMA).await;
    let ada = add(&graph, "main", "Ada", None).await.unwrap();
    let tag = graph.tag_create("main", "v1", Some("ed")).await.unwrap();
    assert_eq!((tag.graph_commit_id, tag.actor_id.as_deref()), (ada.clone(), Some("ed")));
    add(&graph, "main", "Bob", None).await.unwrap();
    assert_eq!(graph.tag_list().await.unwrap()[0].graph_commit_id, ada);
    assert!(graph.tag_create("main", "v1", None).await.unwrap_err().to_string().contains("already exists"));
    graph.tag_delete("v1").await.unwrap();
    assert!(graph.tag_list().await.unwrap().is_empty());
}

/// A handle remembers commits; what a cleanup removed is gone all the same.
#[tokio::test]
async fn nothing_is_made_at_a_commit_that_only_this_process_remembers() {
    let graph = fresh("node Person { name: String @key }").await;
    graph.branch_create("a").await.unwrap();
    let load = |branch: &'static str| Load::new(branch, LoadSource::Text(String::new()), LoadMode::Append);
    graph.load(load("a")).await.unwrap();
    graph.mutate(Mutate::new("main", r#"query q() { insert Person { name: "Ada" } }"#)).await.unwrap();
    graph.branch_create("b").await.unwrap();
    let merged = graph.branch_merge(MergeBranches::new("a", "b")).await.unwrap().commit.unwrap();
    graph.branch_delete("b").await.unwrap();
    let options =
        CleanupPolicyOptions { keep_versions: Some(1), grace: Duration::ZERO, ..Default::default() };
    graph.cleanup(options).await.unwrap();

    let id = SnapshotId::new(&merged.graph_commit_id);
    let error = graph.branch_create_from(id.clone(), "c").await.unwrap_err();
    assert!(error.to_string().contains("not found"), "{error}");
    assert_eq!(graph.branch_list().await.unwrap(), ["main", "a"]);
    assert!(graph.tag_create(id, "t", None).await.is_err());
    assert!(graph.cleanup(options).await.unwrap().iter().all(|dataset| dataset.error.is_none()));
}
