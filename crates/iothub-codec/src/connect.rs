use crate::section::PropertySection;

/// Who connects and with what proof: the fields of an MQTT CONNECT that IoT Hub gives a meaning to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Connect<'a> {
    /// Which MQTT the packet is.
    pub version: Version,
    /// The client identifier.
    pub client_id: &'a str,
    /// The user name, where there is one.
    pub username: Option<&'a str>,
    /// The password, where there is one: any bytes. A secret; [`Debug`](core::fmt::Debug) leaves it out.
    pub password: Option<&'a [u8]>,
    /// The MQTT 5 properties; empty over MQTT 3.1.1.
    pub properties: PropertySection<'a>,
}

/// The version of MQTT, which CONNECT announces as its protocol level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// MQTT 3.1.1, level 4.
    V311,
    /// MQTT 5, level 5.
    V5,
}

impl core::fmt::Debug for Connect<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("client_id", &self.client_id)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}
