use core::fmt;
use core::time::Duration;

use iothub_device::{CommandEnding, FailureClass, MethodEnding, Metrics, SendError, TwinError};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// What all devices of the gateway count, as Prometheus reads it.
///
/// Names of devices are no labels: a thousand of them would be a thousand series for each number.
#[derive(Debug)]
pub(crate) struct Numbers {
    connected: Gauge,
    attempts: Counter,
    failures: Family<Vec<(&'static str, String)>, Counter>,
    connecting: Histogram,
    renewed: Counter,
    sent: Counter,
    received: Counter,
    waiting: Gauge,
    waiting_bytes: Gauge,
    kept: Gauge,
    kept_bytes: Gauge,
    lost: Counter,
    messages: Family<Vec<(&'static str, String)>, Counter>,
    acknowledging: Histogram,
    methods: Family<Vec<(&'static str, String)>, Counter>,
    commands: Family<Vec<(&'static str, String)>, Counter>,
    reports: Family<Vec<(&'static str, String)>, Counter>,
    desired: Counter,
}

impl Default for Numbers {
    fn default() -> Self {
        // From a millisecond to half a minute.
        let times = || Histogram::new(exponential_buckets(0.001, 2.0, 16));
        Self {
            connected: Gauge::default(),
            attempts: Counter::default(),
            failures: Family::default(),
            connecting: times(),
            renewed: Counter::default(),
            sent: Counter::default(),
            received: Counter::default(),
            waiting: Gauge::default(),
            waiting_bytes: Gauge::default(),
            kept: Gauge::default(),
            kept_bytes: Gauge::default(),
            lost: Counter::default(),
            messages: Family::default(),
            acknowledging: times(),
            methods: Family::default(),
            commands: Family::default(),
            reports: Family::default(),
            desired: Counter::default(),
        }
    }
}

impl Numbers {
    /// For whoever scrapes.
    pub(crate) fn text(&self) -> Result<String, fmt::Error> {
        let mut registry = Registry::with_prefix("iothub_device");
        registry.register("connected", "Devices that are connected", self.connected.clone());
        registry.register("connect_attempts", "Attempts to connect", self.attempts.clone());
        registry.register(
            "disconnections",
            "Attempts and connections that ended, by cause",
            self.failures.clone(),
        );
        registry.register_with_unit("connect", "Time to connect", Unit::Seconds, self.connecting.clone());
        registry.register("credentials_renewed", "Renewals of credentials", self.renewed.clone());
        registry.register_with_unit("sent", "Sent, before TLS", Unit::Bytes, self.sent.clone());
        registry.register_with_unit("received", "Received, after TLS", Unit::Bytes, self.received.clone());
        registry.register("waiting_messages", "Messages that wait", self.waiting.clone());
        registry.register_with_unit("waiting", "What they take up", Unit::Bytes, self.waiting_bytes.clone());
        registry.register("outbox_messages", "Messages in outboxes", self.kept.clone());
        registry.register_with_unit("outbox", "What they take up", Unit::Bytes, self.kept_bytes.clone());
        registry.register("outbox_lost", "Messages dropped from outboxes", self.lost.clone());
        registry.register("messages", "Messages, by what became of them", self.messages.clone());
        registry.register_with_unit("ack", "Time to acknowledge", Unit::Seconds, self.acknowledging.clone());
        registry.register("methods", "Direct methods, by their end", self.methods.clone());
        registry.register("commands", "Commands, by their end", self.commands.clone());
        registry.register("reports", "Reports, by their end", self.reports.clone());
        registry.register("desired_updates", "Desired properties that came", self.desired.clone());
        let mut text = String::new();
        encode(&mut text, &registry)?;
        Ok(text)
    }
}

impl Metrics for Numbers {
    fn connecting(&self) {
        self.attempts.inc();
    }

    fn connected(&self, after: Duration) {
        self.connected.inc();
        self.connecting.observe(after.as_secs_f64());
    }

    fn disconnected(&self) {
        self.connected.dec();
    }

    fn connect_failed(&self, class: FailureClass) {
        count(&self.failures, "class", class.name());
    }

    fn connection_lost(&self, class: FailureClass) {
        count(&self.failures, "class", class.name());
    }

    fn credentials_renewed(&self) {
        self.renewed.inc();
    }

    fn bytes_sent(&self, bytes: usize) {
        self.sent.inc_by(bytes as u64);
    }

    fn bytes_received(&self, bytes: usize) {
        self.received.inc_by(bytes as u64);
    }

    fn queue_grew(&self, messages: usize, bytes: usize) {
        self.waiting.inc_by(messages as i64);
        self.waiting_bytes.inc_by(bytes as i64);
    }

    fn queue_shrank(&self, messages: usize, bytes: usize) {
        self.waiting.dec_by(messages as i64);
        self.waiting_bytes.dec_by(bytes as i64);
    }

    fn outbox_changed(&self, messages: i64, bytes: i64) {
        self.kept.inc_by(messages);
        self.kept_bytes.inc_by(bytes);
    }

    fn outbox_lost(&self, messages: u64) {
        self.lost.inc_by(messages);
    }

    fn message_sent(&self, _size: usize) {
        count(&self.messages, "outcome", "sent");
    }

    fn messages_resent(&self, number: usize) {
        self.messages.get_or_create(&vec![("outcome", "resent".to_owned())]).inc_by(number as u64);
    }

    fn message_acknowledged(&self, after: Duration) {
        count(&self.messages, "outcome", "acknowledged");
        self.acknowledging.observe(after.as_secs_f64());
    }

    fn message_failed(&self, _error: &SendError) {
        count(&self.messages, "outcome", "failed");
    }

    fn method_ended(&self, _name: &str, ending: MethodEnding, _after: Duration) {
        count(&self.methods, "ending", ending.name());
    }

    fn command_ended(&self, ending: CommandEnding) {
        count(&self.commands, "ending", ending.name());
    }

    fn twin_reported(&self, _after: Duration) {
        count(&self.reports, "outcome", "acknowledged");
    }

    fn report_failed(&self, _error: &TwinError) {
        count(&self.reports, "outcome", "failed");
    }

    fn desired_updated(&self) {
        self.desired.inc();
    }
}

fn count(family: &Family<Vec<(&'static str, String)>, Counter>, label: &'static str, value: &str) {
    family.get_or_create(&vec![(label, value.to_owned())]).inc();
}
