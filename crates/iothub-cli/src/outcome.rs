use iothub_model::ErrorCode;
use iothub_service::{ConnectionFailure, Error};

/// How a command ends that does not end well, told apart as far as a script would act differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Whoever read the output has gone, as `head` does. Nobody is wronged.
    Unheard,
    /// Refused or failed in a way that has no status of its own.
    Failed,
    /// Misused: the same command line can never succeed.
    Misused,
    /// What it is about is not there.
    Absent,
    /// Whoever asks may not.
    Denied,
    /// It is there already, or somebody else has changed it.
    Conflict,
    /// The same may work later.
    Unreached,
    /// Some of it is done, and some failed.
    Partial,
    /// Stopped by a signal before the outcome was known.
    Interrupted,
}

impl Outcome {
    /// The exit status, which scripts rely on: a number that has once been given stays.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Unheard => 0,
            Self::Failed => 1,
            Self::Misused => 2,
            Self::Absent => 3,
            Self::Denied => 4,
            Self::Conflict => 5,
            Self::Unreached => 6,
            Self::Partial => 7,
            // What shells give for SIGINT.
            Self::Interrupted => 130,
        }
    }

    /// What a request that has no result comes to.
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Refused { status, code, .. } => Self::of_refusal(*status, *code),
            // Somebody else than the hub, or one whose CA is not known, stays that.
            Error::Unreachable { failure: ConnectionFailure::NotTrusted, .. } => Self::Failed,
            Error::TimedOut { .. } | Error::Unreachable { .. } => Self::Unreached,
            Error::NotExpressible { .. } => Self::Misused,
            Error::Unreadable { .. } | _ => Self::Failed,
        }
    }

    fn of_refusal(status: u16, code: Option<ErrorCode>) -> Self {
        match (status, code) {
            // It is there, and out of reach.
            (_, Some(ErrorCode::DeviceNotOnline | ErrorCode::IotHubFailingOver)) => Self::Unreached,
            (401, _) | (403, None | Some(ErrorCode::GenericForbidden)) => Self::Denied,
            (404, _) => Self::Absent,
            (409 | 412, _) => Self::Conflict,
            (429 | 500..=599, _) => Self::Unreached,
            _ => Self::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    #[test]
    fn every_exit_status_is_in_the_help_and_stays_what_it_is() {
        let help = Cli::command().render_long_help().to_string();
        for (outcome, code, meaning) in [
            (Outcome::Unheard, 0, "done"),
            (Outcome::Failed, 1, "refused or failed in another way"),
            (Outcome::Misused, 2, "misused: this command line can never succeed"),
            (Outcome::Absent, 3, "what it is about is not there"),
            (Outcome::Denied, 4, "not allowed with this key or policy"),
            (Outcome::Conflict, 5, "in conflict: it is there already, or was changed meanwhile"),
            (Outcome::Unreached, 6, "hub or device not reached, busy, or silent: it may work later"),
            (Outcome::Partial, 7, "done in part: some lines or devices failed, and are named"),
            (Outcome::Interrupted, 130, "stopped by Ctrl-C before its end"),
        ] {
            assert_eq!(outcome.code(), code, "{outcome:?}");
            let line = format!("{code:>5}  {meaning}\n");
            assert!(format!("{help}\n").contains(&line), "{line} is not in\n{help}");
        }
    }

    #[test]
    fn a_refusal_says_whether_to_try_again() {
        for (status, code, outcome) in [
            (401, Some(ErrorCode::IotHubUnauthorizedAccess), Outcome::Denied),
            (403, None, Outcome::Denied),
            (403, Some(ErrorCode::IotHubQuotaExceeded), Outcome::Failed),
            (404, Some(ErrorCode::DeviceNotFound), Outcome::Absent),
            (404, Some(ErrorCode::DeviceNotOnline), Outcome::Unreached),
            (409, Some(ErrorCode::DeviceAlreadyExists), Outcome::Conflict),
            (412, Some(ErrorCode::PreconditionFailed), Outcome::Conflict),
            (429, None, Outcome::Unreached),
            (504, Some(ErrorCode::GatewayTimeout), Outcome::Unreached),
            (400, Some(ErrorCode::ArgumentInvalid), Outcome::Failed),
        ] {
            assert_eq!(Outcome::of_refusal(status, code), outcome, "{status} {code:?}");
        }
    }
}
