use iothub_model::ErrorCode;

macro_rules! rules {
    ($(#[doc = $meaning:literal] $rule:ident = $name:literal $advice:literal;)+) => {
        /// Why a hub has refused something: which rule was broken.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Rule {
            $(#[doc = $meaning] $rule,)+
            /// A back end's request was refused, with this code.
            Request(ErrorCode),
        }

        impl Rule {
            /// The rule in a word, for logs and programs.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$rule => $name,)+
                    Self::Request(code) => code.name(),
                }
            }

            /// What was broken, in a sentence.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$rule => $meaning.trim_ascii_start(),)+
                    Self::Request(code) => code.meaning(),
                }
            }

            /// What to do about it, in a sentence.
            pub const fn advice(self) -> &'static str {
                match self {
                    $(Self::$rule => $advice,)+
                    Self::Request(code) => code.advice(),
                }
            }

            /// All rules but those that have a code of the service API.
            pub const ALL: &[Self] = &[$(Self::$rule,)+];
        }
    };
}

rules! {
    /// The device or module is not in the registry.
    NotRegistered = "not-registered"
        "Create it with `iothub device create`, or compare its id, which is case-sensitive.";
    /// No enrollment lets the device register.
    NotEnrolled = "not-enrolled"
        "Create an enrollment with `iothub enrollment create`, or compare id scope, registration id and key with what there is.";
    /// The enrollment by which the device registers is disabled.
    EnrollmentDisabled = "enrollment-disabled"
        "Enable it with `iothub enrollment update --enrollment-id ID --provisioning-status enabled`, or its group.";
    /// It, or its device, is disabled.
    Disabled = "disabled"
        "Enable it with `iothub device update ID --status enabled`.";
    /// It has sent neither a token nor a signature.
    NoProof = "no-proof"
        "Send a SAS token as the password; `iothub sas --device ID` makes one. Or register it with a certificate.";
    /// It has shown no certificate, by which it is to be known.
    NoCertificate = "no-certificate"
        "Give the client its certificate and key, and connect to the MQTT port: certificates are asked for only there.";
    /// Its certificate is not valid yet, or any longer.
    ExpiredCertificate = "expired-certificate"
        "Make a new certificate, and compare the clocks of device and hub.";
    /// Its certificate is not the registered one.
    WrongCertificate = "wrong-certificate"
        "Compare the thumbprint with `iothub device show ID`, or the common name with the id of the device.";
    /// Its certificate goes back to no authority that the hub trusts.
    UntrustedCertificate = "untrusted-certificate"
        "Register the authority with `iothub ca add`, and have the client send the certificates between.";
    /// Its token is none.
    UnreadableProof = "unreadable-proof"
        "Write `SharedAccessSignature sr=…&sig=…&se=…`, with each value percent-encoded once.";
    /// Its token or signature is too old.
    ExpiredProof = "expired-proof"
        "Make a new token before the old one expires, and compare the clocks of device and hub.";
    /// Its token is for another hub or device.
    ForeignProof = "foreign-proof"
        "Sign for the host name that the hub has and the ids that the client connects with.";
    /// Its token is signed with another key.
    WrongKey = "wrong-key"
        "Compare the key with `iothub device show ID --show-keys`; the device may have been created anew.";
    /// It authenticates in another way, says the registry.
    WrongKindOfProof = "wrong-kind-of-proof"
        "Connect in the way that the registry says, or change it there.";
    /// There is no such policy.
    UnknownPolicy = "unknown-policy"
        "Name a policy that the hub has, or none and sign with the device's own key.";
    /// The policy may not do this.
    MissingRight = "missing-right"
        "Use a policy that has the right, such as `iothubowner` for everything.";
    /// The CONNECT names no device in a way that any dialect has.
    UnreadableConnect = "unreadable-connect"
        "Compare user name, client id and properties with what the dialect asks for.";
    /// The will cannot be kept.
    BadWill = "bad-will"
        "Send the will to the topic of telemetry, or leave it out.";
    /// The same device has connected again.
    TakenOver = "taken-over"
        "See to it that only one client uses this identity; two of them drive each other out for ever.";
    /// It sends what no client may send there.
    BrokenProtocol = "broken-protocol"
        "Suspect the MQTT library, or topics and properties that the dialect does not have.";
    /// A message is not one of its dialect.
    UnreadableMessage = "unreadable-message"
        "Compare topic and properties with what the dialect asks for.";
    /// It may not listen there.
    RefusedSubscription = "refused-subscription"
        "Compare the filter with those of the dialect.";
    /// Its reported properties break a rule about twins.
    RefusedReport = "refused-report"
        "Compare depth, size, names and numbers with the limits of twins, and `if-version` with the version.";
    /// Its twin cannot be told to it.
    UnansweredTwinRequest = "unanswered-twin-request"
        "Let the client take longer packets, or make the twin smaller.";
    /// A command was given up.
    DroppedCommand = "dropped-command"
        "See why the device rejects or returns it; send it again if it is still wanted.";
    /// Its token or signature has come to its end on an open connection.
    ExpiredCredentials = "expired-credentials"
        "Renew in time: by a new connection with a new token, or by AUTH over MQTT 5.";
    /// A new signature was not accepted on an open connection.
    FailedRenewal = "failed-renewal"
        "Sign with the same key or policy as at CONNECT, for the same hub, with a later expiry.";
    /// A back end has deleted or disabled it, or changed what it proves itself with.
    ChangedInRegistry = "changed-in-registry"
        "Look at the device in the registry: it may be deleted, disabled, or have new keys.";
    /// It came faster than the edition of the hub allows.
    Throttled = "throttled"
        "Wait, with a pause that doubles and is random in part; more units or a larger --sku allow more.";
    /// The messages of the day are used up.
    QuotaExceeded = "quota-exceeded"
        "Wait for midnight UTC, send fewer and larger messages, or give the hub more units or a larger --sku.";
    /// The hub has hardly room on its disk.
    NoRoom = "no-room"
        "Make room on the disk where the hub keeps its data; it takes up writing by itself.";
    /// Bytes that are no MQTT, a limit, or silence has ended the connection.
    Transport = "transport"
        "Suspect the MQTT library or the network; the limits stand in the hub's manual.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_has_a_name_of_its_own_and_a_sentence() {
        for (at, rule) in Rule::ALL.iter().enumerate() {
            let (name, meaning, advice) = (rule.name(), rule.meaning(), rule.advice());
            assert!(name.bytes().all(|b| b == b'-' || b.is_ascii_lowercase()), "{name}");
            assert!(advice.ends_with('.') && !advice.contains("  "), "{name}: {advice}");
            assert!(meaning.ends_with('.') && !meaning.starts_with(' '), "{name}: {meaning}");
            assert!(Rule::ALL[..at].iter().all(|other| other.name() != name), "{name} is there twice");
        }
        assert_eq!(Rule::Request(ErrorCode::DeviceNotOnline).name(), "DeviceNotOnline");
    }
}
