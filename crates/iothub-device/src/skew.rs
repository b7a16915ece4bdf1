use core::fmt;
use std::io;

use iothub_proto::Timestamp;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

/// A certificate is not valid at the time that this device's clock shows: one of the two is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OutOfDate {
    clock: Timestamp,
    valid: Valid,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Valid {
    From(Timestamp),
    Until(Timestamp),
}

/// This software is younger than that, so that a clock which shows less is wrong: 2026-01-01.
const SOFTWARE_IS_YOUNGER: Timestamp = Timestamp::from_secs(1_767_225_600);

impl OutOfDate {
    /// What TLS says of the hub's certificate, if it is that.
    pub(crate) fn of(error: &io::Error) -> Option<Self> {
        let rustls::Error::InvalidCertificate(invalid) = tls_error(error)? else { return None };
        if let CertificateError::NotValidYetContext { time, not_before } = invalid {
            Some(Self { clock: timestamp(*time), valid: Valid::From(timestamp(*not_before)) })
        } else if let CertificateError::ExpiredContext { time, not_after } = invalid {
            Some(Self { clock: timestamp(*time), valid: Valid::Until(timestamp(*not_after)) })
        } else {
            None
        }
    }

    /// What to do, as a sentence.
    pub(crate) fn advice(self) -> String {
        let Self { clock, valid } = self;
        let wrong = match valid {
            Valid::From(_) | Valid::Until(_) if is_never_set(clock) => {
                "set the clock: it is before this software was written"
            }
            // Somebody made a certificate at that time.
            Valid::From(_) => "set the clock, unless the certificate was made for a later time",
            Valid::Until(_) => "set the clock, or renew the certificate if the clock is right",
        };
        let clock = Utc(clock);
        match valid {
            Valid::From(time) => {
                let time = Utc(time);
                format!(
                    "This device's clock says {clock}, and the hub's certificate is valid from {time}: {wrong}."
                )
            }
            Valid::Until(time) => {
                let time = Utc(time);
                format!(
                    "This device's clock says {clock}, and the hub's certificate was valid until {time}: {wrong}."
                )
            }
        }
    }
}

/// What to do when a hub did not believe a proof that says when it was made, or when it expires.
pub(crate) fn advice_about_proof(clock: Timestamp) -> String {
    let advice = iothub_proto::FailureClass::NotAuthorized.advice();
    let says = Utc(clock);
    if is_never_set(clock) {
        return format!(
            "Set the clock of this device: it says {says}, which is before this software was written."
        );
    }
    format!("{advice} It says {says}.")
}

/// What TLS itself found wrong, rather than the connection below.
pub(crate) fn tls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

fn is_never_set(clock: Timestamp) -> bool {
    clock < SOFTWARE_IS_YOUNGER
}

fn timestamp(time: UnixTime) -> Timestamp {
    Timestamp::from_secs(time.as_secs())
}

/// `2026-11-22T03:30:47Z`
struct Utc(Timestamp);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let secs = self.0.as_secs();
        let (year, month, day) = date(secs / 86_400);
        let (hour, minute, second) = (secs / 3_600 % 24, secs / 60 % 60, secs % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// Year, month and day of the day that is so many after 1970-01-01, in the Gregorian calendar.
///
/// Counted from March on, so that the day that a leap year has more is a year's last: each five months then have 153 days.
const fn date(days: u64) -> (u64, u64, u64) {
    const DAYS_TO_1970: u64 = 719_468;
    const ERA: u64 = 146_097;
    let days = days + DAYS_TO_1970;
    let (era, day) = (days / ERA, days % ERA);
    let year = (day - day / 1_460 + day / 36_524 - day / (ERA - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (next_year, month) = if month < 10 { (0, month + 3) } else { (1, month - 9) };
    (era * 400 + year + next_year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    fn unix(secs: u64) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(secs))
    }

    fn advice(error: CertificateError) -> Option<String> {
        let error = io::Error::new(io::ErrorKind::InvalidData, rustls::Error::InvalidCertificate(error));
        OutOfDate::of(&error).map(OutOfDate::advice)
    }

    #[test]
    fn a_certificate_out_of_date_is_told_with_both_times() {
        for (error, expected) in [
            (
                CertificateError::NotValidYetContext { time: unix(12), not_before: unix(1_780_000_000) },
                Some(
                    "This device's clock says 1970-01-01T00:00:12Z, and the hub's certificate is valid from \
                     2026-05-28T20:26:40Z: set the clock: it is before this software was written.",
                ),
            ),
            (
                CertificateError::NotValidYetContext {
                    time: unix(1_780_000_000),
                    not_before: unix(1_780_000_060),
                },
                Some(
                    "This device's clock says 2026-05-28T20:26:40Z, and the hub's certificate is valid from \
                     2026-05-28T20:27:40Z: set the clock, unless the certificate was made for a later time.",
                ),
            ),
            (
                CertificateError::ExpiredContext {
                    time: unix(4_102_444_800),
                    not_after: unix(1_780_000_000),
                },
                Some(
                    "This device's clock says 2100-01-01T00:00:00Z, and the hub's certificate was valid until \
                     2026-05-28T20:26:40Z: set the clock, or renew the certificate if the clock is right.",
                ),
            ),
            (CertificateError::UnknownIssuer, None),
        ] {
            assert_eq!(advice(error).as_deref(), expected);
        }
        assert_eq!(OutOfDate::of(&io::ErrorKind::ConnectionReset.into()), None);
    }

    #[test]
    fn who_is_not_believed_is_told_what_its_clock_says() {
        let never_set = advice_about_proof(Timestamp::from_secs(0));
        assert!(never_set.contains("it says 1970-01-01T00:00:00Z"), "{never_set}");
        let set = advice_about_proof(Timestamp::from_secs(1_780_000_000));
        assert!(set.starts_with("Check that the device exists"), "{set}");
        assert!(set.ends_with("It says 2026-05-28T20:26:40Z."), "{set}");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (secs, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_767_225_599, "2025-12-31T23:59:59Z"),
            (1_767_225_600, "2026-01-01T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(Utc(Timestamp::from_secs(secs)).to_string(), expected);
        }
    }
}
