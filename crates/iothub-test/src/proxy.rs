use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::faults::Faults;

/// Stands between devices and a hub on real sockets, on a port of `localhost` of its own. What passes is not looked into: TLS
/// goes through. What [`Self::faults`] say happens to it. Dropping it ends everything that goes through.
///
/// [`TestHub`](crate::TestHub) has one for all its devices. One more gives a device a way of its own, and one may also
/// stand in front of a hub in another process.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    target: Arc<Mutex<SocketAddr>>,
    faults: Faults,
    // Aborted when dropped.
    _listening: JoinSet<()>,
}

impl Proxy {
    /// Begins to pass connections on to `target`.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub async fn to(target: SocketAddr) -> io::Result<Self> {
        Self::with(target, Faults::default()).await
    }

    /// One more to another place, as for WebSockets beside MQTT: with a port of its own, and the same faults.
    ///
    /// # Errors
    ///
    /// There is no free port.
    pub async fn beside(&self, target: SocketAddr) -> io::Result<Self> {
        Self::with(target, self.faults.clone()).await
    }

    pub(crate) async fn with(target: SocketAddr, faults: Faults) -> io::Result<Self> {
        let (sockets, address) = listen().await?;
        let target = Arc::new(Mutex::new(target));
        let mut listening = JoinSet::new();
        for socket in sockets {
            listening.spawn(accept(socket, Arc::clone(&target), faults.clone()));
        }
        Ok(Self { address, target, faults, _listening: listening })
    }

    /// Passes connections that come from now on to another place: where the hub is now.
    pub fn redirect(&self, target: SocketAddr) {
        *self.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
    }

    /// Where devices connect to. The port is the same on each address of `localhost`.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What goes wrong here.
    pub const fn faults(&self) -> &Faults {
        &self.faults
    }
}

async fn accept(socket: TcpListener, target: Arc<Mutex<SocketAddr>>, faults: Faults) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((client, _)) = socket.accept().await else {
            // Out of file descriptors, most likely: others have to end first.
            connections.join_next().await;
            continue;
        };
        while connections.try_join_next().is_some() {}
        if !faults.admits() {
            continue;
        }
        let target = *target.lock().unwrap_or_else(PoisonError::into_inner);
        connections.spawn(pass(client, target, faults.clone()));
    }
}

/// However it ends, both sides see it.
async fn pass(mut client: TcpStream, target: SocketAddr, faults: Faults) {
    let Ok(hub) = TcpStream::connect(target).await else { return };
    // What is a byte here is to be one there.
    let _ = (client.set_nodelay(true), hub.set_nodelay(true));
    let mut hub = faults.over(hub);
    let _ = tokio::io::copy_bidirectional(&mut client, &mut hub).await;
}

/// Both addresses of `localhost`, or one where there is one.
async fn listen() -> io::Result<(Vec<TcpListener>, SocketAddr)> {
    for _ in 0..ATTEMPTS {
        let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = first.local_addr()?;
        match TcpListener::bind((Ipv6Addr::LOCALHOST, address.port())).await {
            Ok(second) => return Ok((vec![first, second], address)),
            // Somebody else's, to whom half of the devices would go.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            Err(_) => return Ok((vec![first], address)),
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

/// How many ports are tried.
const ATTEMPTS: u32 = 16;
