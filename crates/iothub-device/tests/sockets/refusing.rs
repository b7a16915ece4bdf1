use core::time::Duration;

use iothub_device::{ConnectError, ConnectStage, Device, Options, RefusalReason, Roots};
use iothub_test::TestHub;

use crate::site::{DEVICE, dialects};

const OTHER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[tokio::test]
async fn who_cannot_be_believed_is_told_so() {
    let hub = TestHub::start().await;
    hub.device(DEVICE).await;
    let host = format!("localhost:{}", hub.mqtt_port().unwrap());
    for (device, dialect) in dialects().flat_map(|dialect| [(DEVICE, dialect), ("nobody", dialect)]) {
        let text = format!("HostName={host};DeviceId={device};SharedAccessKey={OTHER_KEY}");
        let options = Options::from_connection_string(&text).unwrap().ca_pem(hub.ca_pem());
        let error = Device::connect(options.dialect(dialect)).await.unwrap_err();
        let reason = RefusalReason::NotAuthorized;
        assert!(
            matches!(error, ConnectError::Refused { reason: given, .. } if given == reason),
            "{device} in {dialect}: {error}"
        );
    }
}

#[tokio::test]
async fn a_hub_that_cannot_be_believed_is_not_told_anything() {
    let hub = TestHub::start().await;
    let other = TestHub::start().await;
    let roots = Roots::from_pem(other.ca_pem().as_bytes()).unwrap();
    let error = Device::connect(hub.device(DEVICE).await.roots(roots)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls { .. }), "{error}");

    let text = hub.device(DEVICE).string().await.replace("localhost", "hub.example");
    let elsewhere = format!("localhost:{}", hub.mqtt_port().unwrap()).parse().unwrap();
    let options = Options::from_connection_string(&text).unwrap().ca_pem(hub.ca_pem());
    let error = Device::connect(options.connect_to(elsewhere)).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Tls { name, .. } if name == "hub.example"), "{error}");
}

#[tokio::test]
async fn a_hub_known_by_another_name_is_reached_at_its_address() {
    let named = TestHub::builder().options(|options| options.host_names = vec!["hub.example".into()]);
    let hub = named.start().await;
    let text = hub.device(DEVICE).string().await.replace("localhost", "hub.example");
    let options = Options::from_connection_string(&text).unwrap().ca_pem(hub.ca_pem());
    let address = format!("localhost:{}", hub.mqtt_port().unwrap()).parse().unwrap();
    Device::connect(options.connect_to(address)).await.unwrap().close().await;
}

#[tokio::test]
async fn where_nothing_listens_is_said_with_its_address() {
    let hub = TestHub::start().await;
    let options = hub.device(DEVICE).await;
    let address = options.address().to_string();
    drop(hub);
    let error = Device::connect(options).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Unreachable { address: given, .. } if *given == address),
        "{error}"
    );
}

#[tokio::test]
async fn who_does_not_answer_is_given_up_in_time_and_named() {
    // It accepts connections and says nothing.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = mute.local_addr().unwrap().port();
    let text = format!("HostName=localhost:{port};DeviceId=d;SharedAccessKey={OTHER_KEY}");
    let within = Duration::from_millis(200);
    let options = Options::from_connection_string(&text).unwrap().connect_timeout(within);
    let through =
        |scheme: &str| options.clone().proxy(format!("{scheme}://localhost:{port}").parse().unwrap());
    for (options, named) in [
        (options.clone(), ConnectStage::Tls),
        (through("http"), ConnectStage::Proxy),
        (through("https"), ConnectStage::Proxy),
    ] {
        let error = Device::connect(options).await.unwrap_err();
        assert!(
            matches!(error, ConnectError::TimedOut { after, waiting_for } if (after, waiting_for) == (within, named)),
            "{error}"
        );
    }
}
