//! Refs: which branches live, and where each began.
//!
//! Owns `__manifest/refs/<escaped name>.json`. A ref is created by put-if-absent and never changed; a branch lives as
//! long as its ref exists. It does not name the head: the head is the last record of the branch's log.
//!
//! A ref carries its whole lineage, so that a commit below the fork point is found without the refs of the ancestors,
//! which may be gone.
//! Cost: one request, except [`list`], which grows with the number of live branches.

use omnigraph_storage::{Created, Root};
use serde::{Deserialize, Serialize};

use super::failpoints;
use super::format::{self, MANIFEST};
use super::ids::{BranchName, BranchUid, Seq};
use super::record::BranchTarget;
use crate::error::Result;

/// A run of records that a branch inherits: those of `branch_uid` up to and including `last`, above the run before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Whose log holds the records.
    pub branch_uid: BranchUid,
    /// The last inherited record: the fork point.
    pub last: Seq,
}

/// A live branch.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BranchRef {
    /// Storage format.
    pub(crate) format: u32,
    /// Name.
    pub name: BranchName,
    /// Identity of this incarnation; names its log.
    pub uid: BranchUid,
    /// What it inherits, oldest first; empty for `main`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inherited: Vec<Segment>,
    /// Who created it.
    #[serde(default)]
    pub(crate) creator: Option<String>,
    /// When, in microseconds since the epoch.
    pub(crate) created_at: i64,
}

impl BranchRef {
    /// Returns the branch as the target of commits.
    pub(crate) fn target(&self) -> BranchTarget {
        BranchTarget { uid: self.uid, name: self.name.clone() }
    }

    /// Returns the run that ends at the fork point, if the branch is a fork.
    pub(crate) fn fork_point(&self) -> Option<Segment> {
        self.inherited.last().copied()
    }

    /// Returns what a branch inherits that begins at `seq` of this one.
    pub(crate) fn lineage(&self, seq: Seq) -> Vec<Segment> {
        let mut segments = Vec::with_capacity(self.inherited.len() + 1);
        for segment in &self.inherited {
            segments.push(Segment { last: segment.last.min(seq), ..*segment });
            if seq <= segment.last {
                return segments;
            }
        }
        segments.push(Segment { branch_uid: self.uid, last: seq });
        segments
    }

    /// Returns whose log holds the record at `seq` of this branch.
    pub(crate) fn holder(&self, seq: Seq) -> BranchUid {
        self.inherited
            .iter()
            .find(|segment| seq <= segment.last)
            .map_or(self.uid, |segment| segment.branch_uid)
    }
}

/// Reads the ref of a branch; absent means that no such branch lives.
pub async fn load(root: &Root, name: &BranchName) -> Result<Option<BranchRef>> {
    let path = path(name);
    match root.get(&path).await? {
        Some(bytes) => format::decode(root, &path, &bytes).map(Some),
        None => Ok(None),
    }
}

/// Creates a ref; returns whether this one is there now, false when the name was taken.
///
/// A lost acknowledgement is resolved by looking.
pub(crate) async fn create(root: &Root, branch: &BranchRef) -> Result<bool> {
    let created = match root.create(&path(&branch.name), format::encode(branch)).await {
        Ok(created) => failpoints::hit(root, created_point(&branch.name)).map(|()| created),
        Err(error) => Err(error),
    };
    match created {
        Ok(Created::Yes) => Ok(true),
        Ok(Created::Taken(_)) => Ok(false),
        Err(error) => match look(root, &branch.name).await {
            Ok(Some(found)) => Ok(found.uid == branch.uid),
            Ok(None) | Err(_) => Err(error.into()),
        },
    }
}

/// Reads a ref whose creation was not acknowledged.
pub(crate) async fn look(root: &Root, name: &BranchName) -> Result<Option<BranchRef>> {
    if name.is_main() {
        failpoints::hit(root, failpoints::INIT_PROBE)?;
    }
    load(root, name).await
}

fn created_point(name: &BranchName) -> &'static str {
    if name.is_main() { failpoints::INIT_UNACKNOWLEDGED } else { failpoints::BRANCH_CREATED }
}

/// Deletes the ref of an incarnation that the caller alone may delete.
///
/// A lost acknowledgement is resolved by looking.
pub(crate) async fn delete(root: &Root, branch: &BranchRef) -> Result<()> {
    let deleted = match root.delete(&path(&branch.name)).await {
        Ok(()) => failpoints::hit(root, failpoints::BRANCH_DELETED),
        Err(error) => Err(error),
    };
    match deleted {
        Ok(()) => Ok(()),
        Err(error) => match load(root, &branch.name).await {
            Ok(found) if !is_ours(found.clone(), branch) => Ok(()),
            Ok(_) | Err(_) => Err(error.into()),
        },
    }
}

/// Lists the live branches: `main` first, the others by name.
pub async fn list(root: &Root) -> Result<Vec<BranchName>> {
    let objects = root.list(&format!("{MANIFEST}/refs/")).await?;
    let mut names: Vec<BranchName> = objects
        .iter()
        .filter_map(|object| object.path.rsplit('/').next()?.strip_suffix(".json"))
        .filter_map(BranchName::from_escaped)
        .collect();
    names.sort_by(|a, b| (!a.is_main(), a).cmp(&(!b.is_main(), b)));
    Ok(names)
}

fn is_ours(found: Option<BranchRef>, branch: &BranchRef) -> bool {
    found.is_some_and(|found| found.uid == branch.uid)
}

fn path(name: &BranchName) -> String {
    format!("{MANIFEST}/refs/{}.json", name.escaped())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_below_the_fork_point_are_held_by_the_ancestors() {
        let (first, second, own) = (BranchUid::mint(), BranchUid::mint(), BranchUid::mint());
        let branch = BranchRef {
            format: 1,
            name: BranchName::parse("x").unwrap(),
            uid: own,
            inherited: vec![
                Segment { branch_uid: first, last: Seq(3) },
                Segment { branch_uid: second, last: Seq(5) },
            ],
            creator: None,
            created_at: 0,
        };
        let holders: Vec<BranchUid> = (1..=6).map(|seq| branch.holder(Seq(seq))).collect();
        assert_eq!(holders, [first, first, first, second, second, own]);

        let lineage = |seq| {
            let segments = branch.lineage(Seq(seq));
            segments.iter().map(|segment| (segment.branch_uid, segment.last.0)).collect::<Vec<_>>()
        };
        assert_eq!(lineage(2), [(first, 2)]);
        assert_eq!(lineage(3), [(first, 3)]);
        assert_eq!(lineage(4), [(first, 3), (second, 4)]);
        assert_eq!(lineage(9), [(first, 3), (second, 5), (own, 9)]);
    }
}
