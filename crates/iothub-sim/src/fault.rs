/// What goes wrong in a schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// A connection breaks, with what was under way cut at any byte.
    Cut,
    /// A connection goes dead in one direction or both, and nobody is told.
    HalfOpen,
    /// What is under way comes seconds later, on one connection only.
    Stall,
    /// A connection cannot be made.
    Unreachable,
    /// A device begins anew and remembers nothing.
    DeviceCrash,
    /// A device loses its connection, stands still for a while, and remembers everything.
    DeviceRestart,
    /// A device stands still for a while, and its connection does not.
    Sleep,
    /// The hub loses its connections and what it remembers of sessions.
    HubCrash,
    /// The hub loses its connections.
    HubRestart,
    /// The hub refuses a CONNECT.
    Busy,
    /// The hub refuses a telemetry message.
    Refused,
    /// A message at QoS 0 is lost between hub and connection.
    Dropped,
    /// A twin request is answered seconds later, with what was true before.
    LateAnswer,
    /// A QoS 1 message arrives that has arrived before.
    Repeated,
    /// A device connects while the hub still serves its connection before.
    TakeOver,
}

impl Fault {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 15] = [
        Self::Cut,
        Self::HalfOpen,
        Self::Stall,
        Self::Unreachable,
        Self::DeviceCrash,
        Self::DeviceRestart,
        Self::Sleep,
        Self::HubCrash,
        Self::HubRestart,
        Self::Busy,
        Self::Refused,
        Self::Dropped,
        Self::LateAnswer,
        Self::Repeated,
        Self::TakeOver,
    ];

    /// What a table calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::HalfOpen => "half-open",
            Self::Stall => "stalled",
            Self::Unreachable => "unreachable",
            Self::DeviceCrash => "device-crash",
            Self::DeviceRestart => "device-restart",
            Self::Sleep => "device-asleep",
            Self::HubCrash => "hub-crash",
            Self::HubRestart => "hub-restart",
            Self::Busy => "hub-busy",
            Self::Refused => "telemetry-refused",
            Self::Dropped => "dropped",
            Self::LateAnswer => "late-answer",
            Self::Repeated => "repeated",
            Self::TakeOver => "taken-over",
        }
    }
}

/// How often each fault has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults([u64; Fault::ALL.len()]);

impl Faults {
    /// How often that one has happened.
    pub const fn count(&self, fault: Fault) -> u64 {
        self.0[fault as usize]
    }

    /// Those of another schedule happened, too.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(count, more)| *count += more);
    }

    pub(crate) const fn happened(&mut self, fault: Fault) {
        self.0[fault as usize] += 1;
    }
}
