use core::fmt;

use iothub_codec::{Outcome, Status, Text};

/// What a hub says when it refuses something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why, in the code that all dialects share. Where the dialect cannot say it, the one that comes closest.
    pub status: Status,
    /// Why, for people: at most [`Self::TEXT_MAX`] characters of it. Only the previews can say it.
    pub reason: Option<String>,
    /// Under which name the hub's log has more, likewise.
    pub trace_id: Option<String>,
}

impl Refusal {
    /// Most characters of a text of the hub's that are kept.
    pub const TEXT_MAX: usize = 256;

    /// Whether the same can succeed later.
    pub fn is_retryable(&self) -> bool {
        self.status.is_retryable()
    }

    /// The same with nothing but a status, and the reason where there is one.
    pub(crate) fn new(status: Status, reason: Option<Text<'_>>) -> Self {
        Self::from(Outcome { reason, ..Outcome::new(status) })
    }

    /// What was said beside the status, as the end of a line.
    pub(crate) fn remark(&self) -> String {
        let reason = self.reason.iter().map(|reason| format!(": {reason}"));
        let trace = self.trace_id.iter().map(|id| format!(" (trace {id})"));
        reason.chain(trace).collect()
    }

    fn advice(&self) -> &'static str {
        match self.status {
            Status::PRECONDITION_FAILED => " (read the twin, and report again if it still matters)",
            Status::THROTTLED => " (send less, and again later)",
            Status::NOT_AUTHORIZED => " (check the key, and what its policy may do)",
            status if status.is_retryable() => " (try again later)",
            _ => "",
        }
    }
}

impl From<Outcome<'_>> for Refusal {
    fn from(outcome: Outcome<'_>) -> Self {
        let kept = |text: Text<'_>| text.to_string().chars().take(Self::TEXT_MAX).collect();
        let Outcome { status, reason, trace_id } = outcome;
        Self { status, reason: reason.map(kept), trace_id: trace_id.map(kept) }
    }
}

/// `0501 Throttled: 11 messages a second (send less, and again later)`
impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}{}", self.status, self.remark(), self.advice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_the_hub_said_and_what_to_do() {
        for (status, reason, trace_id, expected) in [
            (Status::BAD_REQUEST, None, None, "0100 Bad Request"),
            (Status::BAD_REQUEST, Some("no JSON"), Some("t-1"), "0100 Bad Request: no JSON (trace t-1)"),
            (Status::THROTTLED, None, None, "0501 Throttled (send less, and again later)"),
            (Status::SERVER_BUSY, None, Some("t-1"), "0603 Server Busy (trace t-1) (try again later)"),
            (
                Status::PRECONDITION_FAILED,
                None,
                None,
                "0104 Precondition Failed (read the twin, and report again if it still matters)",
            ),
        ] {
            let (reason, trace_id) = (reason.map(Text::plain), trace_id.map(Text::plain));
            assert_eq!(Refusal::from(Outcome { status, reason, trace_id }).to_string(), expected);
        }
    }

    #[test]
    fn of_a_long_text_so_much_is_kept() {
        let long = "ä".repeat(1_000);
        let refusal = Refusal::new(Status::BAD_REQUEST, Some(Text::plain(&long)));
        assert_eq!(refusal.reason.map(|text| text.chars().count()), Some(Refusal::TEXT_MAX));
    }
}
