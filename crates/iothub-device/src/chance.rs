use core::fmt::{Display, Write};

use iothub_proto::Seed;

/// A number that nobody else has, as good as certainly.
#[cfg(feature = "upload")]
pub(crate) fn number() -> u64 {
    seed_number("")
}

/// It only spreads reconnects in time. Without a source of it the name of the device does, with its module:
/// what matters is that devices differ.
pub(crate) fn seed(name: impl Display) -> Seed {
    Seed::new(seed_number(name))
}

/// The one reader of entropy in this crate.
fn seed_number(name: impl Display) -> u64 {
    getrandom::u64().unwrap_or_else(|_| Digest::of(name))
}

/// Of a text that is written into it: FNV-1a.
struct Digest(u64);

impl Digest {
    fn of(name: impl Display) -> u64 {
        let mut digest = Self(0xCBF2_9CE4_8422_2325);
        // It takes everything.
        let _ = write!(digest, "{name}");
        digest.0
    }
}

impl Write for Digest {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        for byte in text.bytes() {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Options;

    #[test]
    fn devices_differ_without_a_source_of_chance() {
        let digest = |who: &str| {
            let text = format!(
                "HostName=hub1;{who};x509=false;SharedAccessKey=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
            );
            Digest::of(Options::from_connection_string(&text).unwrap().identity())
        };
        let all = ["DeviceId=a", "DeviceId=b", "DeviceId=a;ModuleId=b", "DeviceId=b;ModuleId=a"].map(digest);
        for (at, one) in all.iter().enumerate() {
            assert!(!all[..at].contains(one), "{all:?}");
        }
    }
}
