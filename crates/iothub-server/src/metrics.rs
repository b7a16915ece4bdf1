use core::fmt;
use core::time::Duration;

use iothub_hub::{Effect, PacketBuf};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// What is counted, for whoever watches over the hub. No name of a device is in it.
pub(crate) struct Metrics {
    registry: Registry,
    /// Connections of devices that are open, let in or not.
    pub(crate) connections: Gauge,
    /// Connections that were turned away before TLS.
    pub(crate) turned_away: Counter,
    /// 1 while the disk is nearly full.
    pub(crate) read_only: Gauge,
    connects: Family<Label, Counter>,
    packets: Family<Label, Counter>,
    events: Family<Label, Counter>,
    refusals: Family<Label, Counter>,
    changes: Counter,
    requests: Family<Request, Counter>,
    request_seconds: Histogram,
}

/// A word that tells the counts of one thing apart. Only words of the hub's own.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Label {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: &'static str,
    status: u32,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("iothub");
        let build = Gauge::<i64>::default();
        build.set(1);
        let version = vec![("version".into(), env!("CARGO_PKG_VERSION").into())];
        registry.sub_registry_with_labels(version.into_iter()).register(
            "build",
            "Always 1; the label says which version serves",
            build,
        );
        let metrics = Self {
            connections: Gauge::default(),
            turned_away: Counter::default(),
            read_only: Gauge::default(),
            connects: Family::default(),
            packets: Family::default(),
            events: Family::default(),
            refusals: Family::default(),
            changes: Counter::default(),
            requests: Family::default(),
            request_seconds: Histogram::new(SECONDS),
            registry,
        };
        metrics.registered()
    }

    fn registered(mut self) -> Self {
        let registry = &mut self.registry;
        registry.register("connections", "Connections of devices that are open", self.connections.clone());
        registry.register(
            "connections_turned_away",
            "Connections that were closed before TLS, as too many were open",
            self.turned_away.clone(),
        );
        registry.register(
            "read_only",
            "1 while the disk is nearly full, and nothing is recorded",
            self.read_only.clone(),
        );
        registry.register("connects", "Answers to CONNECT, by accepted or refused", self.connects.clone());
        registry.register("packets_sent", "MQTT packets for devices, by type", self.packets.clone());
        registry.register("events", "Events that were appended, by kind", self.events.clone());
        registry.register("refusals", "What was refused, by the rule that was broken", self.refusals.clone());
        registry.register("changes", "Changes of the hub's state", self.changes.clone());
        registry.register("requests", "HTTP requests, by method and status", self.requests.clone());
        registry.register(
            "request_seconds",
            "Time from a whole HTTP request to its response, waiting for devices included",
            self.request_seconds.clone(),
        );
        self
    }

    /// Counts what the hub has decided.
    pub(crate) fn count(&self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Record(_) => drop(self.changes.inc()),
                Effect::Append(event) => drop(self.events.get_or_create(&label(event.kind.name())).inc()),
                Effect::Send { packet, .. } => self.count_packet(packet),
                Effect::Log(notice) => {
                    if let Some(rule) = notice.rule {
                        self.refusals.get_or_create(&label(rule.name())).inc();
                    }
                }
                Effect::Respond { .. }
                | Effect::Read { .. }
                | Effect::Transfer { .. }
                | Effect::Files(_)
                | Effect::Delegate { .. }
                | Effect::Report(_)
                | Effect::Close { .. } => {}
            }
        }
    }

    /// Counts a response.
    pub(crate) fn responded(&self, method: &str, status: u16, took: Duration) {
        let known = ["GET", "PUT", "POST", "PATCH", "DELETE", "HEAD"];
        let method = known.into_iter().find(|known| *known == method).unwrap_or("other");
        self.requests.get_or_create(&Request { method, status: status.into() }).inc();
        self.request_seconds.observe(took.as_secs_f64());
    }

    /// All of it, as Prometheus reads it.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    fn count_packet(&self, packet: &PacketBuf) {
        let (kind, accepted) = match packet {
            PacketBuf::Connected(..) => ("connack", Some("accepted")),
            PacketBuf::Refused(..) => ("connack", Some("refused")),
            PacketBuf::SubAck(..) => ("suback", None),
            PacketBuf::UnsubAck(..) => ("unsuback", None),
            PacketBuf::Ack(..) => ("puback", None),
            PacketBuf::Publish { .. } => ("publish", None),
            PacketBuf::Disconnect(_) => ("disconnect", None),
            PacketBuf::Auth(_) => ("auth", None),
        };
        self.packets.get_or_create(&label(kind)).inc();
        if let Some(accepted) = accepted {
            self.connects.get_or_create(&label(accepted)).inc();
        }
    }
}

const fn label(kind: &'static str) -> Label {
    Label { kind }
}

/// Bounds of the times that requests take: most take milliseconds, and method calls up to minutes.
const SECONDS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0];
