use core::hash::{Hash, Hasher};
use std::collections::VecDeque;
use std::hash::DefaultHasher;

use iothub_codec::{RequestIdBuf, Status};
use iothub_proto::Instant;

use super::MethodResponse;
use crate::metrics::MethodEnding;

/// The calls of one connection, and what was answered to them: a call that is delivered again is not run again.
#[derive(Debug, Default)]
pub(crate) struct CallMemory {
    /// The oldest first.
    calls: VecDeque<Remembered>,
    /// Bytes of the answers.
    bytes: usize,
}

/// What is known of a call that has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It is the first of its kind.
    New,
    /// It has come before, and its answer is still to come, or too long ago to be repeated.
    Known,
    /// It has come before, and this was the answer.
    Answered(CallAnswer),
}

/// What the caller was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CallAnswer {
    Response(MethodResponse),
    Declined(Status),
}

/// A call that awaits an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OpenCall {
    pub(crate) request: RequestIdBuf,
    pub(crate) name: String,
    pub(crate) arrived: Instant,
}

#[derive(Debug)]
struct Remembered {
    request: RequestIdBuf,
    name: String,
    /// Of name and payload: a hub may use an id anew, for another call.
    fingerprint: u64,
    arrived: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    Open,
    Answered(CallAnswer),
    /// It was answered with more than is kept.
    Forgotten,
}

/// Calls that are remembered; more than a hub keeps open for a device. Of those that are open all are: the application has
/// said how many wait for it, or has taken them.
const CALLS: usize = 32;
/// Bytes of answers that are remembered. Of older calls it is known only that they were answered.
const ANSWER_BYTES: usize = 64 * 1024;

impl CallMemory {
    /// Takes note of a call.
    pub(crate) fn arrive(
        &mut self,
        now: Instant,
        request: RequestIdBuf,
        name: &str,
        payload: &[u8],
    ) -> Arrival {
        let fingerprint = fingerprint(name, payload);
        if let Some(at) = self.calls.iter().position(|call| call.request == request) {
            if self.calls[at].fingerprint == fingerprint {
                return match &self.calls[at].state {
                    State::Answered(answer) => Arrival::Answered(answer.clone()),
                    State::Open | State::Forgotten => Arrival::Known,
                };
            }
            self.forget(at);
        }
        while self.calls.len() >= CALLS
            && let Some(answered) = self.calls.iter().position(|call| !call.is_open())
        {
            self.forget(answered);
        }
        let (name, arrived, state) = (name.to_owned(), now, State::Open);
        self.calls.push_back(Remembered { request, name, fingerprint, arrived, state });
        Arrival::New
    }

    /// Takes note of what was answered, and says when the call came, if it awaited an answer.
    pub(crate) fn answered(&mut self, request: &RequestIdBuf, answer: CallAnswer) -> Option<Instant> {
        let call = self.calls.iter_mut().find(|call| call.request == *request && call.is_open())?;
        let arrived = call.arrived;
        self.bytes += answer.len();
        call.state = State::Answered(answer);
        for call in &mut self.calls {
            if self.bytes <= ANSWER_BYTES {
                break;
            }
            if let State::Answered(answer) = &call.state {
                self.bytes -= answer.len();
                call.state = State::Forgotten;
            }
        }
        Some(arrived)
    }

    /// The calls that await an answer. All are forgotten.
    pub(crate) fn take_open(&mut self) -> impl Iterator<Item = OpenCall> + use<> {
        let calls = core::mem::take(self).calls.into_iter().filter(Remembered::is_open);
        calls.map(|Remembered { request, name, arrived, .. }| OpenCall { request, name, arrived })
    }

    /// Whether the call is known, and awaits no answer any more.
    pub(crate) fn is_answered(&self, request: &RequestIdBuf) -> bool {
        self.calls.iter().any(|call| call.request == *request && !call.is_open())
    }

    pub(crate) fn has_open(&self) -> bool {
        self.calls.iter().any(Remembered::is_open)
    }

    fn forget(&mut self, at: usize) {
        if let Some(Remembered { state: State::Answered(answer), .. }) = self.calls.remove(at) {
            self.bytes -= answer.len();
        }
    }
}

impl Remembered {
    fn is_open(&self) -> bool {
        matches!(self.state, State::Open)
    }
}

impl CallAnswer {
    /// How a call ended that was answered with this.
    pub(crate) fn ending(&self) -> MethodEnding {
        match self {
            Self::Declined(_) => MethodEnding::Declined,
            Self::Response(response) if *response == MethodResponse::OVERRUN => MethodEnding::Late,
            Self::Response(response) if *response == MethodResponse::BUSY => MethodEnding::Busy,
            Self::Response(response) => MethodEnding::Answered { code: response.code },
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Response(response) => response.payload.len(),
            Self::Declined(_) => 0,
        }
    }
}

fn fingerprint(name: &str, payload: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (name, payload).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use iothub_codec::RequestId;

    use super::*;

    const NOW: Instant = Instant::from_millis(7);

    fn id(number: u32) -> RequestIdBuf {
        RequestId::from_u32(number).to_buf()
    }

    fn response(len: usize) -> CallAnswer {
        CallAnswer::Response(MethodResponse::raw(200, vec![b'1'; len]))
    }

    #[test]
    fn a_call_that_comes_again_is_known_and_another_of_the_same_id_is_new() {
        let mut memory = CallMemory::default();
        assert_eq!(memory.arrive(NOW, id(1), "reboot", b"{}"), Arrival::New);
        assert_eq!(memory.arrive(NOW, id(1), "reboot", b"{}"), Arrival::Known);
        memory.answered(&id(1), response(2));
        assert_eq!(memory.arrive(NOW, id(1), "reboot", b"{}"), Arrival::Answered(response(2)));
        assert_eq!(memory.arrive(NOW, id(1), "reboot", b"[]"), Arrival::New);
        assert_eq!(memory.arrive(NOW, id(1), "boot", b"[]"), Arrival::New);
        let boot = OpenCall { request: id(1), name: "boot".to_owned(), arrived: NOW };
        assert_eq!(memory.take_open().collect::<Vec<_>>(), [boot]);
        assert!(!memory.has_open());
    }

    #[test]
    fn so_many_calls_and_answers_are_remembered_and_open_ones_longest() {
        let mut memory = CallMemory::default();
        memory.arrive(NOW, id(0), "open", b"");
        for number in 1..=100 {
            assert_eq!(memory.arrive(NOW, id(number), "m", b""), Arrival::New);
            memory.answered(&id(number), response(ANSWER_BYTES / 4));
            assert!(memory.calls.len() <= CALLS && memory.bytes <= ANSWER_BYTES);
        }
        assert_eq!(memory.arrive(NOW, id(0), "open", b""), Arrival::Known);
        let answered = Arrival::Answered(response(ANSWER_BYTES / 4));
        assert_eq!(memory.arrive(NOW, id(97), "m", b""), answered);
        assert_eq!(memory.arrive(NOW, id(96), "m", b""), Arrival::Known, "answered once, and not run again");
        assert_eq!(memory.arrive(NOW, id(1), "m", b""), Arrival::New, "too long ago");
    }

    #[test]
    fn however_many_are_open_each_is_to_be_answered() {
        let mut memory = CallMemory::default();
        for number in 0..100 {
            memory.arrive(NOW, id(number), "m", b"");
        }
        memory.answered(&id(7), response(2));
        assert_eq!(memory.arrive(NOW, id(100), "m", b""), Arrival::New);
        assert_eq!(memory.calls.len(), 100, "what is answered gives way");
        for number in 0..90 {
            memory.answered(&id(number), response(2));
        }
        memory.arrive(NOW, id(101), "m", b"");
        assert_eq!(memory.calls.len(), CALLS);
        assert_eq!(memory.take_open().count(), 12);
    }

    #[test]
    fn an_answer_that_is_too_long_to_be_kept_is_not_given_twice() {
        let mut memory = CallMemory::default();
        memory.arrive(NOW, id(1), "m", b"");
        memory.answered(&id(1), response(ANSWER_BYTES + 1));
        assert_eq!((memory.arrive(NOW, id(1), "m", b""), memory.bytes), (Arrival::Known, 0));
    }
}
