use super::Options;
use crate::address::Address;
use crate::proxy::{BadProxy, Proxy};
use crate::roots::{BadRoots, Roots};

/// How the way to the hub is made.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// `None`: those of the platform.
    roots: Option<Result<Roots, BadRoots>>,
    proxy: Option<Proxy>,
    carrier: Carrier,
    /// The port of the hub's HTTPS, where it is not that of all.
    https_port: Option<u16>,
    /// The application has said where to connect.
    is_placed: bool,
}

/// What carries MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carrier {
    /// TLS, by itself.
    Tls,
    /// A WebSocket in TLS.
    #[cfg(feature = "websocket")]
    WebSocket,
}

impl Way {
    pub(super) const DEFAULT: Self =
        Self { roots: None, proxy: None, carrier: Carrier::Tls, https_port: None, is_placed: false };

    #[cfg(feature = "upload")]
    pub(super) fn https_port(&self) -> u16 {
        self.https_port.unwrap_or(HTTPS_PORT)
    }
}

impl Carrier {
    /// Where hubs listen for it.
    const fn port(self) -> u16 {
        match self {
            Self::Tls => 8883,
            #[cfg(feature = "websocket")]
            Self::WebSocket => HTTPS_PORT,
        }
    }
}

/// Where and how the connection is made. [How a device reaches its hub](crate#how-a-device-reaches-its-hub) has it in one.
impl Options {
    /// Trusts the certificates in this PEM text, and no others; called again, those of both texts, and after
    /// [`Self::roots`] those as well, whose handle then replaces nothing here any longer. A text that cannot be
    /// read is the [`ConnectError::NoRoots`](crate::ConnectError::NoRoots) of the first connection.
    #[must_use]
    pub fn ca_pem(mut self, pem: impl AsRef<[u8]>) -> Self {
        self.way.roots = Some(match self.way.roots {
            None => Roots::from_pem(pem.as_ref()),
            Some(roots) => roots.and_then(|roots| roots.with_pem(pem.as_ref())),
        });
        self
    }

    /// Trusts these, whatever was said before, and what they are replaced by while the device runs. Otherwise it trusts
    /// what the platform does.
    #[must_use]
    pub fn roots(mut self, roots: Roots) -> Self {
        self.way.roots = Some(Ok(roots));
        self
    }

    /// Connects there. The certificate still has to be for the hub's or gateway's name.
    #[must_use]
    pub fn connect_to(mut self, address: Address) -> Self {
        self.address = address;
        self.way.is_placed = true;
        self
    }

    /// The port of the hub's HTTPS, where it is not 443. Files are uploaded there, and MQTT in a WebSocket goes there, unless
    /// [`Self::connect_to`] says otherwise. Of a gateway it says nothing to uploads: they go to the hub.
    #[must_use]
    pub fn https_port(mut self, port: u16) -> Self {
        self.way.https_port = Some(port);
        self
    }

    /// Speaks MQTT in a WebSocket, where networks let nothing else pass: at [`Self::https_port`], or else at the port that the
    /// connection string or [`Self::connect_to`] says, or else at 443.
    #[cfg(feature = "websocket")]
    #[must_use]
    pub fn over_websocket(mut self) -> Self {
        self.way.carrier = Carrier::WebSocket;
        self
    }

    /// Has that proxy connect to the hub, or to where [`Self::connect_to`] says. The hub's name is looked up by the proxy.
    #[must_use]
    pub fn proxy(mut self, proxy: Proxy) -> Self {
        self.way.proxy = Some(proxy);
        self
    }

    /// Goes through the proxy that the environment names at this moment, as [`Proxy::from_environment`] says; without
    /// one, through none. If this is not called, the environment says nothing.
    ///
    /// # Errors
    ///
    /// [`BadProxy`] when what is there is no proxy.
    pub fn proxy_from_environment(mut self) -> Result<Self, BadProxy> {
        self.way.proxy = Proxy::from_environment()?;
        Ok(self)
    }

    /// Where the connection goes, behind the proxy if there is one.
    pub fn address(&self) -> Address {
        let address = self.address.clone();
        match (self.way.carrier, self.way.https_port.filter(|_| !self.way.is_placed)) {
            #[cfg(feature = "websocket")]
            (Carrier::WebSocket, Some(port)) => address.with_port(port),
            (carrier, _) => address.or_port(carrier.port()),
        }
    }

    pub(crate) fn trusted(&self) -> Result<Roots, BadRoots> {
        self.way.roots.clone().unwrap_or_else(|| Ok(Roots::platform()))
    }

    pub(crate) fn proxy_for(&self, address: &Address) -> Option<&Proxy> {
        self.way.proxy.as_ref().filter(|proxy| proxy.is_for(address))
    }

    pub(crate) const fn carrier(&self) -> Carrier {
        self.way.carrier
    }
}

/// The port of HTTPS.
#[cfg(any(feature = "upload", feature = "websocket"))]
pub(crate) const HTTPS_PORT: u16 = 443;
