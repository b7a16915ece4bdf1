//! The spans in which a device does what it does; [the page of the crate](crate#what-is-told) tells of them.
//!
//! No key, token, signed URI or payload is ever a field of one.

use iothub_codec::{Dialect, Identity, SystemProperty};
use tracing::{Span, error_span, field, info_span};

use crate::properties::Properties;

/// Around everything that belongs to one device. At the level of errors, so that whatever is logged says of which.
pub(crate) fn device(hub: &str, identity: Identity<'_>, dialect: Dialect) -> Span {
    let device = identity.device.as_str();
    let span = error_span!("device", hub, device, module = field::Empty, dialect = %dialect);
    if let Some(module) = identity.module {
        span.record("module", module.as_str());
    }
    span
}

/// Around one attempt to connect, and the connection that comes of it.
pub(crate) fn connection(number: u64) -> Span {
    info_span!("connection", number)
}

/// Around one call of a method's handler, and the answer.
pub(crate) fn method(name: &str) -> Span {
    info_span!("method", name)
}

/// Around one call of a command's handler, and what the hub is told then.
pub(crate) fn command(properties: &Properties) -> Span {
    of_message(info_span!("command", message_id = field::Empty, trace_id = field::Empty), properties)
}

/// The same for a message to an input of a module.
pub(crate) fn input(name: &str, properties: &Properties) -> Span {
    let span = info_span!("input", name, message_id = field::Empty, trace_id = field::Empty);
    of_message(span, properties)
}

fn of_message(span: Span, properties: &Properties) -> Span {
    if let Some(id) = properties.system(SystemProperty::MessageId) {
        span.record("message_id", id);
    }
    if let Some(context) = properties.trace_context() {
        let trace_id: String = context.parent.trace_id().iter().map(|byte| format!("{byte:02x}")).collect();
        span.record("trace_id", trace_id);
    }
    span
}
