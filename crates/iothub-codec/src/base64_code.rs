//! A code of 32 bytes in base64: 43 digits and a sign that fills up the last group.

pub(crate) const LEN: usize = 44;

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

pub(crate) fn write(code: &[u8; 32]) -> [u8; LEN] {
    let mut text = [b'='; LEN];
    let (mut bits, mut len) = (0_u32, 0);
    // Two bits more than there are, for the last digit.
    let mut bytes = code.iter().chain(&[0]);
    for place in text.iter_mut().take(LEN - 1) {
        if len < 6 {
            bits = bits << 8 | u32::from(*bytes.next().unwrap_or(&0));
            len += 8;
        }
        len -= 6;
        *place = DIGITS[(bits >> len) as usize & 0x3F];
    }
    text
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
