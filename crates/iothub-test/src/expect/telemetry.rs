use core::fmt::Write;
use core::panic::Location;
use core::time::Duration;
use std::collections::VecDeque;

use iothub_server::EventKind;
use serde_json::Value;

use super::wanted::Wanted;
use super::{SEEN_MAX, Unmet, WITHIN, awaited};
use crate::clock;
use crate::event::{Received, Telemetry};
use crate::record::{Entry, Record};

/// Expects a message of a device: comes from [`TestHub::expect_telemetry`](crate::TestHub::expect_telemetry). Awaiting it
/// gives the first message that is as wanted. Others may come before and between.
#[must_use = "nothing is expected before it is awaited"]
pub struct ExpectTelemetry<'h> {
    record: &'h Record,
    from: String,
    wanted: Vec<Wanted>,
    within: Duration,
    pub(super) place: &'static Location<'static>,
}

/// Expects several messages: comes from [`ExpectTelemetry::times`] and [`ExpectTelemetry::in_order`]. Awaiting it gives them.
#[must_use = "nothing is expected before it is awaited"]
pub struct ExpectSeveral<'h> {
    each: ExpectTelemetry<'h>,
    /// What is wanted besides of each in turn.
    in_order: Vec<Vec<Wanted>>,
    place: &'static Location<'static>,
}

/// Expects that no more than some messages come: comes from [`ExpectTelemetry::at_most`]. Awaiting it takes all the time
/// that it was given, and gives those that came.
#[must_use = "nothing is expected before it is awaited"]
pub struct ExpectAtMost<'h> {
    each: ExpectTelemetry<'h>,
    most: usize,
    place: &'static Location<'static>,
}

impl<'h> ExpectTelemetry<'h> {
    #[track_caller]
    pub(crate) fn new(record: &'h Record, from: String) -> Self {
        Self { record, from, wanted: Vec::new(), within: WITHIN, place: Location::caller() }
    }

    /// Of that module of the device.
    pub fn module(self, name: impl Into<String>) -> Self {
        self.and(Wanted::Module(name.into()))
    }

    /// With that JSON as its body, however it is written.
    pub fn json(self, body: impl Into<Value>) -> Self {
        self.and(Wanted::Json(body.into()))
    }

    /// With that value somewhere in a body that is JSON, such as at `/room/temperature`.
    pub fn json_at(self, pointer: impl Into<String>, value: impl Into<Value>) -> Self {
        self.and(Wanted::JsonAt(pointer.into(), value.into()))
    }

    /// With these bytes as its body.
    pub fn body(self, bytes: impl Into<Vec<u8>>) -> Self {
        self.and(Wanted::Body(bytes.into()))
    }

    /// With that property of the application's.
    pub fn property(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.and(Wanted::Property(name.into(), value.into()))
    }

    /// With that property of the system's, by the name that Event Hubs gives it, such as `message-id`.
    pub fn system_property(self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.and(Wanted::SystemProperty(name.into(), value.into()))
    }

    /// For which that holds; `what` says it in words, such as `hotter than 20`.
    pub fn that_is(
        self,
        what: impl Into<String>,
        holds: impl Fn(&Telemetry) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.and(Wanted::Where(what.into(), Box::new(holds)))
    }

    /// Waits that long instead of five seconds.
    pub const fn within(mut self, duration: Duration) -> Self {
        self.within = duration;
        self
    }

    /// Expects so many of them.
    pub fn times(self, count: usize) -> ExpectSeveral<'h> {
        let in_order = (0..count).map(|_| Vec::new()).collect();
        ExpectSeveral { place: self.place, each: self, in_order }
    }

    /// Expects messages with these bodies, one behind the other: of those that are as wanted otherwise, none comes between.
    pub fn in_order<V: Into<Value>>(self, bodies: impl IntoIterator<Item = V>) -> ExpectSeveral<'h> {
        let in_order = bodies.into_iter().map(|body| vec![Wanted::Json(body.into())]).collect();
        ExpectSeveral { place: self.place, each: self, in_order }
    }

    /// Expects no more than so many of them, 0 for none, in all the time that is waited.
    pub const fn at_most(self, most: usize) -> ExpectAtMost<'h> {
        ExpectAtMost { place: self.place, each: self, most }
    }

    /// What awaiting it does, without the panic.
    ///
    /// # Errors
    ///
    /// [`Unmet`].
    pub async fn outcome(self) -> Result<Telemetry, Unmet> {
        let deadline = clock::now() + self.within;
        let found = self.record.until(deadline, |entries| {
            let entry = entries.iter_mut().find(|entry| self.is_met_by(entry))?;
            entry.taken = true;
            Some(entry.event.clone())
        });
        found.await.ok_or_else(|| self.unmet(&format!("telemetry of {}", self.from)))
    }

    fn and(mut self, wanted: Wanted) -> Self {
        self.wanted.push(wanted);
        self
    }

    fn is_met_by(&self, entry: &Entry) -> bool {
        !entry.taken
            && is_telemetry_of(&entry.event, &self.from)
            && self.wanted.iter().all(|wanted| wanted.mismatch(&entry.event).is_none())
    }

    fn unmet(&self, what: &str) -> Unmet {
        let mut expected = what.to_owned();
        for wanted in &self.wanted {
            write!(expected, "{wanted}").expect("a text takes every text");
        }
        write!(expected, " within {:?}", self.within).expect("a text takes every text");
        let seen = seen(&self.record.entries(), &self.from, &self.wanted);
        Unmet { expected, seen }
    }
}

impl ExpectSeveral<'_> {
    /// Waits that long for all of them together, instead of five seconds.
    pub const fn within(mut self, duration: Duration) -> Self {
        self.each.within = duration;
        self
    }

    /// What awaiting it does, without the panic. Of messages that are not all there none is taken.
    ///
    /// # Errors
    ///
    /// [`Unmet`].
    pub async fn outcome(self) -> Result<Vec<Telemetry>, Unmet> {
        let Self { each, in_order, .. } = &self;
        let deadline = clock::now() + each.within;
        let mut wrong = None;
        let found = each.record.until(deadline, |entries| {
            let met = entries.iter_mut().filter(|entry| each.is_met_by(entry)).take(in_order.len());
            let met: Vec<_> = met.collect();
            let pairs = met.iter().zip(in_order).enumerate();
            wrong = pairs.into_iter().find_map(|(at, (entry, wanted))| {
                let why = wanted.iter().find_map(|wanted| wanted.mismatch(&entry.event))?;
                Some((at, entry.event.clone(), why))
            });
            if wrong.is_some() {
                return Some(None);
            }
            (met.len() == in_order.len()).then(|| {
                let take = |entry: &mut Entry| {
                    entry.taken = true;
                    entry.event.clone()
                };
                Some(met.into_iter().map(take).collect())
            })
        });
        if let Some(Some(found)) = found.await {
            return Ok(found);
        }
        let mut unmet = each.unmet(&format!("{} messages of {}", in_order.len(), each.from));
        if let Some((at, event, why)) = wrong {
            let wanted: String = in_order[at].iter().map(ToString::to_string).collect();
            unmet.seen =
                format!("as number {} came {event} ({why}), not one{wanted}\n{}", at + 1, unmet.seen);
        }
        Err(unmet)
    }
}

impl ExpectAtMost<'_> {
    /// Waits that long instead of five seconds, whatever comes.
    pub const fn within(mut self, duration: Duration) -> Self {
        self.each.within = duration;
        self
    }

    /// What awaiting it does, without the panic.
    ///
    /// # Errors
    ///
    /// [`Unmet`], as soon as one comes too many.
    pub async fn outcome(self) -> Result<Vec<Telemetry>, Unmet> {
        let Self { each, most, .. } = &self;
        let deadline = clock::now() + each.within;
        let one_too_many = each.record.until(deadline, |entries| {
            (entries.iter().filter(|entry| each.is_met_by(entry)).count() > *most).then_some(())
        });
        if one_too_many.await.is_some() {
            return Err(each.unmet(&format!("at most {most} messages of {}", each.from)));
        }
        let mut entries = each.record.entries();
        let met = entries.iter_mut().filter(|entry| each.is_met_by(entry));
        Ok(met
            .map(|entry| {
                entry.taken = true;
                entry.event.clone()
            })
            .collect())
    }
}

awaited!(ExpectTelemetry, Telemetry);
awaited!(ExpectSeveral, Vec<Telemetry>);
awaited!(ExpectAtMost, Vec<Telemetry>);

fn is_telemetry_of(event: &Received, device: &str) -> bool {
    event.kind() == EventKind::Telemetry && event.device() == device
}

/// What came of the device, and what was wrong with it; and who else sent something, as names are mistaken.
fn seen(entries: &VecDeque<Entry>, from: &str, wanted: &[Wanted]) -> String {
    let of_it: Vec<_> = entries.iter().filter(|entry| is_telemetry_of(&entry.event, from)).collect();
    let mut text = match of_it.len() {
        0 => "nothing came of it".to_owned(),
        1 => "one message came of it:".to_owned(),
        n if n > SEEN_MAX => format!("{n} messages came of it, the last {SEEN_MAX} of which:"),
        n => format!("{n} messages came of it:"),
    };
    for entry in of_it.iter().skip(of_it.len().saturating_sub(SEEN_MAX)) {
        let mut why: Vec<_> = wanted.iter().filter_map(|wanted| wanted.mismatch(&entry.event)).collect();
        if entry.taken {
            why.push("it has met another expectation".into());
        }
        let why = if why.is_empty() { String::new() } else { format!(" ({})", why.join(", ")) };
        write!(text, "\n  {}{why}", entry.event).expect("a text takes every text");
    }
    let mut others: Vec<_> = entries
        .iter()
        .filter(|entry| entry.event.kind() == EventKind::Telemetry && entry.event.device() != from)
        .map(|entry| entry.event.device())
        .collect();
    others.sort_unstable();
    others.dedup();
    if !others.is_empty() {
        let shown = others.iter().take(SEEN_MAX).copied().collect::<Vec<_>>().join(", ");
        write!(text, "\nothers sent something: {shown}").expect("a text takes every text");
    }
    text
}
