//! Devices against a whole hub, over TLS on this machine.

mod losing;
mod refusing;
mod serving;
mod site;
