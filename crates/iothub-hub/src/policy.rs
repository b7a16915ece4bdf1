use core::fmt;

use serde::{Deserialize, Serialize};

use crate::credential::KeyPrint;

/// A shared access policy: two keys, and what they let their holder do.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// What a token signed with one of the keys may do.
    pub rights: Rights,
    /// The first key, in base64.
    pub primary: String,
    /// The second key, in base64: the two are exchanged one after the other.
    pub secondary: String,
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").field("rights", &self.rights).finish_non_exhaustive()
    }
}

impl Policy {
    /// The one with every right. It stays, with all of them: without it nobody could give any.
    pub(crate) const OWNER: &'static str = "iothubowner";
    /// The one of those who enroll devices with the provisioning service.
    pub(crate) const PROVISIONING: &'static str = "provisioningserviceowner";
    /// Most policies of a hub.
    pub(crate) const MAX: usize = 64;
    /// Longest name, in bytes.
    pub(crate) const NAME_MAX: usize = 64;

    /// Whether a connection may go on that came in by one of its keys.
    pub(crate) fn still_admits(&self, print: KeyPrint) -> bool {
        let mut keys = [&self.primary, &self.secondary].into_iter();
        self.rights.contains(Rights::DEVICE_CONNECT) && keys.any(|key| KeyPrint::of(key) == print)
    }
}

/// A set of the four rights that IoT Hub knows.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rights(u8);

impl Rights {
    /// Nothing in particular.
    pub(crate) const NONE: Self = Self(0);
    /// Read identities.
    pub const REGISTRY_READ: Self = Self(0b0001);
    /// Read and write identities.
    pub const REGISTRY_WRITE: Self = Self(0b0011);
    /// Twins, methods, commands and events.
    pub const SERVICE_CONNECT: Self = Self(0b0100);
    /// Act as a device.
    pub const DEVICE_CONNECT: Self = Self(0b1000);

    /// Everything.
    pub(crate) const ALL: Self = Self(0b1111);

    /// The five policies that a new hub has.
    pub const DEFAULT_POLICIES: [(&'static str, Self); 5] = [
        (Policy::OWNER, Self::ALL),
        ("service", Self::SERVICE_CONNECT),
        ("device", Self::DEVICE_CONNECT),
        ("registryRead", Self::REGISTRY_READ),
        ("registryReadWrite", Self::REGISTRY_WRITE),
    ];

    const NAMED: [(Self, &'static str); 4] = [
        (Self::REGISTRY_WRITE, "RegistryWrite"),
        (Self::REGISTRY_READ, "RegistryRead"),
        (Self::SERVICE_CONNECT, "ServiceConnect"),
        (Self::DEVICE_CONNECT, "DeviceConnect"),
    ];

    /// Reads what [`Self`] prints, in any order and case. `None` if a name is none of a right, or there is none.
    pub(crate) fn read(text: &str) -> Option<Self> {
        text.split(',').try_fold(Self::NONE, |Self(held), name| {
            let named = Self::NAMED.iter().find(|(_, each)| each.eq_ignore_ascii_case(name.trim()));
            named.map(|(Self(right), _)| Self(held | right))
        })
    }

    /// Whether all of `needed` is in this set.
    pub const fn contains(self, needed: Self) -> bool {
        self.0 & needed.0 == needed.0
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut held = Self::NAMED.into_iter().filter(|(right, _)| self.contains(*right));
        match held.next() {
            Some((_, first)) => f.write_str(first)?,
            None => f.write_str("none")?,
        }
        held.try_for_each(|(_, name)| write!(f, ", {name}"))
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rights({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_may_write_may_read() {
        assert!(Rights::REGISTRY_WRITE.contains(Rights::REGISTRY_READ));
        assert!(!Rights::REGISTRY_READ.contains(Rights::REGISTRY_WRITE));
        assert!(!Rights::SERVICE_CONNECT.contains(Rights::DEVICE_CONNECT));
        assert_eq!(Rights::REGISTRY_WRITE.to_string(), "RegistryWrite, RegistryRead");
    }

    #[test]
    fn rights_are_read_as_they_print() {
        for (_, rights) in Rights::DEFAULT_POLICIES {
            assert_eq!(Rights::read(&rights.to_string()), Some(rights));
        }
        for (text, wanted) in [
            ("registrywrite", Some(Rights::REGISTRY_WRITE)),
            ("DeviceConnect,ServiceConnect", Some(Rights(0b1100))),
            ("", None),
            ("none", None),
            ("DeviceConnect,", None),
            ("Everything", None),
        ] {
            assert_eq!(Rights::read(text), wanted, "{text:?}");
        }
    }

    #[test]
    fn keys_do_not_show() {
        let policy = Policy {
            rights: Rights::SERVICE_CONNECT,
            primary: "c2VjcmV0".into(),
            secondary: "c2VjcmV0".into(),
        };
        assert_eq!(format!("{policy:?}"), "Policy { rights: Rights(ServiceConnect), .. }");
    }
}
