//! What the engine counts, summed over the graphs of a server. Which graphs there are is no label: it is told only to those who may
//! list them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures::future::join_all;
use omnigraph::Omnigraph;
use prometheus_client::registry::Registry;

use super::scrape::{Computed, Sample, SampleKind};
use crate::workload::WorkloadController;

/// Values at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Collected {
    pub(super) commits: f64,
    pub(super) lost_races: f64,
    pub(super) replans: f64,
    pub(super) settled: f64,
    pub(super) open_intents: f64,
    pub(super) writes_in_flight: f64,
    pub(super) write_bytes_in_flight: f64,
    pub(super) storage_calls: Vec<Sample>,
    pub(super) storage_requests: Vec<Sample>,
    pub(super) storage_bytes: Vec<Sample>,
    pub(super) cache_entries: Vec<Sample>,
    pub(super) cache_bytes: Vec<Sample>,
}

/// The values that were collected last.
#[derive(Clone, Debug, Default)]
pub(super) struct Latest(Arc<Mutex<Collected>>);

type Read = fn(&Collected) -> Vec<Sample>;

impl Latest {
    pub(super) fn set(&self, values: Collected) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = values;
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        use SampleKind::{Counter, Gauge};
        let metrics: [(&'static str, &'static str, SampleKind, Read); 12] = [
            ("commits", "Commits published", Counter, |v| plain(v.commits)),
            ("write_lost_races", "Publications that another writer came before", Counter, |v| {
                plain(v.lost_races)
            }),
            ("write_replans", "Writes planned again on a newer commit", Counter, |v| plain(v.replans)),
            ("settled_operations", "Interrupted writes finished or discarded", Counter, |v| plain(v.settled)),
            ("open_intents", "Interrupted writes that the next write settles", Gauge, |v| {
                plain(v.open_intents)
            }),
            ("writes_in_flight", "Writes admitted and not answered", Gauge, |v| plain(v.writes_in_flight)),
            ("write_bytes_in_flight", "Their estimated bytes", Gauge, |v| plain(v.write_bytes_in_flight)),
            ("storage_calls", "Requests for objects that are no tables", Counter, |v| {
                v.storage_calls.clone()
            }),
            ("storage_requests", "Requests of tables to the store", Counter, |v| v.storage_requests.clone()),
            ("storage_bytes", "Bytes of these requests", Counter, |v| v.storage_bytes.clone()),
            ("cache_entries", "Entries of caches", Gauge, |v| v.cache_entries.clone()),
            ("cache_bytes", "Bytes of caches", Gauge, |v| v.cache_bytes.clone()),
        ];
        for (name, help, kind, read) in metrics {
            let latest = Arc::clone(&self.0);
            let read = move || read(&latest.lock().unwrap_or_else(PoisonError::into_inner));
            registry.register_collector(Box::new(Computed::new(name, help, kind, read)));
        }
    }
}

/// Reads the counters of all graphs. A graph that cannot tell is left out, and told of in the log.
pub(super) async fn collect(graphs: &[&Omnigraph], workload: &WorkloadController) -> Collected {
    let all = join_all(graphs.iter().map(|graph| graph.stats())).await;
    let mut collected = Collected {
        writes_in_flight: workload.inflight() as f64,
        write_bytes_in_flight: workload.bytes() as f64,
        ..Collected::default()
    };
    let mut calls: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut tables = [0_u64; 4];
    // Caches and clients of a bucket are the process's: each graph tells of all.
    let mut caches = BTreeMap::new();
    for stats in all {
        let stats = match stats {
            Ok(stats) => stats,
            Err(error) => {
                tracing::warn!(%error, "a graph's counters cannot be read");
                continue;
            }
        };
        collected.commits += stats.commits as f64;
        collected.lost_races += stats.lost_races as f64;
        collected.replans += stats.replans as f64;
        collected.settled += stats.settled as f64;
        collected.open_intents += stats.open_intents as f64;
        for (kind, count) in stats.storage.calls {
            *calls.entry(kind).or_default() += count;
        }
        let storage = [
            stats.storage.reads,
            stats.storage.writes,
            stats.storage.read_bytes,
            stats.storage.written_bytes,
        ];
        for (sum, value) in tables.iter_mut().zip(storage) {
            *sum = (*sum).max(value);
        }
        caches.extend(stats.caches.into_iter().map(|cache| (cache.name, cache)));
    }
    let sample = |label, name: &str, value: u64| Sample {
        labels: vec![(label, name.to_owned())],
        value: value as f64,
    };
    collected.storage_calls = calls.into_iter().map(|(kind, count)| sample("kind", kind, count)).collect();
    let [reads, writes, read_bytes, written_bytes] = tables;
    collected.storage_requests = vec![sample("kind", "read", reads), sample("kind", "write", writes)];
    collected.storage_bytes =
        vec![sample("kind", "read", read_bytes), sample("kind", "write", written_bytes)];
    collected.cache_entries =
        caches.values().map(|cache| sample("cache", cache.name, cache.entries)).collect();
    collected.cache_bytes = caches.values().map(|cache| sample("cache", cache.name, cache.bytes)).collect();
    collected
}

fn plain(value: f64) -> Vec<Sample> {
    vec![Sample { labels: Vec::new(), value }]
}
