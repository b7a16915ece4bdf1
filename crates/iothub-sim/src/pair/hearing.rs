//! What a hub hears from a device, and what it comes to.

use iothub_codec::{Operation, RequestIdBuf, Status, TwinGet, TwinPart, TwinPatch};
use iothub_proto::{AckToken, Received, Verdict};

use super::Pair;
use super::hub_end::{Answer, Late, Todo};
use crate::document::Numbers;
use crate::fault::Fault;
use crate::ledger::{Ledger, Property};

impl Pair {
    pub(super) fn on_message(
        &mut self,
        message: &Received<'_>,
        ack: Option<AckToken>,
        connection: u32,
        ledger: &mut Ledger,
    ) -> Todo {
        match *message {
            Received::Telemetry(telemetry) => self.on_telemetry(telemetry.payload, ack, ledger),
            Received::Answer { ticket, code, payload, .. } => {
                let told = Numbers(payload).next();
                let call = self.call_ended(connection, ticket, ledger);
                if call.is_some() && (code != 200 || told != call) {
                    ledger.breaks(self.setting.name, Property::OwnAnswer, || {
                        format!("call {call:?} is answered with {code} {told:?}")
                    });
                }
                Todo::Deliver
            }
            Received::Declined { ticket, .. } => {
                self.call_ended(connection, ticket, ledger);
                Todo::Deliver
            }
            Received::LateAnswer => Todo::Nothing,
            Received::TwinGet(get) => self.on_twin_get(&get, ledger),
            Received::TwinPatch(patch) => self.on_twin_patch(&patch, ledger),
        }
    }

    fn on_twin_get(&mut self, get: &TwinGet<'_>, ledger: &mut Ledger) -> Todo {
        let version = match get.part {
            TwinPart::Whole | TwinPart::Desired => self.truth.version(),
            TwinPart::Reported => self.truth.reported,
        };
        if get.known_version > Some(version) {
            let known = get.known_version;
            ledger
                .breaks(self.setting.name, Property::Forward, || format!("{known:?} is known at {version}"));
        }
        let status = if get.known_version == Some(version) { Status::NOT_MODIFIED } else { Status::SUCCESS };
        self.answers((get.request.to_buf(), Operation::TwinGet, get.part), status, ledger)
    }

    fn on_twin_patch(&mut self, patch: &TwinPatch<'_>, ledger: &mut Ledger) -> Todo {
        let name = self.setting.name;
        let refuses = self.chance.happens(self.storm.refuses);
        let number = Numbers(patch.patch).nth(1);
        let own = number.and_then(|number| self.truth.reports.get_mut(number as usize));
        let Some(report) = own else {
            ledger.breaks(name, Property::Rules, || "a report of nobody's".to_owned());
            return Todo::Close;
        };
        if report.if_version != patch.if_version {
            let (said, asked) = (patch.if_version, report.if_version);
            ledger
                .breaks(name, Property::Rules, || format!("report {number:?} if {said:?}, not if {asked:?}"));
        }
        let fits = patch.if_version.is_none_or(|version| version == self.truth.reported);
        report.refused = refuses || !fits;
        let status = match (refuses, fits) {
            (true, _) => Status::THROTTLED,
            (false, false) => Status::PRECONDITION_FAILED,
            (false, true) => {
                self.truth.reported += 1;
                if report.made.replace(self.truth.reported).is_some() {
                    ledger.breaks(name, Property::EndsOnce, || format!("report {number:?} twice"));
                }
                Status::SUCCESS
            }
        };
        self.answers((patch.request.to_buf(), Operation::TwinPatch, TwinPart::Whole), status, ledger)
    }

    /// Answers a twin request now or later.
    fn answers(
        &mut self,
        (request, operation, part): (RequestIdBuf, Operation<'static>, TwinPart),
        status: Status,
        ledger: &mut Ledger,
    ) -> Todo {
        let (version, reported) = (self.truth.version(), self.truth.reported);
        let answer = Answer { request, operation, part, status, version, reported };
        if !self.chance.happens(self.storm.late) {
            return Todo::Answer(answer);
        }
        ledger.fault(self.setting.name, Fault::LateAnswer);
        let at = self.now.after(self.chance.millis(LATE_MS));
        self.hub.late.push(Late { at, answer });
        Todo::Nothing
    }

    fn on_telemetry(&mut self, payload: &[u8], ack: Option<AckToken>, ledger: &mut Ledger) -> Todo {
        let name = self.setting.name;
        let number = payload.first_chunk().map(|number| u32::from_be_bytes(*number));
        let truth = &mut self.truth.telemetry;
        let Some((number, message)) = number.and_then(|number| Some((number, truth.get(number as usize)?)))
        else {
            ledger.breaks(name, Property::Rules, || "telemetry of nobody's".to_owned());
            return Todo::Close;
        };
        if message.arrived {
            if ack.is_none() {
                ledger.breaks(name, Property::EndsOnce, || format!("telemetry {number} twice at QoS 0"));
            }
            ledger.fault(name, Fault::Repeated);
        }
        let behind = message.behind.and_then(|behind| truth.get(behind as usize));
        if !message.arrived && behind.is_some_and(|behind| !behind.arrived) {
            ledger.breaks(name, Property::InOrder, || {
                format!("telemetry {number} before what was sent before")
            });
        }
        let message = &mut truth[number as usize];
        message.arrived = true;
        match ack {
            None => Todo::Nothing,
            Some(token) if self.setting.speaks_v5() && self.chance.happens(self.storm.refuses) => {
                message.refused = true;
                ledger.fault(name, Fault::Refused);
                Todo::RefuseMessage(token)
            }
            Some(token) => Todo::Acknowledge(token),
        }
    }

    /// The device has said what becomes of a command.
    pub(super) fn on_settled(
        &mut self,
        connection: u32,
        token: AckToken,
        verdict: Verdict,
        ledger: &mut Ledger,
    ) -> Todo {
        let name = self.setting.name;
        let mut commands = self.truth.commands.iter_mut();
        let Some(at) =
            commands.position(|command| !command.done && command.sent == Some((connection, token)))
        else {
            ledger.breaks(name, Property::CommandOnce, || format!("{token:?} is settled and not under way"));
            return Todo::Close;
        };
        let command = &mut self.truth.commands[at];
        let said = command.said.take();
        if said != Some(verdict) {
            ledger.breaks(name, Property::CommandOnce, || {
                format!("command {at} ends with {verdict:?}, and the device said {said:?}")
            });
        }
        match verdict {
            Verdict::Complete | Verdict::Reject => command.done = true,
            Verdict::Abandon => command.sent = None,
        }
        Todo::Deliver
    }
}

/// How late an answer is, in milliseconds: requests end before the latest.
const LATE_MS: (u64, u64) = (100, 12_000);
