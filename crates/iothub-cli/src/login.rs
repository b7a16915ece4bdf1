use core::fmt;
use core::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use iothub_codec::{ConnectionString, Identity};
use iothub_server::{NotFound, Ready};

use crate::completion::{completer, contexts};
use crate::content::content;
use crate::contexts::{Context, ContextName, Contexts};
use crate::failure::Failure;

/// Which hub is meant.
#[derive(clap::Args, Default)]
#[cfg_attr(test, derive(Debug, PartialEq))]
#[command(
    next_help_heading = "Which hub (else $IOTHUB_CONNECTION_STRING, $IOTHUB_CONTEXT, the context in use, the local one)"
)]
pub(crate) struct HubArguments {
    /// The connection string of one of the hub's policies; @FILE or - reads it from there
    #[arg(long, short, value_name = "CONNECTION_STRING")]
    login: Option<String>,
    /// The hub that `iothub context` knows by this name
    #[arg(long, value_name = "NAME", value_parser = ContextName::parse, conflicts_with = "login", add = completer(contexts))]
    context: Option<ContextName>,
    /// The file with the certificate of the hub's authority, else that of the context, else $IOTHUB_CA_FILE
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The hub that was started with this --data folder
    #[arg(long, value_name = "DIR", conflicts_with_all = ["login", "context"])]
    hub_data: Option<PathBuf>,
    /// The hub that runs here by this name, of several in one process
    #[arg(long, short = 'n', value_name = "NAME", conflicts_with_all = ["login", "context", "hub_data"])]
    hub_name: Option<String>,
}

/// What is needed to reach a hub and be let in. Holds a secret.
pub(crate) struct Login {
    connection_string: String,
    /// What vouches for the hub: a file, else whatever this machine trusts.
    pub(crate) ca: Option<PathBuf>,
    pub(crate) origin: Origin,
    /// Where it listens, if it runs on this machine.
    local: Option<Local>,
    /// The connection string of a device of this hub, which says where devices connect to.
    device_sample: Option<String>,
}

/// Where a hub on this machine listens, whatever its name resolves to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Local {
    https: SocketAddr,
    mqtt: SocketAddr,
}

/// Who has named the hub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `--login`
    Option,
    /// `IOTHUB_CONNECTION_STRING`
    Variable,
    /// `--context`, `IOTHUB_CONTEXT`, or the context in use.
    Context(ContextName),
    /// A hub runs on this machine.
    Running,
}

/// What the environment says of which hub is meant. `iothub env` sets all but the context.
#[derive(Default)]
struct Variables {
    connection_string: Option<String>,
    device_connection_string: Option<String>,
    ca_file: Option<PathBuf>,
    context: Option<String>,
}

/// A hub that somebody has named, rather than one that is just there.
struct Named {
    connection_string: String,
    origin: Origin,
    ca: Option<PathBuf>,
}

impl HubArguments {
    /// The hub that is meant.
    pub(crate) fn login(&self) -> Result<Login, Failure> {
        self.choose(Variables::read(), Contexts::read, running)
    }

    /// The hub that is meant by those who make a context of it: not one that happens to be in use.
    pub(crate) fn login_afresh(&self) -> Result<Login, Failure> {
        if self.context.is_some() {
            return self.login();
        }
        let variables = Variables { context: None, ..Variables::read() };
        self.choose(variables, || Ok(Contexts::default()), running)
    }

    /// The hub that is meant, for somebody who is not to be told anything meanwhile.
    pub(crate) fn login_quietly(&self) -> Result<Login, Failure> {
        self.choose(Variables::read(), Contexts::peek, running)
    }

    fn choose(
        &self,
        mut variables: Variables,
        contexts: impl FnOnce() -> Result<Contexts, Failure>,
        running: impl Fn(Which<'_>) -> Result<Ready, Failure>,
    ) -> Result<Login, Failure> {
        if let Some(which) = Which::new(self.hub_data.as_deref(), self.hub_name.as_deref()) {
            return Ok(Login::of_running(running(which)?, self.ca.clone()));
        }
        let device_sample = variables.device_connection_string.take();
        let Some(Named { connection_string, origin, ca }) = self.named(variables, contexts)? else {
            let ready = running(Which::Last).map_err(|failure| {
                Failure::unreached(
                    "no hub is named by --login, --context or IOTHUB_CONNECTION_STRING, and none runs here (start \
                     one with `iothub up`)",
                )
                .because_of(failure)
            })?;
            return Ok(Login::of_running(ready, self.ca.clone()));
        };
        // A hub that was named by its connection string, and runs here: more is known about it.
        let ready = running(Which::Reached(&connection_string)).ok();
        let local = ready.as_ref().map(Local::new);
        let ca = self.ca.clone().or(ready.map(|ready| ready.ca_file)).or(ca);
        let login = Login { connection_string, ca, origin, local, device_sample };
        login.parts()?;
        Ok(login)
    }

    /// The first of what names a hub, in the one order that there is.
    fn named(
        &self,
        variables: Variables,
        contexts: impl FnOnce() -> Result<Contexts, Failure>,
    ) -> Result<Option<Named>, Failure> {
        let Variables { connection_string, ca_file, context, .. } = variables;
        if let Some(text) = &self.login {
            let connection_string = given(text)?;
            return Ok(Some(Named { connection_string, origin: Origin::Option, ca: ca_file }));
        }
        if let (None, Some(connection_string)) = (&self.context, connection_string) {
            return Ok(Some(Named { connection_string, origin: Origin::Variable, ca: ca_file }));
        }
        let wanted = match (&self.context, context) {
            (Some(name), _) => Some(name.clone()),
            (None, Some(text)) => {
                let wrong = |why| Failure::misused(format_args!("IOTHUB_CONTEXT: {why}"));
                Some(ContextName::parse(&text).map_err(wrong)?)
            }
            (None, None) => None,
        };
        let contexts = contexts()?;
        let Some(name) = wanted.as_ref().or(contexts.in_use()) else { return Ok(None) };
        // The CA of a context is part of it: that of another hub, in a variable, would only be in the way.
        let Context { connection_string, ca_file } = contexts.get(name)?.clone();
        Ok(Some(Named { connection_string, origin: Origin::Context(name.clone()), ca: ca_file }))
    }
}

/// What `--login` says, or the file that it names.
fn given(text: &str) -> Result<String, Failure> {
    let text = String::from_utf8(content("--login", text)?);
    text.map(|text| text.trim().to_owned()).map_err(|_| Failure::misused("--login: not text"))
}

impl Login {
    /// As far as a context says by itself.
    pub(crate) fn of_context(name: ContextName, context: Context) -> Self {
        let Context { connection_string, ca_file: ca } = context;
        Self { connection_string, ca, origin: Origin::Context(name), local: None, device_sample: None }
    }

    fn of_running(ready: Ready, ca: Option<PathBuf>) -> Self {
        Self {
            local: Some(Local::new(&ready)),
            ca: Some(ca.unwrap_or(ready.ca_file)),
            connection_string: ready.service_connection_string,
            origin: Origin::Running,
            device_sample: None,
        }
    }

    /// What the connection string says.
    pub(crate) fn parts(&self) -> Result<ConnectionString<'_>, Failure> {
        let wrong = |why: &dyn fmt::Display| Failure::misused(format_args!("{}: {why}", self.origin));
        let parts = ConnectionString::parse(&self.connection_string).map_err(|error| wrong(&error))?;
        match (parts.device(), parts.host()) {
            (Some(_), _) => {
                Err(wrong(&"the connection string of a device, where that of a policy is needed"))
            }
            (None, None) => Err(wrong(&"no HostName in the connection string")),
            (None, Some(_)) => Ok(parts),
        }
    }

    pub(crate) fn connection_string(&self) -> &str {
        &self.connection_string
    }

    /// The name of the hub, without a port.
    pub(crate) fn host(&self) -> Result<&str, Failure> {
        Ok(split_port(self.parts()?.host().unwrap_or_default()).0)
    }

    /// The connection string of a back end that signs with the key of a policy of this hub.
    pub(crate) fn policy_connection_string(&self, policy: &str, key: &str) -> Result<String, Failure> {
        let host = self.parts()?.host().unwrap_or_default().to_owned();
        Ok(format!("HostName={host};SharedAccessKeyName={policy};SharedAccessKey={key}"))
    }

    /// Where the service API is, if its name need not be looked up.
    pub(crate) fn https_address(&self) -> Result<Option<SocketAddr>, Failure> {
        self.unless_numeric(self.local.map(|local| local.https))
    }

    /// The port of the service API, where files are uploaded as well.
    pub(crate) fn https_port(&self) -> Result<u16, Failure> {
        if let Some(local) = self.local {
            return Ok(local.https.port());
        }
        let parts = self.parts()?;
        let port = split_port(parts.host().unwrap_or_default()).1.and_then(|port| port.parse().ok());
        Ok(port.unwrap_or(443))
    }

    /// Where devices connect to, if the name need not be looked up.
    pub(crate) fn mqtt_address(&self) -> Result<Option<SocketAddr>, Failure> {
        self.unless_numeric(self.local.map(|local| local.mqtt))
    }

    /// The connection string of a device or module with this key.
    pub(crate) fn device_connection_string(&self, who: Identity<'_>, key: &str) -> Result<String, Failure> {
        Ok(format!("{};SharedAccessKey={key}", self.device_named(who)?))
    }

    /// The same for a device that the hub knows by a certificate.
    pub(crate) fn device_connection_string_x509(&self, who: Identity<'_>) -> Result<String, Failure> {
        Ok(format!("{};x509=true", self.device_named(who)?))
    }

    fn device_named(&self, who: Identity<'_>) -> Result<String, Failure> {
        let mut text = format!("HostName={};DeviceId={}", self.device_host()?, who.device.as_str());
        if let Some(module) = who.module {
            text.push_str(";ModuleId=");
            text.push_str(module.as_str());
        }
        Ok(text)
    }

    /// The name by which devices know the hub, with the port for MQTT unless it is the usual one.
    fn device_host(&self) -> Result<String, Failure> {
        let host = self.host()?;
        if let Some(local) = self.local {
            return Ok(with_port(host, local.mqtt.port()));
        }
        let sample = self.device_sample.as_deref().and_then(|text| ConnectionString::parse(text).ok());
        let same = sample.and_then(|sample| sample.host()).filter(|name| split_port(name).0 == host);
        Ok(same.unwrap_or(host).to_owned())
    }

    /// A hub that goes by an address is reached there and nowhere else.
    fn unless_numeric(&self, address: Option<SocketAddr>) -> Result<Option<SocketAddr>, Failure> {
        let host = self.host()?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        Ok(address.filter(|_| bare.parse::<IpAddr>().is_err()))
    }
}

/// The hub, and who has named it.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option => f.write_str("--login"),
            Self::Variable => f.write_str("IOTHUB_CONNECTION_STRING"),
            Self::Context(name) => write!(f, "context {name}"),
            Self::Running => f.write_str("the hub that runs here"),
        }
    }
}

impl Local {
    fn new(ready: &Ready) -> Self {
        Self { https: ready.https_address, mqtt: ready.mqtt_address }
    }
}

impl Variables {
    fn read() -> Self {
        // Empty is how a variable is taken back in some shells.
        let read = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            connection_string: read("IOTHUB_CONNECTION_STRING"),
            device_connection_string: read("IOTHUB_DEVICE_CONNECTION_STRING"),
            ca_file: read("IOTHUB_CA_FILE").map(Into::into),
            context: read("IOTHUB_CONTEXT"),
        }
    }
}

/// Which of the hubs that run on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which<'a> {
    /// The one that was started last.
    Last,
    /// The one that keeps its data there.
    Data(&'a Path),
    /// The one of that name.
    Named(&'a str),
    /// The one that has this connection string.
    Reached(&'a str),
}

impl<'a> Which<'a> {
    /// What two options say; `None` if neither is given.
    pub(crate) fn new(data: Option<&'a Path>, name: Option<&'a str>) -> Option<Self> {
        data.map(Self::Data).or(name.map(Self::Named))
    }
}

/// A hub that runs on this machine.
pub(crate) fn running(which: Which<'_>) -> Result<Ready, Failure> {
    let found = match which {
        Which::Last => Ready::find(None),
        Which::Data(data) => Ready::find(Some(data)),
        Which::Named(name) => Ready::find_where(|ready| ready.host_name.eq_ignore_ascii_case(name)),
        Which::Reached(text) => Ready::find_where(|ready| ready.service_connection_string == text),
    };
    found.map_err(|error| {
        let line = match (&error, which) {
            (NotFound::NoHub, Which::Data(data)) => {
                let data = data.display();
                format!("no hub runs with its data in {data} (start it with `iothub up --data {data}`)")
            }
            (NotFound::NoHub, Which::Named(name)) => {
                format!("no hub named {name} runs here (start one with `iothub up --hostname {name}`)")
            }
            (error, _) => error.to_string(),
        };
        match error {
            NotFound::NoHub => Failure::unreached(line).because(&error),
            NotFound::Unreadable { .. } | _ => Failure::failed(line).because(&error),
        }
    })
}

fn split_port(host: &str) -> (&str, Option<&str>) {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() => {
            (name, Some(port))
        }
        _ => (host, None),
    }
}

fn with_port(host: &str, port: u16) -> String {
    if port == iothub_server::Options::MQTT_PORT { host.to_owned() } else { format!("{host}:{port}") }
}
