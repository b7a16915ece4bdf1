use core::hash::{Hash, Hasher};
use std::collections::VecDeque;
use std::hash::DefaultHasher;

use iothub_codec::{RequestIdBuf, Status};

use super::MethodResponse;

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

#[derive(Debug)]
struct Remembered {
    request: RequestIdBuf,
    name: String,
    /// Of name and payload: a hub may use an id anew, for another call.
    fingerprint: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Open,
    Answered(CallAnswer),
    /// It was answered with more than is kept.
    Forgotten,
}

/// Calls that are remembered; more than a hub keeps open for a device.
const CALLS: usize = 32;
/// Bytes of answers that are remembered. Of older calls it is known only that they were answered.
const ANSWER_BYTES: usize = 64 * 1024;

impl CallMemory {
    /// Takes note of a call.
    pub(crate) fn arrive(&mut self, request: RequestIdBuf, name: &str, payload: &[u8]) -> Arrival {
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
        if self.calls.len() == CALLS {
            let answered = self.calls.iter().position(|call| !call.is_open());
            self.forget(answered.unwrap_or(0));
        }
        self.calls.push_back(Remembered { request, name: name.to_owned(), fingerprint, state: State::Open });
        Arrival::New
    }

    /// Takes note of what was answered.
    pub(crate) fn answered(&mut self, request: &RequestIdBuf, answer: CallAnswer) {
        let Some(call) = self.calls.iter_mut().find(|call| call.request == *request && call.is_open()) else {
            return;
        };
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
    }

    /// The calls that await an answer, and the names of their methods.
    pub(crate) fn take_open(&mut self) -> Vec<(RequestIdBuf, String)> {
        let calls = core::mem::take(self).calls.into_iter();
        calls.filter(Remembered::is_open).map(|call| (call.request, call.name)).collect()
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

    fn id(number: u32) -> RequestIdBuf {
        RequestId::from_u32(number).to_buf()
    }

    fn response(len: usize) -> CallAnswer {
        CallAnswer::Response(MethodResponse::raw(200, vec![b'1'; len]))
    }

    #[test]
    fn a_call_that_comes_again_is_known_and_another_of_the_same_id_is_new() {
        let mut memory = CallMemory::default();
        assert_eq!(memory.arrive(id(1), "reboot", b"{}"), Arrival::New);
        assert_eq!(memory.arrive(id(1), "reboot", b"{}"), Arrival::Known);
        memory.answered(&id(1), response(2));
        assert_eq!(memory.arrive(id(1), "reboot", b"{}"), Arrival::Answered(response(2)));
        assert_eq!(memory.arrive(id(1), "reboot", b"[]"), Arrival::New);
        assert_eq!(memory.arrive(id(1), "boot", b"[]"), Arrival::New);
        assert_eq!(memory.take_open(), [(id(1), "boot".to_owned())]);
        assert!(!memory.has_open());
    }

    #[test]
    fn so_many_calls_and_answers_are_remembered_and_open_ones_longest() {
        let mut memory = CallMemory::default();
        memory.arrive(id(0), "open", b"");
        for number in 1..=100 {
            assert_eq!(memory.arrive(id(number), "m", b""), Arrival::New);
            memory.answered(&id(number), response(ANSWER_BYTES / 4));
            assert!(memory.calls.len() <= CALLS && memory.bytes <= ANSWER_BYTES);
        }
        assert_eq!(memory.arrive(id(0), "open", b""), Arrival::Known);
        let answered = Arrival::Answered(response(ANSWER_BYTES / 4));
        assert_eq!(memory.arrive(id(97), "m", b""), answered);
        assert_eq!(memory.arrive(id(96), "m", b""), Arrival::Known, "answered once, and not run again");
        assert_eq!(memory.arrive(id(1), "m", b""), Arrival::New, "too long ago");
    }

    #[test]
    fn an_answer_that_is_too_long_to_be_kept_is_not_given_twice() {
        let mut memory = CallMemory::default();
        memory.arrive(id(1), "m", b"");
        memory.answered(&id(1), response(ANSWER_BYTES + 1));
        assert_eq!((memory.arrive(id(1), "m", b""), memory.bytes), (Arrival::Known, 0));
    }
}
