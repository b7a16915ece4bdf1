use iothub_proto::Seed;

/// A number that nobody else has, as good as certainly.
#[cfg(feature = "upload")]
pub(crate) fn number() -> u64 {
    seed_number("")
}

/// It only spreads reconnects in time. Without a source of it the name of the device does:
/// what matters is that devices differ.
pub(crate) fn seed(name: &str) -> Seed {
    Seed::new(seed_number(name))
}

/// The one reader of entropy in this crate.
fn seed_number(name: &str) -> u64 {
    getrandom::u64().unwrap_or_else(|_| {
        name.bytes().fold(0xCBF2_9CE4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
        })
    })
}
