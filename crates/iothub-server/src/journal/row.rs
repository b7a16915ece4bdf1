//! Rows as they are kept: with a version and a checksum, as the engine does not check what it reads.

use crc32fast::Hasher;

use super::error::Failure;

/// Makes a row of a table: what is in it cannot be taken for another row's.
pub(super) fn seal(table: &str, number: u64, payload: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(HEAD_LEN + payload.len());
    row.push(VERSION);
    row.extend_from_slice(&checksum(table, number, payload).to_le_bytes());
    row.extend_from_slice(payload);
    row
}

/// What was sealed.
pub(super) fn open<'a>(table: &str, number: u64, row: &'a [u8]) -> Result<&'a [u8], Failure> {
    let wrong = |what: &str| Failure::damaged(format!("row {number} of {table} {what}"));
    let (head, payload) = row.split_at_checked(HEAD_LEN).ok_or_else(|| wrong("is too short"))?;
    let [version, sum @ ..] = head else { return Err(wrong("is too short")) };
    if sum != checksum(table, number, payload).to_le_bytes() {
        return Err(wrong("is not as it was written"));
    }
    if *version != VERSION {
        return Err(wrong("is of another version"));
    }
    Ok(payload)
}

/// Takes pieces off a payload.
pub(super) struct Pieces<'a>(pub(super) &'a [u8]);

impl<'a> Pieces<'a> {
    /// The next piece that was put there by [`put_piece`]. `None` where the payload does not hold one.
    pub(super) fn piece(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.number()?).ok()?;
        let (piece, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(piece)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        core::str::from_utf8(self.piece()?).ok()
    }

    /// The next number that was put there by [`put_number`].
    pub(super) fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let (&byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Seven bits a byte, the lowest first.
pub(super) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

pub(super) fn put_piece(out: &mut Vec<u8>, piece: &[u8]) {
    put_number(out, piece.len() as u64);
    out.extend_from_slice(piece);
}

fn checksum(table: &str, number: u64, payload: &[u8]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&[VERSION]);
    hasher.update(table.as_bytes());
    hasher.update(&number.to_le_bytes());
    hasher.update(payload);
    hasher.finalize()
}

/// Of rows, as far as their payloads are the same.
const VERSION: u8 = 1;
const HEAD_LEN: usize = 5;
/// Rows are ended behind what makes them longer than this, in bytes.
pub(super) const ROW_LEN: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_in_which_any_bit_is_another_is_none() {
        let row = seal("record", 7, b"what is in it");
        assert_eq!(open("record", 7, &row).unwrap(), b"what is in it");
        assert!(open("record", 8, &row).is_err());
        assert!(open("events", 7, &row).is_err());
        for bit in 0..row.len() * 8 {
            let mut flipped = row.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open("record", 7, &flipped).is_err(), "bit {bit}");
        }
        for len in 0..row.len() {
            assert!(open("record", 7, &row[..len]).is_err(), "{len} bytes");
        }
    }

    #[test]
    fn numbers_and_pieces_read_back() {
        let mut out = Vec::new();
        let numbers = [0, 1, 127, 128, 16_383, 16_384, u64::MAX];
        numbers.iter().for_each(|number| put_number(&mut out, *number));
        put_piece(&mut out, b"piece");
        let mut pieces = Pieces(&out);
        assert_eq!(numbers.map(|_| pieces.number().unwrap()), numbers);
        assert_eq!(pieces.piece(), Some(&b"piece"[..]));
        assert!(pieces.is_empty());
        assert_eq!(Pieces(&[3, b'a', b'b']).piece(), None);
        assert_eq!(Pieces(&[0xFF; 11]).number(), None);
    }
}
