use core::fmt;
use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::folder::Folder;
use crate::runtime::{self, Runtime};

/// What has to be known to use a hub that runs: its addresses, the connection strings, the file that clients
/// have to trust.
///
/// Written to `hub.json` by a hub when it is ready, read by [`Self::find`], removed when the hub stops.
/// Contains keys: `Debug` does not show them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ready {
    /// The name by which clients know the hub, without a port.
    pub host_name: String,
    /// The port for MQTT over TLS.
    pub mqtt_port: u16,
    /// The port for HTTPS and for MQTT over WebSocket.
    pub https_port: u16,
    /// Where the hub listens for MQTT, also for whom its name does not resolve.
    pub mqtt_address: SocketAddr,
    /// Where the hub listens for HTTPS, also for whom its name does not resolve.
    pub https_address: SocketAddr,
    /// The same as addresses that can be copied.
    pub urls: Urls,
    /// The connection string of the policy that may do everything.
    pub service_connection_string: String,
    /// The device that was there from the beginning, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// Its connection string.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_connection_string: Option<String>,
    /// The certificate of the authority that clients have to trust, as PEM.
    pub ca_file: PathBuf,
    /// Variables by which tools and SDKs find and trust the hub.
    pub environment: BTreeMap<String, String>,
    /// The process that runs the hub.
    pub pid: u32,
    /// When it was ready, in milliseconds since 1970.
    pub started_ms: u64,
}

/// Where a hub is reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Urls {
    /// MQTT over TLS.
    pub mqtt: String,
    /// MQTT over WebSocket.
    pub websocket: String,
    /// The service API.
    pub https: String,
}

impl Ready {
    /// Finds a hub that runs: the one that keeps its data in `data`, or without that the one of this user
    /// that was started last.
    ///
    /// # Errors
    ///
    /// [`NotFound::NoHub`] if none runs; what a hub left behind that did not stop in order is not found.
    pub fn find(data: Option<&Path>) -> Result<Self, NotFound> {
        match data {
            Some(path) => Self::in_data_folder(path),
            None => Self::all()?.into_iter().max_by_key(|ready| ready.started_ms).ok_or(NotFound::NoHub),
        }
    }

    /// Finds a hub of this user's for which `is_it` holds; of several, the one that was started last.
    ///
    /// # Errors
    ///
    /// As [`Self::find`].
    pub fn find_where(is_it: impl Fn(&Self) -> bool) -> Result<Self, NotFound> {
        let found = Self::all()?.into_iter().filter(is_it).max_by_key(|ready| ready.started_ms);
        found.ok_or(NotFound::NoHub)
    }

    fn all() -> Result<Vec<Self>, NotFound> {
        let unreadable = |source| NotFound::Unreadable { path: Runtime::path(), source };
        let mut found = Vec::new();
        for folder in Runtime::open().and_then(|runtime| runtime.running()).map_err(unreadable)? {
            // A hub that has its folder and no file in it yet is not ready.
            found.extend(Self::read(&folder)?);
        }
        Ok(found)
    }

    fn in_data_folder(path: &Path) -> Result<Self, NotFound> {
        if !path.is_dir() {
            return Err(NotFound::NoHub);
        }
        let unreadable = |source| NotFound::Unreadable { path: path.into(), source };
        let folder = Folder::open(path).map_err(unreadable)?;
        // The file first: looking whether the lock is taken takes it, which could be in the way of a hub that
        // starts, so that is done only where a hub seems to run.
        let ready = Self::read(&folder)?.ok_or(NotFound::NoHub)?;
        match runtime::lock(&folder).map_err(unreadable)? {
            Some(_) => Err(NotFound::NoHub),
            None => Ok(ready),
        }
    }

    fn read(folder: &Folder) -> Result<Option<Self>, NotFound> {
        let read = || match folder.read(FILE)? {
            Some(text) => Ok(Some(serde_json::from_str(&text)?)),
            None => Ok(None),
        };
        read().map_err(|source: io::Error| NotFound::Unreadable { path: folder.path().join(FILE), source })
    }
}

/// Shows no connection strings.
impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("host_name", &self.host_name)
            .field("mqtt_address", &self.mqtt_address)
            .field("https_address", &self.https_address)
            .field("device_id", &self.device_id)
            .field("ca_file", &self.ca_file)
            .field("pid", &self.pid)
            .finish_non_exhaustive()
    }
}

/// Why no running hub was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotFound {
    /// None runs.
    #[error("no hub runs here (start one with `iothub up`)")]
    NoHub,
    /// What a hub wrote down cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A [`Ready`] that can be found. No longer when dropped.
pub(crate) struct Posted {
    folders: Vec<Folder>,
}

impl Posted {
    pub(crate) fn post(ready: &Ready, folders: Vec<Folder>) -> io::Result<Self> {
        let text = serde_json::to_vec_pretty(ready)?;
        let mut posted = Self { folders: Vec::new() };
        for folder in folders {
            folder.write(FILE, &text)?;
            posted.folders.push(folder);
        }
        Ok(posted)
    }
}

impl Drop for Posted {
    fn drop(&mut self) {
        for folder in &self.folders {
            // Whoever finds it later sees that nobody holds the folder's lock.
            let _ = std::fs::remove_file(folder.path().join(FILE));
        }
    }
}

const FILE: &str = "hub.json";
