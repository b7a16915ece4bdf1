//! What a hub keeps of each device: `cargo bench -p iothub-hub --bench memory`.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should stop where it stands")]

use allocation_counter::measure;
use iothub_codec::{SharedKey, TokenRequest};
use iothub_hub::{Config, Effect, ExchangeId, Hub, Input, RestRequest, Seed};
use iothub_proto::{Instant, Now, Timestamp};
use serde_json::{Value, json};

const HOST: &str = "hub1.test";
/// 2030-01-01T00:00:00Z
const NOW: Now =
    Now { instant: Instant::from_millis(1_000_000), timestamp: Timestamp::from_secs(1_893_456_000) };

fn main() {
    let count = std::env::args().filter_map(|text| text.parse().ok()).next().unwrap_or(100_000);
    println!("{count} devices; bytes on the heap of each, all of the hub's divided by their number\n");
    println!("{:<64}{:>10}{:>10}", "", "bytes", "blocks");
    let sas = |_: u64| json!({});
    let kinds: [(&str, &dyn Fn(u64) -> Value); 5] = [
        ("keys made by the hub, an empty twin", &sas),
        (
            "a thumbprint, an empty twin",
            &|_| json!({"authentication": {"type": "selfSigned", "x509Thumbprint": {"primaryThumbprint": "A".repeat(64)}}}),
        ),
        (
            "signed by an authority, an empty twin",
            &|_| json!({"authentication": {"type": "certificateAuthority"}}),
        ),
        (
            "keys, and a reason for its status",
            &|_| json!({"status": "disabled", "statusReason": "not paid for"}),
        ),
        ("keys, four tags and four desired properties, 160 B of JSON", &|n| {
            let four = json!({"floor": n, "plant": "p1", "line": "l7", "interval": 5, "on": true});
            json!({"tags": four, "properties": {"desired": four}})
        }),
    ];
    for (name, members) in kinds {
        let mut hub = None;
        let used = measure(|| hub = Some(filled(count, members)));
        let (bytes, blocks) = (used.bytes_current as f64, used.count_current as f64);
        println!("{name:<64}{:>10.0}{:>10.1}", bytes / count as f64, blocks / count as f64);
        drop(hub);
    }
}

/// A hub with so many devices.
fn filled(count: u64, members: &dyn Fn(u64) -> Value) -> Hub {
    let mut hub = Hub::new(Config::new(Seed([7; 32])));
    hub.handle(NOW, Input::Start, &mut Vec::new());
    let key = SharedKey::from_base64(hub.policy_key("iothubowner").unwrap()).unwrap();
    let expiry_s = NOW.timestamp.as_secs() + 3600;
    let request = TokenRequest { host: HOST, identity: None, expiry_s, policy: Some("iothubowner") };
    let token = request.sign(&key, &mut [0; 512]).unwrap().to_owned();
    for first in (0..count).step_by(100) {
        let entries: Vec<Value> = (first..(first + 100).min(count))
            .map(|n| {
                let mut entry = members(n);
                entry["id"] = json!(format!("device-{n:08}"));
                entry["importMode"] = json!("create");
                entry
            })
            .collect();
        register(&mut hub, &token, &json!(entries).to_string());
    }
    hub
}

fn register(hub: &mut Hub, token: &str, body: &str) {
    let mut effects = Vec::new();
    let request = RestRequest {
        method: "POST",
        path: "/devices",
        query: Some("api-version=2021-04-12"),
        headers: &[("host", HOST), ("authorization", token)],
        certificates: &[],
        body: body.as_bytes(),
    };
    hub.handle(NOW, Input::Rest { exchange: ExchangeId(1), request }, &mut effects);
    let status = effects.iter().find_map(|effect| match effect {
        Effect::Respond { response, .. } => Some(response.status),
        Effect::Record(_)
        | Effect::Append(_)
        | Effect::Send { .. }
        | Effect::Read { .. }
        | Effect::Close { .. }
        | Effect::Transfer { .. }
        | Effect::Files(_)
        | Effect::Delegate { .. }
        | Effect::Report(_)
        | Effect::Log(_) => None,
    });
    assert_eq!(status, Some(200));
}
