//! Devices against a whole hub, over TLS on this machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

#[cfg(feature = "upload")]
#[path = "../../src/captured.rs"]
mod captured;
mod certificates;
mod losing;
mod provisioning;
mod proxies;
mod reaching;
mod refusing;
mod serving;
mod site;
mod trusting;
#[cfg(feature = "upload")]
mod uploading;
