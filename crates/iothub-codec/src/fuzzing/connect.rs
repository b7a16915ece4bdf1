use crate::connect::{Connect, Version};
#[cfg(feature = "preview5")]
use crate::dialect::Dialect;
use crate::dialect::open_connect;
use crate::section::{PropertySection, SectionOf};

/// The fields of a CONNECT, cut at the first two line feeds: client identifier, user name, and the password over MQTT
/// 3.1.1, or the properties over MQTT 5.
pub fn connect(data: &[u8]) {
    let mut parts = data.splitn(3, |byte| *byte == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (client_id, username, rest) = (next(), next(), next());
    let (Ok(client_id), Ok(username)) = (core::str::from_utf8(client_id), core::str::from_utf8(username))
    else {
        return;
    };
    let with = |version, password, properties| {
        open(&Connect { version, client_id, username: Some(username), password, properties });
    };
    with(Version::V311, Some(rest), PropertySection::EMPTY);
    with(Version::V5, Some(rest), PropertySection::EMPTY);
    if let Ok(properties) = PropertySection::from_wire(rest, SectionOf::Connect) {
        with(Version::V5, None, properties);
    }
}

fn open(connect: &Connect<'_>) {
    if let Ok((dialect, claim)) = open_connect(connect) {
        assert!(claim.identity.is(connect.client_id), "nobody connects under another name");
        #[cfg(feature = "preview5")]
        assert_eq!(dialect == Dialect::Preview5, connect.version == Version::V5, "{dialect:?}");
    }
}
