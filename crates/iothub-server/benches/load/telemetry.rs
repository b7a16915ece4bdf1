use std::rc::Rc;

use iothub_codec::Qos;
use iothub_proto::Packet;
use serde_json::Value;

use crate::fleet::connect_all;
use crate::link::Link;
use crate::tally::Tally;
use crate::target::{Target, device_name};

/// Devices that send QoS 1 messages and have up to `window` of them unacknowledged.
pub(crate) async fn run(target: Target) -> Value {
    let target = Rc::new(target);
    let (window, payload) = (target.number("window", 10), vec![b'x'; target.number("len", 64) as usize]);
    let tally = Tally::default();
    let links = connect_all(&target, 0, target.number("devices", 100)).await;
    for (number, link) in (0..).zip(links) {
        let topic = format!("devices/{}/messages/events/", device_name(number));
        tokio::task::spawn_local(send(link, topic, payload.clone(), window, tally.clone()));
    }
    tally.watch(&target).await
}

async fn send(mut link: Link, topic: String, payload: Vec<u8>, window: u64, tally: Tally) {
    let mut free = window;
    loop {
        for _ in 0..free {
            link.publish(&topic, &payload, Qos::AtLeastOnce);
        }
        link.turn().await;
        free = 0;
        while let Some(packet) = link.mqtt.poll_packet().unwrap() {
            assert!(matches!(packet, Packet::Ack { .. }), "{packet:?}");
            free += 1;
        }
        tally.add(free);
    }
}
