use iothub_codec::Version;

use crate::error::WireError;
use crate::fields::Fields;

/// What MQTT calls itself in a CONNECT.
pub(crate) const NAME: &[u8] = b"MQTT";
/// What MQTT 3.1, level 3, calls itself.
const NAME_3_1: &[u8] = b"MQIsdp";

/// The protocol level of a version.
pub(crate) const fn level(version: Version) -> u8 {
    match version {
        Version::V311 => 4,
        Version::V5 => 5,
    }
}

/// Reads the name and the level with which a CONNECT begins.
pub(crate) fn version(fields: &mut Fields<'_>) -> Result<Version, WireError> {
    let name = fields.binary()?;
    if name != NAME && name != NAME_3_1 {
        return Err(WireError::UnknownProtocol);
    }
    match fields.byte()? {
        4 if name == NAME => Ok(Version::V311),
        5 if name == NAME => Ok(Version::V5),
        level => Err(WireError::ProtocolLevel { level }),
    }
}
