#![expect(clippy::wildcard_enum_match_arm, reason = "what a test does not wait for is a failure of any kind")]

use core::time::Duration;
use std::io;

use iothub_codec::{Proof, PropertySection, Qos};
use iothub_codec::{ProvisioningReply, RegistrationClaim, RequestIdBuf, ToProvisioning};
use iothub_mqtt::Server;
use iothub_proto::{AckToken, Granted, Limits, Packet, Refusal, RefusalReason, RegistrationSession, Session};
use rustls::{AlertDescription, CertificateError, InvalidMessage};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::*;
use crate::captured::Captured;
use crate::clock::Clock;
use crate::connect_error::ConnectError;
use crate::device::Device;
use crate::transport::Transport;

const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Dials by handing the other end of a pipe to a test.
struct Wire(mpsc::UnboundedSender<DuplexStream>);

impl Transport for Wire {
    type Stream = DuplexStream;

    async fn connect(&self) -> Result<DuplexStream, ConnectError> {
        let (ours, theirs) = duplex(16 * 1024);
        self.0.send(theirs).unwrap();
        Ok(ours)
    }
}

/// The service's end of one connection.
struct Line {
    stream: DuplexStream,
    mqtt: Server,
    clock: Clock,
    next: AckToken,
}

/// What a device did.
#[derive(Debug, PartialEq, Eq)]
enum Did {
    Connected { id: String, has_token: bool },
    Subscribed(AckToken),
    Registered { request: RequestIdBuf, payload: String },
    Asked { request: RequestIdBuf, operation: String },
    Acknowledged,
    SaidGoodbye,
    Closed,
}

impl Line {
    fn new(stream: DuplexStream) -> Self {
        let mqtt = Server::new(Limits::CLASSIC);
        Self { stream, mqtt, clock: Clock::start(), next: AckToken::FIRST }
    }

    async fn next(&mut self) -> Did {
        loop {
            if let Some(did) = self.poll() {
                return did;
            }
            let len = self.stream.read(self.mqtt.read_buffer()).await.unwrap();
            if len == 0 {
                return Did::Closed;
            }
            self.mqtt.handle_read(self.clock.now(), len);
        }
    }

    fn poll(&mut self) -> Option<Did> {
        Some(match self.mqtt.poll_packet().unwrap()? {
            Packet::Connect(opening) => {
                let claim = RegistrationClaim::open(&opening.connect).unwrap();
                assert_eq!((opening.session, claim.registration.scope.as_str()), (Session::Fresh, "0ne"));
                let has_token = matches!(claim.proof, Proof::Token(_));
                Did::Connected { id: claim.registration.id.as_str().into(), has_token }
            }
            Packet::Subscribe { token, filters } => {
                assert_eq!(filters, ProvisioningReply::filters());
                Did::Subscribed(token)
            }
            Packet::Publish { ack, publish } => {
                assert!(ack.is_some());
                match ToProvisioning::decode(&publish).unwrap() {
                    ToProvisioning::Register(register) => Did::Registered {
                        request: register.request.to_buf(),
                        payload: String::from_utf8(register.payload.to_vec()).unwrap(),
                    },
                    ToProvisioning::Status(status) => Did::Asked {
                        request: status.request.to_buf(),
                        operation: status.operation.to_string(),
                    },
                }
            }
            Packet::Ack { .. } => Did::Acknowledged,
            Packet::Disconnect(_) => Did::SaidGoodbye,
            packet => panic!("{packet:?}"),
        })
    }

    async fn send(&mut self, packet: &Packet<'_>) {
        self.mqtt.send(self.clock.now(), packet).unwrap();
        while let Some(bytes) = self.mqtt.poll_bytes() {
            let len = self.stream.write(bytes).await.unwrap();
            self.mqtt.consume(len);
        }
    }

    /// Lets the device in, as far as to its first request.
    async fn accept(&mut self) -> (RequestIdBuf, String) {
        assert_eq!(self.next().await, Did::Connected { id: "reg-1".into(), has_token: true });
        self.send(&Packet::Connected { session: Session::Fresh, limits: Limits::CLASSIC }).await;
        let Did::Subscribed(token) = self.next().await else { panic!("no subscription") };
        let mut granted = Granted::EMPTY;
        assert!(granted.push(Ok(Qos::AtLeastOnce)));
        self.send(&Packet::SubAck { token, granted }).await;
        let Did::Registered { request, payload } = self.next().await else { panic!("no registration") };
        (request, payload)
    }

    async fn answer(
        &mut self,
        request: &RequestIdBuf,
        (code, retry_after_s): (u16, Option<u32>),
        body: &Value,
    ) {
        let body = body.to_string();
        let request = request.as_id();
        let reply = ProvisioningReply { request, code, retry_after_s, payload: body.as_bytes() };
        let mut out = [0; 256];
        let publish = reply.encode(&mut out).unwrap();
        self.send(&Packet::Publish { ack: Some(self.next), publish }).await;
        self.next = self.next.next();
        assert_eq!(self.next().await, Did::Acknowledged);
    }
}

fn provisioning() -> Provisioning {
    Provisioning::with_key("0ne", "reg-1", KEY).unwrap()
}

type Registering = JoinHandle<Result<Assignment, ProvisioningError>>;

fn begin(provisioning: Provisioning) -> (mpsc::UnboundedReceiver<DuplexStream>, Registering) {
    let (dialled, arriving) = mpsc::unbounded_channel();
    let registering = tokio::spawn(async move { provisioning.register_over(Wire(dialled)).await });
    (arriving, registering)
}

async fn arrival(arriving: &mut mpsc::UnboundedReceiver<DuplexStream>) -> Line {
    Line::new(arriving.recv().await.expect("a device dials"))
}

fn taken() -> Value {
    json!({"operationId": "4.op", "status": "assigning"})
}

fn assigned() -> Value {
    json!({"operationId": "4.op", "status": "assigned", "registrationState": {
        "registrationId": "reg-1", "assignedHub": "hub1.azure-devices.net", "deviceId": "pump", "status": "assigned",
        "substatus": "initialAssignment", "payload": {"rate": 5},
    }})
}

#[tokio::test(start_paused = true)]
async fn an_assignment_leads_to_options_for_the_hub() {
    let (mut arriving, registering) = begin(provisioning().payload(json!({"model": "x"})));
    let mut line = arrival(&mut arriving).await;
    let (request, payload) = line.accept().await;
    assert_eq!(payload, r#"{"registrationId":"reg-1","payload":{"model":"x"}}"#);
    line.answer(&request, (202, Some(3)), &taken()).await;
    let before = line.clock.now();
    let Did::Asked { request, operation } = line.next().await else { panic!("it does not ask") };
    assert!(line.clock.now().since(before) >= Duration::from_secs(3));
    assert_eq!(operation, "4.op");
    line.answer(&request, (200, None), &assigned()).await;
    assert_eq!(line.next().await, Did::SaidGoodbye);
    let assignment = registering.await.unwrap().unwrap();
    assert_eq!((assignment.hub(), assignment.device_id()), ("hub1.azure-devices.net", "pump"));
    assert_eq!(assignment.payload_as::<Value>().unwrap(), json!({"rate": 5}));
    let options = assignment.options().unwrap();
    assert_eq!(options.host(), "hub1.azure-devices.net");
    assert_eq!(options.identity().device.as_str(), "pump");
    for shown in [format!("{assignment:?}"), format!("{:?}", provisioning())] {
        assert!(!shown.contains(KEY), "{shown}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_other_attempt_can_mend_ends_it_at_once() {
    let document =
        |status: &str, more: Value| json!({"operationId": "o", "status": status, "registrationState": more});
    for (code, body, wanted) in [
        (
            200,
            document("disabled", json!({"registrationId": "reg-1"})),
            "the enrollment of the device is disabled",
        ),
        (
            200,
            document(
                "failed",
                json!({"registrationId": "reg-1", "errorCode": 500_001, "errorMessage": "no hub"}),
            ),
            "the registration came to nothing: no hub",
        ),
        (200, json!({"status": "assigned"}), "unreadable registration: assignedHub is missing"),
        (200, json!("what"), "unreadable registration: "),
        (401, json!({"errorCode": 401_002, "message": "no", "trackingId": "t"}), "refused with 401: no"),
    ] {
        let (mut arriving, registering) = begin(provisioning());
        let mut line = arrival(&mut arriving).await;
        let (request, _) = line.accept().await;
        line.answer(&request, (code, None), &body).await;
        let error = registering.await.unwrap().unwrap_err();
        assert!(error.to_string().starts_with(wanted), "{error}");
        assert!(!error.is_retryable(), "{error}");
    }
    let (mut arriving, registering) = begin(provisioning());
    let mut line = arrival(&mut arriving).await;
    line.next().await;
    let reason = RefusalReason::NotAuthorized;
    line.send(&Packet::Refused(Refusal { reason, properties: PropertySection::EMPTY })).await;
    let error = registering.await.unwrap().unwrap_err();
    assert!(matches!(error, ProvisioningError::NotLetIn { reason: RefusalReason::NotAuthorized }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_not_trusted_is_not_asked_again_and_one_that_fails_otherwise_in_tls_is() {
    struct Failing(rustls::Error);

    impl Transport for Failing {
        type Stream = DuplexStream;

        async fn connect(&self) -> Result<DuplexStream, ConnectError> {
            let source = io::Error::new(io::ErrorKind::InvalidData, self.0.clone());
            Err(ConnectError::Tls { name: "dps".into(), source })
        }
    }

    for (error, is_final) in [
        (rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer), true),
        (rustls::Error::InvalidCertificate(CertificateError::NotValidForName), true),
        (rustls::Error::AlertReceived(AlertDescription::UnknownCA), true),
        // A clock that is set late mends these.
        (rustls::Error::InvalidCertificate(CertificateError::Expired), false),
        (rustls::Error::InvalidCertificate(CertificateError::NotValidYet), false),
        (rustls::Error::AlertReceived(AlertDescription::InternalError), false),
        (rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType), false),
    ] {
        let ended = provisioning().register_over(Failing(error.clone())).await.unwrap_err();
        let is_at_once = matches!(ended, ProvisioningError::Connect(ConnectError::Tls { .. }));
        assert_eq!(is_at_once, is_final, "{error}: {ended}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_is_made_again_and_the_registration_goes_on() {
    let (mut arriving, registering) = begin(provisioning());
    let mut line = arrival(&mut arriving).await;
    let (request, _) = line.accept().await;
    line.answer(&request, (202, Some(1)), &taken()).await;
    drop(line);
    // One that says nothing at all, which takes as long as a connection may.
    let silent = arrival(&mut arriving).await;
    let mut line = arrival(&mut arriving).await;
    drop(silent);
    assert_eq!(line.next().await, Did::Connected { id: "reg-1".into(), has_token: true });
    line.send(&Packet::Connected { session: Session::Fresh, limits: Limits::CLASSIC }).await;
    let Did::Subscribed(token) = line.next().await else { panic!("no subscription") };
    let mut granted = Granted::EMPTY;
    assert!(granted.push(Ok(Qos::AtLeastOnce)));
    line.send(&Packet::SubAck { token, granted }).await;
    let Did::Asked { request, operation } = line.next().await else { panic!("it does not go on") };
    assert_eq!(operation, "4.op");
    line.answer(&request, (200, None), &assigned()).await;
    assert!(registering.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn no_secret_and_no_payload_is_told() {
    let (captured, _guard) = Captured::begin();
    let confidential = json!({ "model": "confidential" });
    let (mut arriving, registering) = begin(provisioning().payload(confidential.clone()));
    drop(arrival(&mut arriving).await);
    let mut line = arrival(&mut arriving).await;
    let (request, _) = line.accept().await;
    let mut assigned = assigned();
    assigned["registrationState"]["payload"] = confidential;
    line.answer(&request, (200, None), &assigned).await;
    assert_eq!(line.next().await, Did::SaidGoodbye);
    let device = Device::start(registering.await.unwrap().unwrap().options().unwrap());
    drop(device);
    let told = captured.text();
    assert!(captured.has("registration_retried", "INFO", &[]), "{told}");
    for secret in [KEY, "SharedAccess", "sig=", "confidential"] {
        assert!(!told.contains(secret), "{secret} in {told}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_hindered_is_asked_until_the_deadline_and_named_then() {
    let deadline = Duration::from_secs(90);
    let (mut arriving, registering) = begin(provisioning().within(deadline));
    let mut line = arrival(&mut arriving).await;
    let begun = line.clock.now();
    let (mut request, _) = line.accept().await;
    let mut asked = 0;
    loop {
        line.answer(&request, (429, Some(10)), &json!({"errorCode": 429_001, "message": "slow down"})).await;
        asked += 1;
        match line.next().await {
            Did::Registered { request: next, .. } => request = next,
            Did::Closed => break,
            did => panic!("{did:?}"),
        }
    }
    assert!((4..=8).contains(&asked), "{asked}");
    assert_eq!(line.clock.now().since(begun), deadline);
    let error = registering.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "not registered within 90s: the service is hindered, 429: slow down");
}

#[tokio::test(start_paused = true)]
async fn a_service_that_does_not_answer_is_left() {
    let (mut arriving, registering) = begin(provisioning().within(Duration::from_secs(3600)));
    let mut line = arrival(&mut arriving).await;
    let begun = line.clock.now();
    line.accept().await;
    // Pings keep the connection up, and are no answer.
    while line.next().await != Did::Closed {}
    let waited = line.clock.now().since(begun);
    assert!(waited >= RegistrationSession::ANSWER_TIMEOUT && waited < Duration::from_secs(40), "{waited:?}");
    let mut line = arrival(&mut arriving).await;
    let (request, _) = line.accept().await;
    line.answer(&request, (200, None), &assigned()).await;
    assert!(registering.await.unwrap().is_ok());
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_leaves_no_connection_behind() {
    let (mut arriving, registering) = begin(provisioning());
    let mut line = arrival(&mut arriving).await;
    line.accept().await;
    registering.abort();
    assert_eq!(line.next().await, Did::Closed);
    assert!(arriving.recv().await.is_none());
}

#[test]
fn names_that_would_say_more_than_a_name_are_none() {
    for (hub, device, expected) in [
        ("hub1.example", "pump", None),
        ("hub1.example;GatewayHostName=other.example", "pump", Some("HostName or GatewayHostName: ")),
        ("hub1.example", "pump;GatewayHostName=other.example", Some("DeviceId: ")),
        ("hub1.example", "pump;ModuleId=m", Some("DeviceId: ")),
    ] {
        let error = provisioning().options_for(hub, device).err().map(|error| error.to_string());
        match (&error, expected) {
            (None, None) => {}
            (Some(error), Some(expected)) => assert!(error.starts_with(expected), "{error}"),
            _ => panic!("{hub} {device}: {error:?}"),
        }
    }
}

#[test]
fn what_is_no_name_and_no_key_is_refused() {
    for (scope, id, key, wanted) in [
        ("0ne", "reg-1", KEY, None),
        ("a b", "reg-1", KEY, Some("not an id scope from byte 1")),
        ("0ne", "reg_", KEY, Some("not a registration id from byte 3")),
        ("0ne", "reg-1", "secret!", Some("the key is not base64")),
    ] {
        let error = Provisioning::with_key(scope, id, key).err().map(|error| error.to_string());
        match (error, wanted) {
            (None, None) => {}
            (Some(error), Some(wanted)) => assert!(error.starts_with(wanted), "{error}"),
            (error, wanted) => panic!("{error:?}, not {wanted:?}"),
        }
    }
    let group = Provisioning::with_group_key("0ne", "reg-1", KEY).unwrap();
    let own = Provisioning::with_key("0ne", "reg-1", &derive_device_key(KEY, "REG-1").unwrap()).unwrap();
    let token = |provisioning: &Provisioning| match &provisioning.secret().0 {
        Secret::Key(key) => key.write_base64(&mut [0; SharedKey::BASE64_LEN_MAX]).to_owned(),
        Secret::Certificate(_) => panic!("a key"),
    };
    assert_eq!(token(&group), token(&own));
}
