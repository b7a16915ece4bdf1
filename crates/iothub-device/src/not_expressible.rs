use core::fmt;

use iothub_codec::{Codec, Dialect, EncodeError};

/// Something that the device's dialect has no way to say, and the dialects that have one.
///
/// Nothing was sent, and the connection goes on. [`Options::dialect`](crate::Options::dialect) chooses another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotExpressible {
    /// What.
    pub what: &'static str,
    /// The dialect that cannot say it.
    pub dialect: Dialect,
    /// Those that can, for this device or module; perhaps none.
    pub elsewhere: Vec<Dialect>,
}

impl NotExpressible {
    /// What `say` writes, where the codec of this dialect cannot and others can.
    pub(crate) fn new(
        what: &'static str,
        codec: Codec<'_>,
        say: impl Fn(Codec<'_>, &mut [u8]) -> Result<(), EncodeError>,
    ) -> Self {
        let can = |dialect: &Dialect| is_expressible(Codec::new(*dialect, codec.identity()), &say);
        let elsewhere = Dialect::ALL.iter().copied().filter(can).collect();
        Self { what, dialect: codec.dialect(), elsewhere }
    }

    /// Nothing, unless it is that which keeps `say` from being written.
    pub(crate) fn check(
        what: &'static str,
        codec: Codec<'_>,
        say: impl Fn(Codec<'_>, &mut [u8]) -> Result<(), EncodeError>,
    ) -> Result<(), Self> {
        if is_expressible(codec, &say) { Ok(()) } else { Err(Self::new(what, codec, say)) }
    }
}

fn is_expressible(codec: Codec<'_>, say: impl Fn(Codec<'_>, &mut [u8]) -> Result<(), EncodeError>) -> bool {
    let mut room = Vec::new();
    loop {
        match say(codec, &mut room) {
            // What a text may not have in it is told only once there is room for it.
            Err(EncodeError::BufferTooSmall { needed }) => room.resize(needed, 0),
            said => return said != Err(EncodeError::NotExpressible),
        }
    }
}

impl fmt::Display for NotExpressible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, dialect, elsewhere } = self;
        write!(f, "{what}: the dialect {dialect} cannot say it")?;
        match &elsewhere[..] {
            [] => f.write_str(", nor can another for this device"),
            [only] => write!(f, "; {only} can"),
            [first, others @ ..] => {
                write!(f, "; {first}")?;
                others.iter().try_for_each(|other| write!(f, " and {other}"))?;
                f.write_str(" can")
            }
        }
    }
}

impl core::error::Error for NotExpressible {}
