//! Tags: names for commits, which cleanup keeps.
//!
//! Owns `__manifest/tags/<escaped name>.json`, created by put-if-absent and never changed. Names follow the rules of
//! branch names; a tag and a branch may have the same name.

use omnigraph_storage::{Created, Root};
use serde::{Deserialize, Serialize};

use crate::commit::format::{self, MANIFEST, STORAGE_FORMAT};
use crate::commit::record::Parent;
use crate::commit::{BranchName, CommitId, Graph};
use crate::error::{GraphError, Result};

/// A named commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tag {
    format: u32,
    /// Its name.
    pub name: BranchName,
    /// The commit and its position.
    pub commit: Parent,
    /// Who created it.
    #[serde(default)]
    pub creator: Option<String>,
    /// When, in microseconds since the epoch.
    pub created_at: i64,
}

/// Names a commit.
///
/// # Errors
/// A conflict (`already exists`); not found when there is no such commit;
/// [`GraphError::HistoricalVersionReclaimed`] when cleanup removed what it names.
pub async fn create_tag(
    graph: &Graph,
    name: &BranchName,
    commit: CommitId,
    creator: Option<&str>,
) -> Result<Tag> {
    graph.ensure_writable()?;
    let snapshot = crate::branch::at_commit(graph, &commit).await?;
    let tag = Tag {
        format: STORAGE_FORMAT,
        name: name.clone(),
        commit: snapshot.record().as_parent(),
        creator: creator.map(str::to_owned),
        created_at: format::now_micros(),
    };
    match graph.root().create(&path(name), format::encode(&tag)).await? {
        Created::Yes => {
            let kept = match graph.wait_for_cleanup().await {
                Ok(_) => match graph.require_record(snapshot.record()).await {
                    Ok(()) => graph.require_versions(snapshot.record()).await,
                    Err(error) => Err(error),
                },
                Err(error) => Err(error),
            };
            if let Err(error) = kept {
                graph.root().delete(&path(name)).await?;
                return Err(error);
            }
            Ok(tag)
        }
        Created::Taken(_) => Err(GraphError::refused(format!("tag '{name}' already exists"))),
    }
}

/// Forgets a name; the commit stays as long as cleanup retains it.
///
/// # Errors
/// Not found.
pub async fn delete_tag(graph: &Graph, name: &BranchName) -> Result<()> {
    graph.ensure_writable()?;
    if load(graph.root(), name).await?.is_none() {
        return Err(GraphError::not_found(format!("tag '{name}' not found")));
    }
    Ok(graph.root().delete(&path(name)).await?)
}

/// Reads a tag.
pub async fn load(root: &Root, name: &BranchName) -> Result<Option<Tag>> {
    let path = path(name);
    match root.get(&path).await? {
        Some(bytes) => format::decode(root, &path, &bytes).map(Some),
        None => Ok(None),
    }
}

/// Lists the tags by name.
pub async fn list(root: &Root) -> Result<Vec<Tag>> {
    let mut tags: Vec<Tag> = Vec::new();
    for object in root.list(&format!("{MANIFEST}/tags/")).await? {
        if let Some(bytes) = root.get(&object.path).await? {
            tags.push(format::decode(root, &object.path, &bytes)?);
        }
    }
    tags.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(tags)
}

fn path(name: &BranchName) -> String {
    format!("{MANIFEST}/tags/{}.json", name.escaped())
}
