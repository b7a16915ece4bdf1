use core::panic::Location;
use core::time::Duration;

use iothub_server::EventKind;

use super::{SEEN_MAX, Unmet, WITHIN, awaited};
use crate::clock;
use crate::event::Received;
use crate::record::Record;

/// Expects that a device connects, or is gone: comes from [`TestHub::expect_connected`](crate::TestHub::expect_connected)
/// and [`TestHub::expect_disconnected`](crate::TestHub::expect_disconnected). Each of them is met by one connection: behind
/// the first, the second expects that it connects again.
#[must_use = "nothing is expected before it is awaited"]
pub struct ExpectConnection<'h> {
    record: &'h Record,
    device: String,
    module: Option<String>,
    operation: &'static str,
    within: Duration,
    place: &'static Location<'static>,
}

impl<'h> ExpectConnection<'h> {
    #[track_caller]
    pub(crate) fn new(record: &'h Record, device: String, operation: &'static str) -> Self {
        Self { record, device, module: None, operation, within: WITHIN, place: Location::caller() }
    }

    /// That module of the device, instead of the device itself.
    pub fn module(mut self, name: impl Into<String>) -> Self {
        self.module = Some(name.into());
        self
    }

    /// Waits that long instead of five seconds.
    pub const fn within(mut self, duration: Duration) -> Self {
        self.within = duration;
        self
    }

    /// What awaiting it does, without the panic.
    ///
    /// # Errors
    ///
    /// [`Unmet`].
    pub async fn outcome(self) -> Result<(), Unmet> {
        let Self { record, device, module, operation, within, .. } = &self;
        let module = module.as_deref();
        let deadline = clock::now() + *within;
        let found = record.until(deadline, |entries| {
            let entry = entries.iter_mut().find(|entry| {
                !entry.taken
                    && is_of(&entry.event, (device, module))
                    && Some(*operation) == operation_of(&entry.event)
            })?;
            entry.taken = true;
            Some(())
        });
        if found.await.is_some() {
            return Ok(());
        }
        let entries = record.entries();
        let mut lines: Vec<_> = entries
            .iter()
            .rev()
            .filter(|entry| is_of(&entry.event, (device, module)))
            .take(SEEN_MAX)
            .map(|entry| {
                let operation = operation_of(&entry.event).unwrap_or_default();
                let taken = if entry.taken { " (it has met another expectation)" } else { "" };
                format!("  {operation}{taken}")
            })
            .collect();
        lines.reverse();
        let seen = match lines.is_empty() {
            true => "the hub has seen nothing of it".to_owned(),
            false => format!("what came of it:\n{}", lines.join("\n")),
        };
        let who = module.map_or_else(|| device.clone(), |module| format!("{device}/{module}"));
        Err(Unmet { expected: format!("{operation} of {who} within {within:?}"), seen })
    }
}

awaited!(ExpectConnection, ());

fn is_of(event: &Received, who: (&str, Option<&str>)) -> bool {
    event.kind() == EventKind::ConnectionState && (event.device(), event.module()) == who
}

fn operation_of(event: &Received) -> Option<&str> {
    event.properties().get("opType").map(String::as_str)
}
