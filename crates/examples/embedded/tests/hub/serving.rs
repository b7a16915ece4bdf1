use core::time::Duration;

use embedded::Fault;
use iothub_codec::Dialect;
use iothub_model::{IfMatch, MethodInvocation};
use iothub_proto::{PacketKind, RefusalReason};
use iothub_service::Command;
use serde_json::{Value, json};

use crate::clock::Desk;
use crate::network::Tls;
use crate::site::{Counter, Site, pump};

const OVER_MQTT_311: [Dialect; 2] = [Dialect::Classic, Dialect::Preview311];
const RARELY: Duration = Duration::from_secs(3_600);
const SOON: Duration = Duration::from_secs(20);

/// Runs a device for as long as the back end is busy with it.
macro_rules! while_it_runs {
    ($device:expr, $desk:expr, $network:expr, $application:expr, $back_end:expr) => {
        tokio::select! {
            _ = $device.run($desk, $network, $application) => unreachable!("it runs for ever"),
            done = tokio::time::timeout(SOON, $back_end) => done.expect("nothing happens any longer"),
        }
    };
}

#[tokio::test]
async fn it_does_all_that_a_device_does() {
    for dialect in OVER_MQTT_311 {
        does_all_that_a_device_does(dialect).await;
    }
}

async fn does_all_that_a_device_does(dialect: Dialect) {
    let mut site = Site::new().await;
    let (mut application, mut heard) = Counter::new();
    let (desk, mut faults) = Desk::new();
    let (mut network, mut device) = (Tls::new(&site.hub), site.device(dialect, RARELY));
    let command = Command { payload: b"valve 3 next".to_vec(), ..Command::default() };
    site.service.send_command(pump().device, &command).await.unwrap();
    while_it_runs!(device, &desk, &mut network, &mut application, async {
        assert_eq!(site.telemetry().await, json!(1));
        let mut first = [heard.recv().await.unwrap(), heard.recv().await.unwrap()];
        first.sort();
        assert_eq!(first, ["command valve 3 next", r#"desired {"$version":1}"#]);

        let call: MethodInvocation =
            serde_json::from_value(json!({ "methodName": "set-valve", "payload": { "angle": 45 } })).unwrap();
        let result = site.service.invoke_method(pump(), &call).await.unwrap();
        assert_eq!((result.status, result.payload.get()), (200, r#"{"moved":45}"#));
        assert_eq!(heard.recv().await.unwrap(), r#"set-valve {"angle":45}"#);

        let wish = serde_json::from_value(json!({ "properties": { "desired": { "interval": 5 } } })).unwrap();
        site.service.update_twin(pump(), &wish, &IfMatch::Any).await.unwrap();
        let change = heard.recv().await.unwrap();
        let change: Value = serde_json::from_str(change.strip_prefix("change ").unwrap()).unwrap();
        assert_eq!(change["interval"], json!(5));

        let twin = serde_json::to_value(site.service.get_twin(pump()).await.unwrap()).unwrap();
        assert_eq!(twin["properties"]["reported"]["firmware"], json!("1.4.2"));
        assert_eq!(twin["cloudToDeviceMessageCount"], json!(0), "the command was completed");
    });
    assert!(faults.try_recv().is_err(), "all over one connection");
}

#[tokio::test]
async fn a_message_that_was_not_acknowledged_goes_out_again_over_the_next_connection() {
    const PUBLISH: u8 = 0x32;
    const AGAIN: u8 = 0x3A;
    for dialect in OVER_MQTT_311 {
        let mut site = Site::new().await;
        let (mut application, _heard) = Counter::new();
        let (desk, mut faults) = Desk::new();
        let (mut network, mut device) = (Tls::new(&site.hub), site.device(dialect, Duration::from_millis(1)));
        network.cut_at = Some(PUBLISH);
        while_it_runs!(device, &desk, &mut network, &mut application, async {
            // It measures again when it is rid of the message before.
            while site.telemetry().await != json!(2) {}
        });
        assert_eq!(faults.try_recv(), Ok(Fault::Closed));
        let [first, second] = network.written.as_slice() else {
            panic!("{} connections", network.written.len())
        };
        assert_eq!(first.last(), Some(&PUBLISH));
        let messages: Vec<u8> =
            second.iter().copied().filter(|byte| [PUBLISH, AGAIN].contains(byte)).collect();
        assert_eq!(messages[..2], [AGAIN, PUBLISH]);
        assert!(!messages[1..].contains(&AGAIN), "{dialect:?}");
    }
}

#[tokio::test]
async fn a_hub_that_does_not_know_the_key_is_asked_again_later() {
    let (site, other) = (Site::new().await, Site::new().await);
    for dialect in OVER_MQTT_311 {
        let (mut application, _heard) = Counter::new();
        let (desk, mut faults) = Desk::new();
        let (mut network, mut device) = (Tls::new(&other.hub), site.device(dialect, RARELY));
        while_it_runs!(device, &desk, &mut network, &mut application, async {
            for _ in 0..2 {
                assert_eq!(faults.recv().await, Some(Fault::Refused(RefusalReason::NotAuthorized)));
            }
        });
    }
}

#[tokio::test]
async fn a_dialect_over_mqtt_5_is_not_for_this_client() {
    let site = Site::new().await;
    let (mut application, _heard) = Counter::new();
    let (desk, mut faults) = Desk::new();
    let (mut network, mut device) = (Tls::new(&site.hub), site.device(Dialect::Preview5, RARELY));
    while_it_runs!(device, &desk, &mut network, &mut application, async {
        assert_eq!(faults.recv().await, Some(Fault::NotOurs(PacketKind::Connect)));
    });
}
