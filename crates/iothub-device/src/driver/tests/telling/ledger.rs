use core::time::Duration;
use std::sync::{Arc, Mutex};

use iothub_proto::FailureClass;

use crate::error::{SendError, TwinError};
use crate::metrics::{CommandEnding, MethodEnding, Metrics};

/// Writes down what it is told, a line each; bytes are only added up.
#[derive(Default)]
pub(in crate::driver::tests) struct Ledger {
    lines: Mutex<Vec<String>>,
    bytes: Mutex<(usize, usize)>,
}

impl Ledger {
    pub(in crate::driver::tests) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// What was told since this was asked last, in the order of its letters.
    pub(in crate::driver::tests) fn take(&self) -> Vec<String> {
        let mut lines = core::mem::take(&mut *self.lines.lock().unwrap());
        lines.sort();
        lines
    }

    /// Bytes sent and received.
    pub(super) fn bytes(&self) -> (usize, usize) {
        *self.bytes.lock().unwrap()
    }

    fn line(&self, text: String) {
        self.lines.lock().unwrap().push(text);
    }
}

impl Metrics for Ledger {
    fn connecting(&self) {
        self.line("connecting".to_owned());
    }

    fn connected(&self, after: Duration) {
        self.line(format!("connected {}", after.as_millis()));
    }

    fn disconnected(&self) {
        self.line("disconnected".to_owned());
    }

    fn connect_failed(&self, class: FailureClass) {
        self.line(format!("connect failed {class}"));
    }

    fn connection_lost(&self, class: FailureClass) {
        self.line(format!("lost {class}"));
    }

    fn credentials_renewed(&self) {
        self.line("renewed".to_owned());
    }

    fn bytes_sent(&self, count: usize) {
        self.bytes.lock().unwrap().0 += count;
    }

    fn bytes_received(&self, count: usize) {
        self.bytes.lock().unwrap().1 += count;
    }

    fn queue_grew(&self, messages: usize, bytes: usize) {
        self.line(format!("queue +{messages} {bytes}"));
    }

    fn queue_shrank(&self, messages: usize, bytes: usize) {
        self.line(format!("queue -{messages} {bytes}"));
    }

    fn outbox_changed(&self, messages: i64, bytes: i64) {
        self.line(format!("outbox {messages:+} {bytes:+}"));
    }

    fn outbox_lost(&self, messages: u64) {
        self.line(format!("outbox lost {messages}"));
    }

    fn message_sent(&self, size: usize) {
        self.line(format!("sent {size}"));
    }

    fn messages_resent(&self, count: usize) {
        self.line(format!("resent {count}"));
    }

    fn message_acknowledged(&self, after: Duration) {
        self.line(format!("acknowledged {}", after.as_millis()));
    }

    fn message_failed(&self, error: &SendError) {
        self.line(format!("failed {error}"));
    }

    fn method_ended(&self, name: &str, ending: MethodEnding, after: Duration) {
        let code = match ending {
            MethodEnding::Answered { code } => format!(" {code}"),
            MethodEnding::Late | MethodEnding::Busy | MethodEnding::Declined | MethodEnding::Lost => {
                String::new()
            }
        };
        self.line(format!("method ended {name} {}{code} {}", ending.name(), after.as_millis()));
    }

    fn command_ended(&self, ending: CommandEnding) {
        self.line(format!("command ended {}", ending.name()));
    }

    fn twin_reported(&self, after: Duration) {
        self.line(format!("reported {}", after.as_millis()));
    }

    fn report_failed(&self, error: &TwinError) {
        self.line(format!("report failed {error}"));
    }
}
