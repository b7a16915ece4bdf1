use iothub_codec::{
    Channels, Content, DecodeError, Filters, Signature, Status, Telemetry, TwinGet, TwinPatch,
};

use crate::outcomes::{Granted, Removed};
use crate::packet::AckToken;
use crate::requests::Ticket;
use crate::verdict::Verdict;

/// What the device did. Borrows the packet that it came in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HubEvent<'a> {
    /// It sent a message, which at QoS 1 awaits [`HubSession::acknowledge`] or [`HubSession::refuse`].
    ///
    /// [`HubSession::acknowledge`]: super::HubSession::acknowledge
    /// [`HubSession::refuse`]: super::HubSession::refuse
    Received {
        /// There at QoS 1.
        ack: Option<AckToken>,
        /// The message.
        message: Received<'a>,
    },
    /// It sent a message that cannot be read: only over MQTT 5, and at QoS 1. The answer is
    /// [`HubSession::refuse`](super::HubSession::refuse), with the error's status and what else there is to say; the
    /// connection goes on.
    Unreadable {
        /// Which message.
        token: AckToken,
        /// What is wrong with it.
        error: DecodeError,
    },
    /// It subscribed; the answer is [`Packet::SubAck`](crate::Packet::SubAck) with these values.
    Subscribed {
        /// Which SUBSCRIBE.
        token: AckToken,
        /// What was asked for.
        filters: Filters<'a>,
        /// One outcome a filter.
        granted: Granted,
        /// The channels that were granted.
        channels: Channels,
    },
    /// It gave up subscriptions; the answer is [`Packet::UnsubAck`](crate::Packet::UnsubAck) with these values.
    Unsubscribed {
        /// Which UNSUBSCRIBE.
        token: AckToken,
        /// One outcome a filter.
        removed: Removed,
    },
    /// It said what becomes of a command.
    Settled {
        /// Which one.
        token: AckToken,
        /// What. Over MQTT 3.1.1 always [`Verdict::Complete`].
        verdict: Verdict,
        /// As the device said it.
        status: Status,
    },
    /// It acknowledged what awaits no acknowledgement: a command that it has settled before, over another
    /// connection or over this one. Clients keep what they could not send for their next connection.
    LateAck {
        /// Which one it means.
        token: AckToken,
    },
    /// It wants to go on with a new signature: only over MQTT 5. The hub checks it as that of a CONNECT, with the
    /// policy of the CONNECT where it names none. The answer is
    /// [`HubSession::renewed`](super::HubSession::renewed); a signature that is not good ends the connection with
    /// [`HubSession::dismiss`](super::HubSession::dismiss) and
    /// [`Dismissal::NotAuthorized`](super::Dismissal::NotAuthorized).
    AuthStep {
        /// What the device signed.
        signature: Signature<'a>,
    },
    /// It says goodbye: its will is void.
    Goodbye,
    /// It gives up on the connection: only over MQTT 5. Its will is published, as if the connection had broken.
    GaveUp {
        /// MQTT 5's reason code.
        reason_code: u8,
    },
    /// It did not answer a method call in time.
    Unanswered {
        /// Which call.
        ticket: Ticket,
    },
    /// Its credentials have expired: close the connection, after
    /// [`HubSession::dismiss`](super::HubSession::dismiss) with
    /// [`Dismissal::NotAuthorized`](super::Dismissal::NotAuthorized) where that can be said.
    Expired,
}

/// A message of a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Received<'a> {
    /// For the back end.
    Telemetry(Telemetry<'a>),
    /// A question for the twin; answer with [`HubSession::reply`](super::HubSession::reply).
    TwinGet(TwinGet<'a>),
    /// A change of the reported properties; answer with [`HubSession::reply`](super::HubSession::reply).
    TwinPatch(TwinPatch<'a>),
    /// The answer to a call of [`HubSession::call`](super::HubSession::call).
    Answer {
        /// Which call.
        ticket: Ticket,
        /// The device's own number.
        code: i32,
        /// JSON, or nothing, unless `content` says something else.
        payload: &'a [u8],
        /// What the device says of the payload: the previews can.
        content: Content<'a>,
    },
    /// The device does not run the method of a call: the previews can say it.
    Declined {
        /// Which call.
        ticket: Ticket,
        /// Why.
        status: Status,
    },
    /// The answer to no call that is open: it comes late, twice, or was never asked for.
    LateAnswer,
}
