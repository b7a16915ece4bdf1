//! The blocks of Rust in the pages of `docs/`, each a function; `build.rs` reads them.
//!
//! A block is a whole program, or what stands in the `async fn main` of one, with the hub of the environment in
//! `service` and a device of it in `options`.

#![allow(
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "readers are shown what they would write"
)]

use core::error::Error;

use iothub_device::Options;
use iothub_service::Service;

include!(concat!(env!("OUT_DIR"), "/blocks.rs"));

/// Runs the block that stands there, as in `docs/twins.md:42`.
///
/// # Errors
///
/// What the block ends with, or that there is none.
pub fn run(place: &str) -> Result<(), Box<dyn Error>> {
    let block = BLOCKS.iter().find(|(known, _)| *known == place);
    let (_, block) = block.ok_or_else(|| format!("no block of Rust at {place}"))?;
    block()
}

/// Where there are blocks.
pub fn places() -> impl Iterator<Item = &'static str> {
    BLOCKS.iter().map(|(place, _)| *place)
}

type Block = fn() -> Result<(), Box<dyn Error>>;

/// Does what a block of several statements says, with the hub and the device of the environment.
fn with_hub<F: Future<Output = Result<(), Box<dyn Error>>>>(
    block: impl FnOnce(Service, Options) -> F,
) -> Result<(), Box<dyn Error>> {
    let ca = std::fs::read(std::env::var("IOTHUB_CA_FILE")?)?;
    let hub = std::env::var("IOTHUB_CONNECTION_STRING")?;
    let service = Service::new(iothub_service::Options::from_connection_string(&hub)?.ca(&ca)?)?;
    let device = std::env::var("IOTHUB_DEVICE_CONNECTION_STRING")?;
    // What runs the book has the hub listen where there is room.
    let host = hub.split(';').find_map(|part| part.strip_prefix("HostName=")).unwrap_or_default();
    let port = host.rsplit_once(':').map_or(Ok(443), |(_, port)| port.parse())?;
    let options = Options::from_connection_string(&device)?.ca_pem(ca).https_port(port);
    tokio::runtime::Runtime::new()?.block_on(block(service, options))
}
