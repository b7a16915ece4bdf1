//! Jobs that call methods.

use core::time::Duration;

use iothub_model::{JobStatus, MethodInvocation, MethodResult};
use iothub_proto::Now;

use crate::call::{Caller, Obstacle};
use crate::effect::Effects;
use crate::hub::Hub;
use crate::jobs::changing::gone;
use crate::jobs::job::Stage;
use crate::jobs::limits::{BETWEEN, CALLED_AT_A_TIME, CALLS_MAX, PAUSE};
use crate::jobs::order::Work;
use crate::jobs::result::DeviceResult;
use crate::jobs::slots::Slots;
use crate::jobs::step::JobStep;
use crate::quota::{Excess, Operation};
use crate::registry::{Key, Registry};
use crate::rest::Failure;

/// Names the call of one device for a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct JobCall {
    /// Of which job.
    pub(crate) number: u64,
    /// The place of the device in it.
    pub(crate) slot: u32,
}

/// Devices of a job whose turn has come.
#[derive(Default)]
struct Turn {
    called: Vec<(u32, Key)>,
    begun: Slots,
    results: Vec<(Slots, DeviceResult)>,
    /// Why there are no more, if there could be.
    wait: Option<Duration>,
}

impl Hub {
    /// Calls the next devices that listen. Those that do not are called once they do: [`Self::job_turn`].
    pub(super) fn call_devices(&mut self, now: Now, number: u64, effects: &mut Effects) {
        let Some(job) = self.jobs.get(number) else { return };
        let Work::Method(invocation) = &job.order.work else { return };
        let invocation = invocation.clone();
        let Turn { called, begun, mut results, wait } = self.next_turn(now, number, &invocation);
        let at_ms = now.timestamp.as_millis();
        if !begun.is_empty() {
            // Before the packets: what has gone out is known to have been tried, whatever happens to the hub.
            self.step(number, JobStep::Began { slots: begun, at_ms }, effects);
        }
        for (slot, key) in called {
            let caller = Caller::Job(JobCall { number, slot });
            match self.call(now, caller, &key, &invocation, effects) {
                Ok(()) => self.jobs.calls += 1,
                Err(Obstacle::NotThere) => results.push((Slots::one(slot), failed(self.not_online(&key)))),
                Err(Obstacle::Failure(failure)) => results.push((Slots::one(slot), failed(failure))),
            }
        }
        if !results.is_empty() {
            self.step(number, JobStep::Settled { at_ms, results }, effects);
        }
        if self.jobs.get(number).is_some_and(|job| job.devices.open() == 0) {
            self.end_job(now, number, (JobStatus::Completed, None), effects);
        } else {
            // When its time is over, if there is nothing else to wait for but devices.
            self.arm_job(now, number, wait.unwrap_or(Duration::MAX));
        }
    }

    fn next_turn(&mut self, now: Now, number: u64, invocation: &MethodInvocation) -> Turn {
        let mut turn = Turn::default();
        let len = invocation.payload.as_ref().map_or(0, |payload| payload.get().len());
        for looked_at in 0.. {
            let under_way = self.jobs.calls;
            let Some(job) = self.jobs.get_mut(number) else { break };
            // Those that were passed over come first.
            let again = job.ready.first().copied();
            let Some(slot) = again.or((job.next < job.devices.len()).then_some(job.next)) else { break };
            if looked_at == Registry::LOOKED_AT_MAX || turn.called.len() == CALLED_AT_A_TIME {
                turn.wait = Some(BETWEEN);
                break;
            }
            let calls = u32::try_from(turn.called.len()).unwrap_or(u32::MAX);
            if self.calls.is_stopped() || under_way.saturating_add(calls) >= CALLS_MAX {
                // The end of a call lets it go on; calls of other jobs do not tell.
                turn.wait = Some(PAUSE);
                break;
            }
            let Some(key) = job.devices.is_pending(slot).then(|| job.devices.key(slot)) else {
                job.pass(slot);
                continue;
            };
            if self.registry.get(&key).is_none() {
                turn.results.push((Slots::one(slot), gone()));
            } else if self.listens_to(&key, &invocation.method_name) {
                match self.spend(now, Operation::JobDevice, Some(len)) {
                    Ok(()) => {
                        turn.begun.push(slot);
                        turn.called.push((slot, key));
                    }
                    Err(Excess::Rate { .. } | Excess::Wanted { .. }) => {
                        turn.wait = Some(PAUSE);
                        break;
                    }
                    Err(excess @ Excess::Day { .. }) => {
                        let result = DeviceResult::failed(excess.code(), &excess.to_string());
                        turn.results.push((Slots::one(slot), result));
                    }
                }
            }
            if let Some(job) = self.jobs.get_mut(number) {
                job.pass(slot);
            }
        }
        turn
    }

    /// A device listens now, or is no more: jobs that wait for it go on.
    pub(crate) fn job_turn(&mut self, now: Now, key: &Key) {
        let calls = |work: &Work| matches!(work, Work::Method(_));
        let turns: Vec<(u64, u32)> = self
            .jobs
            .running()
            .filter(|(_, job)| job.stage() == Stage::Working && calls(&job.order.work))
            .filter_map(|(number, job)| Some((number, job.waits_for(key)?)))
            .collect();
        for (number, slot) in turns {
            if let Some(job) = self.jobs.get_mut(number)
                && slot < job.next
            {
                job.ready.insert(slot);
                self.arm_job(now, number, Duration::from_millis(1));
            }
        }
    }

    /// A call has come to an end.
    pub(crate) fn job_answered(
        &mut self,
        now: Now,
        JobCall { number, slot }: JobCall,
        outcome: Result<MethodResult, Failure>,
        effects: &mut Effects,
    ) {
        self.jobs.calls = self.jobs.calls.saturating_sub(1);
        let result = match outcome {
            Ok(MethodResult { status, payload }) => {
                let kept = self.make_room_for_jobs((0, 0, payload.get().len() + ENVELOPE), effects);
                let payload = kept.then(|| payload.get().to_owned());
                DeviceResult::Answered { status, payload }
            }
            Err(failure) => failed(failure),
        };
        let at_ms = now.timestamp.as_millis();
        self.step(number, JobStep::Settled { at_ms, results: vec![(Slots::one(slot), result)] }, effects);
        let Some(job) = self.jobs.get(number) else { return };
        if job.devices.open() == 0 {
            self.end_job(now, number, (JobStatus::Completed, None), effects);
        } else if job.next < job.devices.len() || !job.ready.is_empty() {
            self.arm_job(now, number, BETWEEN);
        }
    }

    /// Nobody waits for the answers any longer.
    pub(super) fn forget_job_calls(&mut self, number: u64) {
        for caller in self.calls.of_job(number) {
            self.jobs.calls = self.jobs.calls.saturating_sub(1);
            self.forget_call(caller);
        }
    }

    fn listens_to(&mut self, key: &Key, method: &str) -> bool {
        let serving = self.serving_device(key);
        serving.is_some_and(|(_, serving)| serving.session.subscriptions().granted_method(method).is_some())
    }
}

impl super::job::Job {
    /// That device had its turn.
    fn pass(&mut self, slot: u32) {
        if !self.ready.remove(&slot) {
            self.next = self.next.max(slot + 1);
        }
    }
}

fn failed(failure: Failure) -> DeviceResult {
    let (code, message) = failure.into_parts();
    DeviceResult::failed(code, &message)
}

/// What an answer takes beside its payload, at most.
const ENVELOPE: usize = 64;
