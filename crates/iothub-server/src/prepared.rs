use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use iothub_codec::{DeviceId, IdScope};
use iothub_hub::{Change, Config, Effects, Hub, Input, ProvisioningConfig, Seed};
use rustls::ServerConfig;
use time::OffsetDateTime;

use crate::authority::{Authority, CA};
use crate::clock::Clock;
use crate::error::StartError;
use crate::events::Events;
use crate::files::Store;
use crate::folder::Folder;
use crate::harness::{Harness, Reach, State};
use crate::journal::Journal;
use crate::options::Options;
use crate::ready::{Ready, Urls};
use crate::retention::Retention;
use crate::runtime::{self, Runtime, Settled};
use crate::tls;

/// Everything that hubs need to serve, but sockets and tasks.
pub(crate) struct Prepared {
    pub(crate) options: Options,
    pub(crate) harness: Harness,
    pub(crate) clock: Clock,
    pub(crate) mqtt_tls: Arc<ServerConfig>,
    pub(crate) https_tls: Arc<ServerConfig>,
    pub(crate) authority: Authority,
    pub(crate) main: PreparedHub,
    /// By the names that clients know them by.
    pub(crate) others: Vec<PreparedHub>,
}

/// One hub, and what is its own.
pub(crate) struct PreparedHub {
    pub(crate) hub: Hub,
    pub(crate) journal: Option<Journal>,
    pub(crate) events: Events,
    /// What the beginning has led to, recorded already.
    pub(crate) effects: Effects,
    pub(crate) ready: Ready,
    pub(crate) places: Places,
    /// Where imports and exports read and write.
    pub(crate) transfers: Option<Arc<Path>>,
    /// Where files of devices are.
    pub(crate) files: Option<Arc<Store>>,
}

/// The folders that are the hub's while it runs.
pub(crate) struct Places {
    settled: Settled,
    data: Option<Data>,
}

struct Data {
    folder: Folder,
    _lock: File,
}

impl Prepared {
    /// Reads and makes files: not for a thread that has others to serve.
    pub(crate) fn new(
        options: Options,
        mut harness: Harness,
        mqtt: SocketAddr,
        https: SocketAddr,
    ) -> Result<Self, StartError> {
        check_ready_device(options.ready_device.as_deref())?;
        check_further_hubs(&options)?;
        IdScope::new(&options.id_scope).map_err(|error| StartError::IdScope { why: error.to_string() })?;
        let clock = match harness.reach {
            Reach::Ports => Clock::start(),
            Reach::Door => Clock::start_with_runtime(),
        };
        let places = Places::take(options.data.as_deref())?;
        let (changes, authority) = match harness.state.take() {
            Some(State { changes, authority }) => (changes, authority),
            None => (Vec::new(), authority(&options, &places, clock)?),
        };
        let ca_file = places.put_ca(&authority)?;
        let tls = |alpn: &[&[u8]]| tls::config(&authority, alpn).map_err(StartError::certificate);
        let mqtt_tls = tls(&[])?;
        let https_tls = tls(&[b"http/1.1"])?;
        let site = Site { options: &options, ca_file: &ca_file, mqtt, https, clock };
        let mut others = Vec::new();
        for name in &options.further_hubs {
            let data = options.data.as_ref().map(|data| data.join(FURTHER_HUBS).join(name));
            let transfers = options.transfer_folder.as_ref().map(|folder| folder.join(name));
            let origin = Origin { changes: &[], provisioning: None };
            others.push(site.prepare(name, Places::take(data.as_deref())?, transfers.as_deref(), origin)?);
        }
        let transfers = options.transfer_folder.as_deref();
        let origin = Origin { changes: &changes, provisioning: Some(provisioning(&options, mqtt.port())) };
        let main = site.prepare(options.host_name(), places, transfers, origin)?;
        Ok(Self { clock, mqtt_tls, https_tls, authority, main, others, options, harness })
    }
}

/// What is the same for all hubs of the process.
struct Site<'a> {
    options: &'a Options,
    ca_file: &'a Path,
    mqtt: SocketAddr,
    https: SocketAddr,
    clock: Clock,
}

/// What makes one hub another than its neighbours from the beginning.
struct Origin<'a> {
    /// What a hub before it has stated of itself.
    changes: &'a [Change],
    /// The provisioning service, for the hub that keeps it.
    provisioning: Option<ProvisioningConfig>,
}

impl Site<'_> {
    fn prepare(
        &self,
        name: &str,
        places: Places,
        transfers: Option<&Path>,
        origin: Origin<'_>,
    ) -> Result<PreparedHub, StartError> {
        let transfers = transfers.map(transfer_folder).transpose()?;
        let Begun { hub, journal, events, effects, files } =
            bring_up(self.options, name, &places, self.clock, origin)?;
        let ready = self.ready(name, &hub);
        Ok(PreparedHub { hub, journal, events, effects, ready, places, transfers, files })
    }
}

impl Places {
    fn take(data: Option<&Path>) -> Result<Self, StartError> {
        let data = data.map(Data::take).transpose()?;
        let settled = Runtime::open()
            .and_then(|runtime| runtime.settle())
            .map_err(|source| StartError::Runtime { path: Runtime::path(), source })?;
        Ok(Self { settled, data })
    }

    /// Where it is to be found that the hub runs.
    pub(crate) fn folders(&self) -> Vec<Folder> {
        let data = self.data.iter().map(|data| data.folder.clone());
        data.chain([self.settled.folder().clone()]).collect()
    }

    /// The files that devices have uploaded, and the names of those that are lost.
    fn files(&self, hub: &Hub) -> Result<(Store, Vec<String>), StartError> {
        let folder = self.data.as_ref().map_or(self.settled.folder(), |data| &data.folder);
        let opened = folder
            .inner(FILES)
            .and_then(|folder| Store::open(&folder, hub.blob_files(), hub.blobs_being_written()));
        opened.map_err(|source| StartError::Data { path: folder.path().join(FILES), source })
    }

    fn put_ca(&self, authority: &Authority) -> Result<PathBuf, StartError> {
        let Some(data) = &self.data else {
            let folder = self.settled.folder();
            folder
                .write(CA, authority.ca_pem().as_bytes())
                .map_err(|source| StartError::Runtime { path: folder.path().into(), source })?;
            return Ok(folder.path().join(CA));
        };
        Ok(data.folder.path().join(CA))
    }
}

impl Data {
    fn take(path: &Path) -> Result<Self, StartError> {
        let failed = |source| StartError::Data { path: path.into(), source };
        let folder = Folder::open(path).map_err(failed)?;
        let lock = runtime::lock(&folder)
            .map_err(failed)?
            .ok_or_else(|| StartError::DataInUse { path: path.into() })?;
        Ok(Self { folder, _lock: lock })
    }
}

/// A folder that is there, without links in its name. It is not made: exports have keys, and who may read them is for the
/// operator to say.
fn transfer_folder(path: &Path) -> Result<Arc<Path>, StartError> {
    let failed = |source| StartError::TransferFolder { path: path.into(), source };
    let canonical = path.canonicalize().map_err(failed)?;
    if !canonical.is_dir() {
        return Err(failed(std::io::ErrorKind::NotADirectory.into()));
    }
    Ok(canonical.into())
}

/// The provisioning service: at the first hub, for all of them.
fn provisioning(options: &Options, mqtt_port: u16) -> ProvisioningConfig {
    let others = options.further_hubs.iter().map(String::as_str);
    ProvisioningConfig {
        id_scope: options.id_scope.clone(),
        hubs: core::iter::once(options.host_name()).chain(others).map(str::to_owned).collect(),
        port: Some(mqtt_port).filter(|port| *port != Options::MQTT_PORT),
    }
}

/// Names that differ from each other and from those of the first hub, as they are what tells hubs apart.
fn check_further_hubs(options: &Options) -> Result<(), StartError> {
    let same = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
    let mut taken: Vec<&str> = vec!["localhost"];
    taken.extend(options.host_names.iter().map(String::as_str));
    for name in &options.further_hubs {
        // It also names a folder.
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(is_name) {
            return Err(StartError::FurtherHub { name: name.clone(), why: "it is not the name of a host" });
        }
        if taken.iter().any(|other| same(name, other)) {
            return Err(StartError::FurtherHub { name: name.clone(), why: "another hub has that name" });
        }
        taken.push(name);
    }
    Ok(())
}

fn check_ready_device(name: Option<&str>) -> Result<(), StartError> {
    match name.map(|name| (name, DeviceId::new(name))) {
        None | Some((_, Ok(_))) => Ok(()),
        Some((name, Err(error))) => {
            Err(StartError::ReadyDevice { name: name.into(), why: error.to_string() })
        }
    }
}

fn authority(options: &Options, places: &Places, clock: Clock) -> Result<Authority, StartError> {
    let seconds = i64::try_from(clock.now().timestamp.as_secs()).unwrap_or(i64::MAX);
    let today = OffsetDateTime::from_unix_timestamp(seconds).map_err(StartError::certificate)?;
    let names = options.certificate_names();
    match &places.data {
        Some(data) => Authority::kept_in(&data.folder, &names, today).map_err(StartError::certificate),
        None => Authority::in_memory(&names, today).map_err(StartError::certificate),
    }
}

/// A hub, and where what it does is kept.
struct Begun {
    hub: Hub,
    journal: Option<Journal>,
    events: Events,
    effects: Effects,
    files: Option<Arc<Store>>,
}

/// The hub as it was, and begun. What that changes is on disk when this returns.
fn bring_up(
    options: &Options,
    host: &str,
    places: &Places,
    clock: Clock,
    Origin { changes, provisioning }: Origin<'_>,
) -> Result<Begun, StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(StartError::Chance)?;
    let mut config = Config::new(Seed(seed));
    config.ready_device.clone_from(&options.ready_device);
    config.edition = options.edition;
    config.name = hub_name(host);
    config.commands = options.commands;
    config.transfers = options.transfer_folder.is_some();
    config.files = match places.data {
        Some(_) => options.files,
        None => options.files.map(|files| files.limited_to(IN_MEMORY_MAX)),
    };
    config.provisioning = provisioning;
    let mut hub = Hub::new(config);
    for change in changes {
        hub.apply(change).expect("these are the changes that a hub has stated of itself");
    }
    let retention = options.retention;
    let mut journal = match &places.data {
        Some(data) => Some(Journal::open(&data.folder, retention, |change| hub.apply(change))?),
        None => None,
    };
    // Before anything is appended to it.
    let events = match &journal {
        Some(journal) => Events::on_disk(journal.reader(), journal.next_sequences(), retention),
        None => Events::in_memory(retention.partitions.unwrap_or(Retention::PARTITIONS)),
    };
    hub.appends_to(events.partitions());
    let mut effects = Effects::new();
    hub.handle(clock.now(), Input::Start, &mut effects);
    let files = match options.files {
        Some(_) => {
            let (store, lost) = places.files(&hub)?;
            hub.handle(clock.now(), Input::BlobsLost { names: lost }, &mut effects);
            Some(Arc::new(store))
        }
        None => None,
    };
    if let Some(journal) = &mut journal {
        journal.commit(clock.now().timestamp, &effects)?;
    }
    Ok(Begun { hub, journal, events, effects, files })
}

/// The name of a hub from that of its host: an address is one as a whole.
fn hub_name(host: &str) -> String {
    let first = host.split('.').next().unwrap_or_default();
    if host.parse::<IpAddr>().is_ok() { host.into() } else { first.into() }
}

impl Site<'_> {
    fn ready(&self, host: &str, hub: &Hub) -> Ready {
        let (mqtt, https) = (self.mqtt, self.https);
        let (mqtt_port, https_port) = (mqtt.port(), https.port());
        let service = with_port(host, https_port, Options::HTTPS_PORT);
        let key = hub.policy_key(OWNER).unwrap_or_default();
        let service_connection_string =
            format!("HostName={service};SharedAccessKeyName={OWNER};SharedAccessKey={key}");
        let device_connection_string = self.options.ready_device.as_deref().and_then(|device| {
            let key = hub.device_key(device)?;
            let host = with_port(host, mqtt_port, Options::MQTT_PORT);
            Some(format!("HostName={host};DeviceId={device};SharedAccessKey={key}"))
        });
        let ca = self.ca_file.display().to_string();
        let environment = [
            ("IOTHUB_CONNECTION_STRING", Some(&service_connection_string)),
            ("IOTHUB_DEVICE_CONNECTION_STRING", device_connection_string.as_ref()),
            ("IOTHUB_CA_FILE", Some(&ca)),
            ("NODE_EXTRA_CA_CERTS", Some(&ca)),
            ("SSL_CERT_FILE", Some(&ca)),
            ("REQUESTS_CA_BUNDLE", Some(&ca)),
        ];
        let environment: BTreeMap<String, String> =
            environment.into_iter().filter_map(|(name, value)| Some((name.into(), value?.clone()))).collect();
        Ready {
            host_name: host.into(),
            mqtt_port,
            https_port,
            mqtt_address: reachable(mqtt),
            https_address: reachable(https),
            urls: Urls {
                mqtt: format!("mqtts://{host}:{mqtt_port}"),
                websocket: format!("wss://{host}:{https_port}/$iothub/websocket"),
                https: format!("https://{host}:{https_port}"),
            },
            service_connection_string,
            device_id: self.options.ready_device.clone(),
            device_connection_string,
            ca_file: self.ca_file.to_owned(),
            environment,
            pid: std::process::id(),
            started_ms: self.clock.now().timestamp.as_millis(),
        }
    }
}

fn with_port(host: &str, port: u16, usual: u16) -> String {
    if port == usual { host.into() } else { format!("{host}:{port}") }
}

/// Where a client on this machine connects to if the hub listens there.
fn reachable(address: SocketAddr) -> SocketAddr {
    let loopback: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let ip = if address.ip().is_unspecified() { loopback } else { address.ip() };
    SocketAddr::new(ip, address.port())
}

/// The folder for the data of further hubs, inside that of the first.
const FURTHER_HUBS: &str = "hubs";
/// The folder for files of devices, inside that for the data.
const FILES: &str = "files";
/// Most bytes of files of a hub without a folder for its data, often where there is memory and no disk.
const IN_MEMORY_MAX: u64 = 256 * 1024 * 1024;
/// The policy that may do everything.
const OWNER: &str = "iothubowner";
