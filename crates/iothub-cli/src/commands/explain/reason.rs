use core::fmt;

/// A code with which MQTT itself says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reason(&'static Row);

#[derive(Debug, PartialEq, Eq)]
struct Row {
    version: Version,
    number: u8,
    name: &'static str,
    meaning: &'static str,
    advice: &'static str,
}

/// Whose numbers they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    /// Return codes of CONNACK.
    V311,
    /// Reason codes of all packets.
    V5,
}

impl Reason {
    pub(super) fn all() -> impl Iterator<Item = Self> {
        ROWS.iter().map(Self)
    }

    /// Whether the text is its number: of MQTT 5 in hex with `0x` or in decimal, of MQTT 3.1.1 one digit.
    pub(super) fn has_number(self, text: &str) -> bool {
        let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
        let number = match hex {
            Some(digits) => u8::from_str_radix(digits, 16).ok().filter(|_| self.0.version == Version::V5),
            None => text.parse().ok().filter(|_| !text.starts_with(['0', '+'])),
        };
        number == Some(self.0.number)
    }

    pub(super) const fn name(self) -> &'static str {
        self.0.name
    }

    pub(super) const fn meaning(self) -> &'static str {
        self.0.meaning
    }

    pub(super) const fn advice(self) -> &'static str {
        self.0.advice
    }

    pub(super) const fn place(self) -> &'static str {
        match self.0.version {
            Version::V311 => "CONNACK of MQTT 3.1.1",
            Version::V5 => "MQTT 5: CONNACK, PUBACK, SUBACK, AUTH or DISCONNECT",
        }
    }
}

/// As it is usually written.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.version {
            Version::V311 => write!(f, "{}", self.0.number),
            Version::V5 => write!(f, "0x{:02X}", self.0.number),
        }
    }
}

macro_rules! rows {
    ($($version:ident $number:literal $name:literal $meaning:literal $advice:literal;)+) => {
        const ROWS: &[Row] = &[$(Row {
            version: Version::$version,
            number: $number,
            name: $name,
            meaning: $meaning,
            advice: $advice,
        },)+];
    };
}

rows! {
    V311 1 "Unacceptable protocol version"
        "The hub does not speak that version of MQTT."
        "Use MQTT 3.1.1, or MQTT 5.";
    V311 2 "Identifier rejected"
        "The client id is not the id of a device, or not that of the user name."
        "Use the device id, or device id/module id, as the client id.";
    V311 3 "Server unavailable"
        "The hub does not serve now."
        "Try again after a pause.";
    V311 4 "Bad user name or password"
        "User name or password cannot be read."
        "Compare them with what the dialect asks for.";
    V311 5 "Not authorized"
        "The device is unknown or disabled, or its proof is missing, has expired, or is signed with another key."
        "Compare host name, ids, key and clock; `iothub device show ID --diagnose` says which rule was broken.";
    V5 0x80 "Unspecified error"
        "Something failed, and nothing is said of what."
        "Look into the hub's log.";
    V5 0x81 "Malformed packet"
        "A packet cannot be read."
        "Suspect the MQTT library, or something between client and hub that changes bytes.";
    V5 0x82 "Protocol error"
        "A packet came that may not come there."
        "Suspect the MQTT library.";
    V5 0x83 "Implementation specific error"
        "A rule of IoT Hub's was broken, which MQTT has no code for."
        "Look at the user properties `status` and `reason` beside it.";
    V5 0x84 "Unsupported protocol version"
        "The hub does not speak that version of MQTT."
        "Use MQTT 5, or MQTT 3.1.1.";
    V5 0x85 "Client identifier not valid"
        "The client id is not the id of a device."
        "Use the device id, or device id/module id, as the client id.";
    V5 0x86 "Bad user name or password"
        "User name or password cannot be read."
        "With MQTT 5, proofs go into Authentication Data, not into the password.";
    V5 0x87 "Not authorized"
        "The device is unknown or disabled, or its proof is missing, has expired, or is signed with another key."
        "Compare host name, ids, key and clock; `iothub device show ID --diagnose` says which rule was broken.";
    V5 0x88 "Server unavailable"
        "The hub does not serve now."
        "Try again after a pause.";
    V5 0x89 "Server busy"
        "The hub has no time now."
        "Try again after a pause that doubles.";
    V5 0x8A "Banned"
        "The client is kept out."
        "Ask whoever runs the hub.";
    V5 0x8B "Server shutting down"
        "The hub is being stopped."
        "Connect again after a pause.";
    V5 0x8C "Bad authentication method"
        "The Authentication Method is none that the hub knows."
        "Use `SAS` or `X509`.";
    V5 0x8D "Keep alive timeout"
        "The hub heard nothing for one and a half times the keep-alive."
        "Send PINGREQ in time; suspect a dead network.";
    V5 0x8E "Session taken over"
        "The same device has connected a second time."
        "See to it that only one client uses this identity; two of them drive each other out for ever.";
    V5 0x8F "Topic filter invalid"
        "A filter in SUBSCRIBE is none that devices may listen to."
        "Compare it with the filters of the dialect.";
    V5 0x90 "Topic name invalid"
        "A message went to a topic that does not exist."
        "Compare it with the topics of the dialect; at QoS 1 the hub would have said so without closing.";
    V5 0x91 "Packet identifier in use"
        "A packet id was used that is not free yet."
        "Suspect the MQTT library.";
    V5 0x92 "Packet identifier not found"
        "A packet id was acknowledged that is not in use."
        "Suspect the MQTT library.";
    V5 0x93 "Receive maximum exceeded"
        "More messages were sent without acknowledgement than CONNACK or CONNECT allows."
        "Wait for acknowledgements; the limit is the property Receive Maximum.";
    V5 0x94 "Topic alias invalid"
        "A topic alias is 0, too high, or not given yet."
        "Keep to the property Topic Alias Maximum, and send topics anew behind a reconnect.";
    V5 0x95 "Packet too large"
        "A packet is longer than the other end takes."
        "Telemetry may have 256 KiB with its properties; the limit is the property Maximum Packet Size.";
    V5 0x96 "Message rate too high"
        "Messages come too fast."
        "Send more slowly.";
    V5 0x97 "Quota exceeded"
        "A limit of the hub is reached: subscriptions, messages of the day, or their rate."
        "The user property `status` says which: 0501 rate, 0502 quota; there are at most 50 subscriptions.";
    V5 0x98 "Administrative action"
        "Whoever runs the hub has ended the connection."
        "See whether the device is disabled or deleted.";
    V5 0x99 "Payload format invalid"
        "The payload is not what its format indicator says."
        "Send UTF-8, or leave the indicator out.";
    V5 0x9A "Retain not supported"
        "A message was sent with the retain flag, which the hub does not take."
        "Send it without.";
    V5 0x9B "QoS not supported"
        "A message or subscription has a quality of service that the hub does not have."
        "Use QoS 0 or 1.";
    V5 0x9C "Use another server"
        "The client is sent elsewhere for now."
        "Connect to the server that the property Server Reference names.";
    V5 0x9D "Server moved"
        "The client is sent elsewhere for good."
        "Connect to the server that the property Server Reference names.";
    V5 0x9E "Shared subscriptions not supported"
        "A filter begins with `$share/`."
        "Subscribe without.";
    V5 0x9F "Connection rate exceeded"
        "Connections are opened faster than the hub takes them."
        "Try again after a pause that doubles and is random in part.";
    V5 0xA0 "Maximum connect time"
        "The connection has lasted as long as it may."
        "Connect again.";
    V5 0xA1 "Subscription identifiers not supported"
        "A SUBSCRIBE has a subscription identifier."
        "Subscribe without.";
    V5 0xA2 "Wildcard subscriptions not supported"
        "A filter has a wildcard where the dialect has none."
        "Compare it with the filters of the dialect.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_error_of_both_versions_is_there_once_and_in_order() {
        let numbers = |version| ROWS.iter().filter(move |row| row.version == version).map(|row| row.number);
        assert!(numbers(Version::V311).eq(1..=5));
        assert!(numbers(Version::V5).eq(0x80..=0xA2));
    }
}
