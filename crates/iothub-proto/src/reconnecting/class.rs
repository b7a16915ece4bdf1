use iothub_codec::{Ack, Status};

use crate::device::Retry;
use crate::refusal::RefusalReason;

macro_rules! classes {
    ($($(#[$about:meta])* $name:ident = $text:literal, $advice:literal;)*) => {
        /// What ended a connection, or the attempt to make one: as much of it as decides about the next attempt.
        ///
        /// A hub that speaks MQTT 3.1.1 just closes the connection, whatever its reason is; over MQTT 5 it says more.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FailureClass {
            $($(#[$about])* $name,)*
        }

        impl FailureClass {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// A few words for it, as in `taken over`.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// What whoever looks after the device should do, as a sentence.
            pub const fn advice(self) -> &'static str {
                match self {
                    $(Self::$name => $advice,)*
                }
            }
        }
    };
}

classes! {
    /// No connection came about: the name has no address, nothing answers there, a proxy does not let it through, or it
    /// took too long.
    Unreachable = "unreachable",
        "Check the network, the name of the hub, and that its port is open from here; the next attempt comes by itself.";
    /// TLS did not come about: the hub's certificate is not trusted or not for this name, or it does not trust this one.
    Untrusted = "no trust",
        "Check which certificates are trusted (`ca_pem`), and that something between here and the hub does not put its own in place of the hub's.";
    /// A certificate is not valid yet or no longer by the device's clock.
    ClockSkewed = "clock or certificate out of date",
        "Set the clock of this device; if it is right, the certificate has to be renewed.";
    /// A connection ended that had been ready, or was just being made, and nothing was said about why.
    Lost = "connection lost",
        "Nothing need be done: the next attempt comes by itself.";
    /// The same, soon after it was ready.
    ClosedEarly = "closed soon after connecting",
        "If this goes on, look for a second client with the identity of this device, for a message that the hub does not take, or at the hub's own log.";
    /// The hub has fallen silent or no longer takes what is sent, while the connection seems to be there.
    Silent = "hub silent",
        "Nothing need be done: the next attempt comes by itself. If this goes on, something on the way drops idle connections: a shorter keep-alive helps.";
    /// The hub says that somebody else has connected with the same identity.
    TakenOver = "taken over",
        "Find the second client with the identity of this device and give it one of its own: while both run, they end each other's connections.";
    /// The hub ended the connection because what let the device in is good no longer.
    Expired = "credentials expired",
        "Nothing need be done if the key is still good: the next attempt brings new credentials.";
    /// The device does or sends more than the hub lets it.
    Throttled = "throttled",
        "Send less or connect less often, or give the hub a larger quota.";
    /// The hub cannot serve the device now: it is busy, is being shut down or has moved.
    Busy = "hub busy",
        "Nothing need be done: the next attempt comes by itself, later than others would.";
    /// The hub does not believe that the device is who it says, does not know it, or has it disabled. Hubs do not tell
    /// which.
    NotAuthorized = "not authorized",
        "Check that the device exists in this hub and is enabled, that its key or certificate is the hub's, and that the clock of this device is right.";
    /// The device has nothing to prove with who it is, because what gives or signs that did not answer.
    Unproven = "no credentials",
        "Look at what gives this device its credentials: a vault, a key store or a chip.";
    /// The hub does not keep to the protocol.
    Disorderly = "hub breaks the rules",
        "Check that what answers at this address is an IoT hub, and that it speaks the dialect that was chosen.";
    /// The hub says that what the device asks for cannot be had, whoever asks and however often.
    Rejected = "rejected",
        "Change what the device asks for, and make a new one: the hub would refuse this each time.";
    /// What the device is told to do makes no sense, whatever the hub says.
    Misconfigured = "misconfigured",
        "Change the options, and make a new device: nothing else can mend this.";
}

/// MQTT 5's reason codes for a hub that goes away, in DISCONNECT.
const SERVER_BUSY: u8 = 0x89;
const SERVER_SHUTTING_DOWN: u8 = 0x8B;
const KEEP_ALIVE_TIMEOUT: u8 = 0x8D;
const USE_ANOTHER_SERVER: u8 = 0x9C;
const SERVER_MOVED: u8 = 0x9D;

impl FailureClass {
    /// That of a CONNECT that was refused: what is in [`DeviceEvent::ConnectRefused`](crate::DeviceEvent::ConnectRefused).
    pub const fn of_refusal(reason: RefusalReason, status: Status, retry: Retry) -> Self {
        match (reason, status) {
            (RefusalReason::NotAuthorized | RefusalReason::Banned, _) => Self::NotAuthorized,
            (RefusalReason::QuotaExceeded | RefusalReason::ConnectionRateExceeded, _)
            | (_, Status::THROTTLED | Status::QUOTA_EXCEEDED) => Self::Throttled,
            _ => match retry {
                Retry::Later => Self::Busy,
                Retry::Never => Self::Rejected,
            },
        }
    }

    /// That of a connection that the hub ended with a reason: what is in
    /// [`DeviceEvent::Disconnected`](crate::DeviceEvent::Disconnected).
    ///
    /// Whatever it says, another connection may go better: none of these is for ever.
    pub const fn of_dismissal(reason_code: u8, status: Status) -> Self {
        match (reason_code, status) {
            (Ack::SESSION_TAKEN_OVER, _) => Self::TakenOver,
            (Ack::CONNECTION_RATE_EXCEEDED, _) | (_, Status::THROTTLED | Status::QUOTA_EXCEEDED) => {
                Self::Throttled
            }
            (SERVER_BUSY | SERVER_SHUTTING_DOWN | USE_ANOTHER_SERVER | SERVER_MOVED, _)
            | (_, Status::SERVER_BUSY) => Self::Busy,
            (KEEP_ALIVE_TIMEOUT, _) => Self::Silent,
            (_, Status::NOT_AUTHORIZED) => Self::Expired,
            _ => Self::Lost,
        }
    }

    /// Whether no other attempt can go better, so that no [policy](super::ReconnectPolicy) is asked.
    pub const fn is_hopeless(self) -> bool {
        matches!(self, Self::Misconfigured)
    }
}

impl core::fmt::Display for FailureClass {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_the_class_of_what_can_be_done_about_it() {
        for (reason, status, retry, class) in [
            (RefusalReason::NotAuthorized, Status::NOT_AUTHORIZED, Retry::Never, FailureClass::NotAuthorized),
            (RefusalReason::Banned, Status::NOT_AUTHORIZED, Retry::Never, FailureClass::NotAuthorized),
            (RefusalReason::Busy, Status::SERVER_BUSY, Retry::Later, FailureClass::Busy),
            (RefusalReason::Unavailable, Status::SERVER_BUSY, Retry::Later, FailureClass::Busy),
            (RefusalReason::QuotaExceeded, Status::QUOTA_EXCEEDED, Retry::Later, FailureClass::Throttled),
            (RefusalReason::ConnectionRateExceeded, Status::THROTTLED, Retry::Later, FailureClass::Throttled),
            // MQTT's reason says nothing of it, and the hub's status does.
            (RefusalReason::ImplementationSpecific, Status::THROTTLED, Retry::Later, FailureClass::Throttled),
            (RefusalReason::ImplementationSpecific, Status::SERVER_ERROR, Retry::Later, FailureClass::Busy),
            (RefusalReason::BadUserName, Status::BAD_REQUEST, Retry::Never, FailureClass::Rejected),
            (RefusalReason::UnacceptableProtocol, Status::NOT_ALLOWED, Retry::Never, FailureClass::Rejected),
        ] {
            assert_eq!(FailureClass::of_refusal(reason, status, retry), class, "{reason}");
        }
    }

    #[test]
    fn an_end_that_was_explained_has_the_class_of_its_reason_and_is_not_for_ever() {
        for (reason_code, status, class) in [
            (142, Status::CONFLICT, FailureClass::TakenOver),
            (159, Status::THROTTLED, FailureClass::Throttled),
            (151, Status::QUOTA_EXCEEDED, FailureClass::Throttled),
            (137, Status::SERVER_BUSY, FailureClass::Busy),
            (139, Status::SERVER_ERROR, FailureClass::Busy),
            (141, Status::TIMEOUT, FailureClass::Silent),
            (135, Status::NOT_AUTHORIZED, FailureClass::Expired),
            (130, Status::BAD_REQUEST, FailureClass::Lost),
            (0, Status::SUCCESS, FailureClass::Lost),
        ] {
            assert_eq!(FailureClass::of_dismissal(reason_code, status), class, "{reason_code}");
        }
    }

    #[test]
    fn each_class_has_a_name_and_an_advice_of_its_own() {
        for (at, class) in FailureClass::ALL.iter().enumerate() {
            let others = FailureClass::ALL[..at].iter();
            assert!(others.clone().all(|other| other.name() != class.name()), "{class}");
            assert!(others.clone().all(|other| other.advice() != class.advice()), "{class}");
            assert!(class.advice().ends_with('.'), "{class}: a sentence");
        }
    }
}
