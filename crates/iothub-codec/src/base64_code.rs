//! A code of 32 bytes in base64: 43 digits and a sign that fills up the last group.

pub(crate) const LEN: usize = 44;

pub(crate) fn write(code: &[u8; 32]) -> [u8; LEN] {
    let mut text = [b'='; LEN];
    text.iter_mut().zip(digits(code)).for_each(|(place, digit)| *place = digit);
    text
}

/// The text without the sign at its end.
pub(crate) fn digits(code: &[u8; 32]) -> impl Iterator<Item = u8> {
    (0..LEN - 1).map(|number| {
        let (at, bit) = (number * 6 / 8, number * 6 % 8);
        // Two bits more than there are, for the last digit.
        let byte = |at| u16::from(code.get(at).copied().unwrap_or(0));
        let two = byte(at) << 8 | byte(at + 1);
        digit((two >> (10 - bit) & 0x3F) as u8)
    })
}

fn digit(value: u8) -> u8 {
    match value {
        0..26 => b'A' + value,
        26..52 => b'a' - 26 + value,
        52..62 => value - 52 + b'0',
        62 => b'+',
        _ => b'/',
    }
}

/// `None` for what no writer makes of 32 bytes: there is one text for each code.
pub(crate) fn read(text: &[u8]) -> Option<[u8; 32]> {
    let text: &[u8; LEN] = text.try_into().ok()?;
    let [digits @ .., b'='] = text else { return None };
    let mut code = [0; 32];
    let mut places = code.iter_mut();
    let (mut bits, mut len) = (0_u32, 0);
    for digit in digits {
        bits = bits << 6 | value(*digit)?;
        len += 6;
        if len >= 8 {
            len -= 8;
            *places.next()? = (bits >> len) as u8;
        }
    }
    // The last digit has two bits more than it needs.
    (bits & 0b11 == 0).then_some(code)
}

fn value(digit: u8) -> Option<u32> {
    let value = match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn codes_are_as_other_programs_write_them() {
        for (code, text) in [
            ([0; 32], b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
            ([0xFB; 32], b"+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/v7+/s="),
            (core::array::from_fn(|at| at as u8), b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="),
        ] {
            assert_eq!(&write(&code), text);
            assert_eq!(read(text), Some(code));
        }
    }

    #[test]
    fn there_is_one_text_for_each_code() {
        for text in [
            &b""[..],
            b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=",
            b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==",
            b"-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        ] {
            assert_eq!(read(text), None, "{}", text.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(code: [u8; 32]) {
            prop_assert_eq!(read(&write(&code)), Some(code));
        }
    }
}
