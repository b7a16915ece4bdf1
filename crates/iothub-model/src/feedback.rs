use serde::{Deserialize, Serialize};

use crate::Date;
use crate::word::words;

words! {
    /// What became of a command.
    pub enum CommandOutcome {
        /// The device has completed it.
        Success = "Success",
        /// Its time was over before the device had completed it.
        Expired = "Expired",
        /// The device has given it back, or kept it too long, as often as it may.
        DeliveryCountExceeded = "DeliveryCountExceeded",
        /// The device does not want it, or cannot be sent it.
        Rejected = "Rejected",
        /// A back end has emptied the queue.
        Purged = "Purged",
    }
}

words! {
    /// Of which outcomes the sender of a command wants to hear.
    #[derive(Default)]
    pub enum FeedbackWanted {
        /// Of none.
        #[default]
        None = "none",
        /// That it was completed.
        Positive = "positive",
        /// That it was not.
        Negative = "negative",
        /// Of either.
        Full = "full",
    }
}

impl FeedbackWanted {
    /// Whether that outcome is one to hear of.
    pub fn includes(self, outcome: CommandOutcome) -> bool {
        let good = outcome == CommandOutcome::Success;
        match self {
            Self::None => false,
            Self::Positive => good,
            Self::Negative => !good,
            Self::Full => true,
        }
    }
}

/// What became of one command, for the back end that asked to be told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeedbackRecord {
    /// The message id of the command.
    pub original_message_id: String,
    /// When it was decided. The name is the one on the wire.
    pub enqueued_time_utc: Date,
    /// What became of it.
    pub status_code: CommandOutcome,
    /// The same in a word.
    pub description: String,
    /// The device it was for.
    pub device_id: String,
    /// Tells that device from one of the same name that was deleted.
    pub device_generation_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_to_hear_of_what() {
        use CommandOutcome::{Expired, Purged, Success};
        for (wanted, outcome, included) in [
            ("none", Success, false),
            ("none", Expired, false),
            ("positive", Success, true),
            ("positive", Purged, false),
            ("Negative", Success, false),
            ("negative", Expired, true),
            ("full", Success, true),
            ("full", Purged, true),
        ] {
            let wanted: FeedbackWanted = wanted.parse().unwrap();
            assert_eq!(wanted.includes(outcome), included, "{wanted} {outcome}");
        }
    }
}
