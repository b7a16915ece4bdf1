//! The flags of a CONNECT, which are the same in both versions.

use iothub_codec::{Qos, Version};
use iothub_proto::{Opening, Session};

use crate::error::WireError;
use crate::frame::PacketType;

pub(crate) const RESERVED: u8 = 0b0000_0001;
/// Clean Session, or Clean Start.
pub(crate) const CLEAN: u8 = 0b0000_0010;
pub(crate) const WILL: u8 = 0b0000_0100;
pub(crate) const WILL_QOS_1: u8 = 0b0000_1000;
pub(crate) const WILL_QOS_2: u8 = 0b0001_0000;
pub(crate) const WILL_RETAIN: u8 = 0b0010_0000;
pub(crate) const PASSWORD: u8 = 0b0100_0000;
pub(crate) const USERNAME: u8 = 0b1000_0000;

pub(crate) fn of(opening: &Opening<'_>) -> u8 {
    let Opening { connect, session, will, .. } = opening;
    [
        (CLEAN, *session == Session::Fresh),
        (WILL, will.is_some()),
        (WILL_QOS_1, will.is_some_and(|will| will.qos == Qos::AtLeastOnce)),
        (WILL_RETAIN, will.is_some_and(|will| will.retain)),
        (PASSWORD, connect.password.is_some()),
        (USERNAME, connect.username.is_some()),
    ]
    .into_iter()
    .map(|(flag, set)| if set { flag } else { 0 })
    .sum()
}

/// Refuses flags that contradict each other, and what a hub does not have.
pub(crate) fn check(flags: u8, version: Version) -> Result<(), WireError> {
    const WILL_QOS: u8 = WILL_QOS_1 | WILL_QOS_2;
    let has = |flag| flags & flag != 0;
    let will_of_nothing = !has(WILL) && has(WILL_QOS | WILL_RETAIN);
    let password_of_nobody = version == Version::V311 && has(PASSWORD) && !has(USERNAME);
    let qos_3 = flags & WILL_QOS == WILL_QOS;
    if has(RESERVED) || will_of_nothing || password_of_nobody || qos_3 {
        return Err(WireError::BadConnectFlags { flags });
    }
    if has(WILL_QOS_2) {
        return Err(WireError::QosNotSupported { packet: PacketType::Connect });
    }
    Ok(())
}
