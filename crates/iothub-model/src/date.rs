use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime, UtcOffset};

/// A point in civil time to the millisecond, or never.
///
/// Written as IoT Hub writes it, with seven fraction digits: `2029-12-31T23:00:00.0000000Z`. Never is the
/// first instant of the year 1, `0001-01-01T00:00:00Z`. What is before 1970 reads as never: no hub was
/// running then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(Option<u64>);

impl Date {
    /// What a time is before the thing has happened for the first time.
    pub const NEVER: Self = Self(None);

    /// The last millisecond of the year 9999, beyond which the notation has no digits.
    const LAST_MS: u64 = 253_402_300_799_999;

    /// The point `millis` milliseconds after 1970-01-01T00:00:00Z, at the latest the end of the year 9999.
    pub const fn from_millis(millis: u64) -> Self {
        Self(Some(if millis < Self::LAST_MS { millis } else { Self::LAST_MS }))
    }

    /// Milliseconds since 1970-01-01T00:00:00Z, unless it is [`Self::NEVER`].
    pub const fn as_millis(self) -> Option<u64> {
        self.0
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(millis) = self.0 else { return f.pad("0001-01-01T00:00:00Z") };
        let nanos = i128::from(millis) * 1_000_000;
        let date = OffsetDateTime::from_unix_timestamp_nanos(nanos).map_err(|_| fmt::Error)?;
        let mut written = [0; WRITTEN_LEN];
        let mut room = &mut written[..];
        date.format_into(&mut room, WRITTEN).map_err(|_| fmt::Error)?;
        f.pad(str::from_utf8(&written).map_err(|_| fmt::Error)?)
    }
}

impl FromStr for Date {
    type Err = BadDate;

    /// Reads ISO 8601 with any number of fraction digits, and `Z`, an offset, or neither, which means `Z`.
    fn from_str(text: &str) -> Result<Self, BadDate> {
        let (local, offset) = split_offset(text)?;
        let local = PrimitiveDateTime::parse(local, READ).map_err(|_| BadDate)?;
        if local.year() < 1970 {
            return Ok(Self::NEVER);
        }
        let nanos = local.assume_offset(offset).unix_timestamp_nanos();
        // The hours before 1970 that an offset can reach are never, as the years before it are.
        Ok(u64::try_from(nanos.div_euclid(1_000_000)).map_or(Self::NEVER, Self::from_millis))
    }
}

/// Not a date in ISO 8601.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date such as 2029-12-31T23:00:00Z")]
pub struct BadDate;

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Divides `…T23:00:00+01:00` before the offset. A sign before the `T` is part of the date.
fn split_offset(text: &str) -> Result<(&str, UtcOffset), BadDate> {
    if let Some(local) = text.strip_suffix(['Z', 'z']) {
        return Ok((local, UtcOffset::UTC));
    }
    let clock = text.find(['T', 't', ' ']).ok_or(BadDate)?;
    match text[clock..].find(['+', '-']) {
        None => Ok((text, UtcOffset::UTC)),
        Some(sign) => {
            let (local, offset) = text.split_at(clock + sign);
            Ok((local, UtcOffset::parse(offset, OFFSET).map_err(|_| BadDate)?))
        }
    }
}

/// Bytes of what [`WRITTEN`] makes of any date that there can be.
const WRITTEN_LEN: usize = 28;

const WRITTEN: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:7]Z");

const READ: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second][optional [.[subsecond]]]");

const OFFSET: &[BorrowedFormatItem<'_>] = format_description!("[offset_hour sign:mandatory]:[offset_minute]");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_in_the_field_reads_and_is_written_one_way() {
        for (read, millis, written) in [
            ("2029-12-31T23:00:00.0000000Z", 1_893_452_400_000, "2029-12-31T23:00:00.0000000Z"),
            ("2021-05-07T00:50:38.0543092Z", 1_620_348_638_054, "2021-05-07T00:50:38.0540000Z"),
            ("2021-05-07T00:50:38.054Z", 1_620_348_638_054, "2021-05-07T00:50:38.0540000Z"),
            ("2021-05-07T00:50:38.5", 1_620_348_638_500, "2021-05-07T00:50:38.5000000Z"),
            ("2021-05-07T00:50:38", 1_620_348_638_000, "2021-05-07T00:50:38.0000000Z"),
            ("2021-05-07T02:50:38+02:00", 1_620_348_638_000, "2021-05-07T00:50:38.0000000Z"),
            ("2021-05-06T20:20:38.25-04:30", 1_620_348_638_250, "2021-05-07T00:50:38.2500000Z"),
            ("1970-01-01T00:00:00Z", 0, "1970-01-01T00:00:00.0000000Z"),
            ("9999-12-31T23:59:59.9999999", 253_402_300_799_999, "9999-12-31T23:59:59.9990000Z"),
        ] {
            let date: Date = read.parse().unwrap_or_else(|_| panic!("{read}"));
            assert_eq!(date.as_millis(), Some(millis), "{read}");
            assert_eq!(date.to_string(), written, "{read}");
            assert_eq!(written.parse(), Ok(date), "{written}");
        }
    }

    #[test]
    fn never_is_the_first_instant_of_the_year_one() {
        for never in [
            "0001-01-01T00:00:00",
            "0001-01-01T00:00:00Z",
            "0001-01-01T00:00:00+02:00",
            "1969-12-31T23:59:59Z",
            "-2021-05-07T00:50:38Z",
            "1970-01-01T00:30:00+01:00",
        ] {
            assert_eq!(never.parse(), Ok(Date::NEVER), "{never}");
        }
        assert_eq!(Date::NEVER.to_string(), "0001-01-01T00:00:00Z");
        assert!(Date::NEVER < Date::from_millis(0));
    }

    #[test]
    fn what_is_not_a_date_is_refused() {
        for bad in [
            "",
            "Z",
            "2021",
            "2021-05-07",
            "2021-05-07T00:50",
            "2021-13-07T00:50:38Z",
            "2021-02-30T00:50:38Z",
            "2021-05-07T24:50:38Z",
            "2021-05-07T00:50:38.Z",
            "2021-05-07T00:50:38 Z",
            "2021-05-07T00:50:38+2",
            "2021-05-07T00:50:38é+02:00",
        ] {
            assert_eq!(bad.parse::<Date>(), Err(BadDate), "{bad}");
        }
    }

    #[test]
    fn a_date_beyond_the_notation_is_its_last() {
        assert_eq!(Date::from_millis(u64::MAX).to_string(), "9999-12-31T23:59:59.9990000Z");
    }
}
