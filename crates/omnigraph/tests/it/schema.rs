//! Schema changes, as a caller sees them.

use std::sync::Arc;

use omnigraph::db::{
    LoadMode, Mutate, ParamMap, ReadTarget, SchemaApplyOptions, SchemaApplyResult, SnapshotId, SnapshotView,
};
use omnigraph::error::{ManifestDetails, ManifestErrorKind, OmniError};
use omnigraph::{Omnigraph, Result};
use omnigraph_compiler::schema::MigrationStep;

use crate::fixtures::{fresh, load, run};

const SCHEMA: &str = "
    node Person { name: String @key  age: I32?  mood: enum(good, bad)? }
    node Company { name: String @key  motto: String? }
    edge Knows: Person -> Person { since: Date? }
    edge WorksAt: Person -> Company
";

const DATA: &str = r#"
{"type":"Person","data":{"name":"Alice","age":30,"mood":"good"}}
{"type":"Person","data":{"name":"Bob","age":25}}
{"type":"Company","data":{"name":"Acme","motto":"More"}}
{"edge":"Knows","from":"Alice","to":"Bob","data":{"id":"k1","since":"2020-01-02"}}
{"edge":"WorksAt","from":"Bob","to":"Acme","data":{"id":"w1"}}
"#;

async fn fixture() -> Omnigraph {
    let graph = fresh(SCHEMA).await;
    load(&graph, "main", DATA, LoadMode::Merge).await.unwrap();
    graph
}

/// Returns the export of a target, one line per entity.
async fn export(graph: &Omnigraph, target: impl Into<ReadTarget>) -> String {
    let mut out = Vec::new();
    graph.export(target, &[], &mut out).await.unwrap();
    String::from_utf8(out).unwrap()
}

async fn view(graph: &Omnigraph) -> SnapshotView {
    graph.snapshot_of("main").await.unwrap()
}

fn version(view: &SnapshotView, key: &str) -> u64 {
    view.dataset(key).unwrap().published_dataset_version
}

/// Where the table of a type is, and in which version.
fn image(view: &SnapshotView, key: &str) -> (String, u64) {
    let entry = view.dataset(key).unwrap();
    (entry.dataset_path, entry.table_version)
}

async fn rows(graph: &Omnigraph, target: impl Into<ReadTarget>, body: &str) -> Result<usize> {
    let source = format!("query q() {{ {body} }}");
    Ok(graph.query(target, &source, None, &ParamMap::new()).await?.row_count())
}

fn lines(result: &SchemaApplyResult) -> Vec<String> {
    result.steps.iter().map(ToString::to_string).collect()
}

/// Applies a change of the fixture's schema.
async fn change(graph: &Omnigraph, replacements: &[(&str, &str)]) -> SchemaApplyResult {
    let mut schema = view(graph).await.schema_source().to_owned();
    for (old, new) in replacements {
        assert!(schema.contains(old), "{old}");
        schema = schema.replace(old, new);
    }
    let result = graph.apply_schema(&schema).await.unwrap();
    assert!(result.applied && result.supported);
    assert_eq!(view(graph).await.schema_source(), schema);
    result
}

#[tokio::test]
async fn a_change_is_one_commit_and_no_change_is_none() {
    let graph = fixture().await;
    let before = view(&graph).await;
    let options = SchemaApplyOptions { actor: Some("ada"), ..SchemaApplyOptions::default() };
    let desired = format!("{SCHEMA} node Tag {{ name: String @key }}");
    let result = graph.apply_schema_with_options(&desired, &options).await.unwrap();
    assert_eq!(lines(&result), ["add node type 'Tag'"]);
    assert_eq!(result.graph_manifest_version, before.graph_manifest_version() + 1);
    let commit = result.commit.unwrap();
    assert_eq!((commit.actor_id.as_deref(), commit.graph_manifest_version), (Some("ada"), 3));
    assert_eq!(commit.parent_commit_id, Some(before.commit().graph_commit_id));

    let same = graph.apply_schema(&format!("// the same\n{desired}")).await.unwrap();
    assert!(!same.applied && same.supported && same.steps.is_empty() && same.commit.is_none());
    assert_eq!(same.graph_manifest_version, 3);
    assert_eq!(view(&graph).await.graph_manifest_version(), 3);
}

#[tokio::test]
async fn planning_writes_nothing() {
    let graph = fixture().await;
    let before = view(&graph).await;
    let desired = SCHEMA.replace("age: I32?", "").replace("mood", "temper");
    let plan = graph.plan_schema(&desired).await.unwrap();
    let hard = SchemaApplyOptions { allow_data_loss: true, ..SchemaApplyOptions::default() };
    let preview = graph.preview_schema_apply_with_options(&desired, &hard).await.unwrap();
    assert_eq!(preview.plan, plan.clone().promote_drops_to_hard());
    assert!(preview.catalog.nodes["Person"].property("temper").is_some());
    assert_eq!(plan, graph.plan_schema_with_options(&desired, &SchemaApplyOptions::default()).await.unwrap());
    assert!(matches!(graph.plan_schema("node").await, Err(OmniError::Compiler(_))));
    assert!(matches!(graph.apply_schema("node").await, Err(OmniError::Compiler(_))));
    assert_eq!(view(&graph).await.commit(), before.commit());
}

#[tokio::test]
async fn an_added_type_is_empty_and_writable() {
    let graph = fixture().await;
    change(
        &graph,
        &[("edge WorksAt", "node Tag { name: String @key }  edge Has: Person -> Tag  edge WorksAt")],
    )
    .await;
    let now = view(&graph).await;
    assert_eq!((version(&now, "node:Tag"), now.dataset("node:Tag").unwrap().entity_count), (1, 0));
    load(&graph, "main", "{\"type\":\"Tag\",\"data\":{\"name\":\"red\"}}\n{\"edge\":\"Has\",\"from\":\"Alice\",\"to\":\"red\"}", LoadMode::Merge)
        .await
        .unwrap();
    let found = rows(&graph, "main", "match { $p: Person  $p has $t } return { $t.name }").await.unwrap();
    assert_eq!(found, 1);
}

#[tokio::test]
async fn an_added_property_reads_as_null_and_is_writable() {
    let graph = fixture().await;
    let before = view(&graph).await;
    change(&graph, &[("age: I32?", "age: I32? city: String? @index aliases: [String]?")]).await;
    let after = view(&graph).await;
    assert_eq!(version(&after, "node:Person"), version(&before, "node:Person") + 1);
    for key in ["node:Company", "edge:Knows", "edge:WorksAt"] {
        assert_eq!(image(&after, key), image(&before, key), "{key}");
    }
    let missing = "match { $p: Person  $p.city is null  $p.aliases is null } return { $p.name }";
    assert_eq!(rows(&graph, "main", missing).await.unwrap(), 2);
    run(&graph, "main", r#"update Person set { city: "Berne" } where name = "Bob""#).await.unwrap();
    load(
        &graph,
        "main",
        r#"{"type":"Person","data":{"name":"Eve","city":"Berne","aliases":["E"]}}"#,
        LoadMode::Merge,
    )
    .await
    .unwrap();
    let berne = r#"match { $p: Person { city: "Berne" } } return { $p.name }"#;
    assert_eq!(rows(&graph, "main", berne).await.unwrap(), 2);
    assert!(export(&graph, "main").await.contains(r#""age":30"#));
}

#[tokio::test]
async fn renames_keep_rows_ids_lifetimes_and_the_versions_of_tables() {
    let graph = fixture().await;
    let (before, text) = (view(&graph).await, export(&graph, "main").await);
    let renamed = change(
        &graph,
        &[
            ("Person ->", "Human ->"),
            ("-> Person", "-> Human"),
            ("node Person", "node Human @rename_from(\"Person\")"),
            ("edge Knows: Human -> Human", "edge Likes: Human -> Human @rename_from(\"Knows\")"),
        ],
    )
    .await;
    assert_eq!(
        lines(&renamed),
        ["rename node type 'Person' -> 'Human'", "rename edge type 'Knows' -> 'Likes'"]
    );
    let after = view(&graph).await;
    for (old, new) in [("node:Person", "node:Human"), ("edge:Knows", "edge:Likes")] {
        assert_eq!((image(&before, old), version(&before, old)), (image(&after, new), version(&after, new)));
        assert!(after.dataset(old).is_none() && before.dataset(new).is_none());
    }
    let wanted = text.replace("Person", "Human").replace("Knows", "Likes");
    assert_eq!(sorted(&export(&graph, "main").await), sorted(&wanted));
    let likes = "match { $a: Human { name: \"Alice\" }  $a likes $b } return { $b.name }";
    assert_eq!(rows(&graph, "main", likes).await.unwrap(), 1);
    // The commit from before still answers under its own names.
    let old = ReadTarget::Snapshot(SnapshotId::new(before.commit().graph_commit_id));
    assert_eq!(export(&graph, old.clone()).await, text);
    assert_eq!(rows(&graph, old, "match { $p: Person } return { $p.age }").await.unwrap(), 2);
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    lines
}

#[tokio::test]
async fn a_renamed_property_keeps_its_values_even_when_it_is_the_key() {
    let graph = fixture().await;
    let text = export(&graph, "main").await;
    change(
        &graph,
        &[(
            "Person { name: String @key  age: I32?",
            "Person { full: String @key @rename_from(name)  years: I32? @rename_from(age)",
        )],
    )
    .await;
    let after = export(&graph, "main").await;
    assert!(after.contains(r#""full":"Alice""#) && after.contains(r#""years":30"#), "{after}");
    assert_eq!(after.lines().count(), text.lines().count());
    load(&graph, "main", r#"{"type":"Person","data":{"full":"Alice","years":31}}"#, LoadMode::Merge)
        .await
        .unwrap();
    assert_eq!(view(&graph).await.dataset("node:Person").unwrap().entity_count, 2);
    let knows = r#"match { $a: Person { full: "Alice" }  $a knows $b } return { $b.full }"#;
    assert_eq!(rows(&graph, "main", knows).await.unwrap(), 1);
}

#[tokio::test]
async fn a_type_and_its_properties_change_in_one_apply() {
    let graph = fixture().await;
    let before = view(&graph).await;
    change(
        &graph,
        &[
            ("node Company { name: String @key  motto: String? }", "node Firm @rename_from(\"Company\") { name: String @key slogan: String? @rename_from(motto) founded: I32? }"),
            ("-> Company", "-> Firm"),
        ],
    )
    .await;
    let after = view(&graph).await;
    assert_eq!(version(&after, "node:Firm"), version(&before, "node:Company") + 1);
    assert_eq!(image(&after, "node:Firm").0, image(&before, "node:Company").0);
    assert!(export(&graph, "main").await.contains(r#""slogan":"More""#));
    // A new type may take the name that is free now.
    change(&graph, &[("edge WorksAt", "node Company { name: String @key motto: String? }  edge WorksAt")])
        .await;
    let last = view(&graph).await;
    assert_eq!((version(&last, "node:Company"), last.dataset("node:Company").unwrap().entity_count), (1, 0));
    assert_eq!(image(&last, "node:Firm"), image(&after, "node:Firm"));
}

#[tokio::test]
async fn what_only_the_contract_says_touches_no_table() {
    let graph = fixture().await;
    let before = view(&graph).await;
    assert!(
        load(&graph, "main", r#"{"type":"Person","data":{"name":"Eve","mood":"fair"}}"#, LoadMode::Merge)
            .await
            .is_err()
    );
    let result = change(
        &graph,
        &[
            ("enum(good, bad)", "enum(good, bad, fair)"),
            ("age: I32?", "age: I32? @index @description(\"in years\")"),
            ("node Company", "node Company @description(\"a firm\")"),
        ],
    )
    .await;
    assert_eq!(result.steps.len(), 4, "{:?}", lines(&result));
    let after = view(&graph).await;
    assert_eq!(after.datasets(), before.datasets());
    load(&graph, "main", r#"{"type":"Person","data":{"name":"Eve","mood":"fair"}}"#, LoadMode::Merge)
        .await
        .unwrap();
    run(&graph, "main", r#"update Person set { mood: "fair" } where name = "Bob""#).await.unwrap();
    let fair = r#"match { $p: Person { mood: "fair" } } return { $p.name }"#;
    assert_eq!(rows(&graph, "main", fair).await.unwrap(), 2);
}

#[tokio::test]
async fn what_is_dropped_is_gone_now_and_still_there_then() {
    let graph = fixture().await;
    let (before, text) = (view(&graph).await, export(&graph, "main").await);
    let dropped =
        change(&graph, &[("age: I32?", ""), ("edge Knows: Person -> Person { since: Date? }", "")]).await;
    assert_eq!(
        lines(&dropped),
        ["drop property 'Person.age' of node 'Person' (soft mode)", "drop edge type 'Knows' (soft mode)"]
    );
    let after = view(&graph).await;
    assert!(after.dataset("edge:Knows").is_none());
    let now = export(&graph, "main").await;
    assert!(!now.contains("age") && !now.contains("Knows"), "{now}");
    let ages = "match { $p: Person } return { $p.age }";
    assert!(matches!(rows(&graph, "main", ages).await, Err(OmniError::Compiler(_))));
    let old = ReadTarget::Snapshot(SnapshotId::new(before.commit().graph_commit_id));
    assert_eq!(rows(&graph, old.clone(), ages).await.unwrap(), 2);
    assert_eq!(export(&graph, old).await, text);
    run(&graph, "main", r#"delete Person where name = "Alice""#).await.unwrap();
}

#[tokio::test]
async fn what_is_added_again_starts_empty() {
    let graph = fixture().await;
    let before = view(&graph).await;
    change(&graph, &[("age: I32?", ""), ("edge WorksAt: Person -> Company", "")]).await;
    change(
        &graph,
        &[("mood:", "age: I32? mood:"), ("edge Knows", "edge WorksAt: Person -> Company  edge Knows")],
    )
    .await;
    let after = view(&graph).await;
    assert_eq!(
        (version(&after, "edge:WorksAt"), after.dataset("edge:WorksAt").unwrap().entity_count),
        (1, 0)
    );
    assert_ne!(image(&after, "edge:WorksAt").0, image(&before, "edge:WorksAt").0);
    assert_eq!(version(&after, "node:Person"), version(&before, "node:Person") + 2);
    let missing = "match { $p: Person  $p.age is null } return { $p.name }";
    assert_eq!(rows(&graph, "main", missing).await.unwrap(), 2);
    load(&graph, "main", "{\"type\":\"Person\",\"data\":{\"name\":\"Bob\",\"age\":7}}\n{\"edge\":\"WorksAt\",\"from\":\"Bob\",\"to\":\"Acme\"}", LoadMode::Merge)
        .await
        .unwrap();
    assert_eq!(rows(&graph, "main", missing).await.unwrap(), 1);
    assert_eq!(version(&view(&graph).await, "edge:WorksAt"), 2);
}

#[tokio::test]
async fn a_hard_drop_takes_the_versions_that_no_branch_or_tag_names() {
    let graph = fixture().await;
    let at = |view: &SnapshotView| ReadTarget::Snapshot(SnapshotId::new(view.commit().graph_commit_id));
    let first = view(&graph).await;
    run(&graph, "main", r#"update Person set { age: 31 } where name = "Alice""#).await.unwrap();
    graph.branch_create("kept").await.unwrap();
    let second = view(&graph).await;
    let options = SchemaApplyOptions { allow_data_loss: true, ..SchemaApplyOptions::default() };
    let desired = SCHEMA.replace("age: I32?", "").replace("edge WorksAt: Person -> Company", "");
    let result = graph.apply_schema_with_options(&desired, &options).await.unwrap();
    assert_eq!(
        lines(&result),
        ["drop property 'Person.age' of node 'Person' (hard mode)", "drop edge type 'WorksAt' (hard mode)"]
    );
    assert!(!export(&graph, "main").await.contains("age"));
    let ages = "match { $p: Person } return { $p.age }";
    let reclaimed = rows(&graph, at(&first), ages).await;
    assert!(matches!(reclaimed, Err(OmniError::HistoricalVersionReclaimed { .. })), "{reclaimed:?}");
    // What a live branch names stays, and so do tables that lost nothing.
    assert_eq!(rows(&graph, "kept", ages).await.unwrap(), 2);
    assert_eq!(rows(&graph, at(&second), ages).await.unwrap(), 2);
    let mottoes = "match { $c: Company } return { $c.motto }";
    assert_eq!(rows(&graph, at(&first), mottoes).await.unwrap(), 1);
    assert_eq!(
        rows(&graph, "kept", "match { $p: Person  $p worksAt $c } return { $c.name }").await.unwrap(),
        1
    );
    run(&graph, "main", r#"insert Person { name: "Eve" }"#).await.unwrap();
}

#[tokio::test]
async fn unsupported_changes_are_refused_with_their_code_and_change_nothing() {
    let cases: [(&str, &str, &str, Option<&str>); 12] = [
        ("age: I32?", "age: I32? city: String", "node:Person.city", Some("OG-MF-103")),
        ("age: I32?", "age: I64?", "node:Person.age", Some("OG-MF-106")),
        ("age: I32?", "age: I32", "node:Person.age", Some("OG-MF-106")),
        ("age: I32?", "age: [I32]?", "node:Person.age", Some("OG-MF-106")),
        ("enum(good, bad)", "enum(good)", "node:Person.mood", Some("OG-MF-106")),
        ("enum(good, bad)?", "String?", "node:Person.mood", Some("OG-MF-106")),
        ("age: I32?", "age: I32? @unique", "node:Person.age", None),
        ("age: I32?", "age: I32? @range(age, 0..)", "node:Person", None),
        ("motto: String?", "motto: String? @custom", "node:Company.motto", None),
        ("edge WorksAt: Person -> Company", "edge WorksAt: Person -> Person", "edge:WorksAt", None),
        (
            "edge WorksAt: Person -> Company",
            "edge WorksAt: Person -> Company @card(0..1)",
            "edge:WorksAt",
            None,
        ),
        ("Company { name: String @key", "Company { name: String", "node:Company.name", None),
    ];
    let graph = fixture().await;
    let (before, text) = (view(&graph).await, export(&graph, "main").await);
    for (old, new, at, wanted) in cases {
        let desired = SCHEMA.replace(old, new);
        let plan = graph.plan_schema(&desired).await.unwrap();
        assert!(!plan.supported, "{new}");
        let error = graph.apply_schema(&desired).await.unwrap_err();
        let OmniError::Manifest(refusal) = &error else { panic!("{new}: {error:?}") };
        assert_eq!(refusal.kind, ManifestErrorKind::BadRequest, "{new}");
        let Some(ManifestDetails::UnsupportedSchemaChange { entity, code }) = &refusal.details else {
            panic!("{new}: {error:?}");
        };
        assert_eq!((entity.as_str(), code.as_deref()), (at, wanted), "{new}");
        assert_eq!(Some(&error.to_string()), plan.refusal().as_ref());
        if let Some(code) = wanted {
            assert!(error.to_string().starts_with(&format!("[{code}] ")), "{error}");
        }
    }
    assert_eq!(view(&graph).await.commit(), before.commit());
    assert_eq!(export(&graph, "main").await, text);
    run(&graph, "main", r#"insert Person { name: "Eve" }"#).await.unwrap();
}

#[tokio::test]
async fn a_check_of_the_caller_refuses_before_any_effect() {
    let graph = fixture().await;
    let before = view(&graph).await;
    let check = |catalog: &omnigraph_compiler::catalog::Catalog| match catalog.nodes.contains_key("Tag") {
        true => Err(OmniError::not_found("no policy for Tag")),
        false => Ok(()),
    };
    let options = SchemaApplyOptions { check: Some(Arc::new(check)), ..SchemaApplyOptions::default() };
    let refused = graph.apply_schema_with_options(&format!("{SCHEMA} node Tag {{}}"), &options).await;
    assert_eq!(refused.unwrap_err().to_string(), "no policy for Tag");
    assert_eq!(view(&graph).await.commit(), before.commit());
    assert!(
        graph.apply_schema_with_options(&format!("{SCHEMA} node Tug {{}}"), &options).await.unwrap().applied
    );
}

#[tokio::test]
async fn a_condition_holds_or_refuses() {
    let graph = fixture().await;
    let head = view(&graph).await.commit().graph_commit_id;
    run(&graph, "main", r#"insert Person { name: "Eve" }"#).await.unwrap();
    let desired = format!("{SCHEMA} node Tag {{}}");
    for stale in [head.as_str(), "nonsense"] {
        let options = SchemaApplyOptions { if_commit: Some(stale), ..SchemaApplyOptions::default() };
        let refused = graph.apply_schema_with_options(&desired, &options).await;
        assert!(matches!(refused, Err(OmniError::PreconditionFailed { .. })), "{refused:?}");
    }
    let head = view(&graph).await.commit().graph_commit_id;
    let options = SchemaApplyOptions { if_commit: Some(&head), ..SchemaApplyOptions::default() };
    assert!(graph.apply_schema_with_options(&desired, &options).await.unwrap().applied);
}

#[tokio::test]
async fn branches_keep_their_own_schema() {
    let graph = fixture().await;
    graph.branch_create("next").await.unwrap();
    let on_next = SchemaApplyOptions { branch: "next", ..SchemaApplyOptions::default() };
    let desired = SCHEMA.replace("age: I32?", "years: I32? @rename_from(age) city: String?");
    let result = graph.apply_schema_with_options(&desired, &on_next).await.unwrap();
    assert_eq!(result.commit.unwrap().graph_branch.as_deref(), Some("next"));
    change(&graph, &[("motto: String?", "")]).await;

    load(
        &graph,
        "next",
        r#"{"type":"Person","data":{"name":"Eve","years":1,"city":"Berne"}}"#,
        LoadMode::Merge,
    )
    .await
    .unwrap();
    load(&graph, "main", r#"{"type":"Person","data":{"name":"Eve","age":2}}"#, LoadMode::Merge)
        .await
        .unwrap();
    let (main, next) = (export(&graph, "main").await, export(&graph, "next").await);
    assert!(main.contains(r#""age":2"#) && !main.contains("motto") && !main.contains("years"), "{main}");
    assert!(next.contains(r#""years":1"#) && next.contains("motto") && !next.contains("age"), "{next}");
    let missing = SchemaApplyOptions { branch: "none", ..SchemaApplyOptions::default() };
    let refused = graph.apply_schema_with_options(SCHEMA, &missing).await;
    assert!(matches!(refused, Err(OmniError::BranchNotFound { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_applies_follow_each_other() {
    let graph = fixture().await;
    let add = |name: &str| {
        let (graph, desired) = (graph.clone(), format!("{SCHEMA} node {name} {{ name: String @key }}"));
        async move { graph.apply_schema(&desired).await }
    };
    let (a, b) = tokio::join!(add("Aa"), add("Bb"));
    // The later one planned on what the earlier one left: its text has no type of that name.
    let mut steps = [lines(&a.unwrap()), lines(&b.unwrap())];
    steps.sort_by_key(Vec::len);
    assert_eq!(steps.map(|steps| steps.len()), [1, 2]);
    assert_eq!(view(&graph).await.graph_manifest_version(), 4);
    let kept = view(&graph).await.schema_source().to_owned();
    assert!(kept.contains("Aa") != kept.contains("Bb"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_beside_an_apply_never_mix_two_schemas() {
    let graph = fixture().await;
    let writes = (0..20).map(|n| {
        let graph = graph.clone();
        tokio::spawn(async move {
            run(&graph, "main", &format!(r#"insert Person {{ name: "p{n}", age: {n} }}"#)).await
        })
    });
    let writes: Vec<_> = writes.collect();
    let mut schema = SCHEMA.to_owned();
    for n in 0..5 {
        schema = schema.replace("mood:", &format!("extra{n}: I32? mood:"));
        assert!(graph.apply_schema(&schema).await.unwrap().applied);
    }
    for write in writes {
        write.await.unwrap().unwrap();
    }
    let now = view(&graph).await;
    assert_eq!(now.dataset("node:Person").unwrap().entity_count, 22);
    assert_eq!(now.schema_source(), schema);
    let extra = "match { $p: Person  $p.extra4 is null } return { $p.age }";
    assert_eq!(rows(&graph, "main", extra).await.unwrap(), 22);
}

#[tokio::test]
async fn a_waiting_mutation_is_read_under_the_schema_it_lands_on() {
    let graph = fixture().await;
    let source = r#"query q() { update Person set { age: 1 } where name = "Bob" }"#;
    graph.mutate(Mutate::new("main", source)).await.unwrap();
    change(&graph, &[("age: I32?", "")]).await;
    let refused = graph.mutate(Mutate::new("main", source)).await;
    assert!(matches!(refused, Err(OmniError::Compiler(_))), "{refused:?}");
}

#[tokio::test]
async fn everything_survives_reopening() {
    let directory = std::env::temp_dir().join(format!("omnigraph-schema-{}", std::process::id()));
    let uri = directory.to_str().unwrap().to_owned();
    let graph = Omnigraph::init(&uri, SCHEMA).await.unwrap();
    load(&graph, "main", DATA, LoadMode::Merge).await.unwrap();
    let desired = SCHEMA.replace("age: I32?", "years: I32? @rename_from(age) city: String?");
    graph.apply_schema(&desired).await.unwrap();
    let text = export(&graph, "main").await;
    graph.close().await;
    let copy = std::fs::read_to_string(directory.join("_schema.pg"));
    assert_eq!(copy.unwrap(), desired);
    // The copy is never read.
    std::fs::write(directory.join("_schema.pg"), "nonsense").unwrap();
    let graph = Omnigraph::open(&uri).await.unwrap();
    assert_eq!(export(&graph, "main").await, text);
    assert_eq!(view(&graph).await.schema_source(), desired);
    assert!(matches!(
        graph.apply_schema(SCHEMA).await.unwrap().steps[0],
        MigrationStep::AddProperty { .. }
            | MigrationStep::DropProperty { .. }
            | MigrationStep::RenameProperty { .. }
    ));
    graph.close().await;
    std::fs::remove_dir_all(&directory).unwrap();
}
