use core::fmt::Write;

/// The desired properties of a simulated twin: a few numbers, of which each change sets one.
///
/// The number that a change sets is its version, so that a change which is missing or comes late can be seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Document([u64; Self::KEYS]);

impl Document {
    const KEYS: usize = 3;

    /// Which member the change to that version sets.
    pub(crate) const fn key(version: u64) -> u64 {
        // Not in turn, so that what one change covers up another does not.
        (version * version + version / 2) % Self::KEYS as u64
    }

    pub(crate) fn set(&mut self, key: u64, value: u64) {
        if let Some(place) = usize::try_from(key).ok().and_then(|key| self.0.get_mut(key)) {
            *place = value;
        }
    }

    /// The merge patch that changes it to that version.
    pub(crate) fn write_patch(version: u64, out: &mut String) {
        out.clear();
        // Writing to a string does not fail.
        let _ = write!(out, r#"{{"k{}":{version}}}"#, Self::key(version));
    }

    /// Applies such a patch; `false` if it is none.
    pub(crate) fn patch(&mut self, patch: &[u8]) -> bool {
        let mut numbers = Numbers(patch);
        match (numbers.next(), numbers.next(), numbers.next()) {
            (Some(key), Some(value), None) => {
                self.set(key, value);
                true
            }
            _ => false,
        }
    }

    /// A whole twin with these desired properties.
    pub(crate) fn write_twin(&self, version: u64, reported: u64, out: &mut String) {
        let mut desired = String::new();
        self.write_desired(version, &mut desired);
        out.clear();
        let _ = write!(out, r#"{{"desired":{desired},"reported":{{"$version":{reported}}}}}"#);
    }

    /// The desired properties alone.
    pub(crate) fn write_desired(&self, version: u64, out: &mut String) {
        out.clear();
        let [a, b, c] = self.0;
        let _ = write!(out, r#"{{"k0":{a},"k1":{b},"k2":{c},"$version":{version}}}"#);
    }

    /// Reads such a twin, or its desired properties alone, and their version.
    pub(crate) fn read(json: &[u8]) -> Option<(Self, u64)> {
        let mut document = Self::default();
        let mut numbers = Numbers(json);
        for _ in 0..Self::KEYS {
            let key = numbers.next()?;
            document.set(key, numbers.next()?);
        }
        Some((document, numbers.next()?))
    }
}

/// The numbers in a text, one after the other.
pub(crate) struct Numbers<'a>(pub(crate) &'a [u8]);

impl Iterator for Numbers<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let begin = self.0.iter().position(u8::is_ascii_digit)?;
        let digits = self.0.get(begin..)?;
        let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
        let (digits, rest) = digits.split_at(end);
        self.0 = rest;
        core::str::from_utf8(digits).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_a_missing_change_shows() {
        let (mut whole, mut without_four) = (Document::default(), Document::default());
        let mut text = String::new();
        for version in 2..9 {
            Document::write_patch(version, &mut text);
            assert!(whole.patch(text.as_bytes()));
            if version != 4 {
                assert!(without_four.patch(text.as_bytes()));
            }
            assert!(version != 4 || whole != without_four);
            whole.write_twin(version, 77, &mut text);
            assert_eq!(Document::read(text.as_bytes()), Some((whole, version)));
        }
        assert_eq!(Document::read(b"{}"), None);
    }
}
