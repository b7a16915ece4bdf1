use core::fmt;
use core::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Weak};

use iothub_hub::{Change, Input, Peer, Transport};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::authority::Authority;
use crate::connection;
use crate::http;
use crate::patience::Patient;
use crate::sites::Sites;

pub use iothub_hub::{Response, RestRequest};

/// What a test puts around a hub, for [`Server::start_in`](crate::Server::start_in). The default is nothing.
#[derive(Clone, Default)]
pub struct Harness {
    /// Stands between the hub and all its devices.
    pub interposer: Option<Arc<dyn Interposer>>,
    /// How the hub is reached.
    pub reach: Reach,
    /// What the hub begins with, if it keeps no data.
    pub state: Option<State>,
}

/// How a hub is reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// By its ports.
    #[default]
    Ports,
    /// By its [`Door`] only. Nothing listens, and no other process finds the hub. Where a
    /// test has stopped the runtime's time and turned it, the hub's days go with it.
    Door,
}

/// Sees the MQTT of every device in the clear, behind TLS and WebSocket, and may do with it what it likes: hold it up,
/// change it, end it.
pub trait Interposer: Send + Sync + 'static {
    /// Takes a connection's stream, and gives the one that the hub is to read and write instead.
    fn interpose(&self, stream: Box<dyn ByteStream>) -> Box<dyn ByteStream>;
}

/// Bytes in both directions.
pub trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

/// Everything that a hub in memory knows, but who is connected and which events there were: from
/// [`Running::into_state`](crate::Running::into_state). Has keys in it, and shows nothing.
#[derive(Clone)]
pub struct State {
    pub(crate) changes: Vec<Change>,
    pub(crate) authority: Authority,
}

/// A way into a hub that runs in this process, beside its ports. Leads nowhere once the hub has stopped.
#[derive(Clone)]
pub struct Door {
    /// Whoever keeps a way does not keep the hub.
    pub(crate) sites: Weak<Sites>,
}

impl Door {
    /// Serves a device over `stream`, which carries MQTT: TLS, if there is to be any, has been done. The device comes
    /// from this machine and shows no certificate. Returns when the connection has ended, which it does at once where
    /// the hub has stopped or serves as many as it may.
    pub async fn serve<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(&self, stream: S) {
        let Some(sites) = self.sites.upgrade() else { return };
        let (shared, premises) = (sites.main(), sites.premises());
        let (Some(place), Some(stranger)) = (premises.place(), premises.stranger()) else { return };
        let due = shared.driver.clock().now().instant.after(shared.limits.greeting);
        let peer = Peer {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            transport: Transport::Mqtt,
            server_name: None,
            certificates: Vec::new(),
        };
        let stream = Patient::new(stream, shared.limits.unread);
        connection::serve(stream, peer, (stranger, due), shared).await;
        drop(place);
    }

    /// Has the hub refuse that many of the next messages and twin requests of devices and modules as having come too fast,
    /// whatever its edition allows. It says so as each dialect can. 0 for none any longer.
    pub fn throttle(&self, operations: u32) {
        // A hub that goes no more refuses everything anyway.
        let sites = self.sites.upgrade();
        if let Some(Ok(mut hub)) = sites.as_ref().map(|sites| sites.main().driver.enter()) {
            hub.handle(Input::Throttle { operations });
        }
    }

    /// Answers a request of the service API, with the rights that its headers prove, as if it had come over HTTPS. What
    /// reads the event log is for [`Running::events`](crate::Running::events), and is answered with status 501 here; a hub
    /// that has stopped answers 503.
    pub async fn ask(&self, request: RestRequest<'_>) -> Response {
        // Who does not await the answer holds up nobody who stops the hub.
        let hub = self.sites.upgrade().map(|sites| Arc::clone(sites.main()));
        http::ask_in_process(request, hub.as_deref()).await
    }
}

impl fmt::Debug for Harness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Harness").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("State(..)")
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door(..)")
    }
}
