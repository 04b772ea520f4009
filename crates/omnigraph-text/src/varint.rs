//! Unsigned integers of one to ten bytes: seven bits a byte, low bits first, the high bit says that more follow
//! (LEB128).

/// Bytes of the longest encoding of a `u64`.
const MAX_BYTES: usize = 10;

/// Appends `value` to `out`.
pub(crate) fn write(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes an integer from the front of `bytes`; `None` if they end inside it or it does not fit 64 bits.
#[inline]
pub(crate) fn read(bytes: &mut &[u8]) -> Option<u64> {
    let (&first, rest) = bytes.split_first()?;
    if first < 0x80 {
        *bytes = rest;
        return Some(u64::from(first));
    }
    let mut value = u64::from(first & 0x7f);
    for (index, &byte) in rest.iter().take(MAX_BYTES - 1).enumerate() {
        let shift = 7 * (index as u32 + 1);
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte < 0x80 {
            *bytes = &rest[index + 1..];
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_is_read_back() {
        let mut values = vec![0, u64::MAX, u64::from(u32::MAX)];
        values.extend((0..64).flat_map(|bit| [1_u64 << bit, (1_u64 << bit) - 1]));
        let mut out = Vec::new();
        for &value in &values {
            write(value, &mut out);
        }
        let mut rest = out.as_slice();
        for &value in &values {
            assert_eq!(read(&mut rest), Some(value));
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn a_cut_or_overlong_integer_is_none() {
        assert_eq!(read(&mut [].as_slice()), None);
        assert_eq!(read(&mut [0x80, 0x80].as_slice()), None);
        assert_eq!(read(&mut [0xff; 12].as_slice()), None);
        let mut over = [0xff; 10];
        over[9] = 2;
        assert_eq!(read(&mut over.as_slice()), None);
    }
}
