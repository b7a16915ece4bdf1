use std::rc::Rc;

use iothub_codec::Qos;
use iothub_proto::Packet;
use serde_json::Value;

use crate::fleet::connect_all;
use crate::link::Link;
use crate::tally::Tally;
use crate::target::{Target, device_name};

/// What a device asks for.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Its twin.
    TwinGet,
    /// To change its reported properties.
    Report,
    /// What it has said, from a broker: publishes to itself.
    Echo,
}

/// Devices that ask at QoS 0 and have up to `window` questions unanswered.
pub(crate) async fn run(target: Target, kind: Kind) -> Value {
    let target = Rc::new(target);
    let window = target.number("window", 1);
    let tally = Tally::default();
    let links = connect_all(&target, 0, target.number("devices", 1)).await;
    for (number, mut link) in (0..).zip(links) {
        let own = format!("devices/{}/echo", device_name(number));
        match kind {
            Kind::TwinGet | Kind::Report => link.subscribe("$iothub/twin/res/#").await,
            Kind::Echo => link.subscribe(&own).await,
        }
        tokio::task::spawn_local(ask(link, kind, own, window, tally.clone()));
    }
    tally.watch(&target).await
}

async fn ask(mut link: Link, kind: Kind, own: String, window: u64, tally: Tally) {
    let (mut free, mut asked) = (window, 0_u64);
    loop {
        for _ in 0..free {
            asked += 1;
            let (topic, payload) = match kind {
                Kind::TwinGet => (format!("$iothub/twin/GET/?$rid={asked}"), String::new()),
                Kind::Report => {
                    let topic = format!("$iothub/twin/PATCH/properties/reported/?$rid={asked}");
                    (topic, format!("{{\"temperature\":{asked},\"state\":\"on\"}}"))
                }
                Kind::Echo => (own.clone(), ECHO.to_owned()),
            };
            link.publish(&topic, payload.as_bytes(), Qos::AtMostOnce);
        }
        link.turn().await;
        free = 0;
        while let Some(packet) = link.mqtt.poll_packet().unwrap() {
            let Packet::Publish { publish, .. } = packet else { panic!("{packet:?}") };
            let is_answer = match kind {
                Kind::TwinGet => publish.topic.starts_with("$iothub/twin/res/200/"),
                Kind::Report => publish.topic.starts_with("$iothub/twin/res/204/"),
                Kind::Echo => publish.topic == own,
            };
            assert!(is_answer, "{publish:?}");
            free += 1;
        }
        tally.add(free);
    }
}

/// As long as the twin of a device that has none of its own.
const ECHO: &str = r#"{"desired":{"$version":1},"reported":{"$version":1}}"#;
