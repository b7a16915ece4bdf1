use core::net::SocketAddr;

use iothub_device::{Address, Options, Proxy};

use crate::content::content;
use crate::failure::Failure;
use crate::login::Login;

/// How a device reaches the hub over MQTT.
#[derive(clap::Args)]
pub(crate) struct WayArguments {
    /// Speak MQTT in a WebSocket, at the port of HTTPS, as where networks let nothing else pass
    #[arg(long, visible_alias = "ws")]
    websocket: bool,
    #[command(flatten)]
    proxy: ProxyArgument,
}

/// Through what a device reaches the hub.
#[derive(clap::Args)]
pub(crate) struct ProxyArgument {
    /// Go through this HTTP proxy, as in `http://user:password@proxy.example:3128`; @FILE or - reads it from there, and
    /// env takes the one that https_proxy, all_proxy and no_proxy name
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
}

/// A way to the hub.
pub(crate) struct Way {
    websocket: bool,
    proxy: Option<Proxy>,
    /// Where it ends, if not where the name of the hub says.
    address: Option<Address>,
}

impl WayArguments {
    /// The way to that hub.
    pub(crate) fn to(&self, login: &Login) -> Result<Way, Failure> {
        let Self { websocket, proxy } = self;
        let mut way = Way::to(login, proxy)?;
        if *websocket {
            way.websocket = true;
            way.address = Some(match login.https_address()? {
                Some(address) => numeric(address),
                // The name by which devices know the hub may have the port of MQTT in it.
                None => {
                    let address = format!("{}:{}", login.host()?, login.https_port()?);
                    address.parse().map_err(|error| Failure::misused(format_args!("{address}: {error}")))?
                }
            });
        }
        Ok(way)
    }
}

impl Way {
    /// The way to the port of MQTT, or to wherever else a device goes without a WebSocket.
    pub(crate) fn to(login: &Login, proxy: &ProxyArgument) -> Result<Self, Failure> {
        let address = login.mqtt_address()?.map(numeric);
        Ok(Self { websocket: false, proxy: proxy.read()?, address })
    }

    /// Has a device go it.
    pub(crate) fn lead(&self, mut options: Options) -> Options {
        if let Some(address) = &self.address {
            options = options.connect_to(address.clone());
        }
        if let Some(proxy) = &self.proxy {
            options = options.proxy(proxy.clone());
        }
        if self.websocket { options.over_websocket() } else { options }
    }
}

impl ProxyArgument {
    /// What is wrong with it is said without it: a password may be in there.
    fn read(&self) -> Result<Option<Proxy>, Failure> {
        let Some(given) = &self.proxy else { return Ok(None) };
        if given == ENVIRONMENT {
            let proxy = Proxy::from_environment();
            return proxy
                .map_err(|error| Failure::misused(format_args!("https_proxy or all_proxy: {error}")));
        }
        let text = String::from_utf8(content("--proxy", given)?).unwrap_or_default();
        text.trim().parse().map(Some).map_err(|error| {
            Failure::misused(format_args!("--proxy: {error} (write http://USER:PASSWORD@HOST:PORT)"))
        })
    }
}

fn numeric(address: SocketAddr) -> Address {
    address.to_string().parse().expect("a socket's address is an address with a port")
}

/// What stands for the proxy that the environment names.
const ENVIRONMENT: &str = "env";
