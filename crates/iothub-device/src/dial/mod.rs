mod race;
mod reach;
mod resumption;
mod tls;
mod tunnel;
#[cfg(feature = "websocket")]
mod websocket;

use tokio::io::{AsyncRead, AsyncWrite};

use crate::address::Address;
use crate::civil_clock::CivilClock;
use crate::connect_error::ConnectError;
use crate::connect_stage::{ConnectStage, Progress};
use crate::options::{Carrier, Options};
use crate::proxy::{Proxy, ProxyError, Scheme};
use crate::roots::Roots;
use crate::transport::Transport;
#[cfg(test)]
pub(crate) use reach::Network;
pub(crate) use reach::reach_hub;
use reach::{System, reach};
use tls::Tls;

/// The way that devices take unless they are given another: TCP, perhaps through a proxy, TLS, and perhaps a WebSocket.
pub(crate) struct Dial {
    address: Address,
    tls: Tls,
    via: Option<Via>,
    carrier: Carrier,
    progress: Progress,
}

/// A proxy, and what it takes to speak to it in private.
struct Via {
    proxy: Proxy,
    tls: Option<Tls>,
}

/// Whatever the bytes go through.
pub(crate) trait ByteStream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> ByteStream for S {}

impl Dial {
    pub(crate) fn new(options: &Options) -> Result<Self, ConnectError> {
        let roots = options.trusted()?;
        let address = options.address();
        let via = match options.proxy_for(&address) {
            Some(proxy) => Some(Via::new(proxy.clone(), &roots, options.civil_clock())?),
            None => None,
        };
        let tls = Tls::new(options.tls_name(), roots, options.certificate().cloned(), options.civil_clock())?;
        Ok(Self { address, tls, via, carrier: options.carrier(), progress: Progress::default() })
    }

    /// The way to a server of HTTPS. The device's certificate is shown to its hub, and to no other.
    #[cfg(feature = "upload")]
    pub(crate) fn to_https(options: &Options, server: &Address) -> Result<Self, ConnectError> {
        let roots = options.trusted()?;
        let address = options.place_of(server);
        let via = match options.proxy_for(&address) {
            Some(proxy) => Some(Via::new(proxy.clone(), &roots, options.civil_clock())?),
            None => None,
        };
        let is_hub = server.host().eq_ignore_ascii_case(options.host());
        let certificate = options.certificate().filter(|_| is_hub).cloned();
        let tls = Tls::new(server.host(), roots, certificate, options.civil_clock())?;
        Ok(Self { address, tls, via, carrier: Carrier::Tls, progress: Progress::default() })
    }

    async fn secure<S: ByteStream + 'static>(&self, stream: S) -> Result<Box<dyn ByteStream>, ConnectError> {
        self.progress.reach(ConnectStage::Tls);
        let secured = self.tls.secure(stream).await?;
        let stream = secured.map_err(|source| ConnectError::Tls { name: self.tls.name(), source })?;
        match self.carrier {
            Carrier::Tls => Ok(Box::new(stream)),
            #[cfg(feature = "websocket")]
            Carrier::WebSocket => {
                self.progress.reach(ConnectStage::WebSocket);
                Ok(Box::new(websocket::open(stream, &self.tls.name(), self.address.port()).await?))
            }
        }
    }
}

impl Via {
    fn new(proxy: Proxy, roots: &Roots, clock: Option<&CivilClock>) -> Result<Self, ConnectError> {
        let tls = match proxy.scheme() {
            Scheme::Http => None,
            // The device's certificate is none of its business.
            Scheme::Https => Some(Tls::new(proxy.address().host(), roots.clone(), None, clock)?),
        };
        Ok(Self { proxy, tls })
    }

    /// A stream to the target.
    async fn tunnel(
        &self,
        target: &Address,
        progress: &Progress,
    ) -> Result<Box<dyn ByteStream>, ConnectError> {
        let failed = |source| ConnectError::Proxy { proxy: self.proxy.to_string(), source };
        let tcp = reach(&System, self.proxy.address(), progress).await;
        let tcp = tcp.map_err(ProxyError::Unreachable).map_err(failed)?;
        progress.reach(ConnectStage::Proxy);
        let mut stream: Box<dyn ByteStream> = match &self.tls {
            None => Box::new(tcp),
            Some(tls) => Box::new(tls.secure(tcp).await?.map_err(ProxyError::Tls).map_err(failed)?),
        };
        tunnel::open(&mut stream, &self.proxy, target).await.map_err(failed)?;
        Ok(stream)
    }
}

impl Transport for Dial {
    type Stream = Box<dyn ByteStream>;

    async fn connect(&self) -> Result<Self::Stream, ConnectError> {
        match &self.via {
            None => self.secure(reach_hub(&System, &self.address, &self.progress).await?).await,
            Some(via) => self.secure(via.tunnel(&self.address, &self.progress).await?).await,
        }
    }

    fn stage(&self) -> ConnectStage {
        self.progress.stage()
    }
}
