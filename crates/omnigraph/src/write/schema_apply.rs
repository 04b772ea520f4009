//! Schema changes as a planner: from the accepted catalog to the desired one, by identity and never by name.
//!
//! The compiler says whether the change is allowed; what happens to tables follows from comparing the two catalogs. A
//! type that is declared anew is another incarnation, even under a name that was used before. An incarnation that is
//! new gets an empty table, one that is gone is pinned no more, and one that stays keeps its rows: its table is
//! reshaped when a column is new, gone or called differently, and is otherwise left alone, even under another name.
//! Wider enums, constraints and metadata live in the contract only.
//!
//! Planning writes: new and reshaped tables are made before the commit names them. A plan that fails, or is void as
//! another commit came first, leaves them to cleanup as files that no commit names.
//!
//! Invariants: (1) no row, id, value or address of an incarnation that stays changes; (2) what a retired incarnation or
//! property held is never reachable by a later one of the same name; (3) a change that nothing differs in plans
//! nothing.
//! Cost: one small file per reshaped or new table, whatever the number of rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_schema::FieldRef;
use async_trait::async_trait;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};
use omnigraph_compiler::catalog::{Catalog, EntityKind, PropertyId, TypeKey};
use omnigraph_compiler::schema::{self, DropMode, Evolution, MigrationPlan, MigrationStep};
use omnigraph_graph::branch::difference::TypeIncarnation;
use omnigraph_graph::commit::init::create_table;
use omnigraph_graph::commit::schema::SchemaContract;
use omnigraph_graph::commit::{Effect, Planned, PlannedCommit, Planner, Snapshot, TablePin};
use omnigraph_graph::model::physical_schema;
use omnigraph_storage::tables::reshape::{Column, reshape};

use crate::error::{ManifestDetails, ManifestError, ManifestErrorKind, OmniError, Result};

/// The named fault points of schema changes; they exist with the crate feature `failpoints` only.
pub(crate) mod failpoints {
    pub(crate) use omnigraph_storage::objects::fault::hit;

    /// Created and reshaped tables are durable; no contract and no intent names them.
    pub(crate) const PLANNED: &str = "schema_apply.before_staging_write";
    /// The commit is visible; the copy of the source text at the root is still the old one.
    pub(crate) const PUBLISHED: &str = "schema_apply.after_manifest_commit";

    /// Every point, for the tests that walk them all.
    #[cfg(feature = "failpoints")]
    pub(crate) const ALL: [&str; 2] = [PLANNED, PUBLISHED];
}

/// Tables created or reshaped at the same time.
const TABLES_AT_ONCE: usize = 8;

/// A caller's judgement of the catalog that a change would make; an error refuses the change before any effect.
pub type CatalogCheck = Arc<dyn Fn(&Catalog) -> Result<()> + Send + Sync>;

/// Changes the schema of a branch.
pub(crate) struct SchemaApply {
    /// The desired source text.
    pub(crate) source: String,
    /// Whether drops take older snapshots with them.
    pub(crate) allow_data_loss: bool,
    /// Asked about the resulting catalog, also when nothing differs.
    pub(crate) check: Option<CatalogCheck>,
}

/// What a schema change did.
pub(crate) struct Applied {
    /// The steps.
    pub(crate) plan: MigrationPlan,
    /// The sequence number of the commit it was planned on.
    pub(crate) planned_on: u64,
    /// Pins of the base whose tables hold what a hard drop took away: older versions of these tables are to go.
    pub(crate) reclaimable: Vec<TablePin>,
}

/// Compares the accepted catalog with a source text, without any effect. An unsupported step is no error.
///
/// # Errors
/// [`OmniError::Compiler`] when the text is no schema, or a rename hint cannot be resolved.
pub(crate) fn evolve(accepted: &Catalog, source: &str, allow_data_loss: bool) -> Result<Evolution> {
    let evolution = schema::evolve(accepted, source)?;
    Ok(match allow_data_loss {
        true => Evolution { plan: evolution.plan.promote_drops_to_hard(), ..evolution },
        false => evolution,
    })
}

#[async_trait]
impl Planner for SchemaApply {
    type Output = Applied;
    type Error = OmniError;

    async fn plan(&self, snapshot: &Snapshot) -> Result<Planned<Applied>> {
        let accepted = snapshot.catalog();
        let Evolution { catalog, plan, .. } = evolve(accepted, &self.source, self.allow_data_loss)?;
        if let Some(refusal) = refusal(&plan) {
            return Err(refusal);
        }
        if let Some(check) = &self.check {
            check(&catalog)?;
        }
        let planned_on = snapshot.record().seq.0;
        if plan.steps.is_empty() {
            let output = Applied { plan, planned_on, reclaimable: Vec::new() };
            return Ok(Planned {
                output,
                commit: PlannedCommit::default(),
                reads: BTreeSet::new(),
                publish_unchanged: false,
            });
        }
        let effects = effects(snapshot, &catalog).await?;
        let reclaimable = reclaimable(snapshot, &catalog, &plan);
        failpoints::hit(snapshot.root(), failpoints::PLANNED)?;
        let contract = Arc::new(SchemaContract::new(&self.source, catalog));
        Ok(Planned {
            output: Applied { plan, planned_on, reclaimable },
            commit: PlannedCommit { effects, schema: Some(contract), ..PlannedCommit::default() },
            reads: BTreeSet::new(),
            publish_unchanged: false,
        })
    }
}

/// Returns why a plan cannot be applied: its first unsupported step.
fn refusal(plan: &MigrationPlan) -> Option<OmniError> {
    let message = plan.refusal()?;
    let details = plan.steps.iter().find_map(|step| match step {
        MigrationStep::UnsupportedChange { entity, code, .. } => {
            Some(ManifestDetails::UnsupportedSchemaChange { entity: entity.clone(), code: code.clone() })
        }
        _ => None,
    });
    let error = ManifestError { kind: ManifestErrorKind::BadRequest, message, details };
    Some(OmniError::Manifest(Box::new(error)))
}

fn incarnations(catalog: &Catalog) -> BTreeMap<TypeIncarnation, TypeKey> {
    let nodes = catalog.nodes.values().map(|node| {
        let key = TypeKey::node(&node.name);
        ((EntityKind::Node, node.id, node.incarnation), key)
    });
    let edges = catalog.edges.values().map(|edge| {
        let key = TypeKey::edge(&edge.name);
        ((EntityKind::Edge, edge.id, edge.incarnation), key)
    });
    nodes.chain(edges).collect()
}

/// Makes the tables that the desired catalog asks for, and names what changes.
async fn effects(snapshot: &Snapshot, desired: &Catalog) -> Result<BTreeMap<TypeKey, Effect>> {
    let before = incarnations(snapshot.catalog());
    let after = incarnations(desired);
    let making = after.into_iter().map(|(incarnation, key)| {
        let former = before.get(&incarnation).cloned();
        async move {
            let pin = match former {
                None => Some(create_table(snapshot.root(), desired, key.clone()).await?),
                Some(former) => next_pin(snapshot, desired, &former, &key).await?,
            };
            Ok::<_, OmniError>(pin.map(|pin| (key, Effect::Pin(pin))))
        }
        .boxed()
    });
    // Collected, so that the future borrows nothing through a closure and stays `Send`.
    let making: Vec<_> = making.collect();
    let pinned: Vec<Option<(TypeKey, Effect)>> =
        stream::iter(making).buffer_unordered(TABLES_AT_ONCE).try_collect().await?;
    let gone = before.into_values().filter(|key| desired.properties(key).is_none());
    Ok(gone.map(|key| (key, Effect::Remove)).chain(pinned.into_iter().flatten()).collect())
}

/// Returns the pin of an incarnation that stays; none when neither its name nor its columns differ.
async fn next_pin(
    snapshot: &Snapshot,
    desired: &Catalog,
    former: &TypeKey,
    key: &TypeKey,
) -> Result<Option<TablePin>> {
    let pin = snapshot.pin(former).ok_or_else(|| {
        OmniError::internal(format!("the accepted schema has {former}, its commit has not"))
    })?;
    let columns = columns(snapshot.catalog(), former, desired, key)?;
    let same = columns.iter().all(|column| column.from.as_ref() == Some(column.field.name()))
        && columns.len() == physical_schema(snapshot.catalog(), former).map_or(0, |it| it.fields().len());
    let pin = if same {
        pin.clone()
    } else {
        pin.advanced_to(&reshape(&snapshot.table(former).await?, &columns).await?)
    };
    let pin = TablePin { alias: key.name.clone(), ..pin };
    Ok((snapshot.pin(key) != Some(&pin)).then_some(pin))
}

/// Pairs the columns of the desired table with those of the accepted one, by property.
fn columns(accepted: &Catalog, former: &TypeKey, desired: &Catalog, key: &TypeKey) -> Result<Vec<Column>> {
    let unknown = |key: &TypeKey| OmniError::internal(format!("the catalog has no type {key}"));
    let names: BTreeMap<PropertyId, &str> = accepted
        .properties(former)
        .ok_or_else(|| unknown(former))?
        .iter()
        .map(|property| (property.id, property.name.as_str()))
        .collect();
    let properties = desired.properties(key).ok_or_else(|| unknown(key))?;
    let schema = physical_schema(desired, key).ok_or_else(|| unknown(key))?;
    // Columns that are no property come first, and never change.
    let fixed = schema.fields().len() - properties.len();
    let pair = |(index, field): (usize, &FieldRef)| {
        let from = match index.checked_sub(fixed) {
            None => Some(field.name().as_str()),
            Some(index) => names.get(&properties[index].id).copied(),
        };
        Column { field: field.clone(), from: from.map(str::to_owned) }
    };
    Ok(schema.fields().iter().enumerate().map(pair).collect())
}

/// Finds the tables that a hard drop took something from.
fn reclaimable(snapshot: &Snapshot, desired: &Catalog, plan: &MigrationPlan) -> Vec<TablePin> {
    let hard = plan.steps.iter().any(|step| {
        matches!(
            step,
            MigrationStep::DropType { mode: DropMode::Hard, .. }
                | MigrationStep::DropProperty { mode: DropMode::Hard, .. }
        )
    });
    if !hard {
        return Vec::new();
    }
    let after = incarnations(desired);
    let lost = incarnations(snapshot.catalog()).into_iter().filter(|(incarnation, former)| {
        let ids = |catalog: &Catalog, key: &TypeKey| -> BTreeSet<PropertyId> {
            catalog.properties(key).unwrap_or_default().iter().map(|property| property.id).collect()
        };
        after
            .get(incarnation)
            .is_none_or(|key| !ids(snapshot.catalog(), former).is_subset(&ids(desired, key)))
    });
    lost.filter_map(|(_, key)| snapshot.pin(&key).cloned()).collect()
}
