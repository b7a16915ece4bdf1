use core::ops::RangeInclusive;
use core::time::Duration;

use crate::commands::SettingOutOfRange;
use crate::commands::settings::{check_deliveries, within};

/// How long devices may write a file, how much they may, and how back ends are told of it. Where IoT Hub has such a limit,
/// it is the same here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileSettings {
    access_ttl: Duration,
    notification_ttl: Option<Duration>,
    notification_lock: Duration,
    notification_deliveries_max: u32,
    file_len_max: u64,
    device_len_max: u64,
    hub_len_max: u64,
}

const HOUR_S: u64 = 60 * 60;
const ACCESS_S: RangeInclusive<u64> = 60..=24 * HOUR_S;
const NOTIFICATION_S: RangeInclusive<u64> = 60..=48 * HOUR_S;
const LOCK_S: RangeInclusive<u64> = 5..=300;
const GIB: u64 = 1024 * 1024 * 1024;

impl FileSettings {
    /// Uploads of one device at a time.
    pub const UPLOADS_PER_DEVICE: usize = 10;
    /// Most uploads of all devices at a time.
    pub const UPLOADS_MAX: usize = 200_000;
    /// Most files of a hub.
    pub const FILES_MAX: usize = 100_000;
    /// Longest name of a file without that of its device, in characters.
    pub const NAME_MAX: usize = 1024;
    /// Most bytes of what is said of a file besides its content: type, metadata.
    pub const HEADERS_MAX: usize = 8 * 1024;

    /// How long a device may write a file that it has asked for: one minute to one day.
    ///
    /// # Errors
    ///
    /// [`SettingOutOfRange`].
    pub fn with_access_ttl(self, access_ttl: Duration) -> Result<Self, SettingOutOfRange> {
        within("the time for an upload", access_ttl, &ACCESS_S, ("1 min", "1 day"))?;
        Ok(Self { access_ttl, ..self })
    }

    /// How long a notification about a file waits for somebody to read it: one minute to two days; `None` for none at
    /// all.
    ///
    /// # Errors
    ///
    /// [`SettingOutOfRange`].
    pub fn with_notification_ttl(self, ttl: Option<Duration>) -> Result<Self, SettingOutOfRange> {
        if let Some(ttl) = ttl {
            let what = "the time to live of notifications about files";
            within(what, ttl, &NOTIFICATION_S, ("1 min", "2 days"))?;
        }
        Ok(Self { notification_ttl: ttl, ..self })
    }

    /// How long a notification that was read is kept from others until it is completed: 5 to 300 seconds.
    ///
    /// # Errors
    ///
    /// [`SettingOutOfRange`].
    pub fn with_notification_lock(self, lock: Duration) -> Result<Self, SettingOutOfRange> {
        within("the lock of notifications about files", lock, &LOCK_S, ("5 s", "300 s"))?;
        Ok(Self { notification_lock: lock, ..self })
    }

    /// How often a notification is handed out that nobody completes: 1 to 100 times.
    ///
    /// # Errors
    ///
    /// [`SettingOutOfRange`].
    pub fn with_notification_deliveries_max(self, deliveries_max: u32) -> Result<Self, SettingOutOfRange> {
        check_deliveries("the number of deliveries of a notification about a file", deliveries_max)?;
        Ok(Self { notification_deliveries_max: deliveries_max, ..self })
    }

    /// Longest file, in bytes.
    #[must_use]
    pub const fn with_file_len_max(self, file_len_max: u64) -> Self {
        Self { file_len_max, ..self }
    }

    /// Most bytes of the files of one device, and as many once more that it is writing.
    #[must_use]
    pub const fn with_device_len_max(self, device_len_max: u64) -> Self {
        Self { device_len_max, ..self }
    }

    /// Most bytes of all files of a hub, and as many once more that are being written.
    #[must_use]
    pub const fn with_hub_len_max(self, hub_len_max: u64) -> Self {
        Self { hub_len_max, ..self }
    }

    /// The same with no length beyond this one, in bytes.
    #[must_use]
    pub fn limited_to(self, len_max: u64) -> Self {
        let Self { file_len_max, device_len_max, hub_len_max, .. } = self;
        Self {
            file_len_max: file_len_max.min(len_max),
            device_len_max: device_len_max.min(len_max),
            hub_len_max: hub_len_max.min(len_max),
            ..self
        }
    }

    pub(crate) const fn file_len_max(&self) -> u64 {
        self.file_len_max
    }

    pub(crate) const fn device_len_max(&self) -> u64 {
        self.device_len_max
    }

    pub(crate) const fn hub_len_max(&self) -> u64 {
        self.hub_len_max
    }

    pub(crate) const fn access_ttl(&self) -> Duration {
        self.access_ttl
    }

    pub(crate) const fn notification_ttl(&self) -> Option<Duration> {
        self.notification_ttl
    }

    pub(crate) const fn notification_lock(&self) -> Duration {
        self.notification_lock
    }

    pub(crate) const fn notification_deliveries_max(&self) -> u32 {
        self.notification_deliveries_max
    }
}

impl Default for FileSettings {
    /// An hour for either; notifications are locked for a minute and handed out a hundred times. 1 GiB for a file, 4 for a
    /// device, 16 for a hub.
    fn default() -> Self {
        Self {
            access_ttl: Duration::from_secs(HOUR_S),
            notification_ttl: Some(Duration::from_secs(HOUR_S)),
            notification_lock: Duration::from_secs(60),
            notification_deliveries_max: 100,
            file_len_max: GIB,
            device_len_max: 4 * GIB,
            hub_len_max: 16 * GIB,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_are_those_of_iot_hub() {
        let settings = FileSettings::default();
        let seconds = Duration::from_secs;
        for (set, good) in [
            (settings.with_access_ttl(seconds(59)), false),
            (settings.with_access_ttl(seconds(60)), true),
            (settings.with_access_ttl(seconds(24 * HOUR_S)), true),
            (settings.with_access_ttl(seconds(24 * HOUR_S + 1)), false),
            (settings.with_notification_ttl(None), true),
            (settings.with_notification_ttl(Some(seconds(48 * HOUR_S))), true),
            (settings.with_notification_ttl(Some(seconds(59))), false),
            (settings.with_notification_lock(seconds(4)), false),
            (settings.with_notification_lock(seconds(300)), true),
            (settings.with_notification_deliveries_max(0), false),
            (settings.with_notification_deliveries_max(100), true),
        ] {
            assert_eq!(set.is_ok(), good, "{set:?}");
        }
    }
}
