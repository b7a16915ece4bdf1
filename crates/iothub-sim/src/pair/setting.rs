use core::time::Duration;

use iothub_codec::{Channels, Codec, DeviceId, Dialect, Identity, ModuleId};
use iothub_proto::Session;

use crate::chance::Chance;
use crate::link::Weather;

/// What stays the same about a pair.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) dialect: Dialect,
    /// Whether it is a module of that device.
    is_module: bool,
    /// What a device that begins anew subscribes to; the rest it wants later.
    pub(super) wanted_first: Channels,
    pub(super) wanted: Channels,
    pub(super) session: Session,
    pub(super) keep_alive_s: u16,
    /// How long credentials are valid; for ever without.
    pub(super) lifetime: Option<Duration>,
    /// The weather, which does change: it becomes good.
    pub(super) weather: Weather,
}

impl Setting {
    pub(super) const ALL: Channels =
        Channels::COMMANDS.union(Channels::METHODS).union(Channels::REPLIES).union(Channels::DESIRED);

    pub(super) fn of_chance(name: &'static str, dialect: Dialect, chance: &mut Chance) -> Self {
        let some = [Channels::COMMANDS, Channels::METHODS, Channels::DESIRED, Channels::REPLIES];
        let wanted = if chance.happens(85) { Self::ALL } else { some[chance.index(some.len())] };
        let one = some[chance.index(some.len())];
        let wanted_first = if chance.happens(25) && wanted.contains(one) { one } else { wanted };
        let session = if chance.happens(75) { Session::Resume } else { Session::Fresh };
        let lifetime = chance.happens(25).then(|| chance.millis((60_000, 240_000)));
        let least = chance.below(60);
        Self {
            name,
            dialect,
            is_module: chance.happens(30),
            wanted_first,
            wanted,
            session,
            keep_alive_s: [5, 10, 20, 40][chance.index(4)],
            lifetime,
            weather: Weather {
                latency_ms: (least, least + chance.below(400)),
                room: 100 << chance.below(6),
                split: chance.below(50),
            },
        }
    }

    pub(super) fn codec(&self) -> Codec<'static> {
        // The names are ours.
        let id = DeviceId::new(self.name).expect("the fleet names its devices well");
        let module = ModuleId::new("valve").expect("as is this");
        let identity = if self.is_module { Identity::module(id, module) } else { Identity::device(id) };
        Codec::new(self.dialect, identity)
    }

    pub(super) fn speaks_v5(&self) -> bool {
        self.dialect == Dialect::Preview5
    }
}
