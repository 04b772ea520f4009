//! Positions that survive a process: cursors of feeds and page tokens, as opaque text.
//!
//! A token is base64url of a compact JSON body and the first bytes of a digest over it, so that a token that was cut,
//! mixed up or edited is refused instead of read as another position. It is bound to what it belongs to: the graph, the
//! incarnation of the branch or the commit, and the scope. The digest is no secret; a token grants nothing that its
//! holder could not ask for.
//!
//! An offset in a block is a type and a count of entities, not an id, so that a token's length does not follow the
//! length of ids; a block never changes, so the count finds the same entity again, and the digest of the last id proves
//! it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use omnigraph_graph::commit::ids::BranchUid;
use omnigraph_graph::commit::{CommitId, Seq};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{CursorRejection, OmniError, Result};

/// The longest cursor or page token, encoded.
pub const MAX_TOKEN_BYTES: usize = 4096;
const CHECK_BYTES: usize = 12;
/// Sets digests of tokens apart from those of anything else.
const CHECK_SALT: &[u8] = b"omnigraph change token 1\0";

/// Where in the block of a commit a page ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BlockOffset {
    /// Published id of the type the last delivered change is of.
    #[serde(rename = "t")]
    pub(crate) type_id: String,
    /// Differing entities of that type read so far, delivered or not.
    #[serde(rename = "n")]
    pub(crate) read: u64,
    /// Digest of the id of the last of them.
    #[serde(rename = "d")]
    pub(crate) last: String,
}

/// A commit on a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CommitPosition {
    /// Its sequence number on the branch.
    #[serde(rename = "q")]
    pub(crate) seq: Seq,
    /// Its id.
    #[serde(rename = "i")]
    pub(crate) id: CommitId,
}

/// What every token of a feed is bound to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Feed {
    /// The graph.
    #[serde(rename = "g")]
    pub(crate) graph: BranchUid,
    /// The incarnation of the branch: its name may be given again, this may not.
    #[serde(rename = "b")]
    pub(crate) branch: BranchUid,
    /// Digest of the scope.
    #[serde(rename = "s")]
    pub(crate) scope: String,
}

/// A position.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "k")]
pub(crate) enum Token {
    /// Behind complete commits of a branch.
    #[serde(rename = "c")]
    Cursor {
        #[serde(flatten)]
        feed: Feed,
        /// The last of them.
        #[serde(rename = "a")]
        after: CommitPosition,
    },
    /// In the middle of a block of a feed.
    #[serde(rename = "f")]
    FeedPage {
        #[serde(flatten)]
        feed: Feed,
        /// Where the poll ends.
        #[serde(rename = "u")]
        cut: CommitPosition,
        /// The commit whose block it is.
        #[serde(rename = "o")]
        open: CommitPosition,
        /// Where in it.
        #[serde(rename = "p")]
        offset: BlockOffset,
    },
    /// In the middle of the block of one commit.
    #[serde(rename = "p")]
    CommitPage {
        /// The graph.
        #[serde(rename = "g")]
        graph: BranchUid,
        /// Digest of the scope.
        #[serde(rename = "s")]
        scope: String,
        /// The commit.
        #[serde(rename = "o")]
        commit: CommitId,
        /// Where in it.
        #[serde(rename = "p")]
        offset: BlockOffset,
    },
}

impl Token {
    /// Writes the token.
    pub(crate) fn encode(&self) -> String {
        let mut bytes = serde_json::to_vec(self).expect("a token is written to memory");
        bytes.extend_from_slice(&check(&bytes));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what a caller gave.
    ///
    /// # Errors
    /// [`OmniError::ChangeCursorRejected`] (malformed).
    pub(crate) fn decode(text: &str) -> Result<Token> {
        Token::read(text).ok_or_else(|| rejected(CursorRejection::Malformed))
    }

    fn read(text: &str) -> Option<Token> {
        if text.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (body, given) = bytes.split_at_checked(bytes.len().checked_sub(CHECK_BYTES)?)?;
        if check(body) != given {
            return None;
        }
        serde_json::from_slice(body).ok()
    }
}

impl Feed {
    /// Refuses a token that belongs to something else.
    pub(crate) fn ensure_same(&self, given: &Feed) -> Result<()> {
        if given.graph != self.graph {
            return Err(rejected(CursorRejection::OtherGraph));
        }
        if given.branch != self.branch {
            return Err(rejected(CursorRejection::OtherBranch));
        }
        if given.scope != self.scope {
            return Err(rejected(CursorRejection::OtherScope));
        }
        Ok(())
    }
}

impl BlockOffset {
    /// Returns the offset behind an entity.
    pub(crate) fn behind(type_id: &str, read: u64, id: &str) -> BlockOffset {
        BlockOffset { type_id: type_id.to_owned(), read, last: BlockOffset::digest(id) }
    }

    /// Tells whether the entity read last has this id.
    pub(crate) fn is_behind(&self, id: &str) -> bool {
        self.last == BlockOffset::digest(id)
    }

    fn digest(id: &str) -> String {
        hex::encode(&Sha256::digest(id)[..8])
    }
}

/// Makes the error of a refused token.
pub(crate) fn rejected(reason: CursorRejection) -> OmniError {
    OmniError::ChangeCursorRejected { reason }
}

fn check(body: &[u8]) -> [u8; CHECK_BYTES] {
    let digest = Sha256::new().chain_update(CHECK_SALT).chain_update(body).finalize();
    let mut check = [0; CHECK_BYTES];
    check.copy_from_slice(&digest[..CHECK_BYTES]);
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed() -> Feed {
        Feed { graph: BranchUid::mint(), branch: BranchUid::mint(), scope: "00ff".to_owned() }
    }

    fn at(seq: u64) -> CommitPosition {
        CommitPosition { seq: Seq(seq), id: CommitId::mint_after(&[]) }
    }

    fn tokens() -> Vec<Token> {
        let offset = BlockOffset::behind("t7-1", 12, &"x".repeat(100_000));
        vec![
            Token::Cursor { feed: feed(), after: at(u64::MAX) },
            Token::FeedPage { feed: feed(), cut: at(9), open: at(3), offset: offset.clone() },
            Token::CommitPage { graph: BranchUid::mint(), scope: "s".into(), commit: at(1).id, offset },
        ]
    }

    #[test]
    fn tokens_round_trip_and_stay_short() {
        for token in tokens() {
            let text = token.encode();
            assert_eq!(Token::decode(&text).unwrap(), token);
            assert!(text.len() < MAX_TOKEN_BYTES / 4, "{text}");
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'), "{text}");
        }
    }

    #[test]
    fn no_edited_token_is_read() {
        for token in tokens() {
            let text = token.encode();
            for position in 0..text.len() {
                let mut edited = text.clone().into_bytes();
                edited[position] = if edited[position] == b'A' { b'B' } else { b'A' };
                let edited = String::from_utf8(edited).unwrap();
                // The last character carries bits that decoding must not ignore.
                let error = Token::decode(&edited).unwrap_err();
                let is_malformed =
                    matches!(error, OmniError::ChangeCursorRejected { reason: CursorRejection::Malformed });
                assert!(is_malformed, "{position}: {error}");
            }
            assert!(Token::decode(&text[..text.len() - 1]).is_err());
        }
        for junk in ["", "A", "not a token", &"A".repeat(MAX_TOKEN_BYTES + 1)] {
            assert!(Token::decode(junk).is_err(), "{junk}");
        }
    }

    #[test]
    fn a_token_of_something_else_is_told_apart() {
        let own = feed();
        let reason = |given: &Feed| match own.ensure_same(given) {
            Err(OmniError::ChangeCursorRejected { reason }) => Some(reason),
            _ => None,
        };
        assert_eq!(reason(&own), None);
        assert_eq!(reason(&feed()), Some(CursorRejection::OtherGraph));
        let recreated = Feed { branch: BranchUid::mint(), ..own.clone() };
        assert_eq!(reason(&recreated), Some(CursorRejection::OtherBranch));
        let wider = Feed { scope: "01".to_owned(), ..own.clone() };
        assert_eq!(reason(&wider), Some(CursorRejection::OtherScope));
    }
}
