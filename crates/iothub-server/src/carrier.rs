use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use iothub_hub::{
    ConnectionId, Effect, Effects, Errand, ExchangeId, FileStep, Level, Notice, Reading, Recording, Report,
    Response, Rule, TransferStep,
};
use iothub_proto::Instant;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use crate::clock::Clock;
use crate::events::{EventLog, Events};
use crate::journal::{self, Journal};
use crate::outbox::{Ending, Outbox};

/// Carries out what the hub has decided, in the order in which it has.
///
/// In memory that is done at once, by whoever called the hub. With a journal it is done by one thread, which
/// commits the changes of everything that has queued up in one transaction and then carries all of it out: what
/// anybody is told has happened is on disk. Where nothing is to be recorded and nothing is queued up, that
/// thread is not waited for.
pub(crate) struct Carrier {
    queue: Mutex<Queue>,
    /// There is something for the thread to do.
    queued: Condvar,
    /// There is room again, or a batch is carried out.
    room: Notify,
    routes: Mutex<Routes>,
    events: Arc<Events>,
    /// Steps of imports and exports. The hub makes one at a time.
    transfers: mpsc::UnboundedSender<Order>,
    orders: Mutex<Option<mpsc::UnboundedReceiver<Order>>>,
    /// What is to be done with files of devices. The hub makes one for each that it no longer needs.
    files: mpsc::UnboundedSender<FileStep>,
    file_orders: Mutex<Option<mpsc::UnboundedReceiver<FileStep>>>,
    /// What hubs of this process want of each other.
    messages: mpsc::UnboundedSender<Message>,
    inbox: Mutex<Option<mpsc::UnboundedReceiver<Message>>>,
    /// The record has grown long.
    restating: Notify,
    /// Whether there is room on the disk.
    recording: watch::Sender<Recording>,
    failure: watch::Sender<Option<String>>,
}

#[derive(Default)]
struct Queue {
    effects: Effects,
    committer: Committer,
    /// The last that the thread has taken.
    taken: Batch,
    /// The last of these that is carried out.
    carried_out: Batch,
}

/// Counts what the thread takes in one go. The first stands for nothing, and is carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Batch(u64);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Committer {
    /// There is no journal.
    #[default]
    None,
    /// Waits for something to do.
    Idle,
    /// Has taken effects that are not carried out yet.
    Busy,
    /// Is to end when nothing is left.
    Ending,
}

#[derive(Default)]
struct Routes {
    connections: BTreeMap<ConnectionId, Arc<Outbox>>,
    exchanges: BTreeMap<ExchangeId, oneshot::Sender<Answer>>,
}

/// A step of an import or export, and of which one.
pub(crate) type Order = (u64, TransferStep);

/// What a hub wants of another, or tells it.
pub(crate) enum Message {
    Delegate { hub: String, errand: Errand },
    Report(Report),
}

/// What becomes of an HTTP request.
pub(crate) enum Answer {
    Response(Response),
    Reading(Reading),
}

impl Carrier {
    pub(crate) fn new(events: Events) -> Self {
        let (transfers, orders) = mpsc::unbounded_channel();
        let (files, file_orders) = mpsc::unbounded_channel();
        let (messages, inbox) = mpsc::unbounded_channel();
        Self {
            transfers,
            orders: Mutex::new(Some(orders)),
            files,
            file_orders: Mutex::new(Some(file_orders)),
            messages,
            inbox: Mutex::new(Some(inbox)),
            queue: Mutex::default(),
            queued: Condvar::new(),
            room: Notify::new(),
            routes: Mutex::default(),
            events: Arc::new(events),
            restating: Notify::new(),
            recording: watch::Sender::new(Recording::Open),
            failure: watch::Sender::new(None),
        }
    }

    /// From now on changes are committed before anything after them is carried out. The thread ends, and
    /// closes the journal, behind [`Self::end`].
    pub(crate) fn commit_to(
        self: &Arc<Self>,
        journal: Journal,
        clock: Clock,
    ) -> std::io::Result<std::thread::JoinHandle<()>> {
        self.lock_queue().committer = Committer::Idle;
        let carrier = Arc::clone(self);
        std::thread::Builder::new().name("journal".into()).spawn(move || carrier.commit_all(journal, clock))
    }

    /// The events that were carried out.
    pub(crate) fn event_log(&self) -> EventLog {
        EventLog::new(Arc::clone(&self.events))
    }

    pub(crate) const fn events(&self) -> &Arc<Events> {
        &self.events
    }

    /// The steps of imports and exports, for whoever asks first.
    pub(crate) fn transfer_orders(&self) -> Option<mpsc::UnboundedReceiver<Order>> {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What is to be done with files of devices, for whoever asks first.
    pub(crate) fn file_orders(&self) -> Option<mpsc::UnboundedReceiver<FileStep>> {
        self.file_orders.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// What the hub wants of others and tells them, for whoever asks first.
    pub(crate) fn messages(&self) -> Option<mpsc::UnboundedReceiver<Message>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Returns when the hub is to state something anew.
    pub(crate) async fn wants_restating(&self) {
        self.restating.notified().await;
    }

    /// Whether there is room to record what the hub decides, and whenever that changes.
    pub(crate) fn recording(&self) -> watch::Receiver<Recording> {
        self.recording.subscribe()
    }

    /// Ends the streams of events, which would go on for ever.
    pub(crate) fn end_streams(&self) {
        self.events.end();
    }

    /// Nothing more will be handed over: what is there is carried out, then the thread ends.
    pub(crate) fn end(&self) {
        let mut queue = self.lock_queue();
        if queue.committer != Committer::None {
            queue.committer = Committer::Ending;
        }
        drop(queue);
        self.queued.notify_one();
    }

    /// Takes hold of the order in which effects are carried out.
    pub(crate) fn queue(&self) -> Ordered<'_> {
        Ordered { carrier: self, queue: self.lock_queue() }
    }

    /// Waits until it makes sense to give the hub more to do, for somebody who has to see the effects of what
    /// came before: those up to `seen` are carried out then.
    pub(crate) async fn has_room(&self, seen: Batch) {
        loop {
            let mut room = core::pin::pin!(self.room.notified());
            room.as_mut().enable();
            if self.lock_queue().has_room(seen) || self.has_failed() {
                return;
            }
            room.await;
        }
    }

    /// The batch with which everything that was handed over until now is carried out.
    pub(crate) fn last_batch(&self) -> Batch {
        let queue = self.lock_queue();
        if queue.effects.is_empty() { queue.taken } else { queue.taken.next() }
    }

    pub(crate) fn connect(&self, connection: ConnectionId, outbox: Arc<Outbox>) {
        self.routes().connections.insert(connection, outbox);
    }

    pub(crate) fn disconnect(&self, connection: ConnectionId) {
        self.routes().connections.remove(&connection);
    }

    /// Where the answer to a request will come out.
    pub(crate) fn expect(&self, exchange: ExchangeId) -> oneshot::Receiver<Answer> {
        let (answer, expected) = oneshot::channel();
        self.routes().exchanges.insert(exchange, answer);
        expected
    }

    pub(crate) fn expect_no_longer(&self, exchange: ExchangeId) {
        self.routes().exchanges.remove(&exchange);
    }

    /// The hub cannot go on, and whoever it serves is told so.
    pub(crate) fn fail(&self, why: &str) {
        let first = self.failure.send_if_modified(|failure| {
            let first = failure.is_none();
            failure.get_or_insert_with(|| why.into());
            first
        });
        if first {
            tracing::error!(why, "the hub stops: it cannot go on");
        }
        self.routes().fail();
        self.room.notify_waiters();
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failure.borrow().is_some()
    }

    /// Why the hub cannot go on, as soon as it cannot.
    pub(crate) fn failure(&self) -> watch::Receiver<Option<String>> {
        self.failure.subscribe()
    }

    /// Carries out what needs no journal, or has been recorded.
    pub(crate) fn carry_out(&self, effects: impl Iterator<Item = Effect>) {
        let mut routes = self.routes();
        let mut appended = false;
        for effect in effects {
            match effect {
                // On disk before this if there is a disk.
                Effect::Record(_) => {}
                Effect::Append(event) => {
                    self.events.append(event);
                    appended = true;
                }
                Effect::Send { connection, packet } => {
                    if let Some(outbox) = routes.connections.get(&connection) {
                        outbox.push(packet);
                    }
                }
                Effect::Close { connection } => {
                    if let Some(outbox) = routes.connections.get(&connection) {
                        outbox.end(Ending::Closed);
                    }
                }
                Effect::Respond { exchange, response } => {
                    routes.answer(exchange, Answer::Response(response));
                }
                Effect::Read { exchange, reading } => routes.answer(exchange, Answer::Reading(reading)),
                // Whoever has the files may have ended already.
                Effect::Transfer { number, step } => drop(self.transfers.send((number, step))),
                Effect::Files(step) => drop(self.files.send(step)),
                // So may whoever carries messages from hub to hub.
                Effect::Delegate { hub, errand } => {
                    drop(self.messages.send(Message::Delegate { hub, errand }));
                }
                Effect::Report(report) => drop(self.messages.send(Message::Report(report))),
                Effect::Log(notice) => log(&notice),
            }
        }
        if appended {
            self.events.tell();
        }
    }

    fn commit_all(&self, mut journal: Journal, clock: Clock) {
        let _alarm = Alarm(self);
        let mut batch = Effects::new();
        let mut broken = false;
        let mut tidied = Instant::default();
        while self.next_batch(&mut batch) {
            // Behind a gap nothing may be recorded, and what has not been recorded nobody may hear of.
            if broken {
                batch.clear();
                continue;
            }
            let now = clock.now();
            let mut outcome = journal.commit(now.timestamp, &batch);
            if outcome.is_ok() {
                self.carry_out(batch.drain(..));
                if journal.wants_restating() {
                    self.restating.notify_one();
                }
                if now.instant.since(tidied) >= BETWEEN_TIDYINGS {
                    tidied = now.instant;
                    outcome = journal.remove_old_events(now.timestamp);
                }
                self.say(journal.recording());
            }
            if let Err(error) = outcome {
                broken = true;
                batch.clear();
                self.fail(&error.to_string());
            }
        }
    }

    fn say(&self, recording: Recording) {
        self.recording.send_if_modified(|said| core::mem::replace(said, recording) != recording);
    }

    /// Waits for effects, but not for long; `false` when there will be none.
    fn next_batch(&self, batch: &mut Effects) -> bool {
        let mut queue = self.lock_queue();
        if queue.committer == Committer::Busy {
            queue.committer = Committer::Idle;
        }
        queue.carried_out = queue.taken;
        self.room.notify_waiters();
        if queue.effects.is_empty() && queue.committer != Committer::Ending {
            queue = self.queued.wait_timeout(queue, BETWEEN_LOOKS).unwrap_or_else(PoisonError::into_inner).0;
        }
        if queue.effects.is_empty() {
            return queue.committer != Committer::Ending;
        }
        core::mem::swap(&mut queue.effects, batch);
        queue.taken = queue.taken.next();
        if queue.committer == Committer::Idle {
            queue.committer = Committer::Busy;
        }
        drop(queue);
        self.room.notify_waiters();
        true
    }

    fn lock_queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn routes(&self) -> MutexGuard<'_, Routes> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn has_room(&self, seen: Batch) -> bool {
        self.effects.len() < QUEUE_MAX && self.carried_out >= seen
    }
}

impl Batch {
    const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Hold of the order of effects.
pub(crate) struct Ordered<'a> {
    carrier: &'a Carrier,
    queue: MutexGuard<'a, Queue>,
}

impl Ordered<'_> {
    /// Puts effects behind those that are there.
    pub(crate) fn take_over(&mut self, effects: &mut Effects) {
        if self.queue.effects.is_empty() {
            // Both keep the room they have grown to.
            core::mem::swap(&mut self.queue.effects, effects);
        } else {
            self.queue.effects.append(effects);
        }
    }

    /// Carries everything out, or has the thread do so if it has to be waited for.
    pub(crate) fn carry(mut self) {
        let at_once = match self.queue.committer {
            Committer::None => true,
            Committer::Idle => !self.queue.effects.iter().any(journal::is_kept),
            Committer::Busy | Committer::Ending => false,
        };
        if at_once {
            self.carrier.carry_out(self.queue.effects.drain(..));
        } else {
            drop(self.queue);
            self.carrier.queued.notify_one();
        }
    }
}

impl Routes {
    fn answer(&mut self, exchange: ExchangeId, answer: Answer) {
        if let Some(expected) = self.exchanges.remove(&exchange) {
            // Whoever asked may have gone in the meantime.
            let _ = expected.send(answer);
        }
    }

    fn fail(&mut self) {
        for outbox in self.connections.values() {
            outbox.end(Ending::Failed);
        }
        // Whoever waits sees that no answer will come.
        self.exchanges.clear();
    }
}

/// Without the thread nothing would ever be answered again.
struct Alarm<'a>(&'a Carrier);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail("the journal has broken a rule of its own");
        }
    }
}

fn log(notice: &Notice) {
    let Notice { level, peer, who, what, rule, why } = notice;
    let (who, peer) = (who.as_deref(), peer.map(tracing::field::display));
    let rule = rule.map(Rule::name);
    match level {
        Level::Info => tracing::info!(who, peer, rule, why, "{what}"),
        Level::Warn => tracing::warn!(who, peer, rule, why, "{what}"),
    }
}

/// Effects that may be waiting for the journal before connections and requests wait as well.
const QUEUE_MAX: usize = 16 * 1024;
/// How long nobody looks at most whether others have filled the disk.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// How often events that are too old are removed, even if no others come.
const BETWEEN_TIDYINGS: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use core::sync::atomic::{AtomicBool, Ordering};
    use std::io;

    use iothub_hub::{AckBuf, Hub, PacketBuf, Seed};
    use iothub_proto::AckToken;
    use redb::StorageBackend;
    use redb::backends::InMemoryBackend;

    use super::*;

    /// A disk that can be made to fail.
    #[derive(Debug)]
    struct Disk {
        memory: InMemoryBackend,
        broken: Arc<AtomicBool>,
    }

    impl StorageBackend for Disk {
        fn len(&self) -> io::Result<u64> {
            self.memory.len()
        }

        fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
            self.memory.read(offset, out)
        }

        fn set_len(&self, len: u64) -> io::Result<()> {
            self.memory.set_len(len)
        }

        fn sync_data(&self) -> io::Result<()> {
            if self.broken.load(Ordering::SeqCst) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.memory.sync_data()
        }

        fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
            self.memory.write(offset, data)
        }
    }

    fn journal(broken: &Arc<AtomicBool>) -> Journal {
        let disk = Disk { memory: InMemoryBackend::new(), broken: Arc::clone(broken) };
        Journal::on(redb::Builder::new().create_with_backend(disk).unwrap())
    }

    /// Something to record, as a hub makes it.
    fn record() -> Effect {
        let mut effects = Effects::new();
        let mut hub = Hub::new(iothub_hub::Config::new(Seed([7; 32])));
        hub.handle(iothub_proto::Now::default(), iothub_hub::Input::Start, &mut effects);
        effects.into_iter().find(|effect| matches!(effect, Effect::Record(_))).unwrap()
    }

    /// An event, as a hub makes it.
    fn append() -> Effect {
        Effect::Append(iothub_hub::Event {
            kind: iothub_hub::EventKind::Telemetry,
            device: "dev1".into(),
            module: None,
            enqueued: iothub_proto::Timestamp::default(),
            system: Default::default(),
            properties: BTreeMap::new(),
            body: Vec::new().into(),
        })
    }

    fn hand_over(carrier: &Carrier, effects: impl IntoIterator<Item = Effect>) {
        let mut queue = carrier.queue();
        queue.take_over(&mut effects.into_iter().collect());
        queue.carry();
    }

    fn respond(exchange: ExchangeId) -> Effect {
        Effect::Respond {
            exchange,
            response: Response { status: 200, headers: Vec::new(), body: Vec::new() },
        }
    }

    #[tokio::test]
    async fn effects_are_carried_out_in_order_with_and_without_a_journal() {
        const CONNECTION: ConnectionId = ConnectionId(1);
        for journalled in [false, true] {
            let carrier = Arc::new(Carrier::new(Events::in_memory(1)));
            let committer =
                journalled.then(|| carrier.commit_to(journal(&Arc::default()), Clock::start()).unwrap());
            let outbox = Arc::new(Outbox::new(10_000, 10_000_000));
            carrier.connect(CONNECTION, Arc::clone(&outbox));
            let mut sent = Vec::new();
            let mut token = AckToken::FIRST;
            for round in 0..500 {
                // Some have to wait for the journal, and those behind them must not overtake.
                let records = (round % 3 == 0).then(record);
                let packet = PacketBuf::Ack(token, AckBuf::SUCCESS);
                let send = Effect::Send { connection: CONNECTION, packet: packet.clone() };
                hand_over(&carrier, records.into_iter().chain([send]));
                sent.push(packet);
                token = token.next();
            }
            carrier.end();
            if let Some(committer) = committer {
                committer.join().unwrap();
            }
            let received: Vec<_> = core::iter::from_fn(|| outbox.pop().unwrap()).collect();
            assert_eq!(received, sent, "with a journal: {journalled}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_recorded_is_told_to_nobody_and_stops_the_hub() {
        for kept in [record, append] {
            let broken = Arc::<AtomicBool>::default();
            let carrier = Arc::new(Carrier::new(Events::in_memory(1)));
            let committer = carrier.commit_to(journal(&broken), Clock::start()).unwrap();
            let answer = carrier.expect(ExchangeId(1));
            hand_over(&carrier, [kept(), respond(ExchangeId(1))]);
            assert!(answer.await.is_ok());

            broken.store(true, Ordering::SeqCst);
            let outbox = Arc::new(Outbox::new(10, 1000));
            carrier.connect(ConnectionId(1), Arc::clone(&outbox));
            let answer = carrier.expect(ExchangeId(2));
            hand_over(&carrier, [kept(), respond(ExchangeId(2))]);
            assert!(answer.await.is_err());
            assert!(carrier.has_failed());
            assert_eq!(outbox.pop(), Err(Ending::Failed));

            // A disk that works again does not help: a change is missing in between.
            broken.store(false, Ordering::SeqCst);
            let answer = carrier.expect(ExchangeId(3));
            hand_over(&carrier, [kept(), respond(ExchangeId(3))]);
            carrier.end();
            committer.join().unwrap();
            carrier.expect_no_longer(ExchangeId(3));
            assert!(answer.await.is_err());
        }
    }
}
