//! Merges one type entity by entity.
//!
//! The differences of both sides to the merge base arrive in order of id, so they are walked together, and memory does
//! not depend on their number. What both sides changed differently is combined by property, decided for one side, or
//! reported as a conflict, as the [`Resolution`] says.

use arrow_array::RecordBatch;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use omnigraph_compiler::catalog::TypeKey;
use omnigraph_graph::branch::difference::{Pair, Row};

use super::fields::{Fields, combine, same_image};
use super::rows::{Gathered, RowLocation};
use super::schemas::Ground;
use crate::error::{MergeConflict, MergeConflictKind, Result};

/// What to do about entities that both sides changed differently. The default reports them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Resolution {
    /// Combine changes of different properties of one entity.
    pub(crate) properties: bool,
    /// Take this side's image of what is still contested.
    pub(crate) prefer: Option<Preferred>,
}

/// A side of a merge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preferred {
    /// The target's.
    Ours,
    /// The source's.
    Theirs,
}

/// A stream of differences whose next one can be looked at before it is taken.
pub(super) struct PeekedPairs {
    pairs: BoxStream<'static, omnigraph_graph::Result<Pair>>,
    next: Option<Pair>,
}

impl PeekedPairs {
    /// Starts at the first pair.
    pub(super) async fn of(
        mut pairs: BoxStream<'static, omnigraph_graph::Result<Pair>>,
    ) -> Result<PeekedPairs> {
        let next = pairs.try_next().await?;
        Ok(PeekedPairs { pairs, next })
    }

    async fn take(&mut self) -> Result<Option<Pair>> {
        let next = self.pairs.try_next().await?;
        Ok(std::mem::replace(&mut self.next, next))
    }

    fn id(&self) -> Option<&str> {
        self.next.as_ref().map(|pair| pair.id.as_str())
    }
}

/// One type that is merged.
pub(super) struct TypeMerge<'a> {
    /// The type, as the result names it.
    pub(super) key: &'a TypeKey,
    /// From rows of the base, the ground and the other side to columns of the ground.
    pub(super) base: Fields,
    pub(super) ground: Fields,
    pub(super) other: Fields,
    /// Which side the ground is.
    pub(super) side: Ground,
    pub(super) resolution: Resolution,
}

impl TypeMerge<'_> {
    /// Gathers what the other side's changes do to the ground; conflicts are appended.
    pub(super) async fn run(
        &self,
        mut other: PeekedPairs,
        mut ground: Option<PeekedPairs>,
        gathered: &mut Gathered,
        conflicts: &mut Vec<MergeConflict>,
    ) -> Result<()> {
        while let Some(theirs) = other.take().await? {
            let mut ours = None;
            if let Some(ground) = &mut ground {
                while ground.id().is_some_and(|id| id < theirs.id.as_str()) {
                    ground.take().await?;
                }
                if ground.id() == Some(theirs.id.as_str()) {
                    ours = ground.take().await?;
                }
            }
            match ours {
                Some(ours) => self.both(theirs, ours, gathered, conflicts).await?,
                None => self.one(theirs, ground.is_some(), gathered).await?,
            }
        }
        Ok(())
    }

    /// An entity that only the other side changed. Its row on the ground is where it was in the base, unless the ground
    /// rewrote the table.
    async fn one(&self, theirs: Pair, rewritten: bool, gathered: &mut Gathered) -> Result<()> {
        let location = match &theirs.before {
            None => RowLocation::Absent,
            Some(_) if rewritten => RowLocation::Unknown,
            Some(row) => RowLocation::At(row.address()),
        };
        let image = theirs.after.as_ref().map(|row| self.other.row(row)).transpose()?;
        gathered.set(&theirs.id, location, image).await
    }

    /// An entity that both sides changed.
    async fn both(
        &self,
        theirs: Pair,
        ours: Pair,
        gathered: &mut Gathered,
        conflicts: &mut Vec<MergeConflict>,
    ) -> Result<()> {
        let other = theirs.after.as_ref().map(|row| self.other.row(row)).transpose()?;
        let ground = ours.after.as_ref().map(|row| self.ground.row(row)).transpose()?;
        if agree(other.as_ref(), ground.as_ref())? {
            return Ok(());
        }
        let location = ours.after.as_ref().map_or(RowLocation::Absent, |row| RowLocation::At(row.address()));
        let mut contested = Vec::new();
        if let (Some(before), Some(ground), Some(other)) = (&ours.before, &ground, &other) {
            let combined = combine(&self.base.row(before)?, ground, other)?;
            if self.resolution.properties && combined.contested.is_empty() {
                return gathered.set(&theirs.id, location, Some(combined.image)).await;
            }
            contested = combined.contested;
        }
        match (self.resolution.prefer, self.side) {
            (Some(Preferred::Ours), Ground::Target) | (Some(Preferred::Theirs), Ground::Source) => Ok(()),
            (Some(_), _) => gathered.set(&theirs.id, location, other).await,
            (None, _) => {
                conflicts.push(self.conflict(theirs.id, ours.before.as_ref(), &other, &ground, &contested));
                Ok(())
            }
        }
    }

    fn conflict(
        &self,
        id: String,
        before: Option<&Row>,
        other: &Option<RecordBatch>,
        ground: &Option<RecordBatch>,
        contested: &[String],
    ) -> MergeConflict {
        let deleted_by = match (self.side, ground.is_none()) {
            (Ground::Target, true) | (Ground::Source, false) => "target",
            (Ground::Target, false) | (Ground::Source, true) => "source",
        };
        let (kind, message) = if before.is_none() {
            (
                MergeConflictKind::DivergentInsert,
                "source and target both inserted it, with different values".to_owned(),
            )
        } else if other.is_none() || ground.is_none() {
            let changed_by = if deleted_by == "target" { "source" } else { "target" };
            (MergeConflictKind::DeleteVsUpdate, format!("{deleted_by} deleted it, {changed_by} changed it"))
        } else if contested.is_empty() {
            (
                MergeConflictKind::DivergentUpdate,
                "source and target changed different properties of it; resolve with `properties`".to_owned(),
            )
        } else {
            let names = contested.join(", ");
            (MergeConflictKind::DivergentUpdate, format!("source and target both changed {names}"))
        };
        MergeConflict { type_key: self.key.clone(), entity_id: Some(id), kind, message }
    }
}

fn agree(a: Option<&RecordBatch>, b: Option<&RecordBatch>) -> Result<bool> {
    match (a, b) {
        (None, None) => Ok(true),
        (Some(a), Some(b)) => same_image(a, b),
        (Some(_), None) | (None, Some(_)) => Ok(false),
    }
}
