use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::sync::Arc;

use iothub_hub::{Peer, Transport};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::error::Port;
use crate::patience::Patient;
use crate::premises::Place;
use crate::shared::Shared;
use crate::sites::Sites;
use crate::stranger::Stranger;
use crate::{connection, http};

/// One port, and what is served there.
pub(crate) struct Listener {
    pub(crate) socket: TcpListener,
    pub(crate) tls: TlsAcceptor,
    pub(crate) port: Port,
}

/// A connection behind its TLS handshake.
pub(crate) type Secured = Patient<TlsStream<TcpStream>>;

impl Listener {
    /// Accepts connections until everything stops.
    pub(crate) async fn serve(self, sites: &Arc<Sites>) {
        tokio::select! {
            () = self.accept_all(sites) => {}
            () = sites.main().stopping() => {}
        }
    }

    async fn accept_all(&self, sites: &Arc<Sites>) {
        // Whose client it will be is not known yet.
        let (shared, premises) = (sites.main(), sites.premises());
        loop {
            match self.socket.accept().await {
                Ok((stream, peer)) => match (premises.place(), premises.stranger()) {
                    (Some(place), Some(stranger)) => {
                        self.begin(stream, peer, (place, stranger), Arc::clone(sites));
                    }
                    (Some(_), None) => turn_away_stranger(peer, shared),
                    (None, _) => {
                        shared.driver.metrics().turned_away.inc();
                        let limit = shared.limits.connections;
                        tracing::warn!(%peer, limit, "connection refused: as many are open as may be");
                    }
                },
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    // Out of file descriptors or memory, most likely: others have to end first.
                    tracing::warn!(port = %self.port, %error, "cannot accept connections");
                    tokio::time::sleep(ACCEPT_AGAIN).await;
                }
            }
        }
    }

    fn begin(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        (place, stranger): (Place, Stranger),
        sites: Arc<Sites>,
    ) {
        let (tls, port) = (self.tls.clone(), self.port);
        tokio::spawn(async move {
            let shared = sites.main();
            let clock = shared.driver.clock();
            let due = clock.now().instant.after(shared.limits.greeting);
            let secured = tokio::select! {
                secured = secure(stream, &tls, shared) => secured,
                () = clock.reaches(Some(due)) => {
                    Err(io::Error::new(io::ErrorKind::TimedOut, "no TLS handshake in time"))
                }
                () = shared.stopping() => return,
            };
            match (secured, port) {
                (Ok(stream), Port::Mqtt) => {
                    let tls = stream.inner().get_ref().1;
                    let server_name = tls.server_name().map(str::to_owned);
                    let certificates = tls.peer_certificates().unwrap_or_default();
                    let certificates = certificates.iter().map(|der| der.to_vec()).collect();
                    let shared = sites.pick(server_name.as_deref());
                    let peer = Peer { address: peer, transport: Transport::Mqtt, server_name, certificates };
                    connection::serve(stream, peer, (stranger, due), shared).await;
                    drop(place);
                }
                (Ok(stream), Port::Https) => {
                    http::serve(stream, peer, (place, stranger), sites).await;
                }
                (Err(error), _) => log_failure(peer, port, &error),
            }
        });
    }
}

/// Says that there is no room for one more client that has not shown who it is.
pub(crate) fn turn_away_stranger(peer: SocketAddr, shared: &Shared) {
    shared.driver.metrics().turned_away.inc();
    let limit = shared.limits.strangers;
    tracing::warn!(%peer, limit, "connection refused: as many as may be have not shown who they are");
}

async fn secure(stream: TcpStream, tls: &TlsAcceptor, shared: &Shared) -> io::Result<Secured> {
    stream.set_nodelay(true)?;
    Ok(Patient::new(tls.accept(stream).await?, shared.limits.unread))
}

fn log_failure(peer: SocketAddr, port: Port, error: &io::Error) {
    use rustls::{AlertDescription as Alert, Error, InvalidMessage};

    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match tls {
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            tracing::info!(%peer, %port, "connection closed: what came is not TLS, and nothing is served without");
        }
        Some(Error::AlertReceived(
            alert @ (Alert::UnknownCA | Alert::BadCertificate | Alert::CertificateUnknown),
        )) => {
            tracing::warn!(%peer, %port, ?alert, "connection closed: the client does not trust the hub's CA file");
        }
        Some(error) => tracing::warn!(%peer, %port, %error, "connection closed during the TLS handshake"),
        // Somebody looked whether the port is open.
        None => tracing::debug!(%peer, %port, %error, "connection closed during the TLS handshake"),
    }
}

/// Whether the error says something about one connection, rather than about accepting them.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};

    [ConnectionAborted, ConnectionRefused, ConnectionReset].contains(&error.kind())
}

/// How long to wait when connections cannot be accepted.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
