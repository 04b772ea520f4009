//! Net differences, changes of a commit, feeds and baselines, as a consumer sees them.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use omnigraph::changes::{
    ChangeCause, ChangeFeedPage, ChangeFeedPosition, ChangeFeedRequest, ChangeFeedScope, ChangeFilter,
    ChangeOp, Continuation, CursorRejection, EntityImage, EntityKind, FeedStart, GraphChangeBlock,
    GraphEntityChange,
};
use omnigraph::db::{Load, LoadMode, LoadSource, Mutate};
use omnigraph::error::{ManifestErrorKind, OmniError};
use omnigraph::{Omnigraph, Result};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value as Json, json};

use crate::fixtures::{fresh, head_id};

const SCHEMA: &str = "
    node Person { name: String @key  age: I32?  born: Date?  photo: Blob?  tags: [String]?  big: U64? }
    node Company { name: String @key }
    edge Knows: Person -> Person { since: Date? }
    edge WorksAt: Person -> Company
";

const DATA: &str = r#"
{"type":"Person","data":{"name":"Ada","age":36,"born":"1815-12-10","photo":"base64:aGk=","tags":["a","b"],"big":18446744073709551615}}
{"type":"Person","data":{"name":"Bob"}}
{"type":"Company","data":{"name":"Acme"}}
{"edge":"Knows","from":"Ada","to":"Bob","data":{"id":"k1"}}
{"edge":"WorksAt","from":"Ada","to":"Acme","data":{"id":"w1"}}
"#;

async fn fixture() -> Omnigraph {
    let graph = fresh(SCHEMA).await;
    load(&graph, DATA, LoadMode::Append).await;
    graph
}

/// Loads and returns the commit.
async fn load(graph: &Omnigraph, text: &str, mode: LoadMode) -> String {
    let load = Load::new("main", LoadSource::Text(text.to_owned()), mode);
    graph.load(load).await.unwrap().commit.graph_commit_id
}

/// Runs statements without parameters and returns the commit.
async fn run(graph: &Omnigraph, statements: &str) -> String {
    run_on(graph, "main", statements).await
}

async fn run_on(graph: &Omnigraph, branch: &str, statements: &str) -> String {
    let source = format!("query q() {{ {statements} }}");
    graph.mutate(Mutate::new(branch, &source)).await.unwrap().commit.unwrap().graph_commit_id
}

async fn block(graph: &Omnigraph, commit: &str) -> GraphChangeBlock {
    let page =
        graph.commit_changes_page(commit, &ChangeFeedScope::default(), None, None, None).await.unwrap();
    assert_eq!(page.next_page_token, None);
    page.block
}

/// `op kind Type id` of each change.
fn lines(changes: &[GraphEntityChange]) -> Vec<String> {
    let text = |change: &GraphEntityChange| {
        let op = serde_json::to_value(change.op).unwrap();
        format!("{} {} {} {}", op.as_str().unwrap(), change.kind, change.entity_type.name, change.id)
    };
    changes.iter().map(text).collect()
}

fn start(start: FeedStart) -> ChangeFeedRequest {
    ChangeFeedRequest::new(ChangeFeedPosition::Start(start))
}

fn resume(cursor: &str) -> ChangeFeedRequest {
    ChangeFeedRequest::new(ChangeFeedPosition::Cursor(cursor.to_owned()))
}

fn next(page_token: &str) -> ChangeFeedRequest {
    ChangeFeedRequest::new(ChangeFeedPosition::PageToken(page_token.to_owned()))
}

#[track_caller]
fn boundary(page: &ChangeFeedPage) -> (String, bool) {
    match &page.continuation {
        Continuation::AtBlockBoundary { cursor, caught_up } => (cursor.clone(), *caught_up),
        Continuation::MidBlock { .. } => panic!("the page ends within a block"),
    }
}

#[track_caller]
fn rejection<T: std::fmt::Debug>(outcome: Result<T>) -> CursorRejection {
    match outcome {
        Err(OmniError::ChangeCursorRejected { reason }) => reason,
        other => panic!("{other:?}"),
    }
}

fn commits(page: &ChangeFeedPage) -> Vec<String> {
    page.blocks.iter().map(|block| block.cause.graph_commit_id.clone()).collect()
}

#[tokio::test]
async fn a_commit_shows_its_entities_with_exact_images() {
    let graph = fixture().await;
    let loaded = block(&graph, &head_id(&graph, "main").await).await;
    assert_eq!(
        lines(&loaded.changes),
        [
            "insert node Company Acme",
            "insert node Person Ada",
            "insert node Person Bob",
            "insert edge Knows k1",
            "insert edge WorksAt w1",
        ]
    );
    let person = &loaded.changes[1];
    assert_eq!(person.before, None);
    assert_eq!(
        serde_json::to_value(person.after.as_ref().unwrap()).unwrap(),
        json!({"properties": {
            "age": 36, "big": 18_446_744_073_709_551_615_u64, "born": -56_270, "name": "Ada",
            "photo": "base64:aGk=", "tags": ["a", "b"],
        }})
    );
    assert_eq!(
        serde_json::to_value(loaded.changes[3].after.as_ref().unwrap()).unwrap(),
        json!({"properties": {"since": null}, "endpoints": {"from": "Ada", "to": "Bob"}})
    );

    let commit =
        run(&graph, r#"update Person set { age: 37 } where name = "Ada" delete Person where name = "Bob""#)
            .await;
    let changed = block(&graph, &commit).await;
    assert_eq!(
        lines(&changed.changes),
        ["update node Person Ada", "delete node Person Bob", "delete edge Knows k1"]
    );
    let age = |image: &Option<EntityImage>| image.as_ref().map(|image| image.properties["age"].clone());
    assert_eq!(age(&changed.changes[0].before), Some(json!(36)));
    assert_eq!(age(&changed.changes[0].after), Some(json!(37)));
    assert_eq!(changed.changes[1].after, None);
    assert_eq!(changed.changes[0].entity_type, person.entity_type, "the type's id is stable");
    let parent = graph.get_commit(&commit).await.unwrap().parent_commit_id;
    assert_eq!(changed.cause.parent_commit_id, parent);
    assert_eq!(serde_json::to_value(&changed.cause).unwrap()["authored_branch"], "main");
}

#[tokio::test]
async fn values_rewritten_without_change_do_not_show() {
    let graph = fixture().await;
    let commit = load(&graph, DATA, LoadMode::Merge).await;
    assert_eq!(lines(&block(&graph, &commit).await.changes), Vec::<String>::new());
    let commit = load(&graph, "", LoadMode::Append).await;
    assert_eq!(lines(&block(&graph, &commit).await.changes), Vec::<String>::new());
}

#[tokio::test]
async fn an_edge_that_moves_shows_both_pairs_of_endpoints() {
    let graph = fixture().await;
    let moved = r#"{"edge":"Knows","from":"Bob","to":"Ada","data":{"id":"k1"}}"#;
    let commit = load(&graph, moved, LoadMode::Merge).await;
    let changes = block(&graph, &commit).await.changes;
    assert_eq!(lines(&changes), ["update edge Knows k1"]);
    let ends = |image: &Option<EntityImage>| {
        let ends = image.as_ref().unwrap().endpoints.clone().unwrap();
        format!("{}->{}", ends.from, ends.to)
    };
    assert_eq!((ends(&changes[0].before), ends(&changes[0].after)), ("Ada->Bob".into(), "Bob->Ada".into()));
}

#[tokio::test]
async fn the_first_commit_has_no_parent() {
    let graph = fresh(SCHEMA).await;
    let genesis = head_id(&graph, "main").await;
    let outcome = graph.commit_changes_page(&genesis, &ChangeFeedScope::default(), None, None, None).await;
    assert!(
        matches!(outcome, Err(OmniError::CommitHasNoParent { graph_commit_id }) if graph_commit_id == genesis)
    );
    let unknown = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let outcome = graph.commit_changes_page(unknown, &ChangeFeedScope::default(), None, None, None).await;
    let error = outcome.unwrap_err().to_string();
    assert_eq!(error, format!("commit '{unknown}' not found"));
}

#[tokio::test]
async fn pages_joined_equal_the_block_whatever_their_size_and_handle() {
    let graph = fixture().await;
    let commit = head_id(&graph, "main").await;
    let whole = block(&graph, &commit).await;
    let other = Omnigraph::open(graph.uri()).await.unwrap();
    for (max_changes, max_bytes) in [(Some(1), None), (Some(2), None), (None, Some(1)), (None, Some(400))] {
        // With alternating handles every second page is read anew instead of where the last one stopped.
        for handles in [[&graph, &graph], [&graph, &other]] {
            let mut joined: Vec<GraphEntityChange> = Vec::new();
            let mut token: Option<String> = None;
            let mut pages = 0;
            loop {
                let scope = ChangeFeedScope::default();
                let handle = handles[pages % 2];
                let page = handle
                    .commit_changes_page(&commit, &scope, token.as_deref(), max_changes, max_bytes)
                    .await
                    .unwrap();
                assert_eq!(page.block.cause, whole.cause);
                assert!(!page.block.changes.is_empty());
                joined.extend(page.block.changes);
                pages += 1;
                token = page.next_page_token;
                if token.is_none() {
                    break;
                }
            }
            assert_eq!(joined, whole.changes);
            assert!(pages > 1, "the limits cut the block");
        }
    }
}

#[tokio::test]
async fn a_page_token_can_be_used_twice() {
    let graph = fixture().await;
    let commit = head_id(&graph, "main").await;
    let scope = ChangeFeedScope::default();
    let first = graph.commit_changes_page(&commit, &scope, None, Some(2), None).await.unwrap();
    let token = first.next_page_token.unwrap();
    let second = graph.commit_changes_page(&commit, &scope, Some(&token), Some(2), None).await.unwrap();
    let again = graph.commit_changes_page(&commit, &scope, Some(&token), Some(2), None).await.unwrap();
    assert_eq!(second, again);
}

#[tokio::test]
async fn tokens_stay_short_for_long_ids() {
    let graph = fresh(SCHEMA).await;
    let line = |c: &str| format!("{}\n", json!({"type": "Company", "data": {"name": c.repeat(10_000)}}));
    let commit = load(&graph, &(line("a") + &line("b") + &line("c")), LoadMode::Append).await;
    let scope = ChangeFeedScope::default();
    let page = graph.commit_changes_page(&commit, &scope, None, Some(1), None).await.unwrap();
    let token = page.next_page_token.unwrap();
    assert!(token.len() <= 4096);
    let page = graph.commit_changes_page(&commit, &scope, Some(&token), Some(1), None).await.unwrap();
    assert!(page.block.changes[0].id.starts_with('b'));
}

#[tokio::test]
async fn a_page_token_is_bound_to_its_commit_scope_and_graph() {
    let graph = fixture().await;
    let commit = head_id(&graph, "main").await;
    let scope = ChangeFeedScope::default();
    let nodes = ChangeFeedScope { kinds: BTreeSet::from([EntityKind::Node]), ..scope.clone() };
    let token = graph
        .commit_changes_page(&commit, &scope, None, Some(1), None)
        .await
        .unwrap()
        .next_page_token
        .unwrap();
    let later = run(&graph, r#"insert Company { name: "Globex" }"#).await;
    let page = async |graph: &Omnigraph, commit: &str, scope, token: &str| {
        graph.commit_changes_page(commit, scope, Some(token), None, None).await
    };
    assert_eq!(rejection(page(&graph, &later, &scope, &token).await), CursorRejection::OtherCommit);
    assert_eq!(rejection(page(&graph, &commit, &nodes, &token).await), CursorRejection::OtherScope);
    assert_eq!(rejection(page(&graph, &commit, &scope, "junk").await), CursorRejection::Malformed);
    let cursor = boundary(&graph.poll_change_feed(&start(FeedStart::Now)).await.unwrap()).0;
    assert_eq!(rejection(page(&graph, &commit, &scope, &cursor).await), CursorRejection::WrongKind);
    let other = fixture().await;
    let other_commit = head_id(&other, "main").await;
    assert_eq!(rejection(page(&other, &other_commit, &scope, &token).await), CursorRejection::OtherGraph);
    let error = page(&graph, &commit, &scope, "junk").await.unwrap_err().to_string();
    assert!(error.starts_with("change cursor rejected:"), "{error}");
}

#[tokio::test]
async fn a_scope_selects_kinds_types_and_operations() {
    let graph = fixture().await;
    let commit =
        run(&graph, r#"update Person set { age: 37 } where name = "Ada" delete Person where name = "Bob""#)
            .await;
    let select = async |scope: ChangeFeedScope| {
        let page = graph.commit_changes_page(&commit, &scope, None, None, None).await.unwrap();
        lines(&page.block.changes)
    };
    let kinds = BTreeSet::from([EntityKind::Edge]);
    assert_eq!(select(ChangeFeedScope { kinds, ..Default::default() }).await, ["delete edge Knows k1"]);
    let ops = BTreeSet::from([ChangeOp::Delete]);
    assert_eq!(
        select(ChangeFeedScope { ops, ..Default::default() }).await,
        ["delete node Person Bob", "delete edge Knows k1"]
    );
    let type_names = BTreeSet::from(["Person".to_owned()]);
    let ops = BTreeSet::from([ChangeOp::Update, ChangeOp::Insert]);
    assert_eq!(
        select(ChangeFeedScope { type_names, ops, ..Default::default() }).await,
        ["update node Person Ada"]
    );
}

#[tokio::test]
async fn limits_are_checked() {
    let graph = fixture().await;
    let poll = async |request: ChangeFeedRequest| graph.poll_change_feed(&request).await;
    let beginning = start(FeedStart::Beginning);
    let is_bad = |outcome: Result<ChangeFeedPage>| matches!(outcome, Err(OmniError::Manifest(error)) if error.kind == ManifestErrorKind::BadRequest);
    assert!(is_bad(poll(ChangeFeedRequest { max_changes: Some(0), ..beginning.clone() }).await));
    assert!(is_bad(poll(ChangeFeedRequest { max_bytes: Some(0), ..beginning.clone() }).await));
    assert!(is_bad(poll(ChangeFeedRequest { max_commits: Some(0), ..beginning.clone() }).await));
    let resource = |outcome: Result<ChangeFeedPage>| match outcome {
        Err(OmniError::ResourceLimitExceeded { resource, .. }) => resource,
        other => panic!("{other:?}"),
    };
    let over = poll(ChangeFeedRequest { max_changes: Some(8193), ..beginning.clone() }).await;
    assert_eq!(resource(over), "commit_changes_page_changes");
    let over = poll(ChangeFeedRequest { max_bytes: Some((32 << 20) + 1), ..beginning.clone() }).await;
    assert_eq!(resource(over), "commit_changes_page_bytes");
    let over = poll(ChangeFeedRequest { max_commits: Some(513), ..beginning }).await;
    assert_eq!(resource(over), "change_feed_commits_per_poll");
}

#[tokio::test]
async fn a_feed_yields_one_block_per_commit_and_then_waits() {
    let graph = fixture().await;
    let loaded = head_id(&graph, "main").await;
    let now = graph.poll_change_feed(&start(FeedStart::Now)).await.unwrap();
    assert!(now.blocks.is_empty());
    let (cursor, caught_up) = boundary(&now);
    assert!(caught_up);
    let quiet = graph.poll_change_feed(&resume(&cursor)).await.unwrap();
    assert_eq!(quiet, now, "without commits a poll changes nothing");

    let other = Omnigraph::open(graph.uri()).await.unwrap();
    let first = run(&other, r#"insert Company { name: "Globex" }"#).await;
    let second = load(&other, "", LoadMode::Append).await;
    let third = run(&other, r#"delete Company where name = "Globex""#).await;
    let page = graph.poll_change_feed(&resume(&cursor)).await.unwrap();
    assert_eq!(
        commits(&page),
        [first.clone(), second.clone(), third.clone()],
        "a warm handle follows others"
    );
    assert_eq!(page.blocks[1].changes, [], "an empty load is an empty block");
    assert_eq!(page.blocks[2], block(&graph, &third).await);
    assert!(boundary(&page).1);

    let all = graph.poll_change_feed(&start(FeedStart::Beginning)).await.unwrap();
    assert_eq!(commits(&all), [loaded.clone(), first.clone(), second, third.clone()]);
    let rest = graph.poll_change_feed(&start(FeedStart::AfterCommit(third))).await.unwrap();
    assert!(rest.blocks.is_empty());
    let nowhere = start(FeedStart::AfterCommit("01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned()));
    assert_eq!(rejection(graph.poll_change_feed(&nowhere).await), CursorRejection::NotOnBranch);

    let short = ChangeFeedRequest { max_commits: Some(2), ..start(FeedStart::Beginning) };
    let page = graph.poll_change_feed(&short).await.unwrap();
    assert_eq!(commits(&page), [loaded, first]);
    let (cursor, caught_up) = boundary(&page);
    assert!(!caught_up);
    let page = graph.poll_change_feed(&resume(&cursor)).await.unwrap();
    assert_eq!(page.blocks.len(), 2);
    assert!(boundary(&page).1);
}

#[tokio::test]
async fn a_page_token_keeps_the_cut_of_its_poll() {
    let graph = fixture().await;
    let request = ChangeFeedRequest { max_changes: Some(3), ..start(FeedStart::Beginning) };
    let page = graph.poll_change_feed(&request).await.unwrap();
    let Continuation::MidBlock { page_token } = &page.continuation else { panic!("{page:?}") };
    let later = run(&graph, r#"insert Company { name: "Globex" }"#).await;
    let rest = graph.poll_change_feed(&next(page_token)).await.unwrap();
    assert_eq!(rest.blocks.len(), 1, "the later commit waits for the next poll");
    assert_eq!(rest.blocks[0].changes.len(), 2);
    let (cursor, caught_up) = boundary(&rest);
    assert!(!caught_up, "the head has moved on");
    assert_eq!(commits(&graph.poll_change_feed(&resume(&cursor)).await.unwrap()), [later]);
}

#[tokio::test]
async fn feed_tokens_are_bound_to_kind_scope_and_graph() {
    let graph = fixture().await;
    let request = ChangeFeedRequest { max_changes: Some(3), ..start(FeedStart::Beginning) };
    let page = graph.poll_change_feed(&request).await.unwrap();
    let Continuation::MidBlock { page_token } = &page.continuation else { panic!("{page:?}") };
    let cursor = boundary(&graph.poll_change_feed(&start(FeedStart::Now)).await.unwrap()).0;
    let reason = async |graph: &Omnigraph, request| rejection(graph.poll_change_feed(&request).await);
    assert_eq!(reason(&graph, resume(page_token)).await, CursorRejection::WrongKind);
    assert_eq!(reason(&graph, next(&cursor)).await, CursorRejection::WrongKind);
    assert_eq!(reason(&graph, resume("")).await, CursorRejection::Malformed);
    let scope = ChangeFeedScope { ops: BTreeSet::from([ChangeOp::Insert]), ..Default::default() };
    let narrowed = ChangeFeedRequest { scope, ..resume(&cursor) };
    assert_eq!(reason(&graph, narrowed).await, CursorRejection::OtherScope);
    assert_eq!(reason(&fresh(SCHEMA).await, resume(&cursor)).await, CursorRejection::OtherGraph);
    let absent = ChangeFeedRequest { branch: Some("nowhere".to_owned()), ..start(FeedStart::Now) };
    let outcome = graph.poll_change_feed(&absent).await;
    assert!(matches!(outcome, Err(OmniError::BranchNotFound { .. })));
}

#[tokio::test]
async fn a_baseline_is_the_export_of_one_commit_and_the_cursor_behind_it() {
    let graph = fixture().await;
    let scope = ChangeFeedScope::default();
    let mut written = Vec::new();
    let baseline = graph.capture_change_baseline("main", &scope, &mut written).await.unwrap();
    let mut exported = Vec::new();
    graph.export("main", &[], &mut exported).await.unwrap();
    assert_eq!(written, exported);
    assert_eq!(baseline.snapshot_commit_id, head_id(&graph, "main").await);
    let later = run(&graph, r#"insert Company { name: "Globex" }"#).await;
    let page = graph.poll_change_feed(&resume(&baseline.resume_cursor)).await.unwrap();
    assert_eq!(commits(&page), [later]);

    let type_names = BTreeSet::from(["Person".to_owned()]);
    let scope = ChangeFeedScope { type_names, ops: BTreeSet::from([ChangeOp::Delete]), ..Default::default() };
    let mut written = Vec::new();
    let baseline = graph.capture_change_baseline("main", &scope, &mut written).await.unwrap();
    assert_eq!(String::from_utf8(written).unwrap().lines().count(), 2, "operations do not restrict the data");
    let unscoped = graph.poll_change_feed(&resume(&baseline.resume_cursor)).await;
    assert_eq!(rejection(unscoped), CursorRejection::OtherScope);
}

#[tokio::test]
async fn a_baseline_whose_writer_fails_gives_no_cursor() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let graph = fixture().await;
    let outcome = graph.capture_change_baseline("main", &ChangeFeedScope::default(), &mut Full).await;
    assert!(matches!(outcome, Err(OmniError::Io { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_net_difference_shows_each_entity_once() {
    let graph = fixture().await;
    let from = head_id(&graph, "main").await;
    run(&graph, r#"update Person set { age: 37 } where name = "Ada""#).await;
    run(&graph, r#"update Person set { age: 36 } where name = "Ada""#).await;
    run(&graph, r#"insert Company { name: "Globex" }"#).await;
    run(&graph, r#"delete Person where name = "Bob""#).await;
    let to = run(&graph, r#"insert Person { name: "Cleo", age: 1 }"#).await;
    let set = graph.diff_commits(&from, &to, &ChangeFilter::default()).await.unwrap();
    let found: Vec<String> =
        set.changes.iter().map(|c| format!("{:?} {} {} {}", c.op, c.kind, c.type_name, c.id)).collect();
    assert_eq!(
        found,
        [
            "Delete edge Knows k1",
            "Insert node Company Globex",
            "Delete node Person Bob",
            "Insert node Person Cleo"
        ]
    );
    let ends = set.changes[0].endpoints.as_ref().unwrap();
    assert_eq!((ends.src.as_str(), ends.dst.as_str()), ("Ada", "Bob"), "a deleted edge shows what it joined");
    assert_eq!(set.changes[1].endpoints, None);
    assert_eq!((set.stats.inserts, set.stats.updates, set.stats.deletes), (2, 0, 2));
    assert_eq!(set.stats.types_affected.iter().collect::<Vec<_>>(), ["Company", "Knows", "Person"]);
    assert_eq!((set.sides.from_graph_manifest_version, set.sides.to_graph_manifest_version), (2, 7));
    assert!(set.changes.iter().all(|change| change.before.is_none() && change.after.is_none()));

    let back = graph.diff_commits(&to, &from, &ChangeFilter::default()).await.unwrap();
    assert_eq!((back.stats.inserts, back.stats.deletes), (2, 2), "the way back undoes it");
    let none = graph.diff_between("main", "main", &ChangeFilter::default()).await.unwrap();
    assert_eq!(none.changes, []);
}

#[tokio::test]
async fn a_net_difference_carries_images_on_request_and_filters() {
    let graph = fixture().await;
    let from = head_id(&graph, "main").await;
    let to =
        run(&graph, r#"update Person set { age: 37 } where name = "Ada" delete Knows where from = "Ada""#)
            .await;
    let filter =
        ChangeFilter { kinds: Some(BTreeSet::from([EntityKind::Node])), images: true, ..Default::default() };
    let set = graph.diff_commits(&from, &to, &filter).await.unwrap();
    assert_eq!(set.changes.len(), 1);
    let change = &set.changes[0];
    assert_eq!(change.before.as_ref().unwrap().properties["age"], 36);
    assert_eq!(change.after.as_ref().unwrap().properties["age"], 37);
    let pin = graph.snapshot_of("main").await.unwrap().dataset("node:Person").unwrap();
    assert_eq!(change.published_dataset_version, pin.published_dataset_version);
    let filter = ChangeFilter { ops: Some(BTreeSet::from([ChangeOp::Delete])), ..Default::default() };
    let set = graph.diff_commits(&from, &to, &filter).await.unwrap();
    assert_eq!((set.changes.len(), set.changes[0].id.as_str()), (1, "k1"));
}

/// What a consumer holds: the image of each entity by kind, type and id.
type Replica = BTreeMap<(EntityKind, String, String), Json>;

fn apply(replica: &mut Replica, changes: &[GraphEntityChange]) {
    for change in changes {
        let key = (change.kind, change.entity_type.name.clone(), change.id.clone());
        let image = |image: &EntityImage| serde_json::to_value(image).unwrap();
        let held = match &change.after {
            Some(after) => replica.insert(key, image(after)),
            None => replica.remove(&key),
        };
        assert_eq!(held, change.before.as_ref().map(image), "the image before is what stood there");
    }
}

/// What the export holds, in the same form.
async fn exported(graph: &Omnigraph, branch: &str) -> Replica {
    let mut text = Vec::new();
    graph.export(branch, &[], &mut text).await.unwrap();
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .map(|line| {
            let line: Json = serde_json::from_slice(line).unwrap();
            let mut properties = line["data"].as_object().unwrap().clone();
            let id = properties.shift_remove("id").unwrap().as_str().unwrap().to_owned();
            match line["type"].as_str() {
                Some(name) => ((EntityKind::Node, name.to_owned(), id), json!({"properties": properties})),
                None => {
                    let name = line["edge"].as_str().unwrap().to_owned();
                    let endpoints = json!({"from": line["from"], "to": line["to"]});
                    ((EntityKind::Edge, name, id), json!({"properties": properties, "endpoints": endpoints}))
                }
            }
        })
        .collect()
}

/// Follows the feed of a branch from the beginning to its head; page tokens and cursors as they come.
async fn replicate(graph: &Omnigraph, branch: &str, limits: (usize, u64, usize)) -> Replica {
    let mut replica = Replica::new();
    let mut position = ChangeFeedPosition::Start(FeedStart::Beginning);
    let mut last: Option<ChangeCause> = None;
    loop {
        let request = ChangeFeedRequest {
            branch: Some(branch.to_owned()),
            max_changes: Some(limits.0),
            max_bytes: Some(limits.1),
            max_commits: Some(limits.2),
            ..ChangeFeedRequest::new(position.clone())
        };
        let page = graph.poll_change_feed(&request).await.unwrap();
        assert!(page.blocks.len() <= limits.2);
        let changes: usize = page.blocks.iter().map(|block| block.changes.len()).sum();
        assert!(changes <= limits.0);
        for block in &page.blocks {
            let continues = last.as_ref() == Some(&block.cause);
            let follows = last
                .as_ref()
                .is_none_or(|last| block.cause.parent_commit_id.as_ref() == Some(&last.graph_commit_id));
            assert!(continues || follows, "blocks follow first parents");
            apply(&mut replica, &block.changes);
            last = Some(block.cause.clone());
        }
        position = match page.continuation {
            Continuation::AtBlockBoundary { caught_up: true, .. } => return replica,
            Continuation::AtBlockBoundary { cursor, .. } => ChangeFeedPosition::Cursor(cursor),
            Continuation::MidBlock { page_token } => ChangeFeedPosition::PageToken(page_token),
        };
    }
}

/// One commit of a random history.
#[derive(Clone, Debug)]
enum Step {
    Merge(Vec<(u8, Option<i32>)>),
    Link(u8, u8),
    Delete(u8),
    Age(u8, i32),
    Overwrite(Vec<u8>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => prop::collection::btree_map(0..8u8, prop::option::of(0..3i32), 1..5)
            .prop_map(|people| Step::Merge(people.into_iter().collect())),
        3 => (0..8u8, 0..8u8).prop_map(|(a, b)| Step::Link(a, b)),
        2 => (0..8u8).prop_map(Step::Delete),
        2 => (0..8u8, 0..3i32).prop_map(|(who, age)| Step::Age(who, age)),
        1 => prop::collection::btree_set(0..8u8, 1..4).prop_map(|people| Step::Overwrite(people.into_iter().collect())),
    ]
}

fn person(who: u8, age: Option<i32>) -> String {
    format!("{}\n", json!({"type": "Person", "data": {"name": format!("p{who}"), "age": age}}))
}

/// Takes a step; a step that would violate a constraint, such as a link to nobody, leaves the graph as it was. Tells
/// whether it was taken.
async fn take(graph: &Omnigraph, branch: &str, step: &Step) -> bool {
    let load = async |text: String, mode| {
        graph.load(Load::new(branch, LoadSource::Text(text), mode)).await.map(drop)
    };
    let run = async |statement: String| {
        let source = format!("query q() {{ {statement} }}");
        graph.mutate(Mutate::new(branch, &source)).await.map(drop)
    };
    let taken = match step {
        Step::Merge(people) => {
            load(people.iter().map(|(who, age)| person(*who, *age)).collect(), LoadMode::Merge).await
        }
        Step::Link(a, b) => run(format!(r#"insert Knows {{ from: "p{a}", to: "p{b}" }}"#)).await,
        Step::Delete(who) => run(format!(r#"delete Person where name = "p{who}""#)).await,
        Step::Age(who, age) => {
            run(format!(r#"update Person set {{ age: {age} }} where name = "p{who}""#)).await
        }
        Step::Overwrite(people) => {
            let lines = people.iter().map(|who| person(*who, None)).collect();
            load(lines, LoadMode::Overwrite).await
        }
    };
    if let Err(error) = &taken {
        assert!(error.violation().is_some(), "{step:?}: {error}");
    }
    taken.is_ok()
}

#[test]
fn a_feed_from_the_beginning_rebuilds_the_graph() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut runner = TestRunner::new(Config { cases: 12, ..Config::default() });
    let histories = (prop::collection::vec(step(), 1..12), 1..6usize, 1..600u64, 1..4usize);
    let (asked, taken) = (Cell::new(0_usize), Cell::new(0_usize));
    let outcome = runner.run(&histories, |(steps, changes, bytes, commits)| {
        runtime.block_on(async {
            let graph = fresh(SCHEMA).await;
            for step in &steps {
                asked.set(asked.get() + 1);
                taken.set(taken.get() + usize::from(take(&graph, "main", step).await));
            }
            let replica = replicate(&graph, "main", (changes, bytes, commits)).await;
            prop_assert_eq!(replica, exported(&graph, "main").await);
            Ok(())
        })
    });
    outcome.unwrap();
    // Merges, deletions and updates of nobody violate nothing.
    assert!(taken.get() * 4 >= asked.get(), "{} of {} steps were taken", taken.get(), asked.get());
}
