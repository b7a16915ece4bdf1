//! A hub whose disk is nearly full: it refuses what would be recorded before it decides it, and goes on reading.

use iothub_model::ErrorCode;
use iothub_proto::Now;

use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::notice::{Level, Notice};
use crate::registry::Key;
use crate::rest::Failure;

/// Whether a hub may have something recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recording {
    /// It may.
    #[default]
    Open,
    /// There is hardly room for it. The hub serves what only reads, and refuses what would be recorded. Little is
    /// recorded nevertheless: that connections end, and what becomes of commands that were on their way.
    Closed,
}

/// Why something is refused meanwhile.
pub(crate) const NO_ROOM: &str =
    "the disk of the hub is nearly full: until there is room, it serves only what need not be recorded";

impl Hub {
    /// Has this hub refuse what would be recorded, or no longer.
    pub(crate) fn set_recording(&mut self, now: Now, recording: Recording, effects: &mut Effects) {
        if core::mem::replace(&mut self.recording, recording) == recording {
            return;
        }
        let (level, what, why) = match recording {
            Recording::Open => (Level::Info, "writing taken up", "there is room again".to_owned()),
            Recording::Closed => (Level::Warn, "writing suspended", NO_ROOM.to_owned()),
        };
        effects.push(Effect::Log(Notice { level, peer: None, who: None, what, rule: None, why }));
        if recording == Recording::Open {
            let waiting: Vec<Key> = self.with_commands().cloned().collect();
            for key in waiting {
                self.command_due(now, &key, effects);
            }
            self.sweep_anew(now);
            self.count_anew(now);
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.recording == Recording::Open
    }
}

/// What a back end is told meanwhile.
pub(crate) fn unavailable() -> Failure {
    Failure::gateway(ErrorCode::ServiceUnavailable, NO_ROOM)
}
