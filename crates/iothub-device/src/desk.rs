use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use iothub_codec::{Channels, RequestIdBuf};
use iothub_proto::{AckToken, DeviceEvent, Ticket};
use tracing::{debug, warn};

use crate::commands::{ArrivedCommand, ArrivedInput};
use crate::error::{ConnectError, SendError, SubscribeError, TwinError};
use crate::inboxes::Inboxes;
use crate::lanes::ConnectionNumber;
use crate::methods::{ArrivedCall, MethodResponse};
use crate::outcome::Done;
use crate::twin::DesiredChange;

/// Who waits for what: hands each event of the session to whom it is for.
///
/// The session bounds what is in here: each entry is one of its tokens or tickets.
#[derive(Debug)]
pub(crate) struct Desk {
    connection: ConnectionNumber,
    inboxes: Arc<Inboxes>,
    /// Every channel that was ever asked for and not refused.
    wanted: Channels,
    sent: BTreeMap<AckToken, Done<(), SendError>>,
    asked: BTreeMap<Ticket, Asker>,
    subscribers: Vec<(Channels, Done<(), SubscribeError>)>,
    renewal_wanted: bool,
}

#[derive(Debug)]
pub(crate) enum Asker {
    Twin(Done<Bytes, TwinError>),
    Report(Done<Option<u64>, TwinError>),
}

/// A call that the device answers by itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Declined {
    pub(crate) request: RequestIdBuf,
    pub(crate) name: String,
    pub(crate) response: MethodResponse,
}

impl Desk {
    pub(crate) fn new(inboxes: Arc<Inboxes>, wanted: Channels) -> Self {
        Self {
            connection: ConnectionNumber::default(),
            inboxes,
            wanted,
            sent: BTreeMap::new(),
            asked: BTreeMap::new(),
            subscribers: Vec::new(),
            renewal_wanted: false,
        }
    }

    /// Hands out what happened.
    ///
    /// # Errors
    ///
    /// [`ConnectError::Refused`]; the connection is over.
    pub(crate) fn deliver(&mut self, event: DeviceEvent<'_>) -> Result<Option<Declined>, ConnectError> {
        match event {
            // Seen from the session's state, together with the channels.
            DeviceEvent::Ready => {}
            DeviceEvent::ConnectRefused { reason, .. } => return Err(ConnectError::Refused { reason }),
            DeviceEvent::SubscribeRefused { channels, .. } => self.refuse(channels),
            DeviceEvent::RenewSoon => self.renewal_wanted = true,
            DeviceEvent::Sent { token } => {
                if let Some(done) = self.sent.remove(&token) {
                    done.end(Ok(()));
                }
            }
            DeviceEvent::Twin { ticket, document, .. } => {
                if let Some(Asker::Twin(done)) = self.asked.remove(&ticket) {
                    done.end(Ok(Bytes::copy_from_slice(document)));
                }
            }
            DeviceEvent::Reported { ticket, version } => {
                if let Some(Asker::Report(done)) = self.asked.remove(&ticket) {
                    done.end(Ok(version));
                }
            }
            DeviceEvent::Refused { ticket, status, code, .. } => {
                self.fail(ticket, TwinError::Refused { status, code });
            }
            DeviceEvent::Lost { ticket } => self.fail(ticket, TwinError::Disconnected),
            // Whoever asked has the same deadline, and has been told by it.
            DeviceEvent::TimedOut { ticket } => drop(self.asked.remove(&ticket)),
            DeviceEvent::Command { command, ack } => {
                let (connection, properties) = (self.connection, command.properties.into());
                let payload = Bytes::copy_from_slice(command.payload);
                let arrived = ArrivedCommand { connection, payload, properties, ack };
                if self.inboxes.commands.push(arrived).is_err() {
                    warn!("too many commands are waiting: this one is left to be delivered again");
                }
            }
            DeviceEvent::Input { input, ack } => {
                let (connection, properties) = (self.connection, input.properties.into());
                let payload = Bytes::copy_from_slice(input.payload);
                let input = input.name.to_string();
                let arrived = ArrivedInput { connection, input, payload, properties, ack };
                if self.inboxes.inputs.push(arrived).is_err() {
                    warn!("too many messages are waiting: this one is left to be delivered again");
                }
            }
            DeviceEvent::Method(call) => return Ok(self.called(&call)),
            DeviceEvent::DesiredChanged(change) => {
                let patch = Bytes::copy_from_slice(change.patch);
                self.inboxes.desired_changed(DesiredChange { version: change.version, patch });
            }
            // The session is told to pass changes on as they come, and speaks MQTT 3.1.1.
            DeviceEvent::DesiredMissed { .. }
            | DeviceEvent::DesiredCurrent { .. }
            | DeviceEvent::DesiredUnavailable { .. }
            | DeviceEvent::NotModified { .. }
            | DeviceEvent::SendRefused { .. }
            | DeviceEvent::Disconnected { .. }
            | DeviceEvent::Renewed
            | DeviceEvent::NotRenewed => {}
        }
        Ok(None)
    }

    /// The connection is gone, and with it everything that could be answered over it.
    pub(crate) fn disconnected(&mut self) {
        self.connection = self.connection.next();
        self.renewal_wanted = false;
        self.inboxes.disconnected();
    }

    pub(crate) fn sent(&mut self, token: AckToken, done: Done<(), SendError>) {
        self.sent.insert(token, done);
    }

    pub(crate) fn asked(&mut self, ticket: Ticket, asker: Asker) {
        self.asked.insert(ticket, asker);
    }

    pub(crate) fn subscribing(&mut self, channels: Channels, done: Done<(), SubscribeError>) {
        self.wanted = self.wanted.union(channels);
        self.subscribers.retain(|(_, done)| !done.is_given_up());
        self.subscribers.push((channels, done));
    }

    /// Everything that was asked for, and not refused, is granted.
    pub(crate) fn subscribed(&mut self) {
        for (_, done) in self.subscribers.drain(..) {
            done.end(Ok(()));
        }
    }

    pub(crate) fn connection(&self) -> ConnectionNumber {
        self.connection
    }

    pub(crate) fn unacknowledged(&self) -> usize {
        self.sent.len()
    }

    pub(crate) fn unanswered(&self) -> usize {
        self.asked.len()
    }

    pub(crate) fn renewal_wanted(&self) -> bool {
        self.renewal_wanted
    }

    fn called(&self, call: &iothub_codec::MethodCall<'_>) -> Option<Declined> {
        let (request, name) = (call.request.to_buf(), call.name.to_owned());
        if !self.wanted.contains(Channels::METHODS) {
            // A subscription of an earlier run that the hub still has.
            return Some(Declined { request, name, response: MethodResponse::NOT_SERVED });
        }
        let payload = Bytes::copy_from_slice(call.payload);
        let arrived = ArrivedCall { connection: self.connection, request, name, payload };
        let ArrivedCall { name, .. } = self.inboxes.calls.push(arrived).err()?;
        debug!(method = name, "too many calls are waiting");
        Some(Declined { request, name, response: MethodResponse::BUSY })
    }

    fn refuse(&mut self, channels: Channels) {
        warn!(?channels, "subscription refused");
        self.wanted = self.wanted.difference(channels);
        let (refused, others) = core::mem::take(&mut self.subscribers)
            .into_iter()
            .partition(|(wanted, _)| !wanted.difference(channels).contains(*wanted));
        self.subscribers = others;
        let refused: Vec<(Channels, Done<(), SubscribeError>)> = refused;
        for (_, done) in refused {
            done.end(Err(SubscribeError::Refused));
        }
    }

    fn fail(&mut self, ticket: Ticket, error: TwinError) {
        match self.asked.remove(&ticket) {
            Some(Asker::Twin(done)) => done.end(Err(error)),
            Some(Asker::Report(done)) => done.end(Err(error)),
            None => {}
        }
    }
}
