//! The stored form of a segment.
//!
//! In order, integers little-endian: the mark [`MAGIC`]; the format number (4 bytes); the number of rows (4); the bytes
//! of the dictionary (8) and of the postings (8); for each row 0 for null or one more than the length of its text, as
//! a variable-length integer; the dictionary; the postings; and the XXH3 hash (64 bits) of all before it.

use xxhash_rust::xxh3::xxh3_64;

use crate::dictionary::Dictionary;
use crate::error::FormatError;
use crate::postings::PostingList;
use crate::segment::{NO_TEXT, Segment};
use crate::varint;

/// The first bytes of a segment.
const MAGIC: [u8; 4] = *b"OGTX";
/// The number of the format above, and of the analysis that made the terms: it rises when either changes.
const VERSION: u32 = 1;

impl Segment {
    /// The segment as bytes, for [`Self::from_bytes`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let dictionary = self.dictionary.bytes();
        let mut out =
            Vec::with_capacity(40 + self.lengths.len() * 2 + dictionary.len() + self.postings.len());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.rows().to_le_bytes());
        out.extend_from_slice(&(dictionary.len() as u64).to_le_bytes());
        out.extend_from_slice(&(self.postings.len() as u64).to_le_bytes());
        for &length in &self.lengths {
            varint::write(if length == NO_TEXT { 0 } else { u64::from(length) + 1 }, &mut out);
        }
        out.extend_from_slice(dictionary);
        out.extend_from_slice(&self.postings);
        let checksum = xxh3_64(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    /// The segment that [`Self::to_bytes`] wrote as `bytes`. All content is checked, at the cost of one pass over it.
    ///
    /// # Errors
    /// [`FormatError`] if the bytes are anything else than a whole, unaltered segment of the known format.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FormatError> {
        let mut rest = bytes;
        if take(&mut rest, "mark")? != MAGIC {
            return Err(FormatError::Magic);
        }
        let version = u32::from_le_bytes(take(&mut rest, "version")?);
        if version != VERSION {
            return Err(FormatError::Version { found: version, known: VERSION });
        }
        let (mut rest, stored) =
            rest.split_last_chunk().ok_or(FormatError::Truncated { part: "checksum" })?;
        let (stored, computed) = (u64::from_le_bytes(*stored), xxh3_64(&bytes[..bytes.len() - 8]));
        if stored != computed {
            return Err(FormatError::Checksum { stored, computed });
        }
        let rows = u32::from_le_bytes(take(&mut rest, "header")?);
        let dictionary_len = u64::from_le_bytes(take(&mut rest, "header")?);
        let postings_len = u64::from_le_bytes(take(&mut rest, "header")?);
        let lengths = read_lengths(&mut rest, rows)?;
        let dictionary = Dictionary::from_bytes(take_slice(&mut rest, dictionary_len, "dictionary")?)?;
        let postings = take_slice(&mut rest, postings_len, "postings")?.to_vec();
        if !rest.is_empty() {
            return Err(FormatError::malformed("postings", "bytes follow them"));
        }
        verify(&lengths, &dictionary, &postings)?;
        let texts = || lengths.iter().filter(|&&length| length != NO_TEXT);
        let (docs, terms) = (texts().count() as u32, texts().map(|&length| u64::from(length)).sum());
        Ok(Self { docs, terms, lengths, dictionary, postings })
    }
}

fn take<const N: usize>(rest: &mut &[u8], part: &'static str) -> Result<[u8; N], FormatError> {
    let (chunk, tail) = rest.split_first_chunk().ok_or(FormatError::Truncated { part })?;
    *rest = tail;
    Ok(*chunk)
}

fn take_slice<'a>(rest: &mut &'a [u8], len: u64, part: &'static str) -> Result<&'a [u8], FormatError> {
    let split = usize::try_from(len).ok().and_then(|len| rest.split_at_checked(len));
    let (slice, tail) = split.ok_or(FormatError::Truncated { part })?;
    *rest = tail;
    Ok(slice)
}

fn read_lengths(rest: &mut &[u8], rows: u32) -> Result<Vec<u32>, FormatError> {
    // A length takes at least a byte: a false number of rows reserves no more than the input's size.
    let mut lengths = Vec::with_capacity((rows as usize).min(rest.len()));
    for _ in 0..rows {
        let word = varint::read(rest).ok_or(FormatError::Truncated { part: "lengths" })?;
        let length = match word.checked_sub(1) {
            None => NO_TEXT,
            Some(length) => u32::try_from(length)
                .ok()
                .filter(|&length| length != NO_TEXT)
                .ok_or_else(|| FormatError::malformed("lengths", "a text is too long"))?,
        };
        lengths.push(length);
    }
    Ok(lengths)
}

/// Checks that postings agree with the dictionary and that the terms of every row add up to its length.
fn verify(lengths: &[u32], dictionary: &Dictionary, postings: &[u8]) -> Result<(), FormatError> {
    if dictionary.postings() != postings.len() {
        return Err(FormatError::malformed("postings", "they are not as long as the dictionary says"));
    }
    let mut unseen = lengths.to_vec();
    let mut walk = dictionary.walk();
    while let Some(entry) = walk.next() {
        let list = postings.get(entry.postings).and_then(|bytes| PostingList::new(entry.docs, bytes));
        let list = list.ok_or_else(|| FormatError::malformed("postings", "a skip table is cut"))?;
        list.verify(|offset, freq| {
            let &length = lengths.get(offset as usize).filter(|&&length| length != NO_TEXT)?;
            unseen[offset as usize] = unseen[offset as usize].checked_sub(freq)?;
            Some(length)
        })?;
    }
    if unseen.iter().any(|&count| count != 0 && count != NO_TEXT) {
        return Err(FormatError::malformed("lengths", "a text is longer than its postings"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyzer::Analyzer;
    use crate::builder::SegmentBuilder;

    fn segment() -> Segment {
        let mut builder = SegmentBuilder::new(Analyzer::new());
        for text in [Some("one two two"), None, Some(""), Some("zwölf two")] {
            builder.push(text).unwrap();
        }
        builder.finish()
    }

    /// Makes the checksum of altered bytes right again.
    fn seal(bytes: &mut [u8]) {
        let body = bytes.len() - 8;
        let checksum = xxh3_64(&bytes[..body]);
        bytes[body..].copy_from_slice(&checksum.to_le_bytes());
    }

    #[test]
    fn a_segment_is_read_back() {
        let written = segment();
        let bytes = written.to_bytes();
        let read = Segment::from_bytes(&bytes).unwrap();
        assert_eq!((read.rows(), read.docs(), read.terms), (4, 3, 5));
        assert_eq!(
            (read.length(0), read.length(1), read.length(2), read.length(9)),
            (Some(3), None, Some(0), None)
        );
        assert_eq!(read.to_bytes(), bytes);
    }

    #[test]
    fn an_empty_segment_is_read_back() {
        let empty = SegmentBuilder::new(Analyzer::new()).finish();
        assert_eq!(Segment::from_bytes(&empty.to_bytes()).unwrap().rows(), 0);
    }

    #[test]
    fn other_content_is_named() {
        let bytes = segment().to_bytes();
        assert_eq!(Segment::from_bytes(b"").unwrap_err(), FormatError::Truncated { part: "mark" });
        assert_eq!(Segment::from_bytes(b"{\"a\": 1}").unwrap_err(), FormatError::Magic);
        let mut newer = bytes.clone();
        newer[4] = 9;
        assert_eq!(
            Segment::from_bytes(&newer).unwrap_err(),
            FormatError::Version { found: 9, known: VERSION }
        );
        let mut altered = bytes.clone();
        altered[20] ^= 1;
        assert!(matches!(Segment::from_bytes(&altered), Err(FormatError::Checksum { .. })));
        assert!(matches!(Segment::from_bytes(&bytes[..bytes.len() - 1]), Err(FormatError::Checksum { .. })));
    }

    #[test]
    fn a_false_number_of_rows_reserves_no_memory() {
        let mut bytes = segment().to_bytes();
        bytes[8..12].copy_from_slice(&u32::MAX.to_le_bytes());
        seal(&mut bytes);
        assert!(matches!(Segment::from_bytes(&bytes), Err(FormatError::Truncated { part: "lengths" })));
    }

    #[test]
    fn a_changed_byte_under_a_right_checksum_is_refused_or_read_as_it_is() {
        let bytes = segment().to_bytes();
        let mut accepted = 0;
        for at in 8..bytes.len() - 8 {
            for value in 0..=u8::MAX {
                let mut altered = bytes.clone();
                altered[at] = value;
                seal(&mut altered);
                if let Ok(read) = Segment::from_bytes(&altered) {
                    assert_eq!(read.to_bytes().len(), altered.len(), "byte {at} as {value}");
                    accepted += 1;
                }
            }
        }
        // Every byte was also "changed" to itself.
        assert!(accepted >= bytes.len() - 16, "{accepted}");
    }
}
