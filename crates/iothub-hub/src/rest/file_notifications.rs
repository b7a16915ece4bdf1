//! Which files devices have uploaded. IoT Hub hands that out over AMQP; here it is done over HTTPS as with feedback, one
//! notification at a time.

use iothub_proto::Now;

use crate::change::Change;
use crate::effect::Effects;
use crate::hub::Hub;
use crate::rest::feedback::{lock_lost, read_lock};
use crate::rest::{Failure, Outcome};

impl Hub {
    /// Hands out a notification. Its etag is the lock under which it is completed or given back.
    pub(super) fn receive_file_notification(
        &mut self,
        now: Now,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        let settings = self.file_settings()?;
        self.drop_file_notifications(now, effects)?;
        let (lock, held) = (self.source.lock(), settings.notification_lock());
        let batch = self.file_notifications.lock(now.instant, lock, (1, held));
        let Some((record, lock)) = batch.and_then(|batch| Some((*batch.records.first()?, batch.lock))) else {
            return Ok(Outcome::empty(204));
        };
        let mut outcome = Outcome::json(200, record, None);
        if let Outcome::Done(response) = &mut outcome {
            response.headers.push(("etag".into(), format!("\"{lock:016x}\"")));
            let content_type = "application/vnd.microsoft.iothub.filenotification.json";
            response.headers.push(("content-type".into(), content_type.to_owned()));
        }
        Ok(outcome)
    }

    pub(super) fn complete_file_notification(
        &mut self,
        now: Now,
        lock: &str,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        self.drop_file_notifications(now, effects)?;
        let numbers = read_lock(lock).and_then(|lock| self.file_notifications.complete(lock));
        let numbers = numbers.ok_or_else(lock_lost)?;
        self.record(Change::FileNotificationsRemoved { numbers }, effects);
        Ok(Outcome::empty(204))
    }

    pub(super) fn abandon_file_notification(
        &mut self,
        now: Now,
        lock: &str,
        effects: &mut Effects,
    ) -> Result<Outcome, Failure> {
        self.drop_file_notifications(now, effects)?;
        if read_lock(lock).is_some_and(|lock| self.file_notifications.give_back(lock)) {
            return Ok(Outcome::empty(204));
        }
        Err(lock_lost())
    }

    fn drop_file_notifications(&mut self, now: Now, effects: &mut Effects) -> Result<(), Failure> {
        let most = self.file_settings()?.notification_deliveries_max();
        let numbers = self.file_notifications.overdue(now, most);
        if !numbers.is_empty() {
            self.record(Change::FileNotificationsRemoved { numbers }, effects);
        }
        Ok(())
    }
}
