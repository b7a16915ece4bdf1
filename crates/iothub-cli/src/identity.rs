use iothub_codec::{DeviceId, Identity, ModuleId};

use crate::completion::{completer, devices};
use crate::failure::Failure;

/// The name of a device, known to be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeviceName(String);

impl DeviceName {
    /// Reads an argument.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        DeviceId::new(text).map(|_| Self(text.into())).map_err(|error| error.to_string())
    }

    pub(crate) fn id(&self) -> DeviceId<'_> {
        DeviceId::new(&self.0).expect("`parse`, the only way here, has checked it")
    }
}

/// The name of a module, known to be one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModuleName(String);

impl ModuleName {
    /// Reads an argument.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        ModuleId::new(text).map(|_| Self(text.into())).map_err(|error| error.to_string())
    }

    pub(crate) fn id(&self) -> ModuleId<'_> {
        ModuleId::new(&self.0).expect("`parse`, the only way here, has checked it")
    }
}

/// Which device, by position or as the Azure CLI spells it.
#[derive(clap::Args, Debug)]
pub(crate) struct DeviceArgument {
    /// The name of the device
    #[arg(
        value_name = "DEVICE",
        value_parser = DeviceName::parse,
        required_unless_present = "device_id",
        conflicts_with = "device_id",
        add = completer(devices)
    )]
    device: Option<DeviceName>,
    /// The name of the device, as an option
    #[arg(long, short = 'd', value_name = "DEVICE", value_parser = DeviceName::parse, add = completer(devices))]
    device_id: Option<DeviceName>,
}

impl DeviceArgument {
    pub(crate) fn id(&self) -> DeviceId<'_> {
        let name = self.device.as_ref().or(self.device_id.as_ref());
        name.expect("clap wants exactly one of the two").id()
    }
}

/// Which device, or which module of it.
#[derive(clap::Args, Debug)]
pub(crate) struct IdentityArgument {
    #[command(flatten)]
    device: DeviceArgument,
    /// The name of a module of the device
    #[arg(long, short = 'm', value_name = "MODULE", value_parser = ModuleName::parse)]
    module_id: Option<ModuleName>,
}

impl IdentityArgument {
    pub(crate) fn identity(&self) -> Identity<'_> {
        Identity { device: self.device.id(), module: self.module_id.as_ref().map(ModuleName::id) }
    }
}

/// Arguments that can be given by position or by option: what no option says is taken from the positions, in
/// their order.
pub(crate) struct Positions<'a>(std::vec::IntoIter<&'a str>);

impl<'a> Positions<'a> {
    pub(crate) fn new(given: &[&'a Option<String>]) -> Self {
        let given: Vec<&str> = given.iter().filter_map(|text| text.as_deref()).collect();
        Self(given.into_iter())
    }

    /// The option if it was given, else the next position if there is one.
    pub(crate) fn optional(&mut self, option: Option<&'a str>) -> Option<&'a str> {
        option.or_else(|| self.0.next())
    }

    /// The same, where something has to be given.
    pub(crate) fn required(&mut self, name: &str, option: Option<&'a str>) -> Result<&'a str, Failure> {
        let missing = || Failure::misused(format_args!("no {name} given (`--help` tells more)"));
        self.optional(option).ok_or_else(missing)
    }

    pub(crate) fn device(&mut self, option: Option<&'a str>) -> Result<DeviceName, Failure> {
        let text = self.required("<DEVICE>", option)?;
        DeviceName::parse(text).map_err(|why| Failure::misused(format_args!("{text:?}: {why}")))
    }

    pub(crate) fn module(&mut self, option: Option<&'a str>) -> Result<ModuleName, Failure> {
        let text = self.required("<MODULE>", option)?;
        ModuleName::parse(text).map_err(|why| Failure::misused(format_args!("{text:?}: {why}")))
    }

    /// Nothing may be left.
    pub(crate) fn end(mut self) -> Result<(), Failure> {
        match self.0.next() {
            None => Ok(()),
            Some(text) => {
                Err(Failure::misused(format_args!("unexpected argument {text:?} (`--help` tells more)")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_option_says_is_taken_from_the_positions() {
        let given = |texts: &[&str]| texts.iter().map(|text| Some((*text).to_owned())).collect::<Vec<_>>();
        for (positions, device, method, read) in [
            (&["d", "m"][..], None, None, Some(("d", "m"))),
            (&["m"], Some("d"), None, Some(("d", "m"))),
            (&["d"], None, Some("m"), Some(("d", "m"))),
            (&[], Some("d"), Some("m"), Some(("d", "m"))),
            (&["d"], None, None, None),
            (&["d", "m", "x"], None, None, None),
            (&["x"], Some("d"), Some("m"), None),
        ] {
            let texts = given(positions);
            let mut rest = Positions::new(&texts.iter().collect::<Vec<_>>());
            let result = rest
                .required("<DEVICE>", device)
                .and_then(|device| Ok((device, rest.required("<METHOD>", method)?)))
                .and_then(|names| rest.end().map(|()| names));
            assert_eq!(result.ok(), read, "{positions:?} {device:?} {method:?}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for (name, good) in [("pump-7", true), ("a#b", true), ("", false), ("a/b", false), ("ü", false)] {
            assert_eq!(DeviceName::parse(name).is_ok(), good, "{name:?}");
            assert_eq!(ModuleName::parse(name).is_ok(), good, "{name:?}");
        }
    }
}
