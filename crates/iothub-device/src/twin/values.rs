use core::fmt;
use core::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::watch;

use super::mirror::Mirrored;
use super::snapshot::read;

/// A desired property as it is, and then whenever it is another.
///
/// Made by [`Replica::desired_values`](crate::Replica::desired_values). It does not keep the device connected. Of values
/// that follow each other quickly the last is told: never one twice in a row, and never an older one after a newer.
pub struct TwinValues<T> {
    copy: watch::Receiver<Mirrored>,
    pointer: String,
    /// What was told last.
    told: Option<Option<Value>>,
    reads: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> TwinValues<T> {
    pub(super) fn new(mut copy: watch::Receiver<Mirrored>, pointer: String) -> Self {
        copy.mark_changed();
        Self { copy, pointer, told: None, reads: PhantomData }
    }

    /// Waits for the next value, `Some(Ok(None))` where there is no such property; `None` when the device is closed.
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// When a value is not what `T` reads. The next may be.
    pub async fn next(&mut self) -> Option<Result<Option<T>, serde_json::Error>> {
        loop {
            if self.copy.borrow().is_closed {
                return None;
            }
            self.copy.changed().await.ok()?;
            let (twin, is_closed) = {
                let copy = self.copy.borrow_and_update();
                (copy.twin.clone(), copy.is_closed)
            };
            if is_closed {
                return None;
            }
            // The copy goes on while the application reads this.
            let Some(twin) = twin else { continue };
            let value = twin.desired().pointer(&self.pointer);
            if self.told.as_ref().is_some_and(|told| told.as_ref() == value) {
                continue;
            }
            self.told = Some(value.cloned());
            return Some(value.map(read).transpose());
        }
    }
}

impl<T> fmt::Debug for TwinValues<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwinValues").field("pointer", &self.pointer).finish_non_exhaustive()
    }
}
