//! The contract of objects.

use bytes::Bytes;

use crate::objects::root::{Created, Root};

contract!(
    an_absent_object_reads_as_none,
    a_put_replaces_and_is_read_back,
    a_create_never_replaces,
    one_of_racing_creates_wins,
    readers_see_the_old_or_the_new,
    deleting_is_idempotent,
    listing_is_by_directory_and_in_order,
    paths_that_leave_the_root_are_refused,
);

async fn an_absent_object_reads_as_none(root: &Root) {
    assert_eq!(root.get("no/such").await.unwrap(), None);
    assert!(root.list("no").await.unwrap().is_empty());
    assert!(root.list("").await.unwrap().is_empty());
}

async fn a_put_replaces_and_is_read_back(root: &Root) {
    root.put("a/b.json", Bytes::from_static(b"one")).await.unwrap();
    root.put("a/b.json", Bytes::from_static(b"")).await.unwrap();
    assert_eq!(root.get("a/b.json").await.unwrap().unwrap(), Bytes::new());
    root.put("a/b.json", Bytes::from_static(b"two")).await.unwrap();
    assert_eq!(root.get("a/b.json").await.unwrap().unwrap(), Bytes::from_static(b"two"));
}

async fn a_create_never_replaces(root: &Root) {
    assert_eq!(root.create("log/1.json", Bytes::from_static(b"first")).await.unwrap(), Created::Yes);
    assert_eq!(
        root.create("log/1.json", Bytes::from_static(b"second")).await.unwrap(),
        Created::Taken(Bytes::from_static(b"first"))
    );
    // As after a lost answer: what is there is what was asked for.
    assert_eq!(root.create("log/1.json", Bytes::from_static(b"first")).await.unwrap(), Created::Yes);
    assert_eq!(root.get("log/1.json").await.unwrap().unwrap(), Bytes::from_static(b"first"));
}

async fn one_of_racing_creates_wins(root: &Root) {
    for round in 0..10 {
        let path = format!("log/{round}.json");
        let racers = (0..8_u8).map(|racer| {
            let (root, path) = (root.clone(), path.clone());
            tokio::spawn(
                async move { (racer, root.create(&path, Bytes::from(vec![racer; 1000])).await.unwrap()) },
            )
        });
        let results = futures::future::join_all(racers).await;
        let winners: Vec<u8> = results
            .into_iter()
            .map(Result::unwrap)
            .filter(|(_, made)| *made == Created::Yes)
            .map(|(n, _)| n)
            .collect();
        assert_eq!(winners.len(), 1, "{path}");
        assert_eq!(root.get(&path).await.unwrap().unwrap(), Bytes::from(vec![winners[0]; 1000]));
    }
    assert_eq!(root.list("log").await.unwrap().len(), 10);
}

/// What is put or created is there, complete, the moment it is said to be.
async fn readers_see_the_old_or_the_new(root: &Root) {
    const SIZE: usize = 8 << 10;
    let images = [vec![b'a'; SIZE], vec![b'b'; 2 * SIZE]].map(Bytes::from);
    assert_eq!(root.create("copy", images[0].clone()).await.unwrap(), Created::Yes);
    assert_eq!(root.get("copy").await.unwrap().unwrap(), images[0]);
    let writing = async {
        for round in 0..20 {
            root.put("copy", images[round % 2].clone()).await.unwrap();
            assert_eq!(root.get("copy").await.unwrap().unwrap(), images[round % 2]);
        }
    };
    let reading = async {
        for _ in 0..40 {
            let seen = root.get("copy").await.unwrap().unwrap();
            assert!(images.contains(&seen), "{} bytes of neither image", seen.len());
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(writing, reading);
    assert_eq!(root.list("").await.unwrap().len(), 1);
}

async fn deleting_is_idempotent(root: &Root) {
    root.put("x/y", Bytes::from_static(b"1")).await.unwrap();
    root.delete("x/y").await.unwrap();
    root.delete("x/y").await.unwrap();
    assert_eq!(root.get("x/y").await.unwrap(), None);
    assert_eq!(root.create("x/y", Bytes::from_static(b"2")).await.unwrap(), Created::Yes);
}

async fn listing_is_by_directory_and_in_order(root: &Root) {
    for path in ["a/c/2", "a/c/1", "a/b%2Fc.json", "ab/3", "a/d"] {
        root.put(path, Bytes::from_static(b"12345")).await.unwrap();
    }
    let listed = root.list("a").await.unwrap();
    let paths: Vec<&str> = listed.iter().map(|object| object.path.as_str()).collect();
    assert_eq!(paths, ["a/b%2Fc.json", "a/c/1", "a/c/2", "a/d"]);
    assert!(listed.iter().all(|object| object.size == 5));
    assert_eq!(root.list("a/").await.unwrap(), listed);
    assert_eq!(root.list("").await.unwrap().len(), 5);
    assert_eq!(root.get("a/b%2Fc.json").await.unwrap().unwrap().len(), 5);
}

async fn paths_that_leave_the_root_are_refused(root: &Root) {
    assert!(root.get("a/../../b").await.is_err());
    assert!(root.put("../b", Bytes::new()).await.is_err());
}
