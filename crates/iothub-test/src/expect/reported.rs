use core::panic::Location;
use core::time::Duration;

use serde_json::Value;

use super::{Unmet, WITHIN, awaited};
use crate::clock;
use crate::hub::TestHub;

/// Expects something of the reported properties of a device: comes from
/// [`TestHub::expect_reported`](crate::TestHub::expect_reported). Awaiting it gives the value there, once it is as wanted,
/// which it may be already.
#[must_use = "nothing is expected before it is awaited"]
pub struct ExpectReported<'h> {
    hub: &'h TestHub,
    device: String,
    pointer: String,
    wanted: Wanted,
    within: Duration,
    place: &'static Location<'static>,
}

enum Wanted {
    Present,
    Absent,
    Equal(Value),
    Where(String, Box<dyn Fn(&Value) -> bool + Send + Sync>),
}

impl<'h> ExpectReported<'h> {
    #[track_caller]
    pub(crate) fn new(hub: &'h TestHub, device: String) -> Self {
        let (pointer, wanted) = (String::new(), Wanted::Present);
        Self { hub, device, pointer, wanted, within: WITHIN, place: Location::caller() }
    }

    /// At that place, such as `/firmware/version`; otherwise it is about all of them.
    pub fn at(mut self, pointer: impl Into<String>) -> Self {
        self.pointer = pointer.into();
        self
    }

    /// It is equal to that.
    pub fn equal(mut self, value: impl Into<Value>) -> Self {
        self.wanted = Wanted::Equal(value.into());
        self
    }

    /// It is not there.
    pub fn absent(mut self) -> Self {
        self.wanted = Wanted::Absent;
        self
    }

    /// That holds for it; `what` says it in words, such as `above 3`.
    pub fn that_is(
        mut self,
        what: impl Into<String>,
        holds: impl Fn(&Value) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.wanted = Wanted::Where(what.into(), Box::new(holds));
        self
    }

    /// Waits that long instead of five seconds.
    pub const fn within(mut self, duration: Duration) -> Self {
        self.within = duration;
        self
    }

    /// What awaiting it does, without the panic; `null` for what is not there.
    ///
    /// # Errors
    ///
    /// [`Unmet`].
    pub async fn outcome(self) -> Result<Value, Unmet> {
        let deadline = clock::now() + self.within;
        let mut changed = self.hub.record().changed();
        loop {
            changed.borrow_and_update();
            let reported =
                self.hub.twin(&self.device).await.map(|twin| Value::Object(twin.properties.reported));
            let found = reported.as_ref().ok().and_then(|reported| reported.pointer(&self.pointer));
            if reported.is_ok() && self.wanted.is_met_by(found) {
                return Ok(found.cloned().unwrap_or_default());
            }
            if matches!(tokio::time::timeout_at(deadline, changed.changed()).await, Ok(Ok(()))) {
                continue;
            }
            let seen = match (reported, self.pointer.as_str()) {
                (Err(refused), _) => refused.to_string(),
                (Ok(reported), "") => format!("reported is {reported}"),
                (Ok(reported), pointer) => match reported.pointer(pointer) {
                    Some(value) => format!("{pointer} is {value}"),
                    None => format!("{pointer} is not there; reported is {reported}"),
                },
            };
            return Err(Unmet { expected: self.expected(), seen });
        }
    }

    fn expected(&self) -> String {
        let Self { device, pointer, within, .. } = self;
        let what = match &self.wanted {
            Wanted::Present => "something".to_owned(),
            Wanted::Absent => "nothing".to_owned(),
            Wanted::Equal(value) => value.to_string(),
            Wanted::Where(what, _) => format!("what is {what}"),
        };
        let place = if pointer.is_empty() { "all that is" } else { pointer };
        format!("{what} at {place} reported by {device} within {within:?}")
    }
}

impl Wanted {
    fn is_met_by(&self, found: Option<&Value>) -> bool {
        match (self, found) {
            (Self::Present, found) => found.is_some(),
            (Self::Absent, found) => found.is_none(),
            (Self::Equal(value), found) => found == Some(value),
            (Self::Where(_, holds), Some(found)) => holds(found),
            (Self::Where(..), None) => false,
        }
    }
}

awaited!(ExpectReported, Value);
