use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use iothub_hub::{
    BlobDoor, BlobProblem, BlobRefusal, BlobRequest, Change, ConnectionId, Effect, Effects, ExchangeId, Hub,
    Input, Recording, RestRequest,
};
use iothub_proto::{Instant, Now};
use tokio::sync::Notify;

use crate::carrier::{Batch, Carrier};
use crate::clock::Clock;
use crate::metrics::Metrics;

/// The hub and everybody's way to it: one at a time, and the effects are carried out in the hub's order.
pub(crate) struct Driver {
    desk: Mutex<Desk>,
    carrier: Arc<Carrier>,
    metrics: Metrics,
    clock: Clock,
    /// The hub wants to be called earlier than [`Self::tick`] waits for.
    earlier: Notify,
    next_id: AtomicU64,
}

struct Desk {
    hub: Hub,
    /// Of the inputs that were handled since the desk was entered.
    effects: Effects,
    /// What [`Driver::tick`] waits for.
    armed: Option<Instant>,
}

/// The hub cannot go on; why, the carrier has been told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopped;

impl Driver {
    pub(crate) fn new(hub: Hub, clock: Clock, carrier: Arc<Carrier>) -> Self {
        let desk = Desk { hub, effects: Effects::new(), armed: None };
        Self {
            desk: Mutex::new(desk),
            carrier,
            metrics: Metrics::new(),
            clock,
            earlier: Notify::new(),
            next_id: AtomicU64::new(1),
        }
    }

    /// Takes hold of the hub. Never across an `await`.
    pub(crate) fn enter(&self) -> Result<Entered<'_>, Stopped> {
        match self.desk.lock() {
            Ok(desk) if !self.carrier.has_failed() => {
                Ok(Entered { driver: self, now: self.clock.now(), desk: Some(desk) })
            }
            Ok(_) => Err(Stopped),
            Err(_) => {
                self.carrier.fail("the hub has broken a rule of its own");
                Err(Stopped)
            }
        }
    }

    /// Everything that the hub would record if it began now; `None` when it cannot go on.
    pub(crate) fn restated(&self) -> Option<Vec<Change>> {
        let mut entered = self.enter().ok()?;
        let now = entered.now;
        let Desk { hub, .. } = &mut **entered.desk.as_mut()?;
        let (mut changes, mut effects) = (Vec::new(), Effects::new());
        loop {
            hub.handle(now, Input::Restate { identities: STATED_AT_A_TIME }, &mut effects);
            // A hub that may not have anything recorded states nothing.
            if effects.is_empty() {
                return None;
            }
            for effect in effects.drain(..) {
                if let Effect::Record(change) = effect {
                    changes.push(change);
                }
            }
            if changes.last() == Some(&Change::RestatementEnded) {
                return Some(changes);
            }
        }
    }

    /// Calls the hub when it wants to be called, for as long as it can go on.
    pub(crate) async fn tick(&self) {
        let mut recording = self.carrier.recording();
        // What was found before counts as well.
        recording.mark_changed();
        loop {
            let Ok(due) = self.enter().map(|mut entered| entered.arm()) else { return };
            tokio::select! {
                () = self.clock.reaches(due) => {
                    // What goes on by itself goes no faster than it is written down.
                    self.carrier.has_room(Batch::default()).await;
                    let Ok(()) = self.enter().map(|mut entered| entered.handle(Input::Tick)) else { return };
                }
                () = self.earlier.notified() => {}
                () = self.carrier.wants_restating() => {
                    // What was stated before is written: that it is wanted was found out behind it.
                    let input = Input::Restate { identities: STATED_AT_A_TIME };
                    let Ok(()) = self.enter().map(|mut entered| entered.handle(input)) else { return };
                }
                Ok(()) = recording.changed() => {
                    let recording = *recording.borrow_and_update();
                    self.metrics.read_only.set(i64::from(recording == Recording::Closed));
                    let input = Input::Recording { recording };
                    let Ok(()) = self.enter().map(|mut entered| entered.handle(input)) else { return };
                }
            }
        }
    }

    pub(crate) fn connection_id(&self) -> ConnectionId {
        ConnectionId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn exchange_id(&self) -> ExchangeId {
        ExchangeId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn carrier(&self) -> &Carrier {
        &self.carrier
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }
}

/// Hold of the hub. Letting go has the effects carried out.
pub(crate) struct Entered<'a> {
    driver: &'a Driver,
    now: Now,
    /// There until it is dropped.
    desk: Option<MutexGuard<'a, Desk>>,
}

impl Entered<'_> {
    pub(crate) fn handle(&mut self, input: Input<'_>) {
        if let Some(desk) = &mut self.desk {
            let Desk { hub, effects, .. } = &mut **desk;
            hub.handle(self.now, input, effects);
        }
    }

    /// Whether the hub would do anything for whoever makes the request. Its body is not looked at.
    pub(crate) fn may_ask(&self, request: &RestRequest<'_>) -> bool {
        self.desk.as_ref().is_some_and(|desk| desk.hub.may_ask(self.now, request))
    }

    /// Whether the hub lets somebody do something with a file.
    pub(crate) fn open_blob(&self, request: &BlobRequest<'_>) -> Result<BlobDoor, BlobRefusal> {
        match &self.desk {
            Some(desk) => desk.hub.open_blob(self.now, request),
            None => Err(BlobRefusal::new(BlobProblem::ServerBusy, "the hub ends")),
        }
    }

    /// Whether a device still writes a file of that name.
    pub(crate) fn is_being_written(&self, name: &str) -> bool {
        self.desk.as_ref().is_some_and(|desk| desk.hub.is_being_written(name))
    }

    /// Says when the hub wants to be called; whoever asks is told if that becomes earlier.
    fn arm(&mut self) -> Option<Instant> {
        let desk = self.desk.as_mut()?;
        desk.armed = desk.hub.poll_timeout().map(|(due, _)| due);
        desk.armed
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let Some(mut desk) = self.desk.take() else { return };
        if std::thread::panicking() {
            // The lock is poisoned behind this; what the hub meant to do is not known to be right.
            return;
        }
        if let Some((due, _)) = desk.hub.poll_timeout()
            && desk.armed.is_none_or(|armed| due < armed)
        {
            desk.armed = Some(due);
            self.driver.earlier.notify_one();
        }
        if !desk.effects.is_empty() {
            self.driver.metrics.count(&desk.effects);
            // Hand over hand: the carrier is taken before the hub is let go, so that effects cannot overtake.
            let mut queue = self.driver.carrier.queue();
            queue.take_over(&mut desk.effects);
            drop(desk);
            queue.carry();
        }
    }
}

/// The hub serves nobody else meanwhile.
const STATED_AT_A_TIME: usize = 64;

#[cfg(test)]
mod tests {
    use iothub_codec::{SharedKey, TokenRequest};
    use iothub_hub::{Config, Seed};
    use redb::backends::InMemoryBackend;

    use super::*;
    use crate::carrier::Answer;
    use crate::events::Events;
    use crate::journal::{Journal, Room};

    /// What the hub's owner is answered.
    async fn ask(driver: &Driver, owner: &str, method: &str, body: &[u8]) -> u16 {
        let exchange = driver.exchange_id();
        let answer = driver.carrier().expect(exchange);
        let headers = [("host", "hub.test"), ("authorization", owner)];
        let (path, query) = ("/devices/d", Some("api-version=2021-04-12"));
        let request = RestRequest { method, path, query, headers: &headers, certificates: &[], body };
        driver.enter().unwrap().handle(Input::Rest { exchange, request });
        let Answer::Response(response) = answer.await.unwrap() else { panic!("{method}") };
        response.status
    }

    #[tokio::test]
    async fn on_a_full_disk_the_hub_reads_and_it_writes_again_when_there_is_room() {
        let free = Arc::new(AtomicU64::new(1 << 40));
        let disk = redb::Builder::new().create_with_backend(InMemoryBackend::new()).unwrap();
        let told = Arc::clone(&free);
        let journal =
            Journal::within(disk, move || Ok(Room { free: told.load(Ordering::SeqCst), whole: 1 << 40 }));
        let (clock, carrier) = (Clock::start(), Arc::new(Carrier::new(Events::in_memory(1))));
        let committer = carrier.commit_to(journal, clock).unwrap();
        let mut hub = Hub::new(Config::new(Seed([7; 32])));
        hub.handle(clock.now(), Input::Start, &mut Effects::new());
        let key = SharedKey::from_base64(hub.policy_key("iothubowner").unwrap()).unwrap();
        let expiry_s = clock.now().timestamp.as_secs() + 3600;
        let owner = TokenRequest { host: "hub.test", identity: None, expiry_s, policy: Some("iothubowner") };
        let owner = owner.sign(&key, &mut [0; 1024]).unwrap().to_owned();
        let driver = Arc::new(Driver::new(hub, clock, Arc::clone(&carrier)));
        let ticking = tokio::spawn({
            let driver = Arc::clone(&driver);
            async move { driver.tick().await }
        });
        let mut recording = carrier.recording();

        let device = br#"{"deviceId":"d"}"#;
        assert_eq!(ask(&driver, &owner, "PUT", device).await, 200);
        for (room, wanted, put, said) in [
            (0, Recording::Closed, 503, "iothub_read_only 1\n"),
            (1 << 40, Recording::Open, 409, "iothub_read_only 0\n"),
        ] {
            free.store(room, Ordering::SeqCst);
            recording.wait_for(|recording| *recording == wanted).await.unwrap();
            while !driver.metrics().text().unwrap().contains(said) {
                tokio::task::yield_now().await;
            }
            assert_eq!(ask(&driver, &owner, "PUT", device).await, put, "{wanted:?}");
            assert_eq!(ask(&driver, &owner, "GET", b"").await, 200, "{wanted:?}");
        }
        assert!(!carrier.has_failed());
        ticking.abort();
        carrier.end();
        committer.join().unwrap();
    }

    #[test]
    fn a_hub_that_broke_a_rule_of_its_own_is_not_used_again() {
        let carrier = Arc::new(Carrier::new(crate::events::Events::in_memory(1)));
        let hub = Hub::new(Config::new(Seed([7; 32])));
        let driver = Driver::new(hub, Clock::start(), Arc::clone(&carrier));
        assert!(driver.enter().is_ok());
        let broken = std::thread::scope(|scope| {
            let user = scope.spawn(|| {
                let _entered = driver.enter();
                panic!("this is meant to happen");
            });
            user.join().is_err()
        });
        assert!(broken);
        assert!(driver.enter().is_err());
        assert!(carrier.has_failed());
    }
}
