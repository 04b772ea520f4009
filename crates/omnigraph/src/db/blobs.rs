//! Reading Blob cells.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, StringArray};
use bytes::Bytes;
use futures::future::BoxFuture;
use omnigraph_compiler::catalog::{Catalog, EntityKind, Incarnation, TypeId, TypeKey};
use omnigraph_compiler::diagnostics::closest;
use omnigraph_graph::GraphError;
use omnigraph_graph::commit::{BranchName, Snapshot, TablePin};
use omnigraph_graph::model::ID;
use omnigraph_graph::model::blob::Blob;
use sha2::{Digest, Sha256};

use super::handle::Omnigraph;
use super::types::{ReadTarget, SnapshotId};
use crate::error::{OmniError, Result};

/// Most bytes of one [`BlobReader::read_range`].
pub const BLOB_READ_BYTES: u64 = 4 << 20;

/// The cell of one entity that holds a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobCell {
    /// Node or edge.
    pub entity: EntityKind,
    /// The type, by its current name.
    pub type_name: String,
    /// The entity.
    pub id: String,
    /// The property, by its current name.
    pub property: String,
}

/// A cell that was read.
#[derive(Clone, Debug)]
pub struct BlobRead {
    /// Which one.
    pub cell: BlobCell,
    /// The commit it was read at.
    pub resolved_target: SnapshotId,
    /// The version of the branch at that commit.
    pub graph_manifest_version: u64,
    /// What it holds.
    pub content: BlobContent,
}

/// What a Blob cell holds.
#[derive(Clone, Debug)]
pub enum BlobContent {
    /// Bytes that the graph holds.
    Managed {
        /// Their number.
        length: u64,
        /// Names them.
        etag: BlobEtag,
        /// Reads them.
        reader: BlobReader,
    },
    /// Bytes that the graph refers to. They are not contacted.
    External(ExternalBlobRef),
}

/// A reference to bytes outside the graph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalBlobRef {
    /// Where they are.
    pub uri: String,
    /// Where in the object they begin.
    pub offset: u64,
    /// How many they are; absent for all to the end of the object.
    pub length: Option<u64>,
}

/// Strong validator of the bytes of a cell: 32 hexadecimal digits in quotes. Equal for the same table version through any
/// branch, commit or name of the type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct BlobEtag(String);

impl BlobEtag {
    /// Returns the text, quotes included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BlobEtag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the bytes of one cell as they were when it was opened, whatever happens to the graph. Cheap to clone.
#[derive(Clone)]
pub struct BlobReader(Bytes);

impl BlobReader {
    /// Returns the number of bytes.
    pub fn len(&self) -> u64 {
        self.0.len() as u64
    }

    /// Tells whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the bytes of a half-open range.
    ///
    /// # Errors
    /// [`OmniError::BlobRangeNotSatisfiable`] unless start ≤ end ≤ length; [`OmniError::ResourceLimitExceeded`] above
    /// [`BLOB_READ_BYTES`].
    pub fn read_range<'a>(&'a self, range: Range<u64>) -> BoxFuture<'a, Result<Bytes>> {
        Box::pin(async move {
            let Range { start, end } = range;
            if start > end || end > self.len() {
                return Err(OmniError::BlobRangeNotSatisfiable { start, end, length: self.len() });
            }
            if end - start > BLOB_READ_BYTES {
                return Err(OmniError::ResourceLimitExceeded {
                    resource: "Blob read range bytes".to_owned(),
                    limit: BLOB_READ_BYTES,
                    actual: end - start,
                });
            }
            let place = |at: u64| usize::try_from(at).expect("the bytes are in memory");
            Ok(self.0.slice(place(start)..place(end)))
        })
    }
}

impl fmt::Debug for BlobReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlobReader").field("len", &self.len()).finish()
    }
}

impl Omnigraph {
    /// Reads a Blob cell. Bytes outside the graph are reported, never contacted.
    ///
    /// # Errors
    /// Not found for a null cell and an absent entity; bad request for a type or property that is unknown, no Blob, not in
    /// that version, or of another incarnation there; [`OmniError::BlobIntegrity`]; those of resolving the target.
    pub fn read_blob_at<'a>(
        &'a self,
        target: impl Into<ReadTarget>,
        cell: BlobCell,
    ) -> BoxFuture<'a, Result<BlobRead>> {
        self.read_blob_at_boxed(target.into(), cell)
    }

    fn read_blob_at_boxed<'a>(
        &'a self,
        target: ReadTarget,
        cell: BlobCell,
    ) -> BoxFuture<'a, Result<BlobRead>> {
        Box::pin(async move {
            let snapshot = self.resolve(&target).await?;
            let current = match target {
                ReadTarget::Branch(_) => snapshot.catalog().clone(),
                ReadTarget::Snapshot(_) => self.current_catalog(&snapshot).await?,
            };
            let (key, property) = locate(&snapshot, &current, &cell)?;
            let pin = snapshot.pin(&key).ok_or_else(|| OmniError::internal(format!("no table for {key}")))?;
            let table = snapshot.table(&key).await?;
            let id: ArrayRef = Arc::new(StringArray::from(vec![cell.id.as_str()]));
            let found = table.key_index(&[ID]).lookup(&[id]).await?;
            let absent = || OmniError::not_found("Blob cell not found");
            let address = *found.address.first().ok_or_else(absent)?;
            let row = table.take(&[address], &[property]).await?;
            let stored = row.column(0).as_binary::<i64>();
            if stored.is_null(0) {
                return Err(absent());
            }
            let content = match Blob::read(stored.value(0))? {
                Blob::Managed(bytes) => BlobContent::Managed {
                    length: bytes.len() as u64,
                    etag: etag(pin, &cell, bytes),
                    reader: BlobReader(Bytes::copy_from_slice(bytes)),
                },
                Blob::External(uri) => {
                    BlobContent::External(ExternalBlobRef { uri: uri.to_owned(), offset: 0, length: None })
                }
                Blob::Requested(_) => {
                    let reason = "a stored reference was never admitted".to_owned();
                    return Err(OmniError::BlobIntegrity { reason });
                }
            };
            Ok(BlobRead {
                cell,
                resolved_target: SnapshotId::new(snapshot.record().id.to_string()),
                graph_manifest_version: snapshot.record().seq.0,
                content,
            })
        })
    }

    /// Returns the schema by whose names an old commit is addressed: that of its branch, or its own when that is gone.
    async fn current_catalog(&self, snapshot: &Snapshot) -> Result<Arc<Catalog>> {
        let branch: &BranchName = &snapshot.branch_target().name;
        match self.graph.head(branch).await {
            Ok(head) if head.branch_target().uid == snapshot.branch_target().uid => {
                Ok(head.catalog().clone())
            }
            Ok(_) | Err(GraphError::BranchNotFound { .. }) => Ok(snapshot.catalog().clone()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Finds the type and the column at a snapshot that current names stand for.
fn locate(snapshot: &Snapshot, current: &Catalog, cell: &BlobCell) -> Result<(TypeKey, String)> {
    let named = TypeKey { kind: cell.entity, name: cell.type_name.clone() };
    let Some(properties) = current.properties(&named) else {
        let names: Vec<String> =
            current.type_keys().filter(|key| key.kind == cell.entity).map(|key| key.name).collect();
        let near = closest(&cell.type_name, names.iter().map(String::as_str));
        let hint = near.map(|name| format!("; did you mean '{name}'?")).unwrap_or_default();
        return Err(OmniError::bad_request(format!(
            "unknown {} type '{}'{hint}",
            cell.entity, cell.type_name
        )));
    };
    let property = properties.iter().find(|property| property.name == cell.property).ok_or_else(|| {
        let near = closest(&cell.property, properties.iter().map(|property| property.name.as_str()));
        let hint = near.map(|name| format!("; did you mean '{name}'?")).unwrap_or_default();
        OmniError::bad_request(format!("{named} has no property '{}'{hint}", cell.property))
    })?;
    if !property.ty.is_blob() {
        return Err(OmniError::bad_request(format!("property '{}' of {named} is not a Blob", cell.property)));
    }
    let identity = identity(current, &named);
    let then = snapshot.catalog();
    let key = then.type_keys().find(|key| key.kind == cell.entity && self::identity(then, key) == identity);
    let key = key.ok_or_else(|| {
        OmniError::bad_request(format!(
            "{} type '{}' does not exist at this snapshot",
            cell.entity, cell.type_name
        ))
    })?;
    let columns = then.properties(&key).unwrap_or_default();
    if let Some(same) = columns.iter().find(|column| column.id == property.id) {
        return Ok((key, same.name.clone()));
    }
    Err(OmniError::bad_request(if columns.iter().any(|column| column.name == cell.property) {
        format!(
            "property '{}' of {named} belongs to a different property lifetime at this snapshot",
            cell.property
        )
    } else {
        format!("property '{}' of {named} does not exist at this snapshot", cell.property)
    }))
}

/// Returns what stays the same through renames of a type.
fn identity(catalog: &Catalog, key: &TypeKey) -> Option<(TypeId, Incarnation)> {
    match key.kind {
        EntityKind::Node => catalog.nodes.get(&key.name).map(|node| (node.id, node.incarnation)),
        EntityKind::Edge => catalog.edges.get(&key.name).map(|edge| (edge.id, edge.incarnation)),
    }
}

/// Names the bytes of a cell by the table version that holds them.
fn etag(pin: &TablePin, cell: &BlobCell, bytes: &[u8]) -> BlobEtag {
    let mut hash = Sha256::new();
    for part in [pin.path.as_bytes(), pin.version.to_string().as_bytes(), cell.id.as_bytes(), bytes] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    BlobEtag(format!("\"{}\"", hex::encode(&hash.finalize()[..16])))
}
