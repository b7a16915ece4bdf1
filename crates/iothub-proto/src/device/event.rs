use iothub_codec::{Channels, Command, DesiredChanged, Input, MethodCall, Outcome, Status, Text, TwinPart};

use crate::outcomes::FilterRefusal;
use crate::packet::AckToken;
use crate::refusal::RefusalReason;
use crate::requests::Ticket;

/// What happened, for the application. Borrows the packet that it came in.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DeviceEvent<'a> {
    /// Connected, and subscribed to every channel: everything can be sent now.
    Ready,
    /// The hub did not accept the connection and closes it.
    ConnectRefused {
        /// Why.
        reason: RefusalReason,
        /// What the hub said besides. Over MQTT 3.1.1 it cannot, and the status is the one that comes closest.
        outcome: Outcome<'a>,
        /// Whether connecting again in the same way can succeed.
        retry: Retry,
    },
    /// The hub ends the connection, and says why: only over MQTT 5. Open requests end as [`DeviceEvent::Lost`].
    Disconnected {
        /// MQTT 5's reason code.
        reason_code: u8,
        /// What the hub said besides.
        outcome: Outcome<'a>,
        /// Whether connecting again in the same way can succeed.
        retry: Retry,
    },
    /// The hub did not grant subscriptions: these channels stay silent, and for all else this is
    /// [`DeviceEvent::Ready`]. Without [`Channels::REPLIES`] there is no [`Channels::DESIRED`] either.
    SubscribeRefused {
        /// Those that are not there.
        channels: Channels,
        /// Why the first of them is not.
        refusal: FilterRefusal,
    },
    /// The credentials expire soon: connect again with new ones, or send them with [`DeviceSession::renew`] where
    /// that is possible.
    ///
    /// [`DeviceSession::renew`]: super::DeviceSession::renew
    RenewSoon,
    /// The hub has accepted the credentials of [`DeviceSession::renew`](super::DeviceSession::renew).
    Renewed,
    /// The hub did not answer [`DeviceSession::renew`](super::DeviceSession::renew) in time: the connection is over,
    /// as after [`DeviceSession::handle_disconnect`](super::DeviceSession::handle_disconnect). Close it.
    NotRenewed,
    /// The twin that [`DeviceSession::get_twin`](super::DeviceSession::get_twin) or
    /// [`DeviceSession::get_twin_part`](super::DeviceSession::get_twin_part) asked for.
    Twin {
        /// Which request.
        ticket: Ticket,
        /// How much of it.
        part: TwinPart,
        /// JSON: of the whole an object with the members `desired` and `reported`, otherwise that section.
        document: &'a [u8],
        /// The version of the section; of the whole that of the desired properties. Where the hub said it.
        version: Option<u64>,
    },
    /// The section is still at the version that the request named.
    NotModified {
        /// Which request.
        ticket: Ticket,
    },
    /// The hub took over what [`DeviceSession::report`](super::DeviceSession::report) sent.
    Reported {
        /// Which request.
        ticket: Ticket,
        /// The version of the reported properties from now on, where the hub said it.
        version: Option<u64>,
    },
    /// The hub refused a request.
    Refused {
        /// Which request.
        ticket: Ticket,
        /// Why.
        status: Status,
        /// The number that stood in the answer.
        code: Option<i32>,
        /// Why, for people, where the dialect can say it.
        reason: Option<Text<'a>>,
    },
    /// No answer came in time. What was asked for may or may not have happened.
    TimedOut {
        /// Which request.
        ticket: Ticket,
    },
    /// The connection ended before the answer. What was asked for may or may not have happened.
    Lost {
        /// Which request.
        ticket: Ticket,
    },
    /// The hub acknowledged a telemetry message: it has it.
    Sent {
        /// Which message.
        token: AckToken,
    },
    /// The hub refused a telemetry message: only over MQTT 5. A hub that speaks MQTT 3.1.1 closes the connection
    /// instead, and the message goes out again over the next.
    SendRefused {
        /// Which message.
        token: AckToken,
        /// Why; its status says whether the same can succeed later.
        outcome: Outcome<'a>,
    },
    /// A command. With a token, it is repeated until [`DeviceSession::settle`](super::DeviceSession::settle).
    Command {
        /// The command.
        command: Command<'a>,
        /// There at QoS 1.
        ack: Option<AckToken>,
    },
    /// A message for an input of this module. With a token, as for a command.
    Input {
        /// The message.
        input: Input<'a>,
        /// There at QoS 1.
        ack: Option<AckToken>,
    },
    /// A direct method that awaits [`DeviceSession::reply`](super::DeviceSession::reply) or
    /// [`DeviceSession::decline`](super::DeviceSession::decline).
    Method(MethodCall<'a>),
    /// Somebody changed the desired properties: the change that follows the version told last.
    DesiredChanged(DesiredChanged<'a>),
    /// Changes of the desired properties were missed. The session asks for the twin, and until
    /// [`DeviceEvent::DesiredCurrent`] nothing is told of them.
    DesiredMissed {
        /// The version told last.
        known: u64,
        /// The version that came instead of the next one.
        version: u64,
    },
    /// The desired properties as they are, because the connection is new or changes were missed. They take the place
    /// of all that was told before.
    DesiredCurrent {
        /// Their version. The changes that follow begin with the next.
        version: u64,
        /// JSON: the desired properties, `$version` among them.
        desired: &'a [u8],
        /// JSON: the whole twin that they come from.
        document: &'a [u8],
    },
    /// The hub did not give the twin that the session asked for. It asks again later by itself, and nothing is told
    /// of the desired properties until [`DeviceEvent::DesiredCurrent`].
    DesiredUnavailable {
        /// Why: [`Status::TIMEOUT`] when no answer came.
        status: Status,
    },
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// The same can succeed later.
    Later,
    /// Not before something else has changed: the credentials, or what the hub knows of the device.
    Never,
}

impl Retry {
    pub(super) const fn when(retryable: bool) -> Self {
        if retryable { Self::Later } else { Self::Never }
    }
}
