use core::ops::Bound;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use iothub_codec::{Channels, EncodeError, MethodCall, Status};
use iothub_model::{ErrorCode, MethodInvocation, MethodResult};
use iothub_proto::{Instant, Now, SendError, Ticket};

use crate::connection::CALLS;
use crate::effect::{Effect, Effects};
use crate::hub::Hub;
use crate::input::{ConnectionId, ExchangeId};
use crate::jobs::JobCall;
use crate::packet::PacketBuf;
use crate::registry::Key;
use crate::rest::{Failure, not_found};
use crate::timers::Due;

/// Longest argument of a method, and longest answer, in bytes.
pub(crate) const METHOD_PAYLOAD_MAX: usize = 128 * 1024;
/// As much of what cannot be a name as its refusal repeats, in bytes.
const NAME_SHOWN_MAX: usize = 128;

/// Who awaits the outcome of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Caller {
    /// A back end, with an HTTP request.
    Exchange(ExchangeId),
    /// A job.
    Job(JobCall),
}

/// Method calls of back ends that are neither answered nor given up.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// For a device that is not there yet, in the order of the device and then of the call.
    waiting: BTreeMap<(Key, ExchangeId), Waiting>,
    /// Where each call is.
    places: BTreeMap<Caller, Place>,
    /// Those of them that are answered as commands of digital twins are.
    commands: BTreeSet<ExchangeId>,
    /// The hub stops: there are no further ones.
    stopped: bool,
}

#[derive(Debug)]
enum Place {
    Waiting(Key),
    Open(ConnectionId, Ticket),
}

#[derive(Debug)]
struct Waiting {
    invocation: MethodInvocation,
    until: Instant,
}

/// A call that a device is to answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenCall {
    ticket: Ticket,
    caller: Caller,
    deadline: Instant,
}

/// What stands in the way of a call now.
pub(crate) enum Obstacle {
    /// The device is not connected, or does not listen to the method.
    NotThere,
    /// Nothing that waiting would change.
    Failure(Failure),
}

impl Calls {
    /// The hub stops: there are no further ones.
    pub(crate) const fn is_stopped(&self) -> bool {
        self.stopped
    }

    /// This one is a command of a digital twin.
    pub(crate) fn note_command(&mut self, exchange: ExchangeId) {
        self.commands.insert(exchange);
    }

    /// Those of a job.
    pub(crate) fn of_job(&self, number: u64) -> Vec<Caller> {
        let first = Caller::Job(JobCall { number, slot: 0 });
        let last = Caller::Job(JobCall { number, slot: u32::MAX });
        self.places.range(first..=last).map(|(caller, _)| *caller).collect()
    }
}

impl Calls {
    fn waiting_for(&self, key: &Key) -> Vec<ExchangeId> {
        let first = Bound::Included((key.clone(), ExchangeId(0)));
        let last = Bound::Included((key.clone(), ExchangeId(u64::MAX)));
        self.waiting.range((first, last)).map(|((_, exchange), _)| *exchange).collect()
    }
}

impl Hub {
    /// Calls a method for a back end; the response comes when there is an outcome.
    pub(crate) fn invoke(
        &mut self,
        now: Now,
        exchange: ExchangeId,
        key: Key,
        invocation: MethodInvocation,
        effects: &mut Effects,
    ) -> Result<(), Failure> {
        if self.calls.stopped {
            return Err(stopped());
        }
        // Whoever waits for a device with that name waits in vain.
        if !MethodCall::is_name(&invocation.method_name) {
            let name = &invocation.method_name;
            let shown = &name[..name.floor_char_boundary(NAME_SHOWN_MAX)];
            let message = format!("{shown:?} cannot be the name of a method");
            return Err(Failure::gateway(ErrorCode::ArgumentInvalid, message));
        }
        match self.call(now, Caller::Exchange(exchange), &key, &invocation, effects) {
            Ok(()) => Ok(()),
            Err(Obstacle::Failure(failure)) => Err(failure),
            Err(Obstacle::NotThere) if invocation.connect_timeout() == Duration::ZERO => {
                Err(self.not_online(&key))
            }
            Err(Obstacle::NotThere) => {
                let until = now.instant.after(invocation.connect_timeout());
                self.timers.set(until, Due::Connect(exchange));
                self.calls.places.insert(Caller::Exchange(exchange), Place::Waiting(key.clone()));
                self.calls.waiting.insert((key, exchange), Waiting { invocation, until });
                Ok(())
            }
        }
    }

    /// The device listens now: calls that waited for that go out.
    pub(crate) fn call_waiting(&mut self, now: Now, key: &Key, effects: &mut Effects) {
        for exchange in self.calls.waiting_for(key) {
            let Some(call) = self.calls.waiting.remove(&(key.clone(), exchange)) else { continue };
            match self.call(now, Caller::Exchange(exchange), key, &call.invocation, effects) {
                Ok(()) => self.timers.cancel(call.until, Due::Connect(exchange)),
                Err(Obstacle::NotThere) => {
                    self.calls.waiting.insert((key.clone(), exchange), call);
                }
                Err(Obstacle::Failure(failure)) => {
                    self.timers.cancel(call.until, Due::Connect(exchange));
                    self.calls.places.remove(&Caller::Exchange(exchange));
                    self.fail(now, (exchange, key), failure, effects);
                }
            }
        }
    }

    /// A device answered.
    pub(crate) fn answered(
        &mut self,
        now: Now,
        id: ConnectionId,
        ticket: Ticket,
        (code, payload): (i32, &[u8]),
        effects: &mut Effects,
    ) {
        let Some((key, call)) = self.take_call(id, ticket) else { return };
        let why = match MethodResult::from_reply(code, payload) {
            Ok(result) if result.payload.get().len() <= METHOD_PAYLOAD_MAX => {
                self.charge(now, result.payload.get().len());
                return self.call_ended(now, (call.caller, &key), Ok(result), effects);
            }
            Ok(result) => {
                let len = result.payload.get().len();
                format!("of {len} bytes, and at most {METHOD_PAYLOAD_MAX} are allowed")
            }
            Err(error) => format!("that is {error}"),
        };
        let message = format!("the device answered with status {code} and a payload {why}");
        let failure = Failure::gateway(ErrorCode::GenericBadGateway, message);
        self.call_ended(now, (call.caller, &key), Err(failure), effects);
    }

    /// A device does not run the method.
    pub(crate) fn declined(
        &mut self,
        now: Now,
        id: ConnectionId,
        ticket: Ticket,
        status: Status,
        effects: &mut Effects,
    ) {
        let Some((key, call)) = self.take_call(id, ticket) else { return };
        // It is there and cannot be reached: somebody else may speak for it on this connection.
        let code = if [Status::TARGET_UNAVAILABLE, Status::SERVER_BUSY].contains(&status) {
            ErrorCode::DeviceNotOnline
        } else {
            ErrorCode::GenericBadGateway
        };
        let message = format!("the device declined the call with status {status}");
        self.call_ended(now, (call.caller, &key), Err(Failure::gateway(code, message)), effects);
    }

    pub(crate) fn unanswered(&mut self, now: Now, id: ConnectionId, ticket: Ticket, effects: &mut Effects) {
        let Some((key, call)) = self.take_call(id, ticket) else { return };
        let failure =
            Failure::gateway(ErrorCode::GatewayTimeout, "Timed out waiting for the response from device.");
        self.call_ended(now, (call.caller, &key), Err(failure), effects);
    }

    /// The connection ended before the answer.
    pub(crate) fn call_lost(
        &mut self,
        now: Now,
        id: ConnectionId,
        (key, call): (&Key, &OpenCall),
        effects: &mut Effects,
    ) {
        self.timers.cancel(call.deadline, Due::Answer(id, call.ticket));
        self.calls.places.remove(&call.caller);
        let failure = Failure::gateway(
            ErrorCode::DeviceNotOnline,
            "The device's connection ended before it answered; it may have executed the method.",
        );
        self.call_ended(now, (call.caller, key), Err(failure), effects);
    }

    /// The device was deleted: calls that waited for it are not for another of its name.
    pub(crate) fn call_nobody(&mut self, now: Now, key: &Key, effects: &mut Effects) {
        for exchange in self.calls.waiting_for(key) {
            self.abandon(exchange);
            self.fail(now, (exchange, key), not_found(key), effects);
        }
    }

    /// The device did not connect in time.
    pub(crate) fn connect_timeout(&mut self, now: Now, exchange: ExchangeId, effects: &mut Effects) {
        self.calls.commands.remove(&exchange);
        let Some(Place::Waiting(key)) = self.calls.places.remove(&Caller::Exchange(exchange)) else {
            return;
        };
        self.calls.waiting.remove(&(key.clone(), exchange));
        let failure = self.not_online(&key);
        self.fail(now, (exchange, &key), failure, effects);
    }

    /// The hub stops: no outcome will come.
    pub(crate) fn stop_calls(&mut self, now: Now, effects: &mut Effects) {
        self.calls.stopped = true;
        let of_back_end = |caller: &Caller| match caller {
            Caller::Exchange(exchange) => Some(*exchange),
            // What has no recorded end is known to have been tried, when the hub starts again.
            Caller::Job(_) => None,
        };
        let exchanges: Vec<ExchangeId> = self.calls.places.keys().filter_map(of_back_end).collect();
        for exchange in exchanges {
            let key = match self.calls.places.get(&Caller::Exchange(exchange)) {
                Some(Place::Waiting(key)) => key.clone(),
                Some(Place::Open(id, _)) => match self.serving(*id) {
                    Some(serving) => (*serving.key).clone(),
                    None => continue,
                },
                None => continue,
            };
            self.abandon(exchange);
            self.fail(now, (exchange, &key), stopped(), effects);
        }
    }

    /// Nobody waits for the outcome any longer.
    pub(crate) fn abandon(&mut self, exchange: ExchangeId) {
        self.calls.commands.remove(&exchange);
        self.forget_call(Caller::Exchange(exchange));
    }

    /// The same, whoever waited.
    pub(crate) fn forget_call(&mut self, caller: Caller) {
        match self.calls.places.get(&caller) {
            None => {}
            Some(Place::Open(id, ticket)) => {
                let (id, ticket) = (*id, *ticket);
                self.take_call(id, ticket);
                if let Some(serving) = self.serving(id) {
                    serving.session.forget_call(ticket);
                }
            }
            Some(Place::Waiting(key)) => {
                let key = key.clone();
                self.calls.places.remove(&caller);
                if let Caller::Exchange(exchange) = caller
                    && let Some(call) = self.calls.waiting.remove(&(key, exchange))
                {
                    self.timers.cancel(call.until, Due::Connect(exchange));
                }
            }
        }
    }

    /// Whoever waited is told the outcome.
    fn call_ended(
        &mut self,
        now: Now,
        (caller, key): (Caller, &Key),
        outcome: Result<MethodResult, Failure>,
        effects: &mut Effects,
    ) {
        let is_command = match caller {
            Caller::Exchange(exchange) => self.calls.commands.remove(&exchange),
            Caller::Job(_) => false,
        };
        match (caller, outcome) {
            (Caller::Exchange(exchange), Ok(result)) if is_command => {
                self.succeed_command(exchange, result, effects);
            }
            (Caller::Exchange(exchange), Ok(result)) => self.succeed(exchange, 200, &result, effects),
            (Caller::Exchange(exchange), Err(failure)) => self.fail(now, (exchange, key), failure, effects),
            (Caller::Job(call), outcome) => self.job_answered(now, call, outcome, effects),
        }
    }

    /// Sends a call; whoever makes it says first that it may be on its way.
    pub(crate) fn call(
        &mut self,
        now: Now,
        caller: Caller,
        key: &Key,
        invocation: &MethodInvocation,
        effects: &mut Effects,
    ) -> Result<(), Obstacle> {
        let timeout = invocation.response_timeout();
        let deadline = now.instant.after(timeout);
        let payload = invocation.payload.as_ref().map_or(&[][..], |payload| payload.get().as_bytes());
        let mut scratch = core::mem::take(&mut self.scratch);
        let written = match self.serving_device(key) {
            None => Err(SendError::NotReady),
            Some((id, serving)) => compose(&mut scratch, |out| {
                let name = &invocation.method_name;
                let (ticket, packet) = serving.session.call(now.instant, timeout, name, payload, out)?;
                Ok((ticket, PacketBuf::new(&packet).expect("a call is a PUBLISH")))
            })
            .map(|(ticket, packet)| {
                serving.calls.push(OpenCall { ticket, caller, deadline });
                (id, ticket, packet)
            }),
        };
        self.scratch = scratch;
        let (id, ticket, packet) = written.map_err(|error| match error {
            SendError::NotSubscribed | SendError::NotReady => Obstacle::NotThere,
            SendError::TooManyOpen { limit } => Obstacle::Failure(Failure::gateway(
                ErrorCode::DeviceMaximumInflightMethodExceeded,
                format!("{limit} method calls await the answer of this device already"),
            )),
            error @ (SendError::WindowFull { .. } | SendError::Encode(_) | _) => {
                let message = format!("the call cannot be written: {error}");
                Obstacle::Failure(Failure::gateway(ErrorCode::ArgumentInvalid, message))
            }
        })?;
        self.timers.set(deadline, Due::Answer(id, ticket));
        self.calls.places.insert(caller, Place::Open(id, ticket));
        effects.push(Effect::Send { connection: id, packet });
        Ok(())
    }

    fn take_call(&mut self, id: ConnectionId, ticket: Ticket) -> Option<(Arc<Key>, OpenCall)> {
        let serving = self.serving(id)?;
        let at = serving.calls.iter().position(|call| call.ticket == ticket)?;
        let (key, call) = (Arc::clone(&serving.key), serving.calls.swap_remove(at));
        self.timers.cancel(call.deadline, Due::Answer(id, ticket));
        self.calls.places.remove(&call.caller);
        Some((key, call))
    }

    /// Why a call did not find its device listening.
    pub(crate) fn not_online(&mut self, key: &Key) -> Failure {
        let connected = self.serving_device(key).is_some();
        let message = if connected {
            "The operation failed because the requested device is connected but does not listen to this method."
        } else {
            "The operation failed because the requested device isn't online."
        };
        Failure::gateway(ErrorCode::DeviceNotOnline, message)
    }

    /// The device has subscribed to more.
    pub(crate) fn subscribed(&mut self, now: Now, key: &Key, channels: Channels, effects: &mut Effects) {
        if channels.contains(Channels::COMMANDS) {
            self.deliver(now, key, effects);
        }
        if channels.contains(Channels::METHODS) {
            self.call_waiting(now, key, effects);
            self.job_turn(now, key);
        }
    }
}

fn stopped() -> Failure {
    let message = "The hub stops; the device may have executed the method.";
    Failure::gateway(ErrorCode::ServiceUnavailable, message)
}

/// Has a packet written into `scratch`, which grows to what is needed.
pub(crate) fn compose<T>(
    scratch: &mut Vec<u8>,
    mut write: impl FnMut(&mut [u8]) -> Result<T, SendError>,
) -> Result<T, SendError> {
    match write(scratch) {
        Err(SendError::Encode(EncodeError::BufferTooSmall { needed })) => {
            scratch.resize(needed, 0);
            write(scratch)
        }
        outcome => outcome,
    }
}

const _: () = assert!(CALLS <= 64, "open calls of a connection are searched in a row");
