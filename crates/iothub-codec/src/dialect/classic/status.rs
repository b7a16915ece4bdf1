use crate::status::Status;

/// The number of HTTP that says the same.
pub(crate) const fn http(status: Status) -> u16 {
    match status {
        Status::NOT_MODIFIED => 304,
        Status::BAD_REQUEST => 400,
        Status::NOT_AUTHORIZED => 401,
        Status::QUOTA_EXCEEDED | Status::RESOURCE_EXHAUSTED => 403,
        Status::NOT_FOUND | Status::TARGET_UNAVAILABLE => 404,
        Status::NOT_ALLOWED => 405,
        Status::CONFLICT => 409,
        Status::PRECONDITION_FAILED => 412,
        Status::THROTTLED => 429,
        Status::TARGET_FAILED => 502,
        Status::SERVER_BUSY => 503,
        Status::TIMEOUT | Status::TARGET_TIMEOUT => 504,
        _ if status.is_success() => 200,
        _ if status.is_client_error() => 400,
        _ => 500,
    }
}

/// The status that a number of HTTP says.
pub(super) const fn from_http(code: i32) -> Status {
    match code {
        200..=299 => Status::SUCCESS,
        304 => Status::NOT_MODIFIED,
        401 => Status::NOT_AUTHORIZED,
        403 => Status::QUOTA_EXCEEDED,
        404 => Status::NOT_FOUND,
        405 => Status::NOT_ALLOWED,
        409 => Status::CONFLICT,
        412 => Status::PRECONDITION_FAILED,
        429 => Status::THROTTLED,
        400..=499 => Status::BAD_REQUEST,
        503 => Status::SERVER_BUSY,
        504 => Status::TIMEOUT,
        _ => Status::SERVER_ERROR,
    }
}
