use iothub_codec::Status;

/// What becomes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is dealt with: the hub removes it.
    Complete,
    /// Not now: the hub delivers it again. Only MQTT 5 can say it.
    Abandon,
    /// Never: the hub does not deliver it again, and may keep it as a dead letter. Only MQTT 5 can say it.
    Reject,
}

impl Verdict {
    /// What a device means by that status. One that is none of the three that are told apart counts by its bits:
    /// delivered twice is better than lost.
    pub(crate) const fn of(status: Status) -> Self {
        if status.is_success() {
            Self::Complete
        } else if status.is_retryable() || status.is_server_error() {
            Self::Abandon
        } else {
            Self::Reject
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_succeed_later_is_only_abandoned() {
        for (status, expected) in [
            (Status::SUCCESS, Verdict::Complete),
            (Status::NOT_MODIFIED, Verdict::Complete),
            (Status::SERVER_BUSY, Verdict::Abandon),
            (Status::SERVER_ERROR, Verdict::Abandon),
            (Status::THROTTLED, Verdict::Abandon),
            (Status::from_code(0x0299), Verdict::Abandon),
            (Status::BAD_REQUEST, Verdict::Reject),
            (Status::NOT_FOUND, Verdict::Reject),
            (Status::from_code(0x0199), Verdict::Reject),
        ] {
            assert_eq!(Verdict::of(status), expected, "{status}");
        }
    }
}
