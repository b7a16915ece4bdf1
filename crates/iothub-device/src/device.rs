use core::fmt;
use core::future::ready;
use core::time::Duration;
use std::sync::Arc;

use bytes::Bytes;
use iothub_codec::Channels;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::oneshot;
use tracing::{Instrument, Span};

use crate::answering::Answering;
use crate::clock::Clock;
use crate::commands::{Commands, Inputs, Undone};
use crate::connect_error::ConnectError;
use crate::dial::Dial;
use crate::driver::{self, Ends, FirstOutcome};
use crate::error::{SendError, SubscribeError};
use crate::inboxes::{Inboxes, InboxesEnd};
use crate::lanes::{Ask, LaneEntries, Lanes, lanes};
use crate::message::Message;
use crate::methods::{Handlers, Invocation, MethodResponse, Methods, Terms};
use crate::metrics::Meter;
use crate::options::{Handling, Options};
#[cfg(feature = "outbox")]
use crate::outbox::{Feeder, Outbox};
use crate::outcome::operation;
use crate::properties::Properties;
use crate::spans;
use crate::status::{Announcer, StatusBoard, StatusChanges, StatusWatch};
use crate::telemetry::{Deadline, Delivery, EnqueueError, NoRoom, Outgoing, Report, Unheard};
use crate::transport::Transport;
use crate::twin::Twin;
#[cfg(feature = "upload")]
use crate::uploads::{Source, Upload, Uploads};

/// A device, or a module of one, that is connected to its hub.
///
/// Cheap to clone. One task owns the connection and makes it anew when it breaks; it ends with
/// [`Self::close`], or when the last `Device` and [`Twin`] are dropped, and every [`Reporter`](crate::Reporter), with what it
/// has left reported or given up.
#[derive(Clone)]
pub struct Device {
    shared: Arc<Shared>,
}

/// Without what waits to be sent or fetched.
impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("status", &self.shared.status.current()).finish_non_exhaustive()
    }
}

struct Shared {
    entries: LaneEntries,
    inboxes: Arc<Inboxes>,
    status: StatusWatch,
    board: Arc<StatusBoard>,
    clock: Clock,
    timeout: Duration,
    handlers: Arc<Handlers>,
    handling: Handling,
    #[cfg(feature = "upload")]
    uploads: Uploads,
    span: Span,
    meter: Meter,
}

impl Device {
    /// Connects, and returns when everything can be sent.
    ///
    /// This is one attempt; from then on the device reconnects by itself, as [`Options::reconnect_policy`] says.
    /// [`Self::start`] does so from the beginning. Dropped before it returns, nothing is left behind.
    ///
    /// # Errors
    ///
    /// [`ConnectError`], whether or not another attempt could succeed.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time.
    pub async fn connect(options: Options) -> Result<Self, ConnectError> {
        let dial = Dial::new(&options)?;
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
        let (connected, first) = oneshot::channel();
        let mut shared = Shared::begin(options, ready(Ok(transport)), Some(connected));
        // The driver always says how it went, unless the runtime drops it.
        first.await.unwrap_or(Err(ConnectError::ClosedByHub))?;
        shared.status.mark_seen();
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A device that connects by itself, now or when it can: this returns at once, also where there is no network.
    ///
    /// From the first attempt on it goes by [`Options::reconnect_policy`]. Operations wait for the connection, each
    /// until its own deadline; [`Self::status`] and [`Self::status_changes`] tell how it stands. What can never succeed,
    /// such as certificates to trust that cannot be read, ends the device as
    /// [`ConnectionStatus::Closed`](crate::ConnectionStatus::Closed).
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O and time.
    pub fn start(options: Options) -> Self {
        let dial = ready(Dial::new(&options));
        Self { shared: Arc::new(Shared::begin(options, dial, None)) }
    }

    /// The same, over streams of the caller's making.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with time.
    pub fn start_over(options: Options, transport: impl Transport) -> Self {
        Self { shared: Arc::new(Shared::begin(options, ready(Ok(transport)), None)) }
    }

    /// Uploads a file over HTTPS, by that name behind the name of the device. It needs no connection over MQTT, and does not
    /// end with this one.
    ///
    /// ```no_run
    /// # async fn run(device: iothub_device::Device) -> Result<(), iothub_device::UploadFailed> {
    /// device.upload("logs/boot.txt", "all is well").content_type("text/plain").await?;
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "upload")]
    pub fn upload(&self, name: impl Into<String>, source: impl Into<Source>) -> Upload {
        self.shared.uploads.upload(name, source)
    }

    /// The uploads of this device, to resume one.
    #[cfg(feature = "upload")]
    pub fn uploads(&self) -> &Uploads {
        &self.shared.uploads
    }

    /// Sends a message to the cloud, and returns when the hub has acknowledged it.
    ///
    /// At [`Message::at_most_once`] it returns when the message is on its way. A message that is not
    /// acknowledged when a connection breaks is sent again over the next, until its [deadline](Message::deadline). Dropped
    /// before it returns, a message that is not on its way yet is never sent. For many messages at a time there is
    /// [`Self::enqueue`].
    ///
    /// # Errors
    ///
    /// [`SendError`].
    pub async fn send(&self, message: Message) -> Result<(), SendError> {
        self.hand_over(message, Unheard::GivenUp).await.await
    }

    /// Puts a message behind those that wait to be sent, and returns when it is there; the [`Delivery`] says later what
    /// became of it.
    ///
    /// As many as [`Options::window`] says are on their way at a time, in the order in which they were put there. While
    /// as much waits as [`Options::waiting_messages`] and [`Options::waiting_bytes`] say, this waits for room, and those
    /// who wait get it in turn. What keeps the message from being sent is told by the delivery as well. Dropped before
    /// it returns, nothing is sent.
    ///
    /// ```no_run
    /// # async fn run(device: iothub_device::Device, rows: Vec<String>) -> Result<(), iothub_device::SendError> {
    /// let mut deliveries = Vec::new();
    /// for row in rows {
    ///     deliveries.push(device.enqueue(iothub_device::Message::new(row)).await);
    /// }
    /// for delivery in deliveries {
    ///     delivery.await?;
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn enqueue(&self, message: Message) -> Delivery {
        self.hand_over(message, Unheard::SentAllTheSame).await
    }

    /// The same for who cannot wait: without room the message comes back.
    ///
    /// # Errors
    ///
    /// [`EnqueueError`], with the message in it.
    pub fn try_enqueue(&self, message: Message) -> Result<Delivery, EnqueueError> {
        let (report, delivery) = Report::new(Unheard::SentAllTheSame, self.shared.meter.clone());
        let Some(report) = refuse_too_large(&message, report) else { return Ok(delivery) };
        match self.entries().telemetry.try_reserve(message.size()) {
            Ok(room) => room.put(self.outgoing(message, report)),
            Err(NoRoom::Now) => return Err(EnqueueError::Full(message)),
            Err(NoRoom::EverAgain) => return Err(EnqueueError::Closed(message)),
        }
        Ok(delivery)
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

    /// Answers the direct method of that name with `handler`, until the device is closed.
    ///
    /// The argument is read as JSON, and the result, with the code 200, written as such; a handler that wants another
    /// code gives an `Err` with the response. An argument that `T` does not read is answered with 400 and what is wrong
    /// with it, a panic with [`MethodResponse::FAILED`], a method that has no handler with [`MethodResponse::UNKNOWN`].
    /// [`Options::calls_at_once`] says how many handlers run at a time, and [`Options::call_timeout`] how long each may
    /// take: then its future is dropped, and the caller told [`MethodResponse::OVERRUN`]. A handler that is not done when
    /// the device is closed is dropped, too.
    ///
    /// The handler is there, in the place of an earlier one, when this is called; what is awaited is the subscription.
    /// So none of several methods is unknown while others are being added:
    ///
    /// ```no_run
    /// # use iothub_device::{Device, MethodResponse, SubscribeError};
    /// # use serde_json::json;
    /// # async fn listen(device: Device) -> Result<(), SubscribeError> {
    /// tokio::try_join!(
    ///     device.on_method("set-valve", async |angle: u16, _call| match angle {
    ///         0..=90 => Ok(json!({ "moved": angle })),
    ///         _ => Err(MethodResponse::new(409, json!({ "message": "it does not turn that far" }))),
    ///     }),
    ///     device.on_method("self-test", async |(), call| Ok(call.remaining().as_secs())),
    /// )?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SubscribeError`]. The handler stays, and answers as soon as the hub grants the subscription after all.
    pub fn on_method<T, R, F, A>(
        &self,
        name: impl Into<String>,
        handler: F,
    ) -> impl Future<Output = Result<(), SubscribeError>> + Send
    where
        T: DeserializeOwned + 'static,
        R: Serialize + 'static,
        F: Fn(T, Invocation) -> A + Send + Sync + 'static,
        A: Future<Output = Result<R, MethodResponse>> + Send + 'static,
    {
        self.shared.handlers.insert(name.into(), handler);
        self.answer_calls()
    }

    /// Answers every direct method that has no handler of its own with `handler`, which gets its name and the argument
    /// as it came; otherwise as [`Self::on_method`].
    ///
    /// # Errors
    ///
    /// As for [`Self::on_method`].
    pub fn on_any_method<F, A>(&self, handler: F) -> impl Future<Output = Result<(), SubscribeError>> + Send
    where
        F: Fn(String, Bytes) -> A + Send + Sync + 'static,
        A: Future<Output = MethodResponse> + Send + 'static,
    {
        self.shared.handlers.insert_fallback(handler);
        self.answer_calls()
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

    /// Deals with commands by `handler`, which gets payload and properties, until the device is closed.
    ///
    /// A command is completed when its handler has returned `Ok`, and not before. With [`Undone::Again`], or after a
    /// panic, it is abandoned, and with [`Undone::Never`] rejected; where the dialect cannot say that, it is left
    /// unacknowledged, which the hub takes for [`Undone::Again`]: it delivers the command again with the next connection,
    /// and may hold others back until then. [`Options::commands_at_once`] says how many handlers run at a time. A
    /// command may come twice; to tell that by its message id is left to the handler.
    ///
    /// # Errors
    ///
    /// [`SubscribeError`].
    pub async fn on_command<F, A>(&self, handler: F) -> Result<(), SubscribeError>
    where
        F: Fn(Bytes, Properties) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), Undone>> + Send + 'static,
    {
        let commands = self.commands().await?;
        let serving = commands.serve(self.shared.handling.commands_at_once, handler);
        tokio::spawn(serving.instrument(self.shared.span.clone()));
        Ok(())
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

    /// Deals with what comes to the inputs of this module by `handler`, which gets the name of the input, payload and
    /// properties; otherwise as [`Self::on_command`].
    ///
    /// # Errors
    ///
    /// As for [`Self::inputs`].
    pub async fn on_input<F, A>(&self, handler: F) -> Result<(), SubscribeError>
    where
        F: Fn(String, Bytes, Properties) -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), Undone>> + Send + 'static,
    {
        let inputs = self.inputs().await?;
        let serving = inputs.serve(self.shared.handling.commands_at_once, handler);
        tokio::spawn(serving.instrument(self.shared.span.clone()));
        Ok(())
    }

    /// Watches how the device stands with its hub: the latest status, for whoever waits for it.
    pub fn status(&self) -> StatusWatch {
        self.shared.status.clone()
    }

    /// How the device stands with its hub, and every change of it from now on: for logs and alarms.
    pub fn status_changes(&self) -> StatusChanges {
        self.shared.board.changes()
    }

    /// Sends what is on its way, says goodbye to the hub, and returns when the connection is closed.
    ///
    /// Operations that have no outcome by then end as closed, on every clone of this device.
    pub async fn close(self) {
        self.shared.entries.end();
        self.status().closed().await;
    }

    pub(crate) async fn subscribe(&self, channels: Channels) -> Result<(), SubscribeError> {
        let (done, outcome) = operation();
        // Whoever waits may give up before there is a connection.
        self.entries().listen_to(channels);
        let ask = Ask::Subscribe { channels, done };
        outcome.within(self.timeout(), self.entries().asks.send(ask)).await
    }

    /// Puts a message into its lane, and waits for room there for as long as the message may take.
    async fn hand_over(&self, message: Message, unheard: Unheard) -> Delivery {
        let (report, delivery) = Report::new(unheard, self.shared.meter.clone());
        let Some(report) = refuse_too_large(&message, report) else { return delivery };
        let (lane, size) = (&self.entries().telemetry, message.size());
        let outgoing = self.outgoing(message, report);
        let room = match lane.try_reserve(size) {
            Ok(room) => Some(room),
            Err(NoRoom::EverAgain) => None,
            Err(NoRoom::Now) => tokio::select! {
                room = lane.reserve(size) => room,
                () = self.shared.clock.sleep_until(outgoing.deadline.map(|over| (over.at, "no room"))) => {
                    outgoing.expire();
                    return delivery;
                }
            },
        };
        // Without room there is no driver, and dropping the report says so.
        if let Some(room) = room {
            room.put(outgoing);
        }
        delivery
    }

    fn outgoing(&self, message: Message, report: Report) -> Outgoing {
        let after = message.deadline.unwrap_or(self.timeout());
        Outgoing { message, report, deadline: Some(Deadline::new(self.clock().now(), after)) }
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

    pub(crate) fn span(&self) -> &Span {
        &self.shared.span
    }

    async fn answer_calls(&self) -> Result<(), SubscribeError> {
        let Shared { handlers, handling, clock, inboxes, span, .. } = &*self.shared;
        let terms = Terms { clock: *clock, at_once: handling.calls_at_once, timeout: handling.call_timeout };
        handlers.serve(Methods::new(Arc::clone(inboxes), self.answering()), terms, span);
        self.subscribe(Channels::METHODS).await
    }

    fn answering(&self) -> Answering {
        Answering::new(self.shared.entries.answers.clone(), self.timeout())
    }
}

impl Shared {
    /// Begins the task of a device that is not connected yet.
    fn begin<T: Transport>(
        options: Options,
        transport: impl Future<Output = Result<T, ConnectError>> + Send + 'static,
        first: Option<oneshot::Sender<FirstOutcome>>,
    ) -> Self {
        let (clock, timeout, handling) = (Clock::start(), options.operation_timeout, options.handling);
        let meter = options.meter.clone();
        let span = spans::device(options.host(), options.identity(), options.codec().dialect());
        let inboxes =
            Arc::new(Inboxes::new(options.waiting_calls, options.waiting_commands, options.waiting_changes));
        let (announcer, status, board) = Announcer::new();
        let (entries, lanes) = Self::lanes(&options, &status, &span);
        #[cfg(feature = "upload")]
        let uploads = Uploads::new(options.clone());
        let ends = Ends { clock, lanes, inboxes: InboxesEnd::new(&inboxes), announcer, first };
        tokio::spawn(driver::drive(options, transport, ends).instrument(span.clone()));
        Self {
            entries,
            inboxes,
            status,
            board,
            clock,
            timeout,
            handlers: Arc::default(),
            handling,
            span,
            meter,
            #[cfg(feature = "upload")]
            uploads,
        }
    }

    #[cfg_attr(
        not(feature = "outbox"),
        expect(unused_variables, reason = "only an outbox has a task of its own")
    )]
    fn lanes(options: &Options, status: &StatusWatch, span: &Span) -> (LaneEntries, Lanes) {
        let Options { waiting_messages, waiting_bytes, channels, meter, .. } = options;
        let (entries, lanes) = lanes(*waiting_messages, *waiting_bytes, *channels, meter.clone());
        #[cfg(feature = "outbox")]
        let lanes = {
            let places = 2 * usize::from(options.window);
            let feed = |outbox: &Outbox| {
                let meter = options.meter.clone();
                let lane = (entries.telemetry.clone(), places);
                Feeder::start(outbox.clone(), lane, status.clone(), meter, span)
            };
            Lanes { _feeder: options.outbox.as_ref().map(feed), ..lanes }
        };
        (entries, lanes)
    }
}

/// Tells of what no hub takes; otherwise it has not been told of anything.
fn refuse_too_large(message: &Message, report: Report) -> Option<Report> {
    let size = message.size();
    if size <= Message::SIZE_MAX {
        return Some(report);
    }
    report.end(Err(SendError::TooLarge { size, limit: Message::SIZE_MAX }));
    None
}
