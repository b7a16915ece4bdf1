use core::fmt;

use iothub_codec::Dialect;

/// A conversation between a device and a hub, as it stands in a file.
#[derive(Clone, Debug)]
pub struct Conversation {
    /// In which dialect it is held.
    pub dialect: Dialect,
    /// What it is about: the name of its file.
    pub feature: String,
    /// What it shows, in a sentence.
    pub title: String,
    /// The module that speaks; the device itself if there is none.
    pub module: Option<String>,
    /// Who cannot hold it, by the names of players, and why.
    pub not_for: Vec<(String, String)>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// One thing that happens.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it stands in its file, from 1.
    pub line: usize,
    /// Who does it.
    pub actor: Actor,
    /// What.
    pub deed: Deed,
}

/// What somebody does, in words: the same form for what a conversation says and for what was seen to happen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deed {
    /// Such as `PUBLISH` or `calls`.
    pub verb: String,
    /// What belongs to the verb.
    pub words: Vec<String>,
    /// The rest of the line: a payload.
    pub payload: Option<String>,
    /// The lines below: MQTT 5 properties, properties of a message, details of a CONNECT.
    pub fields: Vec<(String, String)>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// The device sends a packet.
    Device,
    /// The hub sends a packet.
    Hub,
    /// The hub sends a packet on the connection that the device had before this one.
    Old,
    /// The application on the device does something.
    App,
    /// The application on the device is told something.
    Told,
    /// A back end asks the hub for something.
    Back,
    /// A back end sees something.
    Seen,
    /// Time passes.
    Time,
}

impl Actor {
    /// Everybody.
    pub const ALL: [Self; 8] =
        [Self::Device, Self::Hub, Self::Old, Self::App, Self::Told, Self::Back, Self::Seen, Self::Time];

    /// The word that a line begins with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Hub => "hub",
            Self::Old => "old",
            Self::App => "app",
            Self::Told => "told",
            Self::Back => "back",
            Self::Seen => "seen",
            Self::Time => "time",
        }
    }
}

impl Deed {
    /// That verb and no more.
    pub fn new(verb: &str) -> Self {
        Self { verb: verb.to_owned(), ..Self::default() }
    }

    /// With that word behind the others.
    #[must_use]
    pub fn word(mut self, word: impl fmt::Display) -> Self {
        self.words.push(word.to_string());
        self
    }

    /// With those bytes, of which nobody says that they are text; none are no payload.
    #[must_use]
    pub fn payload(mut self, bytes: &[u8]) -> Self {
        self.payload = (!bytes.is_empty()).then(|| String::from_utf8_lossy(bytes).into_owned());
        self
    }

    /// With that line below.
    #[must_use]
    pub fn field(mut self, name: impl fmt::Display, value: impl fmt::Display) -> Self {
        self.fields.push((name.to_string(), value.to_string()));
        self
    }

    /// The value of the first line of that name below.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }

    /// The word at that place, counted from 0; nothing where there is none.
    pub fn at(&self, place: usize) -> &str {
        self.words.get(place).map_or("", String::as_str)
    }

    /// The payload's bytes.
    pub fn bytes(&self) -> &[u8] {
        self.payload.as_deref().unwrap_or_default().as_bytes()
    }
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.verb)?;
        for word in self.words.iter().chain(&self.payload) {
            write!(f, " {word}")?;
        }
        self.fields.iter().try_for_each(|(name, value)| write!(f, "\n    {name}: {value}"))
    }
}
