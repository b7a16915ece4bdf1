use core::net::SocketAddr;
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use iothub_device::{ConnectError, Device, Options};
use iothub_model::{MethodInvocation, MethodResult, Twin};
use iothub_server::{Harness, Reach, Running, Server, State};
use iothub_service::Service;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::back_end::{Answered, BackEnd, Refused, in_path};
use crate::builder::TestHubBuilder;
use crate::expect::{ExpectConnection, ExpectMethod, ExpectReported, ExpectTelemetry};
use crate::faults::{Faults, Interposed};
use crate::new_device::NewDevice;
use crate::proxy::Proxy;
use crate::record::Record;
use crate::wire::Wire;

/// A whole IoT Hub for one test: an `iothub-server` in this process, and what a test wants to know of it and do to it. Any
/// number of them run beside each other. Dropping one ends everything that belongs to it.
#[derive(Debug)]
pub struct TestHub {
    /// What it is started with again.
    options: iothub_server::Options,
    reach: Reach,
    /// There unless it is being started again.
    site: Mutex<Option<Site>>,
    back_end: BackEnd,
    record: Arc<Record>,
    faults: Faults,
    proxies: Option<Proxies>,
    ca_pem: String,
    service_connection_string: String,
    service: OnceLock<Service>,
    // Removed when dropped, behind everything that is in it.
    folder: TempDir,
}

/// A hub that runs.
#[derive(Debug)]
struct Site {
    running: Running,
    following: JoinHandle<()>,
}

#[derive(Debug)]
struct Proxies {
    mqtt: Proxy,
    https: Proxy,
}

/// # Starting
impl TestHub {
    /// A hub in memory, on ports that are free.
    ///
    /// # Panics
    ///
    /// When it does not start, with the reason.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A hub without sockets: see [`TestHubBuilder::start_without_sockets`].
    ///
    /// # Panics
    ///
    /// When it does not start, with the reason.
    pub async fn start_without_sockets() -> Self {
        Self::builder().start_without_sockets().await
    }

    /// A hub of another kind.
    pub fn builder() -> TestHubBuilder {
        TestHubBuilder::new()
    }

    pub(crate) async fn begin(builder: TestHubBuilder, reach: Reach) -> Self {
        let TestHubBuilder { mut options, durable } = builder;
        let folder = TempDir::with_prefix("iothub-test-").expect("there is a place for temporary files");
        if durable {
            options.data = Some(folder.path().join("data"));
        }
        let (faults, record) = (Faults::default(), Arc::new(Record::new()));
        let running = serve(options.clone(), reach, &faults, None).await;
        let ca_pem = running.ca_pem().to_owned();
        std::fs::write(folder.path().join(CA), &ca_pem).expect("files can be written in a folder of ours");
        let proxies = match reach {
            Reach::Door => None,
            Reach::Ports => {
                // Where it was it is to be found again.
                options.mqtt_port = running.mqtt_address().port();
                options.https_port = running.https_address().port();
                Some(Proxies::new(&running, &faults).await)
            }
        };
        let service_connection_string = running.service_connection_string().to_owned();
        let hub = Self {
            options,
            reach,
            site: Mutex::new(None),
            back_end: BackEnd::new(faults.entrance().clone(), &service_connection_string),
            record,
            faults,
            proxies,
            ca_pem,
            service_connection_string,
            service: OnceLock::new(),
            folder,
        };
        hub.open(running);
        hub
    }

    fn open(&self, running: Running) {
        let (record, log) = (Arc::clone(&self.record), running.events());
        // Nobody could connect yet.
        let next = Record::ends(&log);
        let following = tokio::spawn(async move { record.follow(log, next).await });
        self.faults.entrance().set(Some(running.door()));
        *self.site.lock().unwrap_or_else(PoisonError::into_inner) = Some(Site { running, following });
    }
}

/// # Devices
impl TestHub {
    /// Registers a device, unless it is there, and gives what it connects with:
    /// `Device::connect(hub.device("thermostat-1").await)`.
    pub fn device(&self, id: impl Into<String>) -> NewDevice<'_> {
        NewDevice::new(self, id.into())
    }

    /// Connects a device, over sockets or without, as the hub is.
    ///
    /// # Errors
    ///
    /// [`ConnectError`].
    pub async fn connect(&self, options: Options) -> Result<Device, ConnectError> {
        match self.reach {
            Reach::Ports => Device::connect(options).await,
            Reach::Door => Device::connect_over(options, self.wire()).await,
        }
    }

    /// The way into the hub without sockets, which a hub with sockets has as well.
    pub fn wire(&self) -> Wire {
        Wire { faults: self.faults.clone() }
    }

    /// One more way to the hub over sockets, with faults of its own: see [`NewDevice::through`].
    ///
    /// # Panics
    ///
    /// Without sockets, and where there are none left.
    pub async fn proxy(&self) -> Proxy {
        assert_eq!(self.reach, Reach::Ports, "a hub without sockets has no ports to go to");
        let target = SocketAddr::from((core::net::Ipv4Addr::LOCALHOST, self.options.mqtt_port));
        Proxy::to(target).await.expect("there are free ports")
    }
}

/// # What goes wrong
impl TestHub {
    /// What goes wrong between devices and the hub.
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Stops the hub in order and starts it again, with everything that it knew but subscriptions, as an update would; in
    /// memory also without uploaded files. Ports, keys and certificates stay.
    ///
    /// # Panics
    ///
    /// When it does not start again, with the reason.
    pub async fn restart(&self) {
        self.restart_after(Duration::ZERO).await;
    }

    /// The same with a time for which it is not there.
    ///
    /// # Panics
    ///
    /// As [`Self::restart`], and when it is being started again already.
    pub async fn restart_after(&self, down: Duration) {
        let site = self.site.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Site { running, following } = site.expect("it is started again once at a time");
        self.faults.entrance().set(None);
        let state = match &self.options.data {
            Some(_) => {
                running.stop().await;
                None
            }
            None => Some(running.into_state().await.expect("a hub that runs can say what it knows")),
        };
        // What it told last is heard.
        following.await.expect("following events does not panic");
        tokio::time::sleep(down).await;
        self.open(serve(self.options.clone(), self.reach, &self.faults, state).await);
    }
}

/// # Back ends
impl TestHub {
    /// A client of the service API, for everything that a back end does. Faults are not in its way.
    ///
    /// # Panics
    ///
    /// Without sockets.
    pub fn service(&self) -> Service {
        assert_eq!(self.reach, Reach::Ports, "a hub without sockets serves no HTTPS");
        let service = self.service.get_or_init(|| {
            let options = iothub_service::Options::from_connection_string(&self.service_connection_string)
                .and_then(|options| options.ca(self.ca_pem.as_bytes()));
            let address = SocketAddr::from((core::net::Ipv4Addr::LOCALHOST, self.options.https_port));
            let service = options.and_then(|options| Service::new(options.address(address)));
            service.expect("the hub has written these")
        });
        service.clone()
    }

    /// Calls a method of a device that is connected, which has half a minute to answer.
    ///
    /// # Errors
    ///
    /// [`Refused`], when the device is not connected or does not answer.
    pub async fn call(&self, device: &str, method: &str, payload: &Value) -> Result<Answered, Refused> {
        self.call_within(device, method, payload, Duration::from_secs(30)).await
    }

    /// Changes desired properties by a JSON merge patch, and gives their new version.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub async fn desire(&self, device: &str, patch: &Value) -> Result<u64, Refused> {
        let body = json!({ "properties": { "desired": patch } });
        let twin: Twin = self.back_end.send("PATCH", format!("/twins/{}", in_path(device)), &body).await?;
        Ok(twin.properties.desired.get("$version").and_then(Value::as_u64).unwrap_or_default())
    }

    /// Puts a message into the queue of a device.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub async fn command(&self, device: &str, payload: &[u8]) -> Result<(), Refused> {
        let path = format!("/$local/devices/{}/commands", in_path(device));
        self.back_end.ask("POST", path, payload).await.map(|_: Value| ())
    }

    /// The twin of a device, or of a module as `device/modules/module`.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub async fn twin(&self, device: &str) -> Result<Twin, Refused> {
        self.back_end.get(format!("/twins/{}", in_path(device))).await
    }

    /// Sends any other request of the service API, such as a `PUT` of a twin, on no condition. Where there are sockets,
    /// [`Self::service`] has a function for each.
    ///
    /// # Errors
    ///
    /// [`Refused`].
    pub async fn request(&self, method: &'static str, path: &str, body: &Value) -> Result<Value, Refused> {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.back_end.ask(method, path.to_owned(), body.as_bytes()).await
    }

    pub(crate) async fn call_within(
        &self,
        device: &str,
        method: &str,
        payload: &Value,
        within: Duration,
    ) -> Result<Answered, Refused> {
        let mut call = MethodInvocation::new(method);
        call.payload = Some(serde_json::value::to_raw_value(payload).expect("a JSON value can be written"));
        call.response_timeout_in_seconds = i64::try_from(within.as_secs()).ok();
        let result: MethodResult =
            self.back_end.send("POST", format!("/twins/{}/methods", in_path(device)), &call).await?;
        let payload = serde_json::from_str(result.payload.get()).unwrap_or_default();
        Ok(Answered { status: result.status, payload })
    }
}

/// # Expectations
///
/// Each is awaited, and panics when it is not met in time, with what was seen instead. An event meets one
/// expectation, once: what was expected is looked for among what no expectation has taken.
impl TestHub {
    /// Expects a message of a device.
    #[track_caller]
    pub fn expect_telemetry(&self, from: impl Into<String>) -> ExpectTelemetry<'_> {
        ExpectTelemetry::new(&self.record, from.into())
    }

    /// Expects something of what a device reports in its twin, now or soon.
    #[track_caller]
    pub fn expect_reported(&self, device: impl Into<String>) -> ExpectReported<'_> {
        ExpectReported::new(self, device.into())
    }

    /// Expects that a device connects, or has.
    #[track_caller]
    pub fn expect_connected(&self, device: impl Into<String>) -> ExpectConnection<'_> {
        ExpectConnection::new(&self.record, device.into(), "deviceConnected")
    }

    /// Expects that the hub notices the end of a device's connection, or has.
    #[track_caller]
    pub fn expect_disconnected(&self, device: impl Into<String>) -> ExpectConnection<'_> {
        ExpectConnection::new(&self.record, device.into(), "deviceDisconnected")
    }

    /// Calls a method, and expects an answer.
    #[track_caller]
    pub fn expect_method(&self, device: impl Into<String>, name: impl Into<String>) -> ExpectMethod<'_> {
        ExpectMethod::new(self, device.into(), name.into())
    }
}

/// # For programs in other languages
///
/// [`NewDevice::string`] gives a device's connection string.
impl TestHub {
    /// The connection string of the policy that may do everything.
    pub fn service_connection_string(&self) -> &str {
        &self.service_connection_string
    }

    /// The certificate that clients have to trust, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The file with [`Self::ca_pem`], which goes with the hub.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.path().join(CA)
    }

    /// The folder of a hub that is [durable](TestHubBuilder::durable).
    pub fn data(&self) -> Option<&Path> {
        self.options.data.as_deref()
    }

    /// The port for MQTT over TLS on `localhost`, by which [`Self::faults`] stand; `None` without sockets.
    pub fn mqtt_port(&self) -> Option<u16> {
        self.proxies.as_ref().map(|proxies| proxies.mqtt.address().port())
    }

    /// The port for MQTT over WebSocket and for HTTPS, by which [`Self::faults`] stand; `None` without sockets.
    pub fn https_port(&self) -> Option<u16> {
        self.proxies.as_ref().map(|proxies| proxies.https.address().port())
    }
}

impl TestHub {
    pub(crate) const fn back_end(&self) -> &BackEnd {
        &self.back_end
    }

    pub(crate) const fn record(&self) -> &Arc<Record> {
        &self.record
    }
}

impl Proxies {
    async fn new(running: &Running, faults: &Faults) -> Self {
        let ports = "there are free ports";
        Self {
            mqtt: Proxy::with(running.mqtt_address(), faults.clone()).await.expect(ports),
            https: Proxy::with(running.https_address(), faults.clone()).await.expect(ports),
        }
    }
}

async fn serve(
    options: iothub_server::Options,
    reach: Reach,
    faults: &Faults,
    state: Option<State>,
) -> Running {
    let interposer = Some(Arc::new(Interposed(faults.clone())) as Arc<_>);
    let harness = Harness { interposer, reach, state };
    let running = Server::start_in(options, harness).await;
    running.unwrap_or_else(|error| panic!("the hub of the test does not start: {error}"))
}

const CA: &str = "ca.pem";
