use crate::status::Status;

/// What of a status HTTP has a number for. Of several with the same number the first is meant by it.
const NUMBERS: &[(Status, u16)] = &[
    (Status::NOT_MODIFIED, 304),
    (Status::BAD_REQUEST, 400),
    (Status::NOT_AUTHORIZED, 401),
    (Status::QUOTA_EXCEEDED, 403),
    (Status::RESOURCE_EXHAUSTED, 403),
    (Status::NOT_FOUND, 404),
    (Status::TARGET_UNAVAILABLE, 404),
    (Status::NOT_ALLOWED, 405),
    (Status::CONFLICT, 409),
    (Status::PRECONDITION_FAILED, 412),
    (Status::THROTTLED, 429),
    (Status::TARGET_FAILED, 502),
    (Status::SERVER_BUSY, 503),
    (Status::TIMEOUT, 504),
    (Status::TARGET_TIMEOUT, 504),
];

/// The number of HTTP that says the same.
pub(crate) const fn http(status: Status) -> u16 {
    let mut rest = NUMBERS;
    while let [(each, number), after @ ..] = rest {
        if each.code() == status.code() {
            return *number;
        }
        rest = after;
    }
    match status {
        _ if status.is_success() => 200,
        _ if status.is_client_error() => 400,
        _ => 500,
    }
}

/// Whether a number says that status: HTTP has it for the status, or it is read as such.
pub(super) fn says(code: i32, status: Status) -> bool {
    status.is_http(code) || from_http(code) == status
}

/// The status that a number of HTTP says.
pub(in crate::dialect) fn from_http(code: i32) -> Status {
    match NUMBERS.iter().find(|(_, number)| i32::from(*number) == code) {
        Some((status, _)) => *status,
        None => match code {
            200..=299 => Status::SUCCESS,
            400..=499 => Status::BAD_REQUEST,
            _ => Status::SERVER_ERROR,
        },
    }
}
