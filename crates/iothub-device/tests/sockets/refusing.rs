use core::time::Duration;

use iothub_device::{ConnectError, Device, Options, RefusalReason, Roots};

use crate::site::{DEVICE, Site, dialects};

const OTHER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

#[tokio::test]
async fn who_cannot_be_believed_is_told_so() {
    let site = Site::new().await;
    let host = format!("localhost:{}", site.hub.mqtt_address().port());
    for (device, dialect) in dialects().flat_map(|dialect| [(DEVICE, dialect), ("nobody", dialect)]) {
        let text = format!("HostName={host};DeviceId={device};SharedAccessKey={OTHER_KEY}");
        let options = Options::from_connection_string(&text).unwrap().ca_pem(site.hub.ca_pem());
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
    let site = Site::new().await;
    let other = Site::new().await;
    let roots = Roots::from_pem(other.hub.ca_pem().as_bytes()).unwrap();
    let error = Device::connect(site.options().roots(roots)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Tls { .. }), "{error}");

    let text = site.hub.device_connection_string().unwrap().replace("localhost", "hub.example");
    let elsewhere = site.hub.mqtt_address().to_string().parse().unwrap();
    let options = Options::from_connection_string(&text).unwrap().ca_pem(site.hub.ca_pem());
    let error = Device::connect(options.connect_to(elsewhere)).await.unwrap_err();
    assert!(matches!(&error, ConnectError::Tls { name, .. } if name == "hub.example"), "{error}");
}

#[tokio::test]
async fn a_hub_known_by_another_name_is_reached_at_its_address() {
    let names = vec!["hub.example".to_owned()];
    let site = Site::with_names(names).await;
    let address = site.hub.mqtt_address().to_string().parse().unwrap();
    let options = site.options();
    assert_eq!(options.host(), "hub.example");
    Device::connect(options.connect_to(address)).await.unwrap().close().await;
}

#[tokio::test]
async fn where_nothing_listens_is_said_with_its_address() {
    let site = Site::new().await;
    let options = site.options();
    let address = options.address().to_string();
    site.hub.stop().await;
    let error = Device::connect(options).await.unwrap_err();
    assert!(
        matches!(&error, ConnectError::Unreachable { address: given, .. } if *given == address),
        "{error}"
    );
}

#[tokio::test]
async fn a_hub_without_an_answer_is_given_up_in_time() {
    // It accepts connections and says nothing.
    let mute = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let text = format!(
        "HostName=localhost:{};DeviceId=d;SharedAccessKey={OTHER_KEY}",
        mute.local_addr().unwrap().port()
    );
    let site = Site::new().await;
    let within = Duration::from_millis(200);
    let options = Options::from_connection_string(&text).unwrap().ca_pem(site.hub.ca_pem());
    let address = mute.local_addr().unwrap().to_string().parse().unwrap();
    let error = Device::connect(options.connect_to(address).connect_timeout(within)).await.unwrap_err();
    assert!(matches!(error, ConnectError::TimedOut { after } if after == within), "{error}");
}
