//! What of a connection string the hub gets to know.

use core::time::Duration;
use std::time::SystemTime;

use iothub_codec::{Dialect, Proof, SasToken};
use iothub_mqtt::Server;
use iothub_proto::{Limits, Packet};
use tokio::io::AsyncReadExt;

use super::hub::{Did, Hub, Shown, dialects, elapsed, options, options_of};
use crate::clock::Clock;
use crate::connect_error::ConnectError;
use crate::device::Device;

const MODEL: &str = "dtmi:com:example:Thermostat;1";

/// Who, the hub, the policy of the proof, and the model, as they stand in a CONNECT.
async fn introduced(text: &str, dialect: Dialect, model: Option<&str>) -> Result<[String; 4], ConnectError> {
    let (mut hub, wire) = Hub::new();
    let mut options = options_of(text).dialect(dialect);
    if let Some(model) = model {
        options = options.model_id(model);
    }
    let connecting = tokio::spawn(Device::connect_over(options, wire));
    let mut stream = hub.dialled().await.unwrap();
    let mut mqtt = Server::new(Limits::CLASSIC);
    let clock = Clock::start();
    loop {
        if let Some(Packet::Connect(opening)) = mqtt.poll_packet().unwrap() {
            let (spoken, claim) = iothub_codec::open_connect(&opening.connect).unwrap();
            assert_eq!(spoken, dialect);
            let policy = match claim.proof {
                Proof::Token(token) => SasToken::parse(token).unwrap().policy(),
                Proof::Signature(signature) => signature.terms.policy,
                Proof::None => panic!("no proof"),
            };
            let text =
                |text: Option<iothub_codec::Text<'_>>| text.map_or_else(String::new, |text| text.to_string());
            return Ok([claim.identity.to_string(), text(claim.host), text(policy), text(claim.model_id)]);
        }
        match stream.read(mqtt.read_buffer()).await.unwrap() {
            0 => return Err(connecting.await.unwrap().unwrap_err()),
            len => mqtt.handle_read(clock.now(), len),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_part_of_a_connection_string_arrives_in_every_dialect() {
    let hub = "hub1.azure-devices.net";
    for dialect in dialects() {
        for (text, who, policy) in [
            ("DeviceId=dev-1", "dev-1", ""),
            ("DeviceId=dev-1;ModuleId=m", "dev-1/m", ""),
            ("DeviceId=dev-1;SharedAccessKeyName=service", "dev-1", "service"),
            ("DeviceId=dev-1;ModuleId=m;SharedAccessKeyName=service", "dev-1/m", "service"),
            // Behind a gateway it is still the hub that is meant.
            ("DeviceId=dev-1;GatewayHostName=edge:8884", "dev-1", ""),
        ] {
            let introduced = introduced(text, dialect, None).await.unwrap();
            assert_eq!(introduced, [who, hub, policy, ""], "{text}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_model_is_said_where_the_dialect_has_a_way() {
    for dialect in dialects() {
        let introduced = introduced("DeviceId=dev-1", dialect, Some(MODEL)).await;
        match (introduced, dialect) {
            (Ok([.., model]), Dialect::Classic | Dialect::Preview311) => assert_eq!(model, MODEL),
            (Err(ConnectError::NotExpressible(_)), Dialect::Preview5) => {}
            (other, _) => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_signed_is_dated_by_the_clock_that_the_application_gives() {
    let date = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
    for dialect in dialects() {
        let options = options(dialect).token_lifetime(Duration::from_secs(3_600)).keep_alive(0);
        let (_hub, _device, mut connection) = Hub::with_device(options.clock(move || date)).await;
        match &connection.proof {
            Shown::Token(token) => assert!(token.contains("&se=4000003600"), "{token}"),
            Shown::Signature { at_ms, expiry_ms } => {
                assert_eq!((*at_ms, *expiry_ms), (Some(4_000_000_000_000), 4_000_003_600_000));
            }
        }
        let began = Clock::start();
        let renewed = connection.next().await;
        assert!(matches!(renewed, Did::SaidGoodbye | Did::Renews(_)), "{renewed:?}");
        assert!((2_880..=3_240).contains(&elapsed(began).as_secs()), "a clock that stands stops no wait");
    }
}
