use core::panic::Location;
use core::time::Duration;

use serde_json::Value;

use super::{Unmet, awaited};
use crate::back_end::Answered;
use crate::hub::TestHub;

/// Calls a method when it is awaited, once, and expects an answer: comes from
/// [`TestHub::expect_method`](crate::TestHub::expect_method). Any answer will do, unless it is told otherwise.
#[must_use = "nothing is called before it is awaited"]
pub struct ExpectMethod<'h> {
    hub: &'h TestHub,
    device: String,
    name: String,
    argument: Value,
    status: Option<i32>,
    answer: Option<Value>,
    within: Duration,
    place: &'static Location<'static>,
}

impl<'h> ExpectMethod<'h> {
    #[track_caller]
    pub(crate) fn new(hub: &'h TestHub, device: String, name: String) -> Self {
        let place = Location::caller();
        Self { hub, device, name, argument: Value::Null, status: None, answer: None, within: MIN, place }
    }

    /// With that argument; `null` otherwise.
    pub fn with(mut self, argument: impl Into<Value>) -> Self {
        self.argument = argument.into();
        self
    }

    /// The device answers with that number.
    pub const fn status(mut self, status: i32) -> Self {
        self.status = Some(status);
        self
    }

    /// The device answers with that JSON.
    pub fn answer(mut self, answer: impl Into<Value>) -> Self {
        self.answer = Some(answer.into());
        self
    }

    /// The device may take that long instead of five seconds: hubs wait at least that long and at most 300 s.
    pub fn within(mut self, duration: Duration) -> Self {
        self.within = duration.clamp(MIN, MAX);
        self
    }

    /// What awaiting it does, without the panic.
    ///
    /// # Errors
    ///
    /// [`Unmet`].
    pub async fn outcome(self) -> Result<Answered, Unmet> {
        let Self { hub, device, name, argument, status, answer, within, .. } = &self;
        let called = hub.call_within(device, name, argument, *within).await;
        let seen = match called {
            Ok(answered)
                if status.is_none_or(|status| status == answered.status)
                    && answer.as_ref().is_none_or(|answer| *answer == answered.payload) =>
            {
                return Ok(answered);
            }
            Ok(Answered { status, payload }) => format!("it answered {status} {payload}"),
            Err(refused) => refused.to_string(),
        };
        let mut expected = format!("{device} to answer {name}({argument})");
        if let Some(status) = status {
            expected += &format!(" with the status {status}");
        }
        if let Some(answer) = answer {
            expected += &format!(" with {answer}");
        }
        Err(Unmet { expected: format!("{expected} within {within:?}"), seen })
    }
}

awaited!(ExpectMethod, Answered);

const MIN: Duration = Duration::from_secs(5);
const MAX: Duration = Duration::from_secs(300);
