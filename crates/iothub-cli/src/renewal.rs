use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::ValueEnum;
use iothub_model::SymmetricKey;

use crate::failure::Failure;

/// Which of two keys of equal right is exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Renewal {
    Primary,
    Secondary,
    Both,
    Swap,
}

impl Renewal {
    pub(crate) fn apply_to(self, keys: &mut SymmetricKey) -> Result<(), Failure> {
        match self {
            Self::Primary => keys.primary_key = Some(new_key()?),
            Self::Secondary => keys.secondary_key = Some(new_key()?),
            Self::Both => (keys.primary_key, keys.secondary_key) = (Some(new_key()?), Some(new_key()?)),
            Self::Swap => core::mem::swap(&mut keys.primary_key, &mut keys.secondary_key),
        }
        Ok(())
    }
}

/// 32 bytes of chance, in base64.
fn new_key() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| Failure::failed(format_args!("this machine gives no chance for a key: {error}")))?;
    Ok(STANDARD.encode(bytes))
}
