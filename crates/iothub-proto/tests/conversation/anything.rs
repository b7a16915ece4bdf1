//! Any sequence of packets, calls and time: no panic, no limit passed, nothing ended twice.

use std::collections::BTreeMap;

use iothub_codec::{
    Ack, Auth, AuthStep, Channels, Command, DesiredChanged, Dialect, MethodCall, Operation, Outcome, Qos,
    Reply, RequestId, Signature, Status, Telemetry, Terms, TwinGet,
};
use iothub_proto::{
    DeviceEvent, HubEvent, Instant, Now, Packet, Received, SendError, Session, Ticket, Timestamp, Verdict,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::hub_end::command_properties;
use crate::pair::{ALL, CALLS, REQUESTS, codec, ms};
use crate::parcel::Parcel;
use crate::stage::{Device, Hub, connect, connected, granted, hub_in, listen, token};

/// What happens to a session.
#[derive(Clone, Debug)]
enum Step {
    Connect(Session),
    Disconnect,
    Accepted(Session),
    SubAck(usize),
    Message(Message, Option<u16>),
    Ack(u16, Status),
    Auth,
    Dismissed,
    Transmit,
    Wait(u64),
    Get,
    Report,
    Call,
    Send(Qos),
    Settle(u16, Verdict),
    Want(Channels),
    Renew,
}

/// What either end may send, or only one of them.
#[derive(Clone, Debug)]
enum Message {
    Telemetry,
    TwinGet,
    Command,
    Call,
    Changed(u64),
    Answer(u32, Status),
    Twin(u32, u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let session = || select(&[Session::Resume, Session::Fresh][..]);
    let small = || 1..40_u16;
    let status = || select(&[Status::SUCCESS, Status::THROTTLED, Status::BAD_REQUEST][..]);
    let message = prop_oneof![
        select(&[Message::Telemetry, Message::TwinGet, Message::Command, Message::Call][..]),
        (0..9_u64).prop_map(Message::Changed),
        (1..12_u32, status()).prop_map(|(number, status)| Message::Answer(number, status)),
        (1..12_u32, 0..9_u64).prop_map(|(number, version)| Message::Twin(number, version)),
    ];
    let verdict = || select(&[Verdict::Complete, Verdict::Abandon, Verdict::Reject][..]);
    prop_oneof![
        2 => session().prop_map(Step::Connect),
        1 => Just(Step::Disconnect),
        4 => session().prop_map(Step::Accepted),
        4 => (3..6_usize).prop_map(Step::SubAck),
        8 => (message, proptest::option::of(small())).prop_map(|(message, ack)| Step::Message(message, ack)),
        2 => (small(), status()).prop_map(|(number, status)| Step::Ack(number, status)),
        1 => Just(Step::Auth),
        1 => Just(Step::Dismissed),
        4 => Just(Step::Transmit),
        3 => (0..40_000_u64).prop_map(Step::Wait),
        3 => Just(Step::Get),
        3 => Just(Step::Report),
        3 => Just(Step::Call),
        3 => select(&[Qos::AtMostOnce, Qos::AtLeastOnce][..]).prop_map(Step::Send),
        2 => (small(), verdict()).prop_map(|(number, verdict)| Step::Settle(number, verdict)),
        1 => select(&[Channels::METHODS, Channels::DESIRED, Channels::COMMANDS][..]).prop_map(Step::Want),
        1 => Just(Step::Renew),
    ]
}

/// The message as a packet; whether that QoS befits it is for the receiver to say.
fn parcel(dialect: Dialect, message: &Message, ack: Option<u16>) -> Parcel {
    let codec = codec(dialect);
    let mut out = [0; 512];
    let request = RequestId::from_u32(1);
    let document;
    let publish = match message {
        Message::Telemetry => codec.encode(&Telemetry::default(), &mut out),
        Message::TwinGet => codec.encode(&TwinGet::new(request), &mut out),
        Message::Command => {
            let properties = command_properties(dialect);
            codec.encode(&Command { properties, ..Command::default() }, &mut out)
        }
        Message::Call => codec.encode(&MethodCall::new(request, "reboot", b""), &mut out),
        Message::Changed(version) => {
            let change = DesiredChanged { version: *version, patch: b"{}", qos: Qos::AtMostOnce };
            codec.encode(&change, &mut out)
        }
        // Over MQTT 5 it answers either end.
        Message::Answer(number, status) => {
            let code = Some(if status.is_success() { 200 } else { i32::from(status.http()) });
            let reply = Reply { code, ..Reply::new(RequestId::from_u32(*number), *status) };
            codec.encode_reply(Operation::Method("reboot"), &reply, &mut out)
        }
        Message::Twin(number, version) => {
            document = format!(r#"{{"desired":{{"$version":{version}}}}}"#);
            let reply = Reply {
                payload: document.as_bytes(),
                ..Reply::new(RequestId::from_u32(*number), Status::SUCCESS)
            };
            codec.encode_reply(Operation::TwinGet, &reply, &mut out)
        }
    };
    let mut publish = publish.unwrap();
    publish.qos = if ack.is_some() { Qos::AtLeastOnce } else { Qos::AtMostOnce };
    Parcel::new(&Packet::Publish { ack: ack.map(token), publish })
}

/// PUBACK with that status, or with success where nothing else can be said.
fn puback(dialect: Dialect, number: u16, status: Status) -> Parcel {
    let mut out = [0; 64];
    let written = codec(dialect).encode_ack(&Outcome::new(status), iothub_codec::Detail::FULL, &mut out);
    Parcel::new(&Packet::Ack { token: token(number), ack: written.unwrap_or(Ack::SUCCESS) })
}

/// AUTH of that end; over MQTT 3.1.1 one that nobody can read.
fn auth(dialect: Dialect, step: &AuthStep<'_>) -> Parcel {
    let mut out = [0; 128];
    let bare = Auth { reason_code: Auth::RENEWED, properties: iothub_codec::PropertySection::EMPTY };
    Parcel::new(&Packet::Auth(codec(dialect).encode_auth(step, &mut out).unwrap_or(bare)))
}

const SIGNATURE: Signature<'static> =
    Signature { terms: Terms { expiry_ms: 1_900_000_100_000, at_ms: None, policy: None }, code: [3; 32] };

/// The requests that a session has accepted, and how often each has ended.
#[derive(Default)]
struct Begun(BTreeMap<Ticket, u32>);

impl Begun {
    fn begin(&mut self, result: Result<Ticket, SendError>, limit: usize) -> Result<(), TestCaseError> {
        match result {
            Ok(ticket) => prop_assert_eq!(self.0.insert(ticket, 0), None),
            Err(SendError::TooManyOpen { .. }) => prop_assert!(self.open() >= limit, "there was room"),
            Err(_) => {}
        }
        prop_assert!(self.open() <= limit);
        Ok(())
    }

    fn end(&mut self, ticket: Ticket) -> Result<(), TestCaseError> {
        let ends = self.0.get_mut(&ticket).expect("nothing ends that did not begin");
        *ends += 1;
        prop_assert_eq!(*ends, 1);
        Ok(())
    }

    fn open(&self) -> usize {
        self.0.values().filter(|ends| **ends == 0).count()
    }
}

fn device_event(begun: &mut Begun, event: Option<DeviceEvent<'_>>) -> Result<(), TestCaseError> {
    match event {
        Some(
            DeviceEvent::Twin { ticket, .. }
            | DeviceEvent::Reported { ticket, .. }
            | DeviceEvent::Refused { ticket, .. }
            | DeviceEvent::NotModified { ticket }
            | DeviceEvent::TimedOut { ticket }
            | DeviceEvent::Lost { ticket },
        ) => begun.end(ticket),
        None
        | Some(
            DeviceEvent::Ready
            | DeviceEvent::ConnectRefused { .. }
            | DeviceEvent::SubscribeRefused { .. }
            | DeviceEvent::RenewSoon
            | DeviceEvent::Renewed
            | DeviceEvent::NotRenewed
            | DeviceEvent::Disconnected { .. }
            | DeviceEvent::SendRefused { .. }
            | DeviceEvent::DesiredMissed { .. }
            | DeviceEvent::DesiredCurrent { .. }
            | DeviceEvent::DesiredUnavailable { .. }
            | DeviceEvent::Sent { .. }
            | DeviceEvent::Command { .. }
            | DeviceEvent::Input { .. }
            | DeviceEvent::Method(_)
            | DeviceEvent::DesiredChanged(_),
        ) => Ok(()),
    }
}

/// One step; `false` when the hub broke the rules, after which there is nothing to be said about the session.
fn step(
    (dialect, device): (Dialect, &mut Device),
    now: Instant,
    begun: &mut Begun,
    step: &Step,
) -> Result<bool, TestCaseError> {
    let mut out = [0; 512];
    let parcel = match step {
        Step::Connect(session) => {
            connect(device, *session, None);
            return Ok(true);
        }
        Step::Disconnect => {
            device.handle_disconnect();
            return Ok(true);
        }
        Step::Transmit => {
            let sent = (0..20).take_while(|_| device.poll_transmit(&mut out).unwrap().is_some()).count();
            prop_assert!(sent < 20, "there is no end to what is owed");
            return Ok(true);
        }
        Step::Get => {
            let asked = device.get_twin(now, ms(3000), &mut out).map(|(ticket, _)| ticket);
            begun.begin(asked, REQUESTS)?;
            return Ok(true);
        }
        Step::Report => {
            let asked = device.report(now, ms(2000), b"{}", None, &mut out).map(|(ticket, _)| ticket);
            begun.begin(asked, REQUESTS)?;
            return Ok(true);
        }
        Step::Send(qos) => {
            let _ = device.send_telemetry(&Telemetry { qos: *qos, ..Telemetry::default() }, &mut out);
            return Ok(true);
        }
        Step::Settle(number, verdict) => {
            let _ = device.settle(token(*number), *verdict, &mut out);
            return Ok(true);
        }
        Step::Renew => {
            let now = Now { instant: now, timestamp: Timestamp::from_secs(1_900_000_000) };
            let _ = device.renew(now, &SIGNATURE, &mut out);
            return Ok(true);
        }
        Step::Want(channels) => {
            device.want(*channels);
            return Ok(true);
        }
        Step::Wait(_) | Step::Call => return Ok(true),
        Step::Accepted(session) => Parcel::new(&connected(*session)),
        Step::SubAck(count) => {
            let granted = granted(&vec![Some(Qos::AtMostOnce); *count]);
            Parcel::new(&Packet::SubAck { token: token(65_535), granted })
        }
        Step::Message(message, ack) => parcel(dialect, message, *ack),
        Step::Ack(number, status) => puback(dialect, *number, *status),
        Step::Auth => auth(dialect, &AuthStep::Renewed),
        Step::Dismissed => Parcel::new(&Packet::Disconnect(Ack::SUCCESS)),
    };
    match device.handle_packet(now, &parcel.packet()) {
        Ok(event) => device_event(begun, event).map(|()| true),
        Err(_) => Ok(false),
    }
}

fn hub_step(
    (dialect, hub): (Dialect, &mut Hub),
    now: Instant,
    begun: &mut Begun,
    step: &Step,
) -> Result<(), TestCaseError> {
    let mut out = [0; 512];
    let parcel = match step {
        Step::Call => {
            let asked = hub.call(now, ms(3000), "reboot", b"", &mut out).map(|(ticket, _)| ticket);
            return begun.begin(asked, CALLS);
        }
        Step::Send(_) => {
            let command = Command { properties: command_properties(dialect), ..Command::default() };
            let _ = hub.command(&command, iothub_proto::Delivery::First, &mut out);
            return Ok(());
        }
        Step::Renew => {
            let _ = hub.renewed(now.after(ms(100_000)), &mut out);
            return Ok(());
        }
        Step::Message(message, ack) => parcel(dialect, message, *ack),
        Step::Ack(number, status) => puback(dialect, *number, *status),
        Step::Auth => auth(dialect, &AuthStep::Renew(SIGNATURE)),
        Step::Dismissed => Parcel::new(&Packet::Disconnect(Ack::SUCCESS)),
        // These happen to devices.
        Step::Connect(_) | Step::Disconnect | Step::Accepted(_) | Step::SubAck(_) | Step::Transmit => {
            return Ok(());
        }
        Step::Wait(_) | Step::Get | Step::Report | Step::Settle(..) | Step::Want(_) => return Ok(()),
    };
    match hub.handle_packet(now, &parcel.packet()) {
        Ok(HubEvent::Received {
            message: Received::Answer { ticket, .. } | Received::Declined { ticket, .. },
            ..
        }) => begun.end(ticket),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn hub_times_out(hub: &mut Hub, now: Instant, begun: &mut Begun) -> Result<(), TestCaseError> {
    while let Some(event) = hub.handle_timeout(now) {
        if let HubEvent::Unanswered { ticket } = event {
            begun.end(ticket)?;
        } else {
            prop_assert_eq!(event, HubEvent::Expired);
        }
    }
    Ok(())
}

fn any_dialect() -> impl Strategy<Value = Dialect> {
    select(Dialect::ALL)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_device_keeps_its_word_whatever_happens(dialect in any_dialect(), steps in vec(any_step(), 0..80)) {
        let mut device = Device::new(codec(dialect), ALL);
        let mut begun = Begun::default();
        let mut now = Instant::from_millis(1000);
        for each in &steps {
            if !step((dialect, &mut device), now, &mut begun, each)? {
                device.handle_disconnect();
            }
            if let Step::Wait(millis) = each {
                now = now.after(ms(*millis));
            }
            while let Some(event) = device.handle_timeout(now) {
                device_event(&mut begun, Some(event))?;
            }
            if let Some((at, why)) = device.poll_timeout() {
                prop_assert!(at > now, "{} was due", why);
            }
        }
        device.handle_disconnect();
        while let Some(event) = device.handle_timeout(now) {
            device_event(&mut begun, Some(event))?;
        }
        prop_assert_eq!(begun.open(), 0, "each request has ended");
    }

    #[test]
    fn a_hub_keeps_its_word_whatever_happens(dialect in any_dialect(), steps in vec(any_step(), 0..80)) {
        let mut hub = hub_in(dialect);
        listen(&mut hub, dialect);
        let mut begun = Begun::default();
        let mut now = Instant::from_millis(1000);
        for each in &steps {
            hub_step((dialect, &mut hub), now, &mut begun, each)?;
            if let Step::Wait(millis) = each {
                now = now.after(ms(*millis));
            }
            hub_times_out(&mut hub, now, &mut begun)?;
            if let Some((at, why)) = hub.poll_timeout() {
                prop_assert!(at > now, "{} was due", why);
            }
        }
        now = now.after(ms(3000));
        hub_times_out(&mut hub, now, &mut begun)?;
        prop_assert_eq!(begun.open(), 0, "each call has ended");
    }
}
