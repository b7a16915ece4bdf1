use iothub_model::FeedbackRecord;
use reqwest::header::ETAG;

use crate::request::{Repeat, Request};
use crate::{Error, Service};

/// What became of commands whose senders wanted to know. Comes from [`Service::receive_feedback`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedbackBatch {
    /// At most 64 of them, the oldest first.
    pub records: Vec<FeedbackRecord>,
    lock: String,
}

/// # What became of commands
///
/// The hub hands out each batch to one reader, for as long as its lock lasts: a minute, unless it was told otherwise.
/// Azure serves this by AMQP. Takes the right ServiceConnect.
impl Service {
    /// Receives feedback, if there is any.
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub async fn receive_feedback(&self) -> Result<Option<FeedbackBatch>, Error> {
        let answer = self.exchange(Request::get(PATH.into()).repeated(Repeat::IfNotDone)).await?;
        if answer.body.is_empty() {
            return Ok(None);
        }
        let records = self.document(&answer.body)?;
        let lock = answer.text(&ETAG).ok_or_else(|| self.unreadable("feedback without a lock".into()))?;
        Ok(Some(FeedbackBatch { records, lock: lock.trim_matches('"').into() }))
    }

    /// Says that a batch was read: nobody gets it again.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `DeviceMessageLockLost` when its lock has ended; see [`Error`] for others.
    pub async fn complete_feedback(&self, batch: &FeedbackBatch) -> Result<(), Error> {
        self.send_for_nothing(Request::delete(format!("{PATH}/{}", batch.lock))).await
    }

    /// Gives a batch back, for another reader.
    ///
    /// # Errors
    ///
    /// [`Error::Refused`] with `DeviceMessageLockLost` when its lock has ended; see [`Error`] for others.
    pub async fn abandon_feedback(&self, batch: &FeedbackBatch) -> Result<(), Error> {
        self.send_for_nothing(Request::post(format!("{PATH}/{}/abandon", batch.lock))).await
    }
}

const PATH: &str = "/messages/serviceBound/feedback";
