use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use iothub_codec::Channels;
use tokio::sync::{oneshot, watch};

use crate::answering::Answering;
use crate::clock::Clock;
use crate::commands::{Commands, Inputs};
use crate::dial::TlsDial;
use crate::driver;
use crate::error::{ConnectError, SendError, SubscribeError};
use crate::inboxes::Inboxes;
use crate::lanes::{Ask, LaneEntries, Outgoing, lanes};
use crate::message::Message;
use crate::methods::{MethodResponse, Methods};
use crate::options::Options;
use crate::outcome::operation;
use crate::status::{ConnectionStatus, StatusWatch};
use crate::transport::Transport;
use crate::twin::Twin;

/// A device, or a module of one, that is connected to its hub.
///
/// Cheap to clone. One task owns the connection and makes it anew when it breaks; it ends with
/// [`Self::close`], or when the last `Device` and [`Twin`] are dropped.
#[derive(Clone, Debug)]
pub struct Device {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    entries: LaneEntries,
    inboxes: Arc<Inboxes>,
    status: watch::Receiver<ConnectionStatus>,
    clock: Clock,
    timeout: Duration,
}

impl Device {
    /// Connects, and returns when everything can be sent.
    ///
    /// This is one attempt; from then on the device reconnects by itself, as
    /// [`ConnectError::is_retryable`] and [`Options::backoff`] say. Dropped before it returns, nothing is
    /// left behind.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], whether or not another attempt could succeed.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time.
    pub async fn connect(options: Options) -> Result<Self, ConnectError> {
        let dial = TlsDial::new(&options).await?;
        Self::connect_over(options, dial).await
    }

    /// Connects likewise, over streams of the caller's making: a radio, a tunnel, a gateway on the same machine, or in
    /// a test the end of a pipe.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], whether or not another attempt could succeed.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with time.
    pub async fn connect_over(options: Options, transport: impl Transport) -> Result<Self, ConnectError> {
        let clock = Clock::start();
        let timeout = options.operation_timeout;
        let (entries, lanes) = lanes(options.waiting_messages);
        let inboxes =
            Arc::new(Inboxes::new(options.waiting_calls, options.waiting_commands, options.waiting_changes));
        let (connected, first) = oneshot::channel();
        let driven = driver::drive(options, transport, clock, lanes, Arc::clone(&inboxes), connected);
        tokio::spawn(driven);
        // The driver always says how it went, unless the runtime drops it.
        let status = first.await.unwrap_or(Err(ConnectError::ClosedByHub))?;
        Ok(Self { shared: Arc::new(Shared { entries, inboxes, status, clock, timeout }) })
    }

    /// Sends a message to the cloud, and returns when the hub has acknowledged it.
    ///
    /// At [`Message::at_most_once`] it returns when the message is on its way. A message that is not
    /// acknowledged when a connection breaks is sent again over the next. Dropped before it returns, the
    /// message may or may not be sent.
    ///
    /// # Errors
    ///
    /// [`SendError`].
    pub async fn send(&self, message: Message) -> Result<(), SendError> {
        let size = message.size();
        if size > Message::SIZE_MAX {
            return Err(SendError::TooLarge { size, limit: Message::SIZE_MAX });
        }
        let (done, outcome) = operation();
        let outgoing = Outgoing { message, done };
        outcome.within(self.timeout(), self.entries().telemetry.send(outgoing)).await
    }

    /// The device's twin.
    pub fn twin(&self) -> Twin {
        Twin::new(self.clone())
    }

    /// Listens to direct methods, from when this returns.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`].
    pub async fn methods(&self) -> Result<Methods, SubscribeError> {
        self.subscribe(Channels::METHODS).await?;
        Ok(Methods::new(Arc::clone(&self.shared.inboxes), self.answering()))
    }

    /// Answers direct methods with `handler`, in a task of its own, until the device is closed.
    ///
    /// Up to eight calls are handled at a time. A handler that panics answers with
    /// [`MethodResponse::FAILED`].
    ///
    /// # Errors
    ///
    /// [`SubscribeError`].
    pub async fn on_method<F, A>(&self, handler: F) -> Result<(), SubscribeError>
    where
        F: Fn(String, Bytes) -> A + Send + Sync + 'static,
        A: Future<Output = MethodResponse> + Send + 'static,
    {
        let methods = self.methods().await?;
        tokio::spawn(methods.serve(handler));
        Ok(())
    }

    /// Listens to commands, from when this returns.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`].
    pub async fn commands(&self) -> Result<Commands, SubscribeError> {
        self.subscribe(Channels::COMMANDS).await?;
        Ok(Commands::new(Arc::clone(&self.shared.inboxes), self.answering()))
    }

    /// Listens to the inputs of this module, from when this returns.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`]; for a device that is no module, [`SubscribeError::NotExpressible`].
    pub async fn inputs(&self) -> Result<Inputs, SubscribeError> {
        self.subscribe(Channels::INPUTS).await?;
        Ok(Inputs::new(Arc::clone(&self.shared.inboxes), self.answering()))
    }

    /// Watches how the device stands with its hub.
    pub fn status(&self) -> StatusWatch {
        StatusWatch::new(self.shared.status.clone())
    }

    /// Sends what is on its way, says goodbye to the hub, and returns when the connection is closed.
    ///
    /// Operations that have no outcome by then end as closed, on every clone of this device.
    pub async fn close(self) {
        self.shared.entries.stop.send_replace(());
        self.status().closed().await;
    }

    pub(crate) async fn subscribe(&self, channels: Channels) -> Result<(), SubscribeError> {
        let (done, outcome) = operation();
        let ask = Ask::Subscribe { channels, done };
        outcome.within(self.timeout(), self.entries().asks.send(ask)).await
    }

    pub(crate) fn entries(&self) -> &LaneEntries {
        &self.shared.entries
    }

    pub(crate) fn inboxes(&self) -> &Inboxes {
        &self.shared.inboxes
    }

    pub(crate) fn clock(&self) -> Clock {
        self.shared.clock
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.shared.timeout
    }

    fn answering(&self) -> Answering {
        Answering::new(self.shared.entries.answers.clone(), self.timeout())
    }
}
