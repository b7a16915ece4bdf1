//! Subscriptions: what is asked for, what is believed, and when that is enough.

use iothub_codec::{Channels, DesiredChanged, Dialect, Filters, Operation, Qos, Reply, RequestId, Status};
use iothub_proto::{
    DeviceEvent, FilterRefusal, Granted, HubEvent, Packet, PeerError, Removal, SendError, Session,
};

use crate::link::Weather;
use crate::pair::{ALL, Pair, codec, ms};
use crate::stage::{
    CLASSIC, Device, NOW, TIMEOUT, accepted, accepted_in, connect, connected, grant, granted, hub, hub_in,
    offline, ready, subscribe, subscribes, token, wire,
};

const SLOW: Weather = Weather { latency_ms: (100, 100), ..Weather::FINE };

#[test]
fn what_was_granted_goes_on_with_the_session_and_is_asked_for_without_it() {
    for dialect in Dialect::ALL.iter().copied() {
        for (session, subscribes) in [(Session::Resume, 1), (Session::Fresh, 4)] {
            let mut pair = Pair::new(dialect, SLOW, ALL);
            pair.session = session;
            pair.run_for(ms(10_000));
            for _ in 0..3 {
                pair.cut();
                pair.run_for(ms(10_000));
            }
            assert!(pair.device.is_ready());
            assert_eq!((pair.connections, pair.subscribes), (4, subscribes), "{session:?}");
        }
    }
}

#[test]
fn a_session_of_an_earlier_program_is_not_believed() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut pair = Pair::new(dialect, SLOW, Channels::METHODS);
        pair.run_for(ms(10_000));
        assert!(pair.device.is_ready());
        // The hub resumes a session that has methods only; the pair asserts that ready means everything.
        for (wanted, subscribes) in [(ALL, 2), (Channels::METHODS, 3)] {
            pair.reboot_device(wanted);
            pair.run_for(ms(10_000));
            assert!(pair.device.is_ready(), "{}", pair.log());
            assert_eq!(pair.subscribes, subscribes);
        }
    }
}

#[test]
fn a_subscription_whose_answer_was_lost_is_asked_for_again() {
    for dialect in Dialect::ALL.iter().copied() {
        for cut_at in (0..800).step_by(50) {
            let mut pair = Pair::new(dialect, SLOW, ALL);
            pair.run_for(ms(cut_at));
            pair.cut();
            pair.run_for(ms(10_000));
            assert!(pair.device.is_ready(), "cut at {cut_at}\n{}", pair.log());
            // What is ready works: the answers come.
            let ticket = pair.get_twin(ms(5000)).unwrap();
            pair.call(ms(5000)).unwrap();
            pair.change_desired().unwrap();
            pair.run_for(ms(10_000));
            assert_eq!(pair.requests[&ticket], [crate::pair::Ending::Answered]);
            assert_eq!(pair.known, Some(pair.desired));
        }
    }
}

#[test]
fn a_hub_that_forgot_and_was_not_heard_to_say_so_is_asked_again() {
    for dialect in Dialect::ALL.iter().copied() {
        let mut pair = Pair::connected(dialect, SLOW);
        pair.cut();
        pair.kept = None;
        // CONNECT arrives after 600 ms, and its answer, that the session is a fresh one, would 100 ms later.
        pair.run_for(ms(650));
        assert_eq!(pair.connections, 2);
        pair.cut();
        // The hub has a session now, in which there is nothing; the pair asserts that ready means everything.
        pair.run_for(ms(10_000));
        assert!(pair.device.is_ready(), "{}", pair.log());
        assert_eq!((pair.connections, pair.subscribes), (3, 2));
    }
}

#[test]
fn nothing_is_sent_before_everything_is_granted() {
    let mut out = [0; 256];
    let mut refuses = |device: &mut crate::stage::Device, about| {
        let telemetry = iothub_codec::Telemetry::default();
        let not_ready = Some(SendError::NotReady);
        assert!(!device.is_ready(), "{about}");
        assert_eq!(device.send_telemetry(&telemetry, &mut out).err(), not_ready, "{about}");
        assert_eq!(device.get_twin(NOW, ms(1), &mut out).err(), not_ready, "{about}");
        assert_eq!(device.report(NOW, ms(1), b"{}", None, &mut out).err(), not_ready, "{about}");
        assert_eq!(device.handle_timeout(NOW.after(ms(10))), None, "{about}: nothing was remembered");
    };
    let mut device = offline(ALL);
    refuses(&mut device, "offline");
    assert_eq!(device.poll_transmit(&mut [0; 512]), Ok(None));
    connect(&mut device, Session::Resume, None);
    refuses(&mut device, "connecting");
    assert_eq!(device.poll_transmit(&mut [0; 512]), Ok(None), "a hub hears nothing before it has answered");
    let mut device = accepted(ALL);
    refuses(&mut device, "to subscribe");
    subscribe(&mut device);
    refuses(&mut device, "subscribing");
    let mut device = ready();
    device.handle_disconnect();
    refuses(&mut device, "disconnected");
}

#[test]
fn a_method_is_answered_on_a_connection_that_is_there() {
    let connecting = || {
        let mut device = offline(ALL);
        connect(&mut device, Session::Resume, None);
        device
    };
    let lost = || {
        let mut device = ready();
        device.handle_disconnect();
        device
    };
    let not_ready = Some(SendError::NotReady);
    for (about, mut device, expected) in [
        ("offline", offline(ALL), not_ready),
        ("connecting", connecting(), not_ready),
        // A resumed session may bring a call before everything is granted.
        ("subscribing", accepted(ALL), None),
        ("ready", ready(), None),
        ("disconnected", lost(), not_ready),
    ] {
        let request = RequestId::new(b"1").unwrap();
        assert_eq!(device.reply(request, "reboot", 200, b"", &mut [0; 128]).err(), expected, "{about}");
    }
}

#[test]
fn a_channel_can_be_added_at_any_time() {
    for dialect in Dialect::ALL.iter().copied() {
        // While nothing is there, while connecting, before and behind the SUBSCRIBE, and when all is ready.
        for added_at in [None, Some(50), Some(250), Some(5000)] {
            let mut pair = Pair::new(dialect, SLOW, Channels::METHODS);
            if let Some(at) = added_at {
                pair.run_for(ms(at));
            }
            pair.want(Channels::REPLIES);
            pair.want(Channels::METHODS);
            pair.run_for(ms(10_000));
            assert!(pair.device.is_ready(), "{added_at:?}\n{}", pair.log());
            let ticket = pair.get_twin(ms(5000)).unwrap();
            pair.run_for(ms(10_000));
            assert_eq!(pair.requests[&ticket], [crate::pair::Ending::Answered], "{added_at:?}");
        }
    }
}

#[test]
fn what_is_wanted_while_subscribing_is_asked_for_next() {
    let mut device = accepted(Channels::METHODS);
    let (token, filters) = subscribe(&mut device);
    assert_eq!(filters, 1);
    device.want(Channels::REPLIES | Channels::DESIRED);
    assert_eq!(device.poll_transmit(&mut [0; 512]), Ok(None), "one SUBSCRIBE at a time");
    let answer = Packet::SubAck { token, granted: granted(&[Some(Qos::AtMostOnce)]) };
    assert_eq!(device.handle_packet(NOW, &answer), Ok(None));
    assert!(!device.is_ready());
    assert_eq!(grant(&mut device), Some(DeviceEvent::Ready));
    device.want(Channels::REPLIES);
    assert!(device.is_ready(), "it is there already");
}

#[test]
fn an_answer_has_one_outcome_for_each_filter() {
    for (outcomes, expected) in [
        (0, Err(PeerError::WrongCount { outcomes: 0, filters: 4 })),
        (3, Err(PeerError::WrongCount { outcomes: 3, filters: 4 })),
        (4, Ok(Some(DeviceEvent::Ready))),
        (5, Err(PeerError::WrongCount { outcomes: 5, filters: 4 })),
    ] {
        let mut device = accepted(ALL);
        let (token, filters) = subscribe(&mut device);
        assert_eq!(filters, 4);
        let granted = granted(&vec![Some(Qos::AtLeastOnce); outcomes]);
        assert_eq!(device.handle_packet(NOW, &Packet::SubAck { token, granted }), expected);
    }
}

#[test]
fn a_refusal_is_of_its_channel_and_the_rest_is_ready() {
    let [yes, no] = [Some(Qos::AtMostOnce), None];
    let both = Channels::COMMANDS | Channels::DESIRED;
    for (dialect, outcomes, channels) in [
        (Dialect::Classic, &[no, yes, yes, yes][..], Channels::COMMANDS),
        (Dialect::Classic, &[yes, no, yes, yes], Channels::METHODS),
        (Dialect::Classic, &[yes, yes, yes, no], Channels::DESIRED),
        (Dialect::Classic, &[no, yes, yes, no], both),
        (Dialect::Classic, &[no; 4], ALL),
        // Answers have two filters in one dialect, and none in another.
        (Dialect::Preview311, &[yes, yes, yes, no, yes], Channels::REPLIES),
        (Dialect::Preview311, &[yes, yes, no, yes, yes], Channels::REPLIES),
        (Dialect::Preview5, &[no, yes, no], both),
    ] {
        let mut device = accepted_in(dialect, ALL);
        let (token, filters) = subscribe(&mut device);
        assert_eq!(filters, outcomes.len());
        let answer = Packet::SubAck { token, granted: granted(outcomes) };
        let refused = DeviceEvent::SubscribeRefused { channels, refusal: FilterRefusal::Unspecified };
        assert_eq!(device.handle_packet(NOW, &answer), Ok(Some(refused)), "{dialect:?} {outcomes:?}");
        assert!(device.is_ready());
        assert_eq!(device.poll_transmit(&mut [0; 512]), Ok(None), "it is not asked for again");
    }
}

#[test]
fn without_answers_nobody_follows_the_desired_properties() {
    let mut device = Device::new(codec(CLASSIC), Channels::DESIRED);
    connect(&mut device, Session::Resume, None);
    assert_eq!(device.handle_packet(NOW, &connected(Session::Fresh)), Ok(None));
    let (token, filters) = subscribe(&mut device);
    assert_eq!(filters, 2, "that of the answers is brought along");
    let mut granted = Granted::EMPTY;
    assert!(granted.push(Err(FilterRefusal::NotAuthorized)) && granted.push(Ok(Qos::AtMostOnce)));
    let channels = Channels::REPLIES | Channels::DESIRED;
    let refused = DeviceEvent::SubscribeRefused { channels, refusal: FilterRefusal::NotAuthorized };
    assert_eq!(device.handle_packet(NOW, &Packet::SubAck { token, granted }), Ok(Some(refused)));
    assert!(device.is_ready());
    assert_eq!(device.poll_transmit(&mut [0; 512]), Ok(None), "there would be no answer");
}

#[test]
fn a_refused_channel_stays_silent_and_the_rest_is_ready() {
    let mut device = accepted(Channels::METHODS);
    let (token, _) = subscribe(&mut device);
    device.want(Channels::REPLIES);
    let refused =
        DeviceEvent::SubscribeRefused { channels: Channels::METHODS, refusal: FilterRefusal::Unspecified };
    let answer = Packet::SubAck { token, granted: granted(&[None]) };
    assert_eq!(device.handle_packet(NOW, &answer), Ok(Some(refused)));
    assert!(!device.is_ready(), "the other channel is still to come");
    assert_eq!(grant(&mut device), Some(DeviceEvent::Ready));
    assert_eq!(device.poll_transmit(&mut [0; 512]), Ok(None), "it is not asked for again");
    device.want(Channels::METHODS);
    assert_eq!(grant(&mut device), Some(DeviceEvent::Ready), "unless somebody wants it again");
}

#[test]
fn who_asks_to_be_forgotten_does_not_believe_to_be_known() {
    for (asked, answered, ready_at_once) in [
        (Session::Resume, Session::Resume, true),
        (Session::Resume, Session::Fresh, false),
        (Session::Fresh, Session::Fresh, false),
        (Session::Fresh, Session::Resume, false),
    ] {
        let mut device = ready();
        device.handle_disconnect();
        connect(&mut device, asked, None);
        let event = device.handle_packet(NOW, &connected(answered)).unwrap();
        assert_eq!(event, ready_at_once.then_some(DeviceEvent::Ready), "{asked:?} {answered:?}");
    }
}

#[test]
fn a_hub_grants_five_filters_and_what_it_knows() {
    let mut hub = hub();
    let (least, most) = (Qos::AtMostOnce, Qos::AtLeastOnce);
    let own = "devices/pump-7/messages/devicebound/#";
    let (outcomes, channels) = subscribes(
        &mut hub,
        &[
            (own, most),
            ("devices/pump-8/messages/devicebound/#", most),
            ("#", most),
            ("$iothub/methods/POST/a/#", least),
            ("$iothub/twin/res/#", most),
        ],
    )
    .unwrap();
    assert_eq!(outcomes, [Some(most), None, None, Some(least), Some(most)]);
    assert_eq!(channels, Channels::COMMANDS | Channels::METHODS | Channels::REPLIES);
    let again = [
        (own, least),
        ("$iothub/methods/POST/b/#", least),
        ("$iothub/methods/POST/c/#", least),
        ("$iothub/methods/POST/d/#", least),
    ];
    let (outcomes, _) = subscribes(&mut hub, &again).unwrap();
    assert_eq!(outcomes, [Some(least), Some(least), Some(least), None], "a filter of its own is no new one");
    assert_eq!(hub.subscriptions().granted(Channels::COMMANDS), Some(least));
    for (name, expected) in [("a", Some(least)), ("c", Some(least)), ("d", None)] {
        assert_eq!(hub.subscriptions().granted_method(name), expected, "{name}");
    }
}

const REPLIES: &str = "$iothub/twin/res/#";
const DESIRED: &str = "$iothub/twin/PATCH/properties/desired/#";
const METHODS: &str = "$iothub/methods/POST/#";

#[test]
fn a_device_gets_what_it_listens_to() {
    let deaf = Some(SendError::NotSubscribed);
    for (filter, replies, desired, call) in [
        (None, deaf, deaf, deaf),
        (Some(REPLIES), None, deaf, deaf),
        (Some(DESIRED), deaf, None, deaf),
        (Some(METHODS), deaf, deaf, None),
        (Some("$iothub/methods/POST/rotate/#"), deaf, deaf, deaf),
    ] {
        let mut hub = hub();
        if let Some(filter) = filter {
            subscribes(&mut hub, &[(filter, Qos::AtLeastOnce)]).unwrap();
        }
        let mut out = [0; 128];
        let request = RequestId::new(b"1").unwrap();
        let reply = Reply { payload: b"{}", ..Reply::new(request, Status::SUCCESS) };
        assert_eq!(hub.reply(Operation::TwinGet, &reply, &mut out).err(), replies, "{filter:?}");
        let change = DesiredChanged { version: 2, patch: b"{}", qos: Qos::AtMostOnce };
        assert_eq!(hub.desired_changed(&change, &mut out).err(), desired, "{filter:?}");
        assert_eq!(hub.call(NOW, TIMEOUT, "reboot", b"", &mut out).err(), call, "{filter:?}");
    }
}

#[test]
fn what_is_given_up_is_gone_and_the_rest_stays() {
    let mut hub = hub();
    subscribes(&mut hub, &[REPLIES, DESIRED, METHODS].map(|filter| (filter, Qos::AtMostOnce))).unwrap();
    // The second was never asked for.
    let wire = [METHODS, "$iothub/methods/POST/reboot/#", REPLIES]
        .map(|topic| [&u16::try_from(topic.len()).unwrap().to_be_bytes()[..], topic.as_bytes()].concat())
        .concat();
    let filters = Filters::from_unsubscribe(&wire).unwrap();
    let event = hub.handle_packet(NOW, &Packet::Unsubscribe { token: token(7), filters });
    let Ok(HubEvent::Unsubscribed { token: answered, removed }) = event else { panic!("{event:?}") };
    assert_eq!(answered, token(7));
    assert!(removed.iter().eq([Ok(Removal::Gone), Ok(Removal::NeverThere), Ok(Removal::Gone)]));
    for (channel, expected) in
        [(Channels::METHODS, None), (Channels::REPLIES, None), (Channels::DESIRED, Some(Qos::AtMostOnce))]
    {
        assert_eq!(hub.subscriptions().granted(channel), expected, "{channel:?}");
    }
}

#[test]
fn a_refused_filter_is_told_why() {
    let methods: Vec<String> = (0..50).map(|number| format!("$iothub/methods/m{number}")).collect();
    let methods: Vec<(&str, Qos)> = methods.iter().map(|filter| (filter.as_str(), Qos::AtMostOnce)).collect();
    let others = ["$iothub/commands", "$iothub/nothing", "$iothub/#", "$share/all/$iothub/commands"]
        .map(|filter| (filter, Qos::AtMostOnce));
    let wire = wire(&others);
    let filters = Filters::from_subscribe(&wire).unwrap();
    let mut hub = hub_in(Dialect::Preview5);
    let (outcomes, _) = subscribes(&mut hub, &methods).unwrap();
    assert!(outcomes.iter().all(Option::is_some), "as many as IoT Hub lets a device have");
    let event = hub.handle_packet(NOW, &Packet::Subscribe { token: token(7), filters });
    let Ok(HubEvent::Subscribed { granted, .. }) = event else { panic!("{event:?}") };
    let refusals: Vec<FilterRefusal> = granted.iter().filter_map(Result::err).collect();
    let wanted = [
        FilterRefusal::QuotaExceeded,
        FilterRefusal::TopicFilterInvalid,
        FilterRefusal::WildcardsNotSupported,
        FilterRefusal::SharedNotSupported,
    ];
    assert_eq!(refusals, wanted);
}

#[test]
fn filters_behind_as_many_as_a_device_may_have_are_refused_and_not_looked_at() {
    for dialect in Dialect::ALL.iter().copied() {
        let all = wire(&[("nothing", Qos::AtMostOnce); 300]);
        let mut hub = hub_in(dialect);
        let filters = Filters::from_subscribe(&all).unwrap();
        let event = hub.handle_packet(NOW, &Packet::Subscribe { token: token(7), filters });
        let Ok(HubEvent::Subscribed { granted, .. }) = event else { panic!("{event:?}") };
        let (looked_at, beyond): (Vec<_>, Vec<_>) = granted.iter().enumerate().partition(|(at, _)| *at < 50);
        assert_eq!((looked_at.len(), beyond.len()), (50, 250));
        assert!(looked_at.iter().all(|(_, outcome)| *outcome == Err(FilterRefusal::TopicFilterInvalid)));
        assert!(beyond.iter().all(|(_, outcome)| *outcome == Err(FilterRefusal::QuotaExceeded)));
    }
}

#[test]
fn of_two_filters_that_let_a_call_through_the_stronger_counts() {
    let all = (METHODS, Qos::AtMostOnce);
    let one = ("$iothub/methods/POST/reboot/#", Qos::AtLeastOnce);
    for filters in [[all, one], [one, all]] {
        let mut hub = hub();
        subscribes(&mut hub, &filters).unwrap();
        assert_eq!(hub.subscriptions().granted_method("reboot"), Some(Qos::AtLeastOnce));
        assert_eq!(hub.subscriptions().granted_method("rotate"), Some(Qos::AtMostOnce));
    }
}
