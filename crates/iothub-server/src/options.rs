use core::net::IpAddr;
use core::time::Duration;
use std::path::PathBuf;

use iothub_hub::{CommandSettings, Edition, FileSettings, ProvisioningConfig};

use crate::retention::Retention;

/// How a hub is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The address to listen on. Without one, those that `localhost` stands for: 127.0.0.1, and ::1 where there
    /// is IPv6, since clients try either.
    pub bind: Option<IpAddr>,
    /// The port for MQTT over TLS; 0 picks a free one.
    pub mqtt_port: u16,
    /// The port for HTTPS and MQTT over WebSocket; 0 picks a free one.
    pub https_port: u16,
    /// Names, besides `localhost`, by which clients know the hub. The first is the one in connection strings.
    pub host_names: Vec<String>,
    /// The folder in which everything is kept; without one it is forgotten when the hub stops.
    pub data: Option<PathBuf>,
    /// How events are kept.
    pub retention: Retention,
    /// Further hubs for whoever connects by these names, isolated from each other and from the first: each has a
    /// registry, policies and keys of its own, and keeps its data in a folder of that name in `hubs` inside `data`. What
    /// clients can make the server spend, they share.
    pub further_hubs: Vec<String>,
    /// A device that is there from the beginning, in every hub.
    pub ready_device: Option<String>,
    /// How much the hub allows, and how fast.
    pub edition: Edition,
    /// How long commands and feedback about them are kept.
    pub commands: CommandSettings,
    /// The folder below which imports and exports read and write; without one they are refused. Further hubs have folders of
    /// their names in it.
    pub transfer_folder: Option<PathBuf>,
    /// What devices may upload, and how back ends are told of it; without it devices cannot. Files are kept in the folder for
    /// the data; without one in a folder that is removed when the hub stops, [less of them](FileSettings).
    pub files: Option<FileSettings>,
    /// The id scope of the provisioning service, which the first hub keeps and which assigns devices to all.
    pub id_scope: String,
    /// What a client can make the server spend.
    pub limits: Limits,
}

impl Options {
    /// The port that MQTT over TLS has by convention, which connection strings need not name.
    pub const MQTT_PORT: u16 = 8883;
    /// The port of HTTPS, which connection strings need not name.
    pub const HTTPS_PORT: u16 = 443;
    /// The id scope of a provisioning service whose owner has not given one.
    pub const ID_SCOPE: &'static str = ProvisioningConfig::ID_SCOPE;

    /// A hub in memory, on this machine only, on ports that are free: for tests and demonstrations.
    pub fn free_ports() -> Self {
        Self { mqtt_port: 0, https_port: 0, ..Self::default() }
    }

    /// Every name and address that the hub's certificate is for.
    pub(crate) fn certificate_names(&self) -> Vec<String> {
        let own = ["localhost", "127.0.0.1", "::1"].map(String::from);
        let mut names: Vec<String> = Vec::new();
        for name in self.host_names.iter().chain(&self.further_hubs).cloned().chain(own) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if let Some(address) = self.bind.filter(|address| !address.is_unspecified()) {
            let address = address.to_string();
            if !names.contains(&address) {
                names.push(address);
            }
        }
        names
    }

    /// The name in connection strings.
    pub(crate) fn host_name(&self) -> &str {
        self.host_names.first().map_or("localhost", String::as_str)
    }
}

impl Default for Options {
    /// This machine only, the ports of convention, in memory.
    fn default() -> Self {
        Self {
            bind: None,
            mqtt_port: Self::MQTT_PORT,
            https_port: Self::HTTPS_PORT,
            host_names: Vec::new(),
            data: None,
            retention: Retention::default(),
            further_hubs: Vec::new(),
            ready_device: None,
            edition: Edition::UNLIMITED,
            commands: CommandSettings::default(),
            transfer_folder: None,
            files: Some(FileSettings::default()),
            id_scope: Self::ID_SCOPE.into(),
            limits: Limits::default(),
        }
    }
}

/// The most that clients can make the server spend. Who goes beyond is refused or closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time, both ports together. Each is an open file, of which the process has to be allowed as many
    /// and some more.
    pub connections: usize,
    /// Of these, connections at a time whose client has not shown who it is: those of devices until they are let in,
    /// and those for HTTP until one request was not refused for want of a token. A device may send no more until then
    /// than the longest CONNECT, [`CONNECT_LEN_MAX`](iothub_mqtt::Server::CONNECT_LEN_MAX), and a little that comes
    /// with it.
    pub strangers: usize,
    /// From accepting a connection to the end of its TLS handshake, and for a device to its CONNECT.
    pub greeting: Duration,
    /// From one HTTP request to the end of the head of the next on the same connection, and for each body.
    pub request: Duration,
    /// How long a client may leave what is sent to it unread before it is closed.
    pub unread: Duration,
    /// Packets that wait for one device.
    pub outbox_packets: usize,
    /// Bytes of packets that wait for one device, beside the 64 KiB and a packet that are being written. Who reads them
    /// too slowly is closed. 16 commands of 64 KiB and 10 calls of 128 KiB may be meant for a device at once.
    pub outbox_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 10_000,
            strangers: 1024,
            greeting: Duration::from_secs(30),
            request: Duration::from_secs(60),
            unread: Duration::from_secs(30),
            outbox_packets: 1024,
            outbox_bytes: 10 * 256 * 1024,
        }
    }
}
