//! Any sequence of packets, calls and time: no panic, no limit passed, nothing ended twice.

use std::collections::BTreeMap;

use iothub_codec::{Ack, Channels, Qos, Telemetry};
use iothub_proto::{DeviceEvent, HubEvent, Instant, Packet, Received, SendError, Session, Ticket};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::pair::{ALL, CALLS, REQUESTS, ms};
use crate::stage::{
    CALL, COMMAND, Device, Hub, TELEMETRY, connect, connected, granted, hub, offline, publish, subscribes,
    token,
};

/// What happens to a session.
#[derive(Clone, Debug)]
enum Step {
    Connect(Session),
    Disconnect,
    Accepted(Session),
    SubAck(usize),
    Publish(String, Option<u16>),
    Ack(u16),
    Transmit,
    Wait(u64),
    Get,
    Report,
    Call,
    Send(Qos),
    Complete(u16),
    Want(Channels),
}

fn any_step() -> impl Strategy<Value = Step> {
    let session = || select(&[Session::Resume, Session::Fresh][..]);
    let small = || 1..40_u16;
    let topic = prop_oneof![
        select(
            &[COMMAND, CALL, TELEMETRY, "$iothub/twin/GET/?$rid=1", "devices/pump-8/messages/events/"][..]
        )
        .prop_map(str::to_owned),
        (1..12_u32).prop_map(|number| format!("$iothub/twin/res/200/?$rid={number:08x}")),
        (1..12_u32).prop_map(|number| format!("$iothub/methods/res/200/?$rid={number:08x}")),
    ];
    prop_oneof![
        2 => session().prop_map(Step::Connect),
        1 => Just(Step::Disconnect),
        4 => session().prop_map(Step::Accepted),
        4 => (3..5_usize).prop_map(Step::SubAck),
        6 => (topic, proptest::option::of(small())).prop_map(|(topic, ack)| Step::Publish(topic, ack)),
        2 => small().prop_map(Step::Ack),
        4 => Just(Step::Transmit),
        3 => (0..4000_u64).prop_map(Step::Wait),
        3 => Just(Step::Get),
        3 => Just(Step::Report),
        3 => Just(Step::Call),
        3 => select(&[Qos::AtMostOnce, Qos::AtLeastOnce][..]).prop_map(Step::Send),
        2 => small().prop_map(Step::Complete),
        1 => select(&[Channels::METHODS, Channels::DESIRED, Channels::COMMANDS][..]).prop_map(Step::Want),
    ]
}

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
fn step(device: &mut Device, now: Instant, begun: &mut Begun, step: &Step) -> Result<bool, TestCaseError> {
    let mut out = [0; 512];
    let packet = match step {
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
        Step::Complete(number) => {
            let _ = device.settle(token(*number), iothub_proto::Verdict::Complete, &mut out);
            return Ok(true);
        }
        Step::Want(channels) => {
            device.want(*channels);
            return Ok(true);
        }
        Step::Wait(_) | Step::Call => return Ok(true),
        Step::Accepted(session) => connected(*session),
        Step::SubAck(count) => {
            Packet::SubAck { token: token(65_535), granted: granted(&vec![Some(Qos::AtMostOnce); *count]) }
        }
        Step::Publish(topic, ack) => publish(topic, ack.map(token)),
        Step::Ack(number) => Packet::Ack { token: token(*number), ack: Ack::SUCCESS },
    };
    match device.handle_packet(now, &packet) {
        Ok(event) => device_event(begun, event).map(|()| true),
        Err(_) => Ok(false),
    }
}

fn hub_step(hub: &mut Hub, now: Instant, begun: &mut Begun, step: &Step) -> Result<(), TestCaseError> {
    let mut out = [0; 512];
    let packet = match step {
        Step::Call => {
            let asked = hub.call(now, ms(3000), "reboot", b"", &mut out).map(|(ticket, _)| ticket);
            return begun.begin(asked, CALLS);
        }
        Step::Send(_) => {
            let _ = hub.command(&iothub_codec::Command::default(), iothub_proto::Delivery::First, &mut out);
            return Ok(());
        }
        Step::Publish(topic, ack) => publish(topic, ack.map(token)),
        Step::Ack(number) => Packet::Ack { token: token(*number), ack: Ack::SUCCESS },
        // These happen to devices.
        Step::Connect(_) | Step::Disconnect | Step::Accepted(_) | Step::SubAck(_) | Step::Transmit => {
            return Ok(());
        }
        Step::Wait(_) | Step::Get | Step::Report | Step::Complete(_) | Step::Want(_) => return Ok(()),
    };
    match hub.handle_packet(now, &packet) {
        Ok(HubEvent::Received { message: Received::Answer { ticket, .. }, .. }) => begun.end(ticket),
        Ok(_) | Err(_) => Ok(()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_device_keeps_its_word_whatever_happens(steps in vec(any_step(), 0..80)) {
        let mut device = offline(ALL);
        let mut begun = Begun::default();
        let mut now = Instant::from_millis(1000);
        for each in &steps {
            if !step(&mut device, now, &mut begun, each)? {
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
    fn a_hub_keeps_its_word_whatever_happens(steps in vec(any_step(), 0..80)) {
        let mut hub = hub();
        let commands = ("devices/pump-7/messages/devicebound/#", Qos::AtLeastOnce);
        subscribes(&mut hub, &[("$iothub/methods/POST/#", Qos::AtMostOnce), commands]).unwrap();
        let mut begun = Begun::default();
        let mut now = Instant::from_millis(1000);
        for each in &steps {
            hub_step(&mut hub, now, &mut begun, each)?;
            if let Step::Wait(millis) = each {
                now = now.after(ms(*millis));
            }
            while let Some(event) = hub.handle_timeout(now) {
                let HubEvent::Unanswered { ticket } = event else { panic!("{event:?} by itself") };
                begun.end(ticket)?;
            }
            if let Some((at, why)) = hub.poll_timeout() {
                prop_assert!(at > now, "{} was due", why);
            }
        }
        now = now.after(ms(3000));
        while let Some(HubEvent::Unanswered { ticket }) = hub.handle_timeout(now) {
            begun.end(ticket)?;
        }
        prop_assert_eq!(begun.open(), 0, "each call has ended");
    }
}
