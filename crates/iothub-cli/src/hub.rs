use iothub_codec::Identity;
use iothub_service::{Error, Options, Service};

use crate::advice::advice;
use crate::failure::Failure;
use crate::login::{HubArguments, Login};

/// The hub that a command is about.
pub(crate) struct Hub {
    pub(crate) service: Service,
    pub(crate) login: Login,
}

impl Hub {
    /// Finds the hub and prepares to speak to it. Nothing is sent yet.
    pub(crate) fn open(arguments: &HubArguments) -> Result<Self, Failure> {
        Self::with(arguments.login()?)
    }

    /// The same for one that is found already.
    pub(crate) fn with(login: Login) -> Result<Self, Failure> {
        login.parts()?;
        let wrong = |error| Failure::misused(format_args!("{}: {error}", login.origin)).because(&error);
        let mut options = Options::from_connection_string(login.connection_string()).map_err(wrong)?;
        if let Some(pem) = ca_pem(&login)? {
            options = options.ca(&pem).map_err(wrong)?;
        }
        if let Some(address) = login.https_address()? {
            options = options.address(address);
        }
        let service = Service::new(options).map_err(wrong)?;
        Ok(Self { service, login })
    }

    /// What a person is to know about a request that has no result; `about` is what it was about.
    pub(crate) fn explain(&self, error: Error, about: Option<Identity<'_>>) -> Failure {
        advice(error, about, &self.login)
    }
}

/// The certificates that vouch for the hub, if they are not those that this machine trusts.
pub(crate) fn ca_pem(login: &Login) -> Result<Option<Vec<u8>>, Failure> {
    let Some(path) = &login.ca else { return Ok(None) };
    let read = std::fs::read(path);
    read.map(Some).map_err(|error| {
        Failure::failed(format_args!(
            "cannot read the CA file {}: {error} (name the hub's with --ca; `iothub up` prints where it is)",
            path.display()
        ))
    })
}
