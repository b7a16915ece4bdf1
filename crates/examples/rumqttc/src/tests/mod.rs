mod wire_cutter;

use core::time::Duration;

use iothub_codec::{DeviceId, Dialect, Identity};
use iothub_model::MethodInvocation;
use iothub_server::{Options, Running, Server};
use iothub_service::{Command, Events, Service};
use serde_json::{Value, json};

use wire_cutter::WireCutter;

use crate::run;

const SOON: Duration = Duration::from_secs(20);

fn pump() -> Identity<'static> {
    Identity::device(DeviceId::new("pump-7").unwrap())
}

async fn hub() -> (Running, Service) {
    let options = Options { ready_device: Some("pump-7".to_owned()), ..Options::free_ports() };
    let hub = Server::start(options).await.unwrap();
    let service = iothub_service::Options::from_connection_string(hub.service_connection_string()).unwrap();
    let service = service.ca(hub.ca_pem().as_bytes()).unwrap().address(hub.https_address());
    (hub, Service::new(service).unwrap())
}

async fn next(events: &mut Events, kind: &str) -> Value {
    loop {
        let event = events.next().await.unwrap().expect("the hub runs");
        let event: Value = serde_json::from_str(event.get()).unwrap();
        if event["kind"] == kind {
            return event;
        }
    }
}

/// Those that rumqttc has what it takes for.
const SPOKEN: [Dialect; 2] = [Dialect::Classic, Dialect::Preview5];

#[tokio::test]
async fn it_does_all_that_it_says_and_ends_with_the_message() {
    for dialect in SPOKEN {
        does_all_that_it_says(dialect).await;
    }
}

async fn does_all_that_it_says(dialect: Dialect) {
    let (hub, service) = hub().await;
    let mut events = service.events().await.unwrap();
    let device = run(hub.device_connection_string().unwrap(), hub.ca_pem().as_bytes(), dialect);
    let back_end = async {
        // It reports between the twin and the telemetry.
        assert_eq!(next(&mut events, "telemetry").await["body"], json!({ "t": 21.5 }));
        let twin = serde_json::to_value(service.get_twin(pump()).await.unwrap()).unwrap();
        assert_eq!(twin["properties"]["reported"]["firmware"], json!("1.4.2"));
        let call: MethodInvocation =
            serde_json::from_value(json!({ "methodName": "set-valve", "payload": { "angle": 45 } })).unwrap();
        let result = service.invoke_method(pump(), &call).await.unwrap();
        assert_eq!((result.status, result.payload.get()), (200, r#"{"got":12}"#));
        let command = Command { payload: b"valve 3 next".to_vec(), ..Command::default() };
        service.send_command(pump().device, &command).await.unwrap();
        next(&mut events, "connectionState").await;
    };
    let (ended, ()) =
        tokio::time::timeout(SOON, async { tokio::join!(device, back_end) }).await.expect("it ends");
    ended.unwrap();
    let twin = serde_json::to_value(service.get_twin(pump()).await.unwrap()).unwrap();
    assert_eq!(twin["cloudToDeviceMessageCount"], json!(0), "the message was completed");
}

#[tokio::test]
async fn a_message_that_was_not_acknowledged_goes_out_again_over_the_next_connection() {
    for dialect in SPOKEN {
        goes_out_again(dialect).await;
    }
}

async fn goes_out_again(dialect: Dialect) {
    // The end of the handshake, CONNECT, SUBSCRIBE, the question for the twin, the report, and the message.
    const UP_TO_THE_MESSAGE: usize = 6;
    let (hub, service) = hub().await;
    let mut events = service.events().await.unwrap();
    let cutter = WireCutter::new(hub.mqtt_address(), UP_TO_THE_MESSAGE).await;
    let string = hub.device_connection_string().unwrap();
    let through = string.replace(&hub.mqtt_address().port().to_string(), &cutter.port.to_string());
    let device = run(&through, hub.ca_pem().as_bytes(), dialect);
    let back_end = async {
        // The message, the same again, and the one of the second connection.
        for _ in 0..3 {
            assert_eq!(next(&mut events, "telemetry").await["body"], json!({ "t": 21.5 }));
        }
        service.send_command(pump().device, &Command::default()).await.unwrap();
    };
    let (ended, ()) =
        tokio::time::timeout(SOON, async { tokio::join!(device, back_end) }).await.expect("it ends");
    ended.unwrap();
}

#[tokio::test]
async fn a_hub_that_does_not_know_the_key_ends_it() {
    let ((hub, _), (other, _)) = (hub().await, hub().await);
    let theirs = hub.device_connection_string().unwrap();
    let address = |string: &str| string.split(';').next().unwrap().to_owned();
    let wrong = theirs.replace(&address(theirs), &address(other.device_connection_string().unwrap()));
    for dialect in SPOKEN {
        let device = run(&wrong, other.ca_pem().as_bytes(), dialect);
        let ended = tokio::time::timeout(SOON, device).await.expect("it ends");
        assert_eq!(ended.unwrap_err().to_string(), "refused: not authorized", "{dialect:?}");
    }
}

#[tokio::test]
async fn a_dialect_whose_password_is_no_text_is_not_begun_with() {
    let (hub, _) = hub().await;
    let string = hub.device_connection_string().unwrap();
    let ended = run(string, hub.ca_pem().as_bytes(), Dialect::Preview311).await;
    assert_eq!(
        ended.unwrap_err().to_string(),
        "rumqttc takes a text for the password, and a signature is none"
    );
}
