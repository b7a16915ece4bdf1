use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Length of a generated key before base64, in bytes.
const GENERATED_LEN: usize = 32;

/// Where keys, etags and tracking ids come from: one seed, given by whoever makes the hub.
#[derive(Clone)]
pub(crate) struct Source(ChaCha12Rng);

impl Source {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    /// A new key, in base64.
    pub(crate) fn key(&mut self) -> String {
        let mut bytes = [0; GENERATED_LEN];
        self.0.fill_bytes(&mut bytes);
        to_base64(&bytes)
    }

    /// Sixteen hex digits for a tracking id.
    pub(crate) fn tracking_id(&mut self) -> String {
        format!("{:016x}", self.0.next_u64())
    }

    /// Hex digits by which an event of the hub itself is told from others.
    pub(crate) fn correlation_id(&mut self) -> String {
        format!("{:016x}{:016x}", self.0.next_u64(), self.0.next_u64())
    }

    /// Names what somebody holds for a while.
    pub(crate) fn lock(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Where something that is counted begins.
    pub(crate) fn number(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// The etag of an identity: as IoT Hub's, base64 of some digits.
    pub(crate) fn identity_etag(&mut self) -> String {
        to_base64(format!("{:09}", self.0.next_u32() % 1_000_000_000).as_bytes())
    }

    /// The id of a generation of an identity: eighteen digits.
    pub(crate) fn generation(&mut self) -> String {
        format!("6{:017}", self.0.next_u64() % 100_000_000_000_000_000)
    }
}

/// The state of the generator is as secret as the keys it will make.
impl core::fmt::Debug for Source {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Source(..)")
    }
}

pub(crate) fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_follow_from_the_seed_and_do_not_repeat() {
        let mut one = Source::new([1; 32]);
        let mut same = Source::new([1; 32]);
        let mut other = Source::new([2; 32]);
        let key = one.key();
        assert_eq!(from_base64(&key).unwrap().len(), GENERATED_LEN);
        assert_eq!(key, same.key());
        assert_ne!(key, one.key());
        assert_ne!(key, other.key());
        assert!(!format!("{one:?}").contains(char::is_numeric));
    }
}
