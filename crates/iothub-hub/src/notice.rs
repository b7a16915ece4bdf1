use core::net::SocketAddr;

use crate::rule::Rule;

/// A line for the log: what a hub did that its owner may want to know the reason of. Never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// How much it matters.
    pub level: Level,
    /// Where the connection comes from that it is about.
    pub peer: Option<SocketAddr>,
    /// The device, or `device/module`, it is about, as far as that is known.
    pub who: Option<String>,
    /// What happened.
    pub what: &'static str,
    /// Which rule was broken, if it is a refusal.
    pub rule: Option<Rule>,
    /// Why: what was presented, and what is wrong with it.
    pub why: String,
}

/// How much a [`Notice`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// The ordinary course of things.
    Info,
    /// Something was refused, or a connection was closed by the hub.
    Warn,
}
