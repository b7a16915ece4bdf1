use core::fmt;

/// What became of a request or message, in the code that all dialects share.
///
/// Two bits of the high byte say whose fault it is, one whether trying again can help; the low byte tells
/// the rest. Codes that are not among the constants are kept and classified by their bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Status(u16);

macro_rules! statuses {
    ($($(#[$about:meta])* $name:ident = $code:literal $text:literal;)*) => {
        impl Status {
            $($(#[$about])* pub const $name: Self = Self($code);)*

            /// Every code that is defined.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// What the code is called; `None` for one that is not defined.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($code => Some($text),)*
                    _ => None,
                }
            }
        }
    };
}

statuses! {
    /// It was done.
    SUCCESS = 0x0000 "Success";
    /// It is as the precondition said already.
    NOT_MODIFIED = 0x0001 "Not Modified";
    /// The message is malformed.
    BAD_REQUEST = 0x0100 "Bad Request";
    /// The sender may not do this.
    NOT_AUTHORIZED = 0x0101 "Not Authorized";
    /// Nobody may do this.
    NOT_ALLOWED = 0x0102 "Not Allowed";
    /// Another operation stands in the way.
    CONFLICT = 0x0103 "Conflict";
    /// The precondition does not hold.
    PRECONDITION_FAILED = 0x0104 "Precondition Failed";
    /// Too many requests at a time.
    THROTTLED = 0x0501 "Throttled";
    /// The quota of the day is used up.
    QUOTA_EXCEEDED = 0x0502 "Quota Exceeded";
    /// There is no room for it.
    RESOURCE_EXHAUSTED = 0x0503 "Resource Exhausted";
    /// It does not exist. The code has the bit for trying again, which the sources never explain.
    NOT_FOUND = 0x0504 "Not Found";
    /// The hub failed.
    SERVER_ERROR = 0x0601 "Server Error";
    /// The hub was not done in time.
    TIMEOUT = 0x0602 "Timeout";
    /// The hub has no time now. From a device about a command: deliver it again later.
    SERVER_BUSY = 0x0603 "Server Busy";
    /// The device cannot be reached.
    TARGET_UNAVAILABLE = 0x06A0 "Target Unavailable";
    /// The device did not answer in time.
    TARGET_TIMEOUT = 0x06A1 "Target Timeout";
    /// The device's answer makes no sense.
    TARGET_FAILED = 0x06A2 "Target Failed";
}

impl Status {
    const CLIENT: u16 = 0x0100;
    const SERVER: u16 = 0x0200;
    const KIND: u16 = 0x0300;
    const RETRYABLE: u16 = 0x0400;

    /// The status with that code.
    pub const fn from_code(code: u16) -> Self {
        Self(code)
    }

    /// The code: four hex digits on the wire.
    pub const fn code(self) -> u16 {
        self.0
    }

    /// Whether it was done, or is as it should be.
    pub const fn is_success(self) -> bool {
        self.0 & Self::KIND == 0
    }

    /// Whether the sender is at fault.
    pub const fn is_client_error(self) -> bool {
        self.0 & Self::KIND == Self::CLIENT
    }

    /// Whether the receiver is at fault.
    pub const fn is_server_error(self) -> bool {
        self.0 & Self::KIND == Self::SERVER
    }

    /// Whether the same can succeed later. Not [`Self::NOT_FOUND`], whatever its bit says.
    pub const fn is_retryable(self) -> bool {
        self.0 & Self::RETRYABLE != 0 && self.0 != Self::NOT_FOUND.0
    }

    /// The MQTT 5 reason code that goes with it, in PUBACK and DISCONNECT.
    ///
    /// A code that is not among the constants has that of an error without a code of its own.
    pub const fn reason_code(self) -> u8 {
        match self {
            Self::NOT_AUTHORIZED => 135,
            Self::THROTTLED | Self::QUOTA_EXCEEDED => 151,
            _ if self.is_success() => 0,
            _ => 131,
        }
    }

    /// Whether an answer with it may also say in words why (`reason`). Of codes that are not among the constants,
    /// those of errors may.
    pub const fn may_have_reason(self) -> bool {
        match self {
            Self::BAD_REQUEST
            | Self::NOT_ALLOWED
            | Self::CONFLICT
            | Self::RESOURCE_EXHAUSTED
            | Self::NOT_FOUND
            | Self::TARGET_TIMEOUT
            | Self::TARGET_FAILED => true,
            _ => self.is_undefined_error(),
        }
    }

    /// Whether an answer with it may also name a trace (`trace-id`), under which the hub's log has more. Likewise.
    pub const fn may_have_trace_id(self) -> bool {
        match self {
            Self::NOT_AUTHORIZED
            | Self::CONFLICT
            | Self::SERVER_ERROR
            | Self::TIMEOUT
            | Self::SERVER_BUSY
            | Self::TARGET_TIMEOUT => true,
            _ => self.is_undefined_error(),
        }
    }

    /// The number by which HTTP and the classic dialect say it.
    pub const fn http(self) -> u16 {
        crate::dialect::classic::http(self)
    }

    /// Whether that is a number by which HTTP says it.
    pub(crate) const fn is_http(self, code: i32) -> bool {
        code == self.http() as i32 || (self.0 == Self::SUCCESS.0 && matches!(code, 200..=299))
    }

    const fn is_undefined_error(self) -> bool {
        !self.is_success() && self.name().is_none()
    }
}

/// `0501 Throttled`
impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04X} {}", self.0, self.name().unwrap_or("undefined status"))
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Status({self})")
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::ToString;

    use super::*;

    #[test]
    fn bits_say_whose_fault_and_whether_to_try_again() {
        for (status, client, server, retryable, reason_code, http) in [
            (Status::SUCCESS, false, false, false, 0, 200),
            (Status::NOT_MODIFIED, false, false, false, 0, 304),
            (Status::BAD_REQUEST, true, false, false, 131, 400),
            (Status::NOT_AUTHORIZED, true, false, false, 135, 401),
            (Status::NOT_ALLOWED, true, false, false, 131, 405),
            (Status::CONFLICT, true, false, false, 131, 409),
            (Status::PRECONDITION_FAILED, true, false, false, 131, 412),
            (Status::THROTTLED, true, false, true, 151, 429),
            (Status::QUOTA_EXCEEDED, true, false, true, 151, 403),
            (Status::RESOURCE_EXHAUSTED, true, false, true, 131, 403),
            (Status::NOT_FOUND, true, false, false, 131, 404),
            (Status::SERVER_ERROR, false, true, true, 131, 500),
            (Status::TIMEOUT, false, true, true, 131, 504),
            (Status::SERVER_BUSY, false, true, true, 131, 503),
            (Status::TARGET_UNAVAILABLE, false, true, true, 131, 404),
            (Status::TARGET_TIMEOUT, false, true, true, 131, 504),
            (Status::TARGET_FAILED, false, true, true, 131, 502),
            (Status::from_code(0x0199), true, false, false, 131, 400),
            (Status::from_code(0x0699), false, true, true, 131, 500),
        ] {
            assert_eq!(status.is_client_error(), client, "{status}");
            assert_eq!(status.is_server_error(), server, "{status}");
            assert_eq!(status.is_success(), !client && !server, "{status}");
            assert_eq!(status.is_retryable(), retryable, "{status}");
            assert_eq!(status.reason_code(), reason_code, "{status}");
            assert_eq!(status.http(), http, "{status}");
        }
        assert_eq!(Status::THROTTLED.to_string(), "0501 Throttled");
        assert_eq!(Status::from_code(0x0199).to_string(), "0199 undefined status");
    }

    /// As the previews list them, response by response.
    #[test]
    fn some_answers_may_say_why_and_some_where_to_read_on() {
        for (code, reason, trace_id) in [
            (0x0000, false, false),
            (0x0001, false, false),
            (0x0100, true, false),
            (0x0101, false, true),
            (0x0102, true, false),
            (0x0103, true, true),
            (0x0104, false, false),
            (0x0501, false, false),
            (0x0502, false, false),
            (0x0503, true, false),
            (0x0504, true, false),
            (0x0601, false, true),
            (0x0602, false, true),
            (0x0603, false, true),
            (0x06A0, false, false),
            (0x06A1, true, true),
            (0x06A2, true, false),
            // Undefined: a success, and an error.
            (0x0002, false, false),
            (0x0105, true, true),
        ] {
            let status = Status::from_code(code);
            assert_eq!(
                (status.may_have_reason(), status.may_have_trace_id()),
                (reason, trace_id),
                "{status}"
            );
        }
    }
}
