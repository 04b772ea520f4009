//! Tags: names for commits, which cleanup keeps.
//!
//! Owns `__manifest/tags/<escaped name>.json`, created by put-if-absent and never changed. Names follow the rules of
//! branch names; a tag and a branch may have the same name.

use serde::{Deserialize, Serialize};

use crate::commit::format::{self, MANIFEST, STORAGE_FORMAT};
use crate::commit::record::Parent;
use crate::commit::{BranchName, CommitId, Graph};
use crate::error::{OmniError, Result};
use crate::storage::{Created, Root};

/// A named commit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tag {
    format: u32,
    /// Its name.
    pub(crate) name: BranchName,
    /// The commit and its place.
    pub(crate) commit: Parent,
    /// Who created it.
    #[serde(default)]
    pub(crate) creator: Option<String>,
    /// When, in microseconds since the epoch.
    pub(crate) created_at: i64,
}

impl Graph {
    /// Names a commit.
    ///
    /// # Errors
    /// A conflict (`already exists`); not found when there is no such commit;
    /// [`OmniError::HistoricalVersionReclaimed`] when cleanup removed what it names.
    pub(crate) async fn create_tag(
        &self,
        name: &BranchName,
        commit: CommitId,
        creator: Option<&str>,
    ) -> Result<Tag> {
        self.ensure_writable()?;
        let snapshot = self.at_commit(&commit).await?;
        let tag = Tag {
            format: STORAGE_FORMAT,
            name: name.clone(),
            commit: snapshot.record().as_parent(),
            creator: creator.map(str::to_owned),
            created_at: format::now_micros(),
        };
        match self.root().create(&path(name), format::encode(&tag)).await? {
            Created::Yes => {
                let kept = match self.outlast_cleanup().await {
                    Ok(_) => match self.require_record(snapshot.record()).await {
                        Ok(()) => self.require_versions(snapshot.record()).await,
                        Err(error) => Err(error),
                    },
                    Err(error) => Err(error),
                };
                if let Err(error) = kept {
                    self.root().delete(&path(name)).await?;
                    return Err(error);
                }
                Ok(tag)
            }
            Created::Taken(_) => Err(OmniError::refused(format!("tag '{name}' already exists"))),
        }
    }

    /// Forgets a name; the commit stays as long as cleanup retains it.
    ///
    /// # Errors
    /// Not found.
    pub(crate) async fn delete_tag(&self, name: &BranchName) -> Result<()> {
        self.ensure_writable()?;
        if load(self.root(), name).await?.is_none() {
            return Err(OmniError::not_found(format!("tag '{name}' not found")));
        }
        self.root().delete(&path(name)).await
    }
}

/// Reads a tag.
pub(crate) async fn load(root: &Root, name: &BranchName) -> Result<Option<Tag>> {
    let path = path(name);
    match root.get(&path).await? {
        Some(bytes) => format::decode(root, &path, &bytes).map(Some),
        None => Ok(None),
    }
}

/// Lists the tags by name.
pub(crate) async fn list(root: &Root) -> Result<Vec<Tag>> {
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
