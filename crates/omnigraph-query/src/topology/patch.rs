//! A topology from that of other versions of the same tables: what they share is renumbered, the rest is read.
//!
//! Costs a few passes over the numbers of all nodes and edges, and reading ids only of rows that the versions do not
//! share. An edge keeps its ends when a node row was only moved, by an update or a compaction.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use futures::TryStreamExt;
use omnigraph_graph::model;
use omnigraph_storage::tables::difference::Difference;
use omnigraph_storage::{Scan, Selection, Table, blocking};

use super::address::AddressMap;
use super::build::{AddressMaps, Ends, addresses, resolve};
use super::csr::Topology;
use crate::columns::SCAN_ROWS;
use crate::error::{QueryError, Result};

/// No node or edge: it is gone.
const GONE: u32 = u32::MAX;

/// Returns the topology of `ends` by changing `base`, that of `before`; none when building it afresh is cheaper, or the versions are not
/// related as they should be. A failure means no more than that: the older versions may be gone.
pub(super) async fn patch(
    known: &AddressMaps,
    base: &Arc<Topology>,
    before: &Ends,
    ends: &Ends,
) -> Result<Option<Topology>> {
    let edges = before.edge.difference(&ends.edge).await?;
    let sources = before.source.difference(&ends.source).await?;
    let targets = match ends.same_type {
        true => Difference::default(),
        false => before.target.difference(&ends.target).await?,
    };
    let read = ends.edge.selected_rows(&edges.after)
        + before.source.selected_rows(&sources.before)
        + ends.source.selected_rows(&sources.after)
        + before.target.selected_rows(&targets.before)
        + ends.target.selected_rows(&targets.after);
    // Reading a row that versions do not share costs about as much as renumbering this many.
    let read_cost = ends.edge.root().tuning().topology_read_cost;
    if !base.is_whole() || read * read_cost > ends.edge.row_count() {
        return Ok(None);
    }
    let source = addresses(known, &ends.source).await?;
    let moves = moved(&before.source, &sources.before, &ends.source, &sources.after).await?;
    let Some(source_numbers) = numbers(base.source_map(), &source, &moves) else { return Ok(None) };
    let (target, target_numbers) = match ends.same_type {
        true => (source.clone(), None),
        false => {
            let target = addresses(known, &ends.target).await?;
            let moves = moved(&before.target, &targets.before, &ends.target, &targets.after).await?;
            let Some(numbers) = numbers(base.target_map(), &target, &moves) else { return Ok(None) };
            (target, Some(numbers))
        }
    };
    let edge = addresses(known, &ends.edge).await?;
    let gone = gone(&before.edge, &edges.before);
    let added = added(ends, &edges.after, (&source, &target, &edge)).await?;
    let (base, same_type) = (base.clone(), ends.same_type);
    let change = move || {
        let edge_numbers = numbers(base.edge_map(), &edge, &gone)?;
        let mut pairs = vec![(GONE, GONE); edge.len()];
        let target_numbers = target_numbers.as_ref().unwrap_or(&source_numbers);
        base.each_edge(|from, to, edge| {
            let number = edge_numbers[edge as usize];
            if number != GONE {
                pairs[number as usize] = (source_numbers[from as usize], target_numbers[to as usize]);
            }
        });
        for (from, to, number) in added {
            pairs[number as usize] = (from, to);
        }
        let linked = |(_, (from, to)): &(u32, (u32, u32))| *from != GONE && *to != GONE;
        let (ordinals, pairs): (Vec<u32>, Vec<(u32, u32)>) = (0..).zip(pairs).filter(linked).unzip();
        Some(Topology::new(&pairs, &ordinals, source, target, edge, same_type))
    };
    Ok(blocking(change).await)
}

/// Where rows went: by old address the new one, or none when the row is gone.
type Moves = HashMap<u64, Option<u64>>;

/// Pairs the rows that only one version has by id.
async fn moved(before: &Table, gone: &Selection, after: &Table, new: &Selection) -> Result<Moves> {
    let mut by_id: HashMap<String, u64> = HashMap::new();
    for (ids, addresses) in selected(after, new, &[model::ID]).await? {
        let ids = ids[0].as_string::<i32>().iter().flatten().map(str::to_owned);
        by_id.extend(ids.zip(addresses));
    }
    let mut moves = Moves::new();
    for (ids, addresses) in selected(before, gone, &[model::ID]).await? {
        let to = ids[0].as_string::<i32>().iter().map(|id| id.and_then(|id| by_id.get(id).copied()));
        moves.extend(addresses.into_iter().zip(to));
    }
    Ok(moves)
}

/// Marks the selected rows as gone.
fn gone(table: &Table, selection: &Selection) -> Moves {
    let whole = selection.fragments.iter().flat_map(|fragment| {
        let rows = table.physical_rows_of(*fragment);
        let first = u64::from(*fragment) << 32;
        first..first + rows
    });
    whole.chain(selection.addresses.iter()).map(|address| (address, None)).collect()
}

/// Returns the new number of each old one; none when a row that both should have is not in the new version.
fn numbers(old: &AddressMap, new: &AddressMap, moves: &Moves) -> Option<Vec<u32>> {
    let mut next = new.iter().zip(0_u32..).peekable();
    let mut numbers = Vec::with_capacity(old.len());
    for address in old.iter() {
        let number = match moves.get(&address) {
            Some(None) => GONE,
            Some(Some(to)) => new.ordinal(*to)?,
            None => {
                while next.next_if(|(held, _)| *held < address).is_some() {}
                next.next_if(|(held, _)| *held == address)?.1
            }
        };
        numbers.push(number);
    }
    Some(numbers)
}

/// Resolves the ends of edges that only the new version has.
async fn added(
    ends: &Ends,
    selection: &Selection,
    (source, target, edge): (&AddressMap, &AddressMap, &AddressMap),
) -> Result<Vec<(u32, u32, u32)>> {
    let (source_ids, target_ids) = (ends.source.key_index(&[model::ID]), ends.target.key_index(&[model::ID]));
    let mut added = Vec::new();
    for (columns, addresses) in selected(&ends.edge, selection, &[model::SRC, model::DST]).await? {
        let from = resolve(&source_ids, source, &columns[0]).await?;
        let to = resolve(&target_ids, target, &columns[1]).await?;
        for ((from, to), address) in from.into_iter().zip(to).zip(addresses) {
            let number =
                edge.ordinal(address).ok_or_else(|| QueryError::internal("a new edge has no number"))?;
            added.push((from.unwrap_or(GONE), to.unwrap_or(GONE), number));
        }
    }
    Ok(added)
}

/// Reads columns of the selected rows, with addresses.
async fn selected(
    table: &Table,
    selection: &Selection,
    columns: &[&str],
) -> Result<Vec<(Vec<ArrayRef>, Vec<u64>)>> {
    let columns: Vec<String> = columns.iter().map(|column| (*column).to_owned()).collect();
    let mut parts = Vec::new();
    if !selection.fragments.is_empty() {
        let fragments = Some(selection.fragments.clone());
        let mut rows = table.scan(Scan {
            columns: columns.clone(),
            fragments,
            with_address: true,
            batch_rows: SCAN_ROWS,
        })?;
        while let Some(batch) = rows.try_next().await? {
            let addresses = batch.column(columns.len()).as_primitive::<UInt64Type>().values().to_vec();
            parts.push((batch.columns()[..columns.len()].to_vec(), addresses));
        }
    }
    let single: Vec<u64> = selection.addresses.iter().collect();
    if !single.is_empty() {
        parts.push((table.take(&single, &columns).await?.columns().to_vec(), single));
    }
    Ok(parts)
}
