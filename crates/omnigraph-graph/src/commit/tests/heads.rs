use super::super::ids::{CommitId, OperationId, Seq};
use super::super::log::{Append, Log};
use super::super::record::{Authorship, RecordChange};
use super::store::FaultyStore;
use super::*;

/// Publishes empty commits straight into the log, as another process would, up to `last`.
async fn grow(graph: &Graph, store: &FaultyStore, last: u64) -> Vec<Arc<CommitRecord>> {
    let root = root_on(store).await;
    let log = Log::new(root.clone());
    let head = graph.head(&main_branch()).await.unwrap();
    let target = head.branch_target().clone();
    let mut records = vec![head.shared_record()];
    while records[records.len() - 1].seq < Seq(last) {
        let author = Authorship {
            operation_id: OperationId::mint(),
            actor: None,
            created_at: 0,
            kind: CommitKind::Data,
        };
        let unchanged = RecordChange { pins: &BTreeMap::new(), schema: None, merged: None };
        let next = records[records.len() - 1].successor(&target, CommitId::mint(), &author, unchanged);
        match log.append(next).await.unwrap() {
            Append::Published(record) => records.push(record),
            Append::Lost => panic!("nobody else writes"),
        }
    }
    records
}

#[tokio::test]
async fn finding_the_head_costs_logarithmically_and_never_lists() {
    for (commits, most) in [(10, 9), (10_000, 29)] {
        let store = FaultyStore::new();
        let graph = init_on(&store).await;
        let records = grow(&graph, &store, commits).await;
        let newest = records.last().unwrap().id;

        let counted = store.sibling();
        let cold = Graph::open_read_only(root_on(&counted).await).await.unwrap();
        counted.take_counts();
        assert_eq!(cold.head(&main_branch()).await.unwrap().record().id, newest);
        let counts = counted.take_counts();
        // Besides the probes: the hint and the schema contract.
        assert!(counts.gets <= most + 2, "{commits}: {counts:?}");
        assert_eq!(counts.lists, 0);

        cold.head(&main_branch()).await.unwrap();
        assert_eq!(counted.take_counts().gets, 1);

        let target = records[records.len() / 3].id;
        assert_eq!(crate::branch::at_commit(&cold, &target).await.unwrap().record().id, target);
        let counts = counted.take_counts();
        assert!(counts.gets <= 15, "{commits}: {counts:?}");
        assert_eq!(counts.lists, 0);
        crate::branch::at_commit(&cold, &target).await.unwrap();
        assert_eq!(counted.take_counts().gets, 0);
    }
}

#[tokio::test]
async fn a_handle_that_fell_behind_catches_up_in_a_few_requests() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let counted = store.sibling();
    let behind = Graph::open_read_only(root_on(&counted).await).await.unwrap();
    behind.head(&main_branch()).await.unwrap();
    for (last, most) in [(2, 2), (40, 12), (3_000, 24)] {
        grow(&graph, &store, last).await;
        counted.take_counts();
        assert_eq!(behind.head(&main_branch()).await.unwrap().record().seq, Seq(last));
        let counts = counted.take_counts();
        assert!(counts.gets <= most, "{last}: {counts:?}");
    }
}

#[tokio::test]
async fn a_hint_shortens_the_search_and_a_wrong_one_does_no_harm() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let records = grow(&graph, &store, 5_000).await;
    for record in &records[4_990..] {
        graph.published(record);
    }
    graph.finish().await;
    let hint = paths(&graph, "__manifest/hints/").await.remove(0);
    assert!(graph.root().get(&hint).await.unwrap().is_some());

    let counted = store.sibling();
    let cold = Graph::open_read_only(root_on(&counted).await).await.unwrap();
    counted.take_counts();
    assert_eq!(cold.head(&main_branch()).await.unwrap().record().seq, Seq(5_000));
    assert!(counted.take_counts().gets <= 12);

    for wrong in [&b"{\"format\":1,\"seq\":900000}"[..], b"{\"format\":1,\"seq\":7}", b"rubbish"] {
        graph.root().put(&hint, bytes::Bytes::from_static(wrong)).await.unwrap();
        let cold = Graph::open_read_only(root_on(&store).await).await.unwrap();
        assert_eq!(cold.head(&main_branch()).await.unwrap().record().seq, Seq(5_000));
    }
}

#[tokio::test]
async fn every_commit_is_found_by_id_and_by_position() {
    let store = FaultyStore::new();
    let graph = init_on(&store).await;
    let records = grow(&graph, &store, 33).await;
    for record in &records {
        let cold = Graph::open_read_only(root_on(&store).await).await.unwrap();
        assert_eq!(crate::branch::at_commit(&cold, &record.id).await.unwrap().record(), &**record);
        assert_eq!(cold.at_seq(&main_branch(), record.seq).await.unwrap().record(), &**record);
    }
    let cold = Graph::open_read_only(root_on(&store).await).await.unwrap();
    let absent = CommitId::mint();
    let error = crate::branch::at_commit(&cold, &absent).await.unwrap_err().to_string();
    assert_eq!(error, format!("commit '{absent}' not found"));
    assert!(cold.at_seq(&main_branch(), Seq(0)).await.is_err());
}
