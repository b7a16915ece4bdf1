//! Devices against a whole hub, over TLS on this machine.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop where it stands")]

mod certificates;
mod losing;
#[cfg(feature = "outbox")]
mod outbox;
mod provisioning;
mod proxies;
mod reaching;
mod refusing;
mod serving;
mod site;
#[cfg(feature = "upload")]
mod uploading;
