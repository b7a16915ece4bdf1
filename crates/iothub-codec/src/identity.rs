use core::fmt;

use crate::byte_set::ByteSet;

/// The name of a device, known to be one that a hub accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId<'a>(&'a str);

/// The name of a module of a device, known to be one that a hub accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId<'a>(&'a str);

/// Longest name of a device or module, in bytes.
const NAME_MAX: usize = 128;

impl<'a> DeviceId<'a> {
    /// Longest name, in bytes.
    pub const MAX_LEN: usize = NAME_MAX;

    /// Accepts 1 to 128 ASCII letters, digits and `- : . + % _ # * ? ! ( ) , = @ $ '`.
    ///
    /// # Errors
    ///
    /// [`BadDeviceId`] with the place of the first byte that does not belong.
    pub fn new(name: &'a str) -> Result<Self, BadDeviceId> {
        match check(name) {
            Ok(()) => Ok(Self(name)),
            Err(at) => Err(BadDeviceId { at }),
        }
    }

    /// The name.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl<'a> ModuleId<'a> {
    /// Longest name, in bytes.
    pub const MAX_LEN: usize = NAME_MAX;

    /// Accepts what [`DeviceId::new`] does.
    ///
    /// # Errors
    ///
    /// [`BadModuleId`] with the place of the first byte that does not belong.
    pub fn new(name: &'a str) -> Result<Self, BadModuleId> {
        match check(name) {
            Ok(()) => Ok(Self(name)),
            Err(at) => Err(BadModuleId { at }),
        }
    }

    /// The name.
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

/// Where the name stops being one.
fn check(name: &str) -> Result<(), usize> {
    if let Some(at) = ByteSet::NAME.stranger(name.as_bytes().get(..=NAME_MAX).unwrap_or(name.as_bytes())) {
        return Err(at);
    }
    match name.len() {
        1..=NAME_MAX => Ok(()),
        len => Err(len.min(NAME_MAX)),
    }
}

impl fmt::Display for DeviceId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl fmt::Display for ModuleId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

/// Not the name of a device, from byte `at` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a device name from byte {at} on: 1 to 128 ASCII letters, digits and - : . + % _ # * ? ! ( ) , = @ $ '"
)]
pub struct BadDeviceId {
    /// The first byte that does not belong; the length for a name that is too short or too long.
    pub at: usize,
}

/// Not the name of a module, from byte `at` on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a module name from byte {at} on: 1 to 128 ASCII letters, digits and - : . + % _ # * ? ! ( ) , = @ $ '"
)]
pub struct BadModuleId {
    /// The first byte that does not belong; the length for a name that is too short or too long.
    pub at: usize,
}

/// Who is at the device's end of a connection: a device, or one of its modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity<'a> {
    /// The device.
    pub device: DeviceId<'a>,
    /// The module, if it is one.
    pub module: Option<ModuleId<'a>>,
}

impl<'a> Identity<'a> {
    /// A device itself.
    pub const fn device(device: DeviceId<'a>) -> Self {
        Self { device, module: None }
    }

    /// A module of a device.
    pub const fn module(device: DeviceId<'a>, module: ModuleId<'a>) -> Self {
        Self { device, module: Some(module) }
    }

    /// Whether `text` is this identity as it prints, and as it stands in a client identifier.
    pub(crate) fn is(self, text: &str) -> bool {
        let Some(rest) = text.strip_prefix(self.device.0) else { return false };
        match self.module {
            None => rest.is_empty(),
            Some(module) => rest.strip_prefix("/") == Some(module.0),
        }
    }
}

/// `device`, or `device/module`: the client identifier.
impl fmt::Display for Identity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.device.0)?;
        match self.module {
            None => Ok(()),
            Some(module) => write!(f, "/{}", module.0),
        }
    }
}

/// An [`Identity`] by value, for what outlives the packet that it came in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IdentityBuf {
    names: [u8; 2 * NAME_MAX],
    device_len: u8,
    /// 0 for a device itself.
    module_len: u8,
}

impl IdentityBuf {
    /// Copies the names.
    pub fn new(identity: Identity<'_>) -> Self {
        let mut names = [0; 2 * NAME_MAX];
        let module = identity.module.map_or("", ModuleId::as_str);
        for (place, byte) in names.iter_mut().zip(identity.device.0.bytes().chain(module.bytes())) {
            *place = byte;
        }
        // Names have at most 128 bytes.
        let short = |name: &str| u8::try_from(name.len()).unwrap_or_default();
        Self { names, device_len: short(identity.device.0), module_len: short(module) }
    }

    /// The names, borrowed.
    pub fn as_identity(&self) -> Identity<'_> {
        let end = usize::from(self.device_len) + usize::from(self.module_len);
        // `new` copied ASCII, and no more than there is room for.
        let names = core::str::from_utf8(self.names.get(..end).unwrap_or_default()).unwrap_or_default();
        let (device, module) = names.split_at_checked(usize::from(self.device_len)).unwrap_or((names, ""));
        let module = (!module.is_empty()).then_some(ModuleId(module));
        Identity { device: DeviceId(device), module }
    }
}

impl fmt::Debug for IdentityBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_identity(), f)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn names_are_checked_and_the_place_is_told() {
        let longest = "x".repeat(128);
        let too_long = "x".repeat(129);
        for (name, expected) in [
            ("pump-7", Ok(())),
            ("$edgeAgent", Ok(())),
            ("a:b.c+d%e_f#g*h?i!j(k)l,m=n@o'p", Ok(())),
            (&longest, Ok(())),
            ("", Err(0)),
            (&too_long, Err(128)),
            ("a b", Err(1)),
            ("a/b", Err(1)),
            ("é", Err(0)),
            ("ab;c", Err(2)),
        ] {
            assert_eq!(DeviceId::new(name).map(drop).map_err(|e| e.at), expected, "{name}");
            assert_eq!(ModuleId::new(name).map(drop).map_err(|e| e.at), expected, "{name}");
        }
    }

    #[test]
    fn an_identity_survives_being_kept() {
        let longest = "x".repeat(128);
        for device in ["d", &longest] {
            for module in [None, Some("m"), Some(longest.as_str())] {
                let identity = Identity {
                    device: DeviceId::new(device).unwrap(),
                    module: module.map(|name| ModuleId::new(name).unwrap()),
                };
                assert_eq!(IdentityBuf::new(identity).as_identity(), identity);
                assert!(identity.is(&identity.to_string()));
                assert!(!identity.is(&(identity.to_string() + "x")));
            }
        }
    }
}
