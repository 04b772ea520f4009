//! Pages: how much of a block goes on one, and the pages of one commit.

use std::io::{self, Write};

use omnigraph_graph::branch;
use omnigraph_graph::commit::ids::BranchUid;
use omnigraph_graph::commit::{BranchName, CommitId, Graph, Seq, Snapshot};

use super::block::BlockReader;
use super::model::{ChangeCause, CommitChangesPage, GraphChangeBlock, GraphEntityChange};
use super::reader_cache::ReaderCache;
use super::request::{DEFAULT_PAGE_BYTES, DEFAULT_PAGE_CHANGES, MAX_PAGE_BYTES, MAX_PAGE_CHANGES};
use super::scope::ChangeFeedScope;
use super::token::{BlockOffset, Token, rejected};
use crate::error::{CursorRejection, OmniError, Result};

/// What is left of a page.
#[derive(Debug)]
pub(crate) struct Budget {
    changes: usize,
    bytes: u64,
    is_empty: bool,
}

impl Budget {
    /// Makes the budget of a page.
    ///
    /// # Errors
    /// Bad request for a limit of zero, [`OmniError::ResourceLimitExceeded`] for one above the maximum.
    pub(crate) fn new(max_changes: Option<usize>, max_bytes: Option<u64>) -> Result<Budget> {
        let changes =
            within("commit_changes_page_changes", max_changes, DEFAULT_PAGE_CHANGES, MAX_PAGE_CHANGES)?;
        let bytes = max_bytes.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let bytes = within(
            "commit_changes_page_bytes",
            bytes,
            usize::try_from(DEFAULT_PAGE_BYTES).unwrap_or(usize::MAX),
            usize::try_from(MAX_PAGE_BYTES).unwrap_or(usize::MAX),
        )?;
        Ok(Budget { changes, bytes: bytes as u64, is_empty: true })
    }

    /// Makes room for a change; false when it has to wait for the next page. The first change of a page always fits,
    /// so that every change can be passed.
    fn admit(&mut self, change: &GraphEntityChange) -> bool {
        let bytes = size(change);
        if !self.is_empty && (self.changes == 0 || self.bytes < bytes) {
            return false;
        }
        self.is_empty = false;
        self.changes = self.changes.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
        true
    }

    /// Tells whether another change may fit.
    pub(crate) fn has_room(&self) -> bool {
        self.is_empty || (self.changes > 0 && self.bytes > 0)
    }
}

/// Checks a limit that a caller chose.
pub(crate) fn within(resource: &str, given: Option<usize>, default: usize, max: usize) -> Result<usize> {
    match given {
        None => Ok(default),
        Some(0) => Err(OmniError::bad_request(format!("the limit {resource} must be at least 1"))),
        Some(given) if given > max => Err(OmniError::ResourceLimitExceeded {
            resource: resource.to_owned(),
            limit: max as u64,
            actual: given as u64,
        }),
        Some(given) => Ok(given),
    }
}

/// As much of a block as fits.
pub(crate) struct Part {
    /// The changes.
    pub(crate) changes: Vec<GraphEntityChange>,
    /// Where it stopped, when the block goes on; absent when not one change fitted.
    pub(crate) offset: Option<BlockOffset>,
    /// Whether the block ends here.
    pub(crate) is_complete: bool,
}

/// Reads until the block or the budget ends.
pub(crate) async fn fill(reader: &mut BlockReader, budget: &mut Budget) -> Result<Part> {
    let mut part = Part { changes: Vec::new(), offset: None, is_complete: false };
    loop {
        match reader.peek().await? {
            None => {
                part.is_complete = true;
                return Ok(part);
            }
            Some(change) if !budget.admit(change) => return Ok(part),
            Some(_) => {}
        }
        if let Some((change, offset)) = reader.take() {
            part.changes.push(change);
            part.offset = Some(offset);
        }
    }
}

/// Reads a page of the changes of one commit against its first parent.
///
/// # Errors
/// [`OmniError::CommitHasNoParent`], [`OmniError::ChangeSchemaBoundary`], [`OmniError::ChangeFeedGap`],
/// [`OmniError::ChangeCursorRejected`]; not found when no live branch has the commit.
pub(crate) async fn commit_page(
    graph: &Graph,
    readers: &ReaderCache,
    commit: &CommitId,
    scope: &ChangeFeedScope,
    token: Option<&str>,
    mut budget: Budget,
) -> Result<CommitChangesPage> {
    let identity = identity(graph).await?;
    let offset = match token {
        None => None,
        Some(text) => Some(offset_in(Token::decode(text)?, identity, commit, scope)?),
    };
    let after = branch::at_commit(graph, commit).await?;
    let cause = ChangeCause::from(after.record());
    let read = async {
        let mut reader = match token.and_then(|text| readers.take(text)) {
            Some(reader) => reader,
            None => open(graph, &after, &cause, scope, offset.as_ref()).await?,
        };
        let part = fill(&mut reader, &mut budget).await?;
        Ok((reader, part))
    };
    let (reader, part) = read.await.map_err(|error| unreadable(error, &after, None))?;
    let next_page_token = match part.offset {
        Some(offset) if !part.is_complete => {
            let token = Token::CommitPage { graph: identity, scope: scope.digest(), commit: *commit, offset };
            let text = token.encode();
            readers.put(&text, reader);
            Some(text)
        }
        Some(_) | None => None,
    };
    Ok(CommitChangesPage { block: GraphChangeBlock { cause, changes: part.changes }, next_page_token })
}

/// Returns the identity of the graph: that of the one incarnation of `main`.
pub(crate) async fn identity(graph: &Graph) -> Result<BranchUid> {
    Ok(graph.at_seq(&BranchName::main(), Seq::FIRST).await?.branch_target().uid)
}

/// Tells a caller of the change views that data of a commit is gone.
pub(crate) fn unreadable(error: OmniError, commit: &Snapshot, cursor: Option<&str>) -> OmniError {
    match error {
        OmniError::HistoricalVersionReclaimed { .. } => OmniError::ChangeFeedGap {
            cursor: cursor.map(str::to_owned),
            first_unreadable_commit_id: commit.record().id.to_string(),
        },
        other => other,
    }
}

async fn open(
    graph: &Graph,
    after: &Snapshot,
    cause: &ChangeCause,
    scope: &ChangeFeedScope,
    offset: Option<&BlockOffset>,
) -> Result<BlockReader> {
    let Some(parent) = &cause.parent_commit_id else {
        return Err(OmniError::CommitHasNoParent { graph_commit_id: cause.graph_commit_id.clone() });
    };
    let before = branch::at_commit(graph, &CommitId::parse(parent)?).await?;
    let mut reader = BlockReader::new(&before, after, scope)?;
    if let Some(offset) = offset {
        reader.resume(offset).await?;
    }
    Ok(reader)
}

fn offset_in(
    token: Token,
    own: BranchUid,
    wanted: &CommitId,
    wanted_scope: &ChangeFeedScope,
) -> Result<BlockOffset> {
    let Token::CommitPage { graph, scope, commit, offset } = token else {
        return Err(rejected(CursorRejection::WrongKind));
    };
    if graph != own {
        return Err(rejected(CursorRejection::OtherGraph));
    }
    if commit != *wanted {
        return Err(rejected(CursorRejection::OtherCommit));
    }
    if scope != wanted_scope.digest() {
        return Err(rejected(CursorRejection::OtherScope));
    }
    Ok(offset)
}

/// Returns the length of a change as text.
fn size(change: &GraphEntityChange) -> u64 {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, change).expect("counting does not fail");
    length.0
}

struct Length(u64);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use omnigraph_compiler::catalog::EntityKind;

    use super::super::model::{ChangeOp, ChangedType};
    use super::*;

    fn change(id: &str) -> GraphEntityChange {
        GraphEntityChange {
            kind: EntityKind::Node,
            entity_type: ChangedType { id: "t1-1".into(), name: "T".into() },
            id: id.to_owned(),
            op: ChangeOp::Delete,
            before: None,
            after: None,
        }
    }

    #[test]
    fn the_first_change_of_a_page_always_fits() {
        let mut budget = Budget::new(Some(2), Some(1)).unwrap();
        assert!(budget.has_room());
        assert!(budget.admit(&change(&"x".repeat(1000))));
        assert!(!budget.admit(&change("y")), "no byte is left");
        assert!(!budget.has_room());
    }

    #[test]
    fn a_page_ends_with_its_last_change() {
        let mut budget = Budget::new(Some(2), None).unwrap();
        assert!(budget.admit(&change("a")));
        assert!(budget.admit(&change("b")));
        assert!(!budget.has_room());
        assert!(!budget.admit(&change("c")));
    }

    #[test]
    fn limits_are_checked() {
        assert!(matches!(Budget::new(Some(0), None), Err(OmniError::Manifest(_))));
        assert!(matches!(Budget::new(None, Some(0)), Err(OmniError::Manifest(_))));
        let limit = |result| match result {
            Err(OmniError::ResourceLimitExceeded { resource, limit, actual }) => {
                Some((resource, limit, actual))
            }
            _ => None,
        };
        let changes = limit(Budget::new(Some(8193), None));
        assert_eq!(changes, Some(("commit_changes_page_changes".to_owned(), 8192, 8193)));
        let bytes = limit(Budget::new(None, Some((32 << 20) + 1)));
        assert_eq!(bytes.map(|b| b.0), Some("commit_changes_page_bytes".to_owned()));
        assert!(Budget::new(Some(8192), Some(32 << 20)).is_ok());
    }
}
