use std::collections::BTreeMap;

use iothub_codec::ModuleId;
use iothub_model::{ConfigurationContent, Date, Object, Section, Update};
use serde_json::Value;

use super::overlay;
use crate::registry::Registry;

/// Longest content, in bytes of JSON.
const LEN_MAX: usize = 256 * 1024;
/// What every place begins with.
const ROOT: &str = "properties.desired";

/// What a configuration sets, and in whose twins.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    /// Of the devices that it targets.
    Device(Settings),
    /// Of the modules, by their names, of the Edge devices that it targets.
    Edge(BTreeMap<String, Settings>),
    /// Of the modules that it targets.
    Module(Settings),
}

/// Of which kind a content is. One twin may have configurations of several, which do not meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Device,
    Edge,
    Module,
}

/// Values, and where in the desired properties each belongs. Those further up come first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Settings(Vec<Setting>);

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Setting {
    /// The names on the way down; none for the desired properties as a whole.
    pub(super) place: Vec<String>,
    /// An object at the top.
    pub(super) value: Value,
}

/// Why something is no content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    #[error("one of deviceContent, modulesContent and moduleContent is to be there, and {0} are")]
    Kinds(usize),
    #[error("moduleContent names no module: use modulesContent")]
    NoModule,
    #[error("{name:.64?} cannot be the name of a module")]
    ModuleName { name: String },
    #[error("{len} modules, and a device has at most {}", Registry::MODULES_PER_DEVICE)]
    Modules { len: usize },
    #[error("{len} bytes, and at most {LEN_MAX} are taken")]
    Length { len: usize },
    #[error(
        "{of:.64}{place:.128?} is no place: these are `{ROOT}` and what is below it, as in `{ROOT}.fan.speed`"
    )]
    Place { of: String, place: String },
    #[error("{of:.64}{ROOT} takes an object")]
    NoObject { of: String },
    #[error("{of:.64}{why}")]
    Values { of: String, why: String },
}

impl Content {
    /// Reads content of one kind, which is what configurations have.
    pub(crate) fn read(content: &ConfigurationContent) -> Result<Self, Unfit> {
        let mut kinds = Self::read_all(content)?;
        match kinds.len() {
            1 => Ok(kinds.swap_remove(0)),
            count => Err(Unfit::Kinds(count)),
        }
    }

    /// Reads content of a device and of its modules, which may be set at once.
    pub(crate) fn read_direct(content: &ConfigurationContent) -> Result<Vec<Self>, Unfit> {
        let kinds = Self::read_all(content)?;
        match kinds.iter().any(|content| content.kind() == Kind::Module) {
            true => Err(Unfit::NoModule),
            false if kinds.is_empty() => Err(Unfit::Kinds(0)),
            false => Ok(kinds),
        }
    }

    /// Reads what was recorded, and so was read before.
    pub(crate) fn restore(content: &ConfigurationContent) -> Self {
        Self::read(content).unwrap_or_else(|_| Self::Device(Settings::default()))
    }

    pub(crate) const fn kind(&self) -> Kind {
        match self {
            Self::Device(_) => Kind::Device,
            Self::Edge(_) => Kind::Edge,
            Self::Module(_) => Kind::Module,
        }
    }

    /// What there is in it. Some clients send all three members; those that are empty count only if no other is there.
    fn read_all(content: &ConfigurationContent) -> Result<Vec<Self>, Unfit> {
        let len = serde_json::to_vec(content).map_or(usize::MAX, |json| json.len());
        if len > LEN_MAX {
            return Err(Unfit::Length { len });
        }
        let ConfigurationContent { device_content, modules_content, module_content } = content;
        let filled = device_content.as_ref().is_some_and(|content| !content.is_empty())
            || modules_content.as_ref().is_some_and(|content| !content.is_empty())
            || module_content.as_ref().is_some_and(|content| !content.is_empty());
        let mut kinds = Vec::new();
        if let Some(content) = device_content.as_ref().filter(|content| !filled || !content.is_empty()) {
            kinds.push(Self::Device(Settings::read("", content)?));
        }
        if let Some(content) = modules_content.as_ref().filter(|content| !filled || !content.is_empty()) {
            kinds.push(Self::Edge(modules(content)?));
        }
        if let Some(content) = module_content.as_ref().filter(|content| !filled || !content.is_empty()) {
            kinds.push(Self::Module(Settings::read("", content)?));
        }
        Ok(kinds)
    }
}

fn modules(content: &BTreeMap<String, Object>) -> Result<BTreeMap<String, Settings>, Unfit> {
    if content.len() > Registry::MODULES_PER_DEVICE {
        return Err(Unfit::Modules { len: content.len() });
    }
    let read = |(name, content): (&String, &Object)| match ModuleId::new(name) {
        Ok(_) => Ok((name.clone(), Settings::read(&format!("{name}: "), content)?)),
        Err(_) => Err(Unfit::ModuleName { name: name.clone() }),
    };
    content.iter().map(read).collect()
}

impl Settings {
    fn read(of: &str, content: &Object) -> Result<Self, Unfit> {
        let mut settings = content
            .iter()
            .map(|(place, value)| Setting::read(of, place, value))
            .collect::<Result<Vec<_>, _>>()?;
        settings.sort_by(|one, other| one.place.cmp(&other.place));
        let settings = Self(settings);
        // What a new twin would not take is refused here, where somebody hears of it.
        let wanted = overlay::of([&settings]);
        let mut section = Section::desired(Date::NEVER);
        match section.apply(Update::Merge(wanted), Date::NEVER) {
            Ok(_) => Ok(settings),
            Err(violation) => Err(Unfit::Values { of: of.into(), why: violation.to_string() }),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Setting> {
        self.0.iter()
    }

    /// Whether it says what all desired properties are.
    pub(crate) fn is_whole(&self) -> bool {
        self.0.iter().any(|setting| setting.place.is_empty())
    }

    /// Whether others set everything that these do, or what is around it.
    pub(crate) fn is_covered_by(&self, others: &[&Self]) -> bool {
        let covers = |place: &[String]| {
            others.iter().any(|other| other.0.iter().any(|setting| place.starts_with(&setting.place)))
        };
        !self.0.is_empty() && self.0.iter().all(|setting| covers(&setting.place))
    }
}

impl Setting {
    fn read(of: &str, place: &str, value: &Value) -> Result<Self, Unfit> {
        let unfit = || Unfit::Place { of: of.into(), place: place.into() };
        let below = place.strip_prefix(ROOT).ok_or_else(unfit)?;
        let names: Vec<String> = match below.strip_prefix('.') {
            None if below.is_empty() => Vec::new(),
            None => return Err(unfit()),
            Some(names) => names.split('.').map(str::to_owned).collect(),
        };
        if names.iter().any(String::is_empty) {
            return Err(unfit());
        }
        if names.is_empty() && !value.is_object() {
            return Err(Unfit::NoObject { of: of.into() });
        }
        Ok(Self { place: names, value: value.clone() })
    }
}
