use iothub_codec::Status;

/// What has happened when a hub, or a device, says this.
pub(super) fn meaning(status: Status) -> &'static str {
    match row(status) {
        Some((_, meaning, _)) => meaning,
        None if status.is_success() => "A success that is not defined.",
        None if status.is_client_error() => "An error that is not defined, by whoever asked.",
        None if status.is_server_error() => "An error that is not defined, of the hub or the device.",
        None => "A code that is not defined, of no kind that is.",
    }
}

/// What to do about it.
pub(super) fn advice(status: Status) -> &'static str {
    match row(status) {
        Some((_, _, advice)) => advice,
        None if status.is_success() => "Nothing.",
        None if status.is_retryable() => "Try again after a pause.",
        None => "Read the reason, if one came with it.",
    }
}

fn row(status: Status) -> Option<&'static (Status, &'static str, &'static str)> {
    ROWS.iter().find(|(each, ..)| *each == status)
}

const ROWS: &[(Status, &str, &str)] = &[
    (Status::SUCCESS, "It was done.", "Nothing."),
    (Status::NOT_MODIFIED, "It is already as the precondition says.", "Keep what is there."),
    (
        Status::BAD_REQUEST,
        "A topic, a property or a payload breaks a rule.",
        "The reason that came with it, or the hub's log, names the place; a command with this status is never \
         delivered again.",
    ),
    (
        Status::NOT_AUTHORIZED,
        "The proof is missing, has expired, is of another hub or device, or is signed with another key.",
        "Compare host name, ids, key and clock; `iothub device show ID --diagnose` says which rule was broken.",
    ),
    (
        Status::NOT_ALLOWED,
        "Nobody may do this, whoever it is.",
        "Compare topic and operation with those of the dialect.",
    ),
    (Status::CONFLICT, "Another operation stands in the way.", "Read the present state, then decide again."),
    (
        Status::PRECONDITION_FAILED,
        "The version or etag that was named is not the present one.",
        "Read the twin again, make the change again, and send it with the new version.",
    ),
    (
        Status::THROTTLED,
        "Requests come faster than the hub takes them.",
        "Wait, with a pause that doubles and is random in part.",
    ),
    (
        Status::QUOTA_EXCEEDED,
        "The messages of the day are used up.",
        "Wait for midnight UTC, add units, or send fewer and larger messages.",
    ),
    (
        Status::RESOURCE_EXHAUSTED,
        "There is no room: a queue, a table or a limit of the hub is full.",
        "Let what is there be done first, then try again.",
    ),
    (
        Status::NOT_FOUND,
        "The topic or the thing it names does not exist.",
        "Check device, module and topic; it does not help to try again.",
    ),
    (
        Status::SERVER_ERROR,
        "The hub has failed.",
        "Try again; if it goes on, look for the trace id in the hub's log.",
    ),
    (
        Status::TIMEOUT,
        "The hub was not done in time.",
        "Try again after a pause; it may have been done nevertheless.",
    ),
    (
        Status::SERVER_BUSY,
        "The hub has no time now; from a device about a command, that it is to be delivered again later.",
        "Try again after a pause.",
    ),
    (
        Status::TARGET_UNAVAILABLE,
        "The device is not connected, or does not listen to methods.",
        "Connect it, or allow time for it to connect.",
    ),
    (
        Status::TARGET_TIMEOUT,
        "The device did not answer in time.",
        "Allow more time, and see that the device answers every method, also one that it does not know.",
    ),
    (
        Status::TARGET_FAILED,
        "The device's answer makes no sense.",
        "Look at what the device answers: status and payload.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_defined_status_has_its_row() {
        let rows: Vec<Status> = ROWS.iter().map(|(status, ..)| *status).collect();
        assert_eq!(rows, Status::ALL);
    }

    #[test]
    fn an_undefined_status_is_explained_by_its_bits() {
        for (code, meaning, advice) in [
            (0x0002, "A success that is not defined.", "Nothing."),
            (
                0x0199,
                "An error that is not defined, by whoever asked.",
                "Read the reason, if one came with it.",
            ),
            (0x0599, "An error that is not defined, by whoever asked.", "Try again after a pause."),
            (0x0699, "An error that is not defined, of the hub or the device.", "Try again after a pause."),
            (
                0x0399,
                "A code that is not defined, of no kind that is.",
                "Read the reason, if one came with it.",
            ),
        ] {
            let status = Status::from_code(code);
            assert_eq!((self::meaning(status), self::advice(status)), (meaning, advice), "{status}");
        }
    }
}
