use std::rc::Rc;

use iothub_codec::{DeviceId, Identity, Qos};
use iothub_model::MethodInvocation;
use iothub_proto::Packet;
use serde_json::{Value, json};

use crate::clock;
use crate::link::Link;
use crate::target::{Target, device_name};

/// A back end that calls a method of a device, one call after the other; both ends are in here.
pub(crate) async fn run(target: Target) -> Value {
    let target = Rc::new(target);
    let name = device_name(0);
    let mut link = Link::connect(&target, &name).await;
    link.subscribe("$iothub/methods/POST/#").await;
    tokio::task::spawn_local(async move { answer(link).await });
    let service = target.service().unwrap();
    let device = Identity::device(DeviceId::new(&name).unwrap());
    let call = MethodInvocation::new("measure");
    let mut times = Vec::new();
    for _ in 0..target.number("count", 2000) + WARM_UP {
        let begin = clock::now();
        assert_eq!(service.invoke_method(device, &call).await.unwrap().status, 200);
        times.push(clock::now().duration_since(begin).as_secs_f64() * 1e6);
    }
    let mut times = times.split_off(WARM_UP as usize);
    times.sort_by(f64::total_cmp);
    let quantile = |q: f64| times[(times.len() as f64 * q) as usize];
    json!({ "count": times.len(), "p50_us": quantile(0.5), "p99_us": quantile(0.99) })
}

async fn answer(mut link: Link) {
    loop {
        let mut asked = Vec::new();
        while let Some(packet) = link.mqtt.poll_packet().unwrap() {
            let Packet::Publish { publish, .. } = packet else { panic!("{packet:?}") };
            asked.push(publish.topic.strip_prefix("$iothub/methods/POST/measure/?$rid=").unwrap().to_owned());
        }
        for request in asked {
            link.publish(
                &format!("$iothub/methods/res/200/?$rid={request}"),
                b"{\"ok\":true}",
                Qos::AtMostOnce,
            );
        }
        link.turn().await;
    }
}

/// Calls before those that count.
const WARM_UP: u64 = 100;
