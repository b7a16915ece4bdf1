use core::convert::Infallible;
use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use iothub_hub::Input;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;

use crate::carrier::Carrier;
use crate::doorway::Doorway;
use crate::driver::Driver;
use crate::error::{Port, StartError};
use crate::events::EventLog;
use crate::listener::Listener;
use crate::options::Options;
use crate::prepared::{Places, Prepared};
use crate::ready::{Posted, Ready};
use crate::shared::Shared;

/// Starts hubs.
#[derive(Clone, Copy, Debug)]
pub struct Server;

impl Server {
    /// Starts a hub on the runtime that this is called on. When it returns, the hub serves.
    ///
    /// # Errors
    ///
    /// [`StartError`], and then nothing is left behind but what belongs into `options.data`.
    pub async fn start(options: Options) -> Result<Running, StartError> {
        let mqtt = Doorway::open(options.bind, options.mqtt_port, Port::Mqtt).await?;
        let https = Doorway::open(options.bind, options.https_port, Port::Https).await?;
        let (mqtt_address, https_address) = (mqtt.address, https.address);
        let prepare = move || Prepared::new(options, mqtt_address, https_address);
        let prepared = match tokio::task::spawn_blocking(prepare).await {
            Ok(prepared) => prepared?,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Err(StartError::Interrupted),
            },
        };
        serve(prepared, mqtt, https)
    }
}

/// A hub that serves. Dropping it stops it at once; [`Self::stop`] does so in order.
pub struct Running {
    shared: Arc<Shared>,
    carrier: Arc<Carrier>,
    committer: Option<JoinHandle<()>>,
    /// Ends when all tasks have.
    at_work: mpsc::Receiver<Infallible>,
    ready: Ready,
    ca_pem: String,
    // Dropped in this order: nobody finds a hub whose files are gone.
    posted: Option<Posted>,
    places: Places,
}

impl Running {
    /// Closes listeners and connections, has everything recorded that there is to record, and removes what
    /// says that the hub runs. What was received is answered first, and method calls without an answer fail with
    /// `ServiceUnavailable`.
    pub async fn stop(mut self) {
        if let Ok(mut hub) = self.shared.driver.enter() {
            hub.handle(Input::Stop);
        }
        self.shared.stop();
        self.carrier.end_streams();
        // Nobody is to find it any longer.
        self.posted = None;
        if tokio::time::timeout(STOPPING, self.at_work.recv()).await.is_err() {
            tracing::warn!("connections are left that do not close");
        }
        self.carrier.end();
        if let Some(committer) = self.committer.take() {
            let joined = tokio::task::spawn_blocking(move || committer.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the thread of the journal has not ended in order");
            }
        }
    }

    /// Returns when the hub cannot go on, and why: then all connections are closed, and it should be
    /// stopped.
    pub async fn failed(&self) -> String {
        let mut failure = self.carrier.failure();
        let failure = failure.wait_for(Option::is_some).await;
        failure.ok().and_then(|why| why.clone()).unwrap_or_default()
    }

    /// The events of devices, and about them.
    pub fn events(&self) -> EventLog {
        self.carrier.event_log()
    }

    /// Everything that has to be known to use the hub.
    pub const fn ready(&self) -> &Ready {
        &self.ready
    }

    /// Where to connect to for MQTT.
    pub const fn mqtt_address(&self) -> SocketAddr {
        self.ready.mqtt_address
    }

    /// Where to connect to for HTTPS and MQTT over WebSocket.
    pub const fn https_address(&self) -> SocketAddr {
        self.ready.https_address
    }

    /// The certificate of the authority that clients have to trust, as PEM.
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// The file with [`Self::ca_pem`].
    pub fn ca_file(&self) -> &Path {
        &self.ready.ca_file
    }

    /// The connection string of the policy that may do everything.
    pub fn service_connection_string(&self) -> &str {
        &self.ready.service_connection_string
    }

    /// The connection string of the device that is there from the beginning, if there is one and it has a
    /// key.
    pub fn device_connection_string(&self) -> Option<&str> {
        self.ready.device_connection_string.as_deref()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.shared.stop();
        self.carrier.end_streams();
        self.carrier.end();
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("ready", &self.ready).finish_non_exhaustive()
    }
}

fn serve(prepared: Prepared, mqtt: Doorway, https: Doorway) -> Result<Running, StartError> {
    let Prepared {
        options,
        hub,
        clock,
        journal,
        events,
        effects,
        mqtt_tls,
        https_tls,
        ca_pem,
        ready,
        places,
    } = prepared;
    let carrier = Arc::new(Carrier::new(events));
    carrier.carry_out(effects.into_iter());
    let committer = match journal {
        Some(journal) => Some(carrier.commit_to(journal, clock).map_err(StartError::Thread)?),
        None => None,
    };
    let shared = Arc::new(Shared::new(Driver::new(hub, clock, Arc::clone(&carrier)), options.limits));
    let (sign, at_work) = mpsc::channel(1);
    let running = Running {
        posted: None,
        shared: Arc::clone(&shared),
        carrier,
        committer,
        at_work,
        ready,
        ca_pem,
        places,
    };
    for (doorway, tls, port) in [(mqtt, mqtt_tls, Port::Mqtt), (https, https_tls, Port::Https)] {
        let tls = TlsAcceptor::from(tls);
        for socket in doorway.sockets {
            let listener = Listener { socket, tls: tls.clone(), port };
            tokio::spawn(listener.serve(Arc::clone(&shared), sign.clone()));
        }
    }
    tokio::spawn(async move {
        let _sign = sign;
        tokio::select! {
            () = shared.driver.tick() => {}
            () = shared.stopping() => {}
        }
    });
    running.post()
}

impl Running {
    fn post(mut self) -> Result<Self, StartError> {
        let folders = self.places.folders();
        let path = folders.first().map(|folder| folder.path().to_owned()).unwrap_or_default();
        let posted = Posted::post(&self.ready, folders);
        self.posted = Some(posted.map_err(|source| StartError::Data { path, source })?);
        Ok(self)
    }
}

/// How long a hub waits for its connections when it stops.
const STOPPING: Duration = Duration::from_secs(8);
