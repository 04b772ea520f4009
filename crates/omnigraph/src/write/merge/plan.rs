//! The plan of a merge: which table each type of the result has, and whether its constraints hold.
//!
//! Tables that only one side changed are decided by comparing pins. Types that both changed, or that meet a type the
//! other side changed, are gathered row by row ([`super::entities`]), judged, and staged while planning; the tables of
//! a plan that becomes void are files that no commit names.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use omnigraph_compiler::catalog::{EntityKind, TypeKey};
use omnigraph_graph::branch;
use omnigraph_graph::branch::difference::{Side, TypeDifference, TypeIncarnation, type_incarnation};
use omnigraph_graph::commit::{CommitId, Effect, Graph, Planned, Planner, Snapshot, TablePin, failpoints};
use omnigraph_storage as storage;
use serde::Serialize;

use super::entities::{PeekedPairs, Resolution, TypeMerge};
use super::fields::Fields;
use super::rows::Gathered;
use super::schemas::{self, Ground};
use crate::error::{ManifestDetails, MergeConflict, MergeConflictKind, OmniError, Result, Violation};
use crate::write::delta::{Delta, TypeDelta};
use crate::write::prepare::table_changes;
use crate::write::spool::MemoryBudget;
use crate::write::validate::{Image, Refusal, check_all};

/// Part of the root's memory budget that merged rows may take before they go to disk.
const ROW_MEMORY_SHARE: u64 = 4;

/// A merge of a captured source commit into whatever the target's head is.
pub(crate) struct Merge {
    /// The graph, for the way to the merge base.
    pub(crate) graph: Graph,
    /// The captured source.
    pub(crate) source: Snapshot,
    /// What to do about contested entities.
    pub(crate) resolution: Resolution,
    /// Find out what would happen, and stage nothing.
    pub(crate) dry_run: bool,
}

/// How a merge ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MergeOutcome {
    /// The target had everything of the source; nothing was published.
    AlreadyUpToDate,
    /// The target had nothing of its own since the branches parted; its content became the source's.
    FastForward,
    /// What both did was brought together.
    Merged,
}

/// What a merge found.
#[derive(Clone, Debug)]
pub(crate) struct MergeReport {
    /// How it ended.
    pub(crate) outcome: MergeOutcome,
    /// The merge base.
    pub(crate) base: CommitId,
    /// The merged commit.
    pub(crate) source: CommitId,
    /// Types whose tables the target takes from the source as they are.
    pub(crate) adopted: Vec<TypeKey>,
    /// Types that were merged entity by entity.
    pub(crate) merged: Vec<TypeKey>,
}

#[async_trait]
impl Planner for Merge {
    type Output = MergeReport;
    type Error = OmniError;

    async fn plan(&self, target: &Snapshot) -> Result<Planned<MergeReport>> {
        let base = branch::merge_base(&self.graph, &self.source, target).await?;
        failpoints::hit(target.root(), failpoints::MERGE_CAPTURED)?;
        let (base_id, source_id) = (base.record().id, self.source.record().id);
        let mut report = MergeReport {
            outcome: MergeOutcome::AlreadyUpToDate,
            base: base_id,
            source: source_id,
            adopted: Vec::new(),
            merged: Vec::new(),
        };
        if base_id == source_id {
            return Ok(Planned::changes(report, BTreeMap::new(), BTreeSet::new()));
        }
        report.outcome =
            if base_id == target.record().id { MergeOutcome::FastForward } else { MergeOutcome::Merged };
        let sides = Sides::new(&base, &self.source, target)?;
        let (pins, merging) = sides.decide(&mut report)?;
        let pins = self.merge_types(&sides, pins, merging).await?;
        failpoints::hit(target.root(), failpoints::MERGE_STAGED)?;

        let mut planned = Planned::changes(report, BTreeMap::new(), BTreeSet::new());
        planned.commit.effects = effects(target, pins);
        planned.commit.merged = Some(self.source.shared_record());
        let ground = sides.ground_snapshot();
        planned.commit.schema =
            (ground.record().schema != target.record().schema).then(|| ground.contract().clone());
        Ok(planned)
    }
}

/// Compares the pins that the result is to have with those of the target.
fn effects(target: &Snapshot, mut pins: BTreeMap<TypeKey, TablePin>) -> BTreeMap<TypeKey, Effect> {
    let mut effects = BTreeMap::new();
    for before in &target.record().tables {
        match pins.remove(&before.key()) {
            Some(pin) if pin == *before => {}
            Some(pin) => {
                effects.insert(before.key(), Effect::Pin(pin));
            }
            None => {
                effects.insert(before.key(), Effect::Remove);
            }
        }
    }
    effects.extend(pins.into_iter().map(|(key, pin)| (key, Effect::Pin(pin))));
    effects
}

/// The three states of a merge, as ground and other side.
struct Sides {
    base: Snapshot,
    ground: Snapshot,
    other: Snapshot,
    side: Ground,
}

/// A type that the other side changed.
struct Changed {
    /// Its name in the result.
    key: TypeKey,
    base: Option<TablePin>,
    other: TablePin,
    ground: Option<TablePin>,
    /// Whether the ground changed it as well.
    both: bool,
}

impl Sides {
    fn new(base: &Snapshot, source: &Snapshot, target: &Snapshot) -> Result<Sides> {
        let side = schemas::ground(base, source, target)?;
        let (ground, other) = match side {
            Ground::Target => (target.clone(), source.clone()),
            Ground::Source => (source.clone(), target.clone()),
        };
        Ok(Sides { base: base.clone(), ground, other, side })
    }

    fn ground_snapshot(&self) -> &Snapshot {
        &self.ground
    }

    /// Decides by incarnation of a type. Returns the pins of the result, those of merged types as on the ground for
    /// now, and the types whose changes on the other side are to be brought to the ground or judged on it.
    fn decide(&self, report: &mut MergeReport) -> Result<(BTreeMap<TypeKey, TablePin>, Vec<Changed>)> {
        let [base, ground, other] =
            [&self.base, &self.ground, &self.other].map(|snapshot| by_incarnation(snapshot));
        let mut pins: BTreeMap<TypeKey, TablePin> =
            ground.values().map(|pin| (pin.key(), (*pin).clone())).collect();
        let mut changed = Vec::new();
        let incarnations: BTreeSet<&TypeIncarnation> =
            base.keys().chain(ground.keys()).chain(other.keys()).collect();
        for incarnation in incarnations {
            let (b, g, o) = (base.get(incarnation), ground.get(incarnation), other.get(incarnation));
            if same(b, o) || same(g, o) {
                continue;
            }
            let both = !same(b, g);
            match (g, o) {
                (Some(g), Some(o)) if !both => {
                    // The name is the ground's, whose schema the result has.
                    let pin = TablePin { alias: g.alias.clone(), ..(*o).clone() };
                    changed.push(Changed {
                        key: pin.key(),
                        base: b.map(|pin| (*pin).clone()),
                        other: pin.clone(),
                        ground: Some((*g).clone()),
                        both,
                    });
                    if self.side == Ground::Target {
                        report.adopted.push(pin.key());
                    }
                    pins.insert(pin.key(), pin);
                }
                (Some(g), Some(o)) if b.is_some() => {
                    report.merged.push(g.key());
                    changed.push(Changed {
                        key: g.key(),
                        base: b.map(|pin| (*pin).clone()),
                        other: (*o).clone(),
                        ground: Some((*g).clone()),
                        both,
                    });
                }
                (Some(g), Some(_)) => return Err(identity_differs(&g.key())),
                // The ground's schema has no such type: it was dropped there, or the other side, whose schema is the
                // base's, changed its rows.
                (None, Some(o)) => return Err(identity_differs(&o.key())),
                // The other side has the base's schema, so it dropped nothing the ground still has.
                (Some(g), None) => return Err(identity_differs(&g.key())),
                (None, None) => {}
            }
        }
        if self.side == Ground::Source {
            let from_source = pins.values().filter(|pin| {
                let target = self.other.pin(&pin.key());
                target.is_none_or(|target| !target.same_image(pin))
            });
            report.adopted =
                from_source.map(TablePin::key).filter(|key| !report.merged.contains(key)).collect();
        }
        let needed = self.to_judge(&changed);
        changed.retain(|change| needed.contains(&change.key));
        Ok((pins, changed))
    }

    /// Returns the types whose changes must be looked at: those that both sides changed, and those that meet a type the
    /// ground changed; with every other changed type they touch, as a deleted node and its deleted edges belong
    /// together.
    fn to_judge(&self, changed: &[Changed]) -> BTreeSet<TypeKey> {
        let by_other: BTreeSet<&TypeKey> = changed.iter().map(|change| &change.key).collect();
        let base = by_incarnation(&self.base);
        let by_ground: BTreeSet<TypeKey> = by_incarnation(&self.ground)
            .iter()
            .filter(|(incarnation, pin)| !same(base.get(incarnation), Some(pin)))
            .map(|(_, pin)| pin.key())
            .collect();
        let meet = |key: &TypeKey| neighbours(&self.ground, key);
        let mut needed: BTreeSet<TypeKey> = BTreeSet::new();
        let mut queue: Vec<TypeKey> = by_other
            .iter()
            .filter(|key| by_ground.contains(**key) || meet(key).iter().any(|near| by_ground.contains(near)))
            .map(|key| (*key).clone())
            .collect();
        while let Some(key) = queue.pop() {
            if needed.insert(key.clone()) {
                queue.extend(meet(&key).into_iter().filter(|near| by_other.contains(near)));
            }
        }
        needed
    }
}

/// Returns the types that a constraint connects with a type: the node types of an edge type, the edge types of a node
/// type.
fn neighbours(snapshot: &Snapshot, key: &TypeKey) -> Vec<TypeKey> {
    let catalog = snapshot.catalog();
    match key.kind {
        EntityKind::Node => catalog.incident_edges(&key.name).map(|edge| TypeKey::edge(&edge.name)).collect(),
        EntityKind::Edge => catalog
            .edges
            .get(&key.name)
            .map_or_else(Vec::new, |edge| vec![TypeKey::node(&edge.from), TypeKey::node(&edge.to)]),
    }
}

fn by_incarnation(snapshot: &Snapshot) -> BTreeMap<TypeIncarnation, &TablePin> {
    snapshot.record().tables.iter().map(|pin| (type_incarnation(pin), pin)).collect()
}

fn same(a: Option<&&TablePin>, b: Option<&&TablePin>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.same_image(b),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

fn identity_differs(key: &TypeKey) -> OmniError {
    OmniError::conflict(
        format!(
            "merge conflict: {key} is another table on either side: one side dropped or re-created the type while the \
             other changed its rows"
        ),
        ManifestDetails::ReadSetChanged {
            member: format!("branch_merge_dataset_identity:{key}"),
            expected: "one lifetime".to_owned(),
            actual: "two lifetimes".to_owned(),
        },
    )
}

impl Merge {
    /// Merges entities, judges the result, and stages it; returns the pins of the result.
    async fn merge_types(
        &self,
        sides: &Sides,
        mut pins: BTreeMap<TypeKey, TablePin>,
        merging: Vec<Changed>,
    ) -> Result<BTreeMap<TypeKey, TablePin>> {
        if merging.is_empty() {
            return Ok(pins);
        }
        let budget = MemoryBudget::new(sides.ground.root().memory_budget() / ROW_MEMORY_SHARE);
        let mut conflicts = Vec::new();
        let mut delta = Delta::default();
        for change in &merging {
            let gathered = self.gather(sides, change, &budget, &mut conflicts).await?;
            delta.types.insert(change.key.clone(), gathered);
        }
        if !conflicts.is_empty() {
            conflicts.sort_by(|a: &MergeConflict, b| {
                (&a.type_key, &a.entity_id).cmp(&(&b.type_key, &b.entity_id))
            });
            return Err(OmniError::MergeConflicts(conflicts));
        }
        let mut image = Image::open(&sides.ground, delta).await?;
        let refused = check_all(&mut image).await?;
        if !refused.is_empty() {
            return Err(OmniError::MergeConflicts(constraint_conflicts(refused)?));
        }
        failpoints::hit(sides.ground.root(), failpoints::MERGE_VALIDATED)?;
        if self.dry_run {
            return Ok(pins);
        }
        let (changes, _) = image.into_parts();
        let mut changes = table_changes(changes);
        for change in merging.into_iter().filter(|change| change.both) {
            let Some(ground) = change.ground else { continue };
            let pin = match changes.remove(&change.key) {
                Some(table_change) => {
                    let table = sides.ground.table(&change.key).await?;
                    let staged = storage::stage(&table, table_change).await?;
                    failpoints::hit(sides.ground.root(), failpoints::MERGE_TABLE)?;
                    let next = ground.advanced_to(&staged);
                    // The counter grows on either side's history.
                    let table_version = next.table_version.max(change.other.table_version + 1);
                    TablePin { table_version, ..next }
                }
                None => ground,
            };
            pins.insert(change.key, pin);
        }
        Ok(pins)
    }

    async fn gather(
        &self,
        sides: &Sides,
        change: &Changed,
        budget: &Arc<MemoryBudget>,
        conflicts: &mut Vec<MergeConflict>,
    ) -> Result<TypeDelta> {
        let side = |snapshot: &Snapshot, pin: &Option<TablePin>| {
            let pin = pin.as_ref()?;
            let own = by_incarnation(snapshot).get(&type_incarnation(pin)).map(|pin| (*pin).clone())?;
            Some(Side { snapshot: snapshot.clone(), key: own.key(), pin: own })
        };
        let base = side(&sides.base, &change.base);
        let other = side(&sides.other, &Some(change.other.clone()));
        let table = sides.ground.table(&change.key).await?;
        let schema = table.schema();
        let fields = |from: &Option<Side>| match from {
            Some(from) => {
                Fields::new(schema.clone(), (&sides.ground, &change.key), (&from.snapshot, &from.key))
            }
            None => Fields::new(schema.clone(), (&sides.ground, &change.key), (&sides.ground, &change.key)),
        };
        let merge = TypeMerge {
            key: &change.key,
            base: fields(&base),
            ground: fields(&None),
            other: fields(&other),
            side: sides.side,
            resolution: self.resolution,
        };
        let theirs = TypeDifference { before: base.clone(), after: other };
        let theirs = PeekedPairs::of(theirs.pairs().await?).await?;
        let ours = if change.both {
            let ground = side(&sides.ground, &change.ground);
            Some(PeekedPairs::of(TypeDifference { before: base, after: ground }.pairs().await?).await?)
        } else {
            None
        };
        let mut gathered = Gathered::new(table, budget.clone());
        merge.run(theirs, ours, &mut gathered, conflicts).await?;
        gathered.finish().await
    }
}

/// Turns what the checks refused into conflicts: one per entity and kind.
fn constraint_conflicts(refused: Vec<Refusal>) -> Result<Vec<MergeConflict>> {
    let mut conflicts: Vec<MergeConflict> = Vec::with_capacity(refused.len());
    for Refusal { type_key, id, error } in refused {
        let Some(violation) = error.violation() else { return Err(error) };
        let (kind, entity_id) = match violation {
            Violation::Source { .. } | Violation::Target { .. } => (MergeConflictKind::OrphanEdge, Some(id)),
            Violation::Unique { .. } => (MergeConflictKind::UniqueViolation, Some(id)),
            Violation::Cardinality { .. } => (MergeConflictKind::CardinalityViolation, None),
            _ => (MergeConflictKind::ValueConstraintViolation, None),
        };
        let conflict = MergeConflict { type_key, entity_id, kind, message: violation.to_string() };
        let repeats = conflict.kind == MergeConflictKind::OrphanEdge
            && conflicts.last().is_some_and(|last| {
                (&last.type_key, &last.entity_id, last.kind)
                    == (&conflict.type_key, &conflict.entity_id, conflict.kind)
            });
        if !repeats {
            conflicts.push(conflict);
        }
    }
    Ok(conflicts)
}
