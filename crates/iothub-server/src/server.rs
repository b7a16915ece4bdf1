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

use crate::authority::Authority;
use crate::carrier::Carrier;
use crate::clock::Clock;
use crate::doorway::Doorway;
use crate::driver::Driver;
use crate::error::{Port, StartError};
use crate::events::EventLog;
use crate::files;
use crate::harness::{Door, Harness, Reach, State};
use crate::listener::Listener;
use crate::messages;
use crate::options::Options;
use crate::premises::Premises;
use crate::prepared::{Places, Prepared, PreparedHub};
use crate::ready::{Posted, Ready};
use crate::shared::Shared;
use crate::sites::Sites;
use crate::transfers;

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
        Self::start_in(options, Harness::default()).await
    }

    /// The same for a test, which may put itself between the hub and its devices, do without sockets, and begin with what
    /// another hub ended with. What `options` say of ports and addresses is of no account for a hub without sockets.
    ///
    /// # Errors
    ///
    /// As for [`Self::start`].
    pub async fn start_in(options: Options, harness: Harness) -> Result<Running, StartError> {
        let (mqtt, https) = match harness.reach {
            Reach::Ports => (
                Doorway::open(options.bind, options.mqtt_port, Port::Mqtt).await?,
                Doorway::open(options.bind, options.https_port, Port::Https).await?,
            ),
            Reach::Door => (Doorway::none(Options::MQTT_PORT), Doorway::none(Options::HTTPS_PORT)),
        };
        let (mqtt_address, https_address) = (mqtt.address, https.address);
        let prepare = move || Prepared::new(options, harness, mqtt_address, https_address);
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

/// A hub that serves, and further ones in the same process if there are. Dropping it stops them at once;
/// [`Self::stop`] does so in order.
pub struct Running {
    main: Kept,
    others: Vec<Kept>,
    /// Ends when all tasks have.
    at_work: mpsc::Receiver<Infallible>,
    door: Door,
    authority: Authority,
}

/// What there is of a hub besides its tasks.
struct Kept {
    shared: Arc<Shared>,
    committer: Option<JoinHandle<()>>,
    ready: Ready,
    // Dropped in this order: nobody finds a hub whose files are gone.
    posted: Option<Posted>,
    places: Places,
}

impl Running {
    /// Closes listeners and connections, has everything recorded that there is to record, and removes what
    /// says that the hub runs. What was received is answered first, and method calls without an answer fail with
    /// `ServiceUnavailable`.
    pub async fn stop(mut self) {
        for kept in self.kept() {
            if let Ok(mut hub) = kept.shared.driver.enter() {
                hub.handle(Input::Stop);
            }
        }
        self.main.shared.premises().stop();
        for kept in core::iter::once(&mut self.main).chain(&mut self.others) {
            kept.carrier().end_streams();
            // Nobody is to find it any longer.
            kept.posted = None;
        }
        if tokio::time::timeout(STOPPING, self.at_work.recv()).await.is_err() {
            tracing::warn!("connections are left that do not close");
        }
        for kept in core::iter::once(&mut self.main).chain(&mut self.others) {
            kept.carrier().end();
            if let Some(committer) = kept.committer.take() {
                let joined = tokio::task::spawn_blocking(move || committer.join()).await;
                if !matches!(joined, Ok(Ok(()))) {
                    tracing::error!("the thread of the journal has not ended in order");
                }
            }
        }
    }

    /// Stops as [`Self::stop`] does, and gives what a hub in memory knew, for [`Harness::state`]; of the first hub, if
    /// there are several. `None` if it could not go on.
    pub async fn into_state(self) -> Option<State> {
        let (main, authority) = (Arc::clone(&self.main.shared), self.authority.clone());
        self.stop().await;
        let changes = main.driver.restated()?;
        Some(State { changes, authority })
    }

    /// Returns when one of the hubs cannot go on, and why: then its connections are closed, and all should be
    /// stopped.
    pub async fn failed(&self) -> String {
        let failures = self.kept().map(|kept| {
            Box::pin(async {
                let mut failure = kept.carrier().failure();
                let failure = failure.wait_for(Option::is_some).await;
                failure.ok().and_then(|why| why.clone()).unwrap_or_default()
            })
        });
        futures_util::future::select_all(failures).await.0
    }

    /// What has to be known to use the further hubs, in the order of [`Options::further_hubs`].
    pub fn further_hubs(&self) -> impl Iterator<Item = &Ready> {
        self.others.iter().map(|kept| &kept.ready)
    }

    /// A way into the first hub from this process.
    pub fn door(&self) -> Door {
        self.door.clone()
    }

    /// The events of devices, and about them.
    pub fn events(&self) -> EventLog {
        self.main.carrier().event_log()
    }

    /// Everything that has to be known to use the hub.
    pub const fn ready(&self) -> &Ready {
        &self.main.ready
    }

    /// Where to connect to for MQTT.
    pub const fn mqtt_address(&self) -> SocketAddr {
        self.main.ready.mqtt_address
    }

    /// Where to connect to for HTTPS and MQTT over WebSocket.
    pub const fn https_address(&self) -> SocketAddr {
        self.main.ready.https_address
    }

    /// The certificate of the authority that clients have to trust, as PEM.
    pub fn ca_pem(&self) -> &str {
        self.authority.ca_pem()
    }

    /// The file with [`Self::ca_pem`].
    pub fn ca_file(&self) -> &Path {
        &self.main.ready.ca_file
    }

    /// The connection string of the policy that may do everything.
    pub fn service_connection_string(&self) -> &str {
        &self.main.ready.service_connection_string
    }

    /// The connection string of the device that is there from the beginning, if there is one and it has a
    /// key.
    pub fn device_connection_string(&self) -> Option<&str> {
        self.main.ready.device_connection_string.as_deref()
    }

    fn kept(&self) -> impl Iterator<Item = &Kept> {
        core::iter::once(&self.main).chain(&self.others)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.main.shared.premises().stop();
        for kept in self.kept() {
            kept.carrier().end_streams();
            kept.carrier().end();
        }
    }
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("ready", &self.main.ready).finish_non_exhaustive()
    }
}

fn serve(prepared: Prepared, mqtt: Doorway, https: Doorway) -> Result<Running, StartError> {
    let Prepared { options, harness, clock, mqtt_tls, https_tls, authority, main, others } = prepared;
    let premises = Arc::new(Premises::new(options.limits, harness.interposer));
    let mut kept = Vec::new();
    let mut named = Vec::new();
    for prepared in others {
        let name = prepared.ready.host_name.clone();
        let its = Kept::new(prepared, clock, &premises)?;
        named.push((name, Arc::clone(&its.shared)));
        kept.push(its);
    }
    let main = Kept::new(main, clock, &premises)?;
    let (sign, at_work) = mpsc::channel(1);
    let sites = Arc::new(Sites::new(Arc::clone(&main.shared), named, sign));
    let door = Door { sites: Arc::downgrade(&sites) };
    let running = Running { main, others: kept, at_work, door, authority };
    for (doorway, tls, port) in [(mqtt, mqtt_tls, Port::Mqtt), (https, https_tls, Port::Https)] {
        let tls = TlsAcceptor::from(tls);
        for socket in doorway.sockets {
            let listener = Listener { socket, tls: tls.clone(), port };
            let sites = Arc::clone(&sites);
            tokio::spawn(async move { listener.serve(&sites).await });
        }
    }
    for shared in sites.iter().map(Arc::clone) {
        tokio::spawn(go_on(Arc::clone(&sites), shared));
    }
    match harness.reach {
        Reach::Ports => running.post(),
        Reach::Door => Ok(running),
    }
}

/// What a hub does by itself. It is let go before `sites`, by which one sees that nothing is left of it.
async fn go_on(sites: Arc<Sites>, shared: Arc<Shared>) {
    tokio::select! {
        () = shared.driver.tick() => {}
        () = transfers::serve(&shared, &sites) => {}
        () = files::serve(&shared) => {}
        () = messages::serve(&shared, &sites) => {}
        () = shared.stopping() => {}
    }
}

impl Kept {
    /// Has a hub's changes recorded from now on.
    fn new(prepared: PreparedHub, clock: Clock, premises: &Arc<Premises>) -> Result<Self, StartError> {
        let PreparedHub { hub, journal, events, effects, ready, places, transfers, files } = prepared;
        let carrier = Arc::new(Carrier::new(events));
        carrier.carry_out(effects.into_iter());
        let committer = match journal {
            Some(journal) => Some(carrier.commit_to(journal, clock).map_err(StartError::Thread)?),
            None => None,
        };
        let driver = Driver::new(hub, clock, carrier);
        let shared = Arc::new(Shared::new(driver, Arc::clone(premises), transfers, files));
        Ok(Self { shared, committer, ready, posted: None, places })
    }

    fn carrier(&self) -> &Carrier {
        self.shared.driver.carrier()
    }

    fn post(&mut self) -> Result<(), StartError> {
        let folders = self.places.folders();
        let path = folders.first().map(|folder| folder.path().to_owned()).unwrap_or_default();
        let posted = Posted::post(&self.ready, folders);
        self.posted = Some(posted.map_err(|source| StartError::Data { path, source })?);
        Ok(())
    }
}

impl Running {
    /// The first hub last: it is the one that is found when nobody says which.
    fn post(mut self) -> Result<Self, StartError> {
        for kept in &mut self.others {
            kept.post()?;
        }
        self.main.ready.started_ms += u64::from(!self.others.is_empty());
        self.main.post()?;
        Ok(self)
    }
}

/// How long a hub waits for its connections when it stops.
const STOPPING: Duration = Duration::from_secs(8);

#[cfg(test)]
mod tests {
    use tokio::net::TcpStream;

    use super::*;
    use crate::scratch::Scratch;

    #[tokio::test]
    async fn of_a_hub_that_has_stopped_nothing_is_left() {
        for is_kept in [false, true] {
            let scratch = Scratch::new();
            let data = is_kept.then(|| scratch.path().join("data"));
            let running = Server::start(Options { data, ..Options::free_ports() }).await.unwrap();
            let (hub, door) = (Arc::downgrade(&running.main.shared), running.door());
            // Neither who is in the middle of a handshake, nor who has a way in.
            let client = TcpStream::connect(running.mqtt_address()).await.unwrap();
            let (device, end) = tokio::io::duplex(64);
            let served = tokio::spawn({
                let door = door.clone();
                async move { door.serve(end).await }
            });
            let events = running.events();
            running.stop().await;
            assert_eq!(hub.strong_count(), 0, "with data: {is_kept}");
            served.await.unwrap();
            drop((client, device, door, events));
        }
    }
}
