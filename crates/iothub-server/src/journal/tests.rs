use core::convert::Infallible;
use core::time::Duration;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use bytes::Bytes;
use iothub_hub::{Config, Event, EventKind, Hub, Input, RestRequest, Seed};
use iothub_proto::{Instant, Now};
use redb::TableDefinition;
use redb::backends::InMemoryBackend;

use super::space::Room;
use super::*;
use crate::events::{Limits, Position};
use crate::scratch::Scratch;

const MANY: Limits = Limits { events: 10_000, bytes: 100 * 1024 * 1024 };

fn open(path: &Path, retention: Retention) -> Result<(Journal, Vec<Change>), JournalError> {
    let mut seen = Vec::new();
    let journal = Journal::open(&Folder::open(path).unwrap(), retention, |change| {
        seen.push(change.clone());
        Ok::<_, Infallible>(())
    })?;
    Ok((journal, seen))
}

fn refusal(path: &Path) -> JournalError {
    open(path, Retention::default()).map(|(_, seen)| seen).expect_err("a journal that is refused")
}

fn removed(device: impl ToString) -> Effect {
    let key = iothub_hub::Key { device: device.to_string(), module: None };
    Effect::Record(Change::IdentityRemoved { key })
}

fn sent(device: &str, at_ms: u64, body: impl Into<Bytes>) -> Effect {
    Effect::Append(Event {
        kind: EventKind::Telemetry,
        device: device.into(),
        module: None,
        enqueued: Timestamp::from_millis(at_ms),
        system: Default::default(),
        properties: BTreeMap::new(),
        body: body.into(),
    })
}

fn at(ms: u64) -> Timestamp {
    Timestamp::from_millis(ms)
}

/// A journal with a few commits in it; gives back the changes.
fn make(path: &Path) -> Vec<Change> {
    let (mut journal, _) = open(path, Retention::default()).unwrap();
    let mut changes = Vec::new();
    for commit in 0..20 {
        let effects: Effects = (0..commit).map(|number| removed(commit * 100 + number)).collect();
        changes.extend(effects.iter().filter_map(|effect| match effect {
            Effect::Record(change) => Some(change.clone()),
            Effect::Append(_)
            | Effect::Send { .. }
            | Effect::Respond { .. }
            | Effect::Read { .. }
            | Effect::Close { .. }
            | Effect::Transfer { .. }
            | Effect::Files(_)
            | Effect::Delegate { .. }
            | Effect::Report(_)
            | Effect::Log(_) => None,
        }));
        journal.commit(at(0), &effects).unwrap();
        journal.commit(at(0), &vec![sent("a", 0, "x".repeat(1000))]).unwrap();
    }
    changes
}

#[test]
fn what_was_committed_is_replayed_in_order() {
    let scratch = Scratch::new();
    let changes = make(scratch.path());
    let (mut journal, seen) = open(scratch.path(), Retention::default()).unwrap();
    assert_eq!(seen, changes);
    journal.commit(at(0), &vec![removed("last")]).unwrap();
    drop(journal);
    let (_, seen) = open(scratch.path(), Retention::default()).unwrap();
    assert_eq!(seen.len(), changes.len() + 1);
}

#[test]
fn a_journal_in_use_is_refused() {
    let scratch = Scratch::new();
    let _held = open(scratch.path(), Retention::default()).unwrap();
    assert!(matches!(refusal(scratch.path()), JournalError::InUse { .. }));
}

#[test]
fn a_file_that_is_no_journal_is_refused_and_kept() {
    let scratch = Scratch::new();
    let folder = Folder::open(scratch.path()).unwrap();
    for content in [&b"these are not the bytes of a journal"[..], &[0; 8192], b""] {
        folder.write(FILE, content).unwrap();
        let error = refusal(scratch.path());
        assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
        assert_eq!(std::fs::read(folder.path().join(FILE)).unwrap(), content);
    }
}

#[test]
fn a_journal_without_tables_has_lost_them() {
    let scratch = Scratch::new();
    drop(Database::create(scratch.path().join(FILE)).unwrap());
    let error = refusal(scratch.path());
    assert!(matches!(error, JournalError::Damaged { .. }), "{error}");
}

#[test]
fn a_journal_that_was_not_finished_is_begun_again() {
    let scratch = Scratch::new();
    Folder::open(scratch.path()).unwrap().write(UNFINISHED, b"the engine was killed").unwrap();
    let changes = make(scratch.path());
    assert_eq!(open(scratch.path(), Retention::default()).unwrap().1, changes);
    assert!(!scratch.path().join(UNFINISHED).exists());
}

#[test]
fn a_journal_of_another_format_is_refused() {
    const CHANGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("changes");
    let scratch = Scratch::new();
    let path = scratch.path().join(FILE);
    let database = Database::create(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(CHANGES).unwrap().insert(0, &b"{}"[..]).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = refusal(scratch.path());
    assert!(matches!(error, JournalError::Format { found: 1, .. }), "{error}");
    assert!(error.to_string().contains("iothub reset"), "{error}");
}

#[test]
fn the_number_of_partitions_cannot_be_changed() {
    let scratch = Scratch::new();
    let with = |count| Retention { partitions: count, ..Retention::default() };
    drop(open(scratch.path(), with(Some(7))).unwrap());
    assert_eq!(open(scratch.path(), with(None)).unwrap().0.partition_count(), 7);
    let refused = open(scratch.path(), with(Some(8))).map(|(_, seen)| seen);
    assert!(matches!(refused, Err(JournalError::Partitions { there: 7, wanted: 8, .. })));
}

#[test]
fn a_damaged_journal_is_refused_or_whole() {
    let scratch = Scratch::new();
    let changes = make(scratch.path());
    let path = scratch.path().join(FILE);
    let content = std::fs::read(&path).unwrap();
    let mut refused = 0;
    let mut check = |damaged: &[u8], what: &str| {
        std::fs::write(&path, damaged).unwrap();
        match open(scratch.path(), Retention::default()) {
            Ok((journal, seen)) => {
                assert_eq!(seen, changes, "{what}");
                let events = journal.reader().read(partition(), Position::Earliest, MANY);
                assert!(events.is_err() || events.unwrap().unwrap().events.len() == 20, "{what}");
            }
            Err(error) => {
                assert!(error.to_string().contains("hub.redb: "), "{what}: {error}");
                refused += 1;
            }
        }
    };
    for part in 1..20 {
        check(&content[..content.len() * part / 20], &format!("{part} twentieths"));
    }
    // Everywhere in the first pages, and here and there in the others.
    let bits = (0..64).chain((64..content.len() * 8).step_by(content.len() * 8 / 300));
    for bit in bits {
        let mut flipped = content.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        check(&flipped, &format!("bit {bit}"));
    }
    let mut torn = content.clone();
    let end = torn.len();
    torn[end - 16 * 1024..].fill(0);
    check(&torn, "torn");
    assert!(refused > 50, "{refused} of the copies were refused");
}

#[test]
fn rows_that_are_missing_are_missed() {
    // The engine is content with each of these.
    type Deed = fn(&redb::WriteTransaction);
    let deeds: [(&str, Deed); 6] = [
        ("first row", |t| drop(t.open_table(RECORD).unwrap().remove(0).unwrap())),
        ("row 5 of the record", |t| drop(t.open_table(RECORD).unwrap().remove(5).unwrap())),
        ("last row", |t| drop(t.open_table(RECORD).unwrap().pop_last().unwrap())),
        ("first event", |t| drop(t.open_table(EVENTS).unwrap().pop_first().unwrap())),
        ("last event", |t| drop(t.open_table(EVENTS).unwrap().pop_last().unwrap())),
        ("partitions", |t| drop(t.open_table(META).unwrap().remove("partitions").unwrap())),
    ];
    for (what, deed) in deeds {
        let scratch = Scratch::new();
        make(scratch.path());
        let database = Database::create(scratch.path().join(FILE)).unwrap();
        let transaction = database.begin_write().unwrap();
        deed(&transaction);
        transaction.commit().unwrap();
        drop(database);
        let error = refusal(scratch.path());
        assert!(matches!(error, JournalError::Damaged { .. }), "{what}: {error}");
    }
}

/// The partition of device `a`.
fn partition() -> u8 {
    crate::events::partition_of("a", Retention::PARTITIONS)
}

#[test]
fn events_are_read_from_where_one_wants() {
    let scratch = Scratch::new();
    let (mut journal, _) = open(scratch.path(), Retention::default()).unwrap();
    let mut number = 0;
    for commit in 1..=10 {
        let effects: Effects = (0..commit)
            .map(|_| {
                number += 1;
                sent("a", number * 10, number.to_string())
            })
            .collect();
        journal.commit(at(number * 10), &effects).unwrap();
    }
    for reopened in [false, true] {
        let reader = journal.reader();
        if reopened {
            // A reader does not keep the file open.
            drop(core::mem::replace(&mut journal, Journal::in_memory()));
            let ended = reader.read(partition(), Position::Earliest, MANY);
            assert!(matches!(ended, Err(JournalError::Ended { .. })));
            journal = open(scratch.path(), Retention::default()).unwrap().0;
        }
        let reader = journal.reader();
        let first = |position| {
            let batch = reader.read(partition(), position, MANY).unwrap().unwrap();
            let numbers: Vec<u64> = batch
                .events
                .iter()
                .map(|each| core::str::from_utf8(&each.event.body).unwrap().parse().unwrap())
                .collect();
            assert!(numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{numbers:?}");
            assert!(batch.events.iter().zip(&numbers).all(|(each, number)| each.sequence + 1 == *number));
            assert_eq!(batch.next, 55);
            numbers.first().copied()
        };
        assert_eq!(first(Position::Earliest), Some(1));
        assert_eq!(first(Position::Latest), None);
        for sequence in 0..55 {
            assert_eq!(first(Position::Sequence(sequence)), Some(sequence + 1));
        }
        assert_eq!(first(Position::Sequence(99)), None);
        for time in 0..=560_u64 {
            let expected = Some(time.div_ceil(10).max(1)).filter(|number| *number <= 55);
            assert_eq!(first(Position::Enqueued(at(time))), expected, "{time} ms");
        }
        assert_eq!(
            reader.bounds(partition()).unwrap().unwrap(),
            crate::events::Bounds { first: 0, next: 55, latest_ms: 550 }
        );
        assert!(reader.read(4, Position::Earliest, MANY).unwrap().is_none());
        let two = reader.read(partition(), Position::Sequence(3), Limits { events: 2, bytes: usize::MAX });
        let two = two.unwrap().unwrap();
        assert_eq!((two.events.len(), two.next), (2, 5));
        let one = reader.read(partition(), Position::Sequence(3), Limits { events: 2, bytes: 1 });
        assert_eq!(one.unwrap().unwrap().events.len(), 1);
    }
}

#[test]
fn the_oldest_events_are_removed_when_their_time_is_over_or_there_are_too_many() {
    let rows = [
        ("time", Retention { time: Duration::from_secs(1), ..Retention::default() }, 1000),
        ("bytes", Retention { bytes: 4 * 1024 * 1024, ..Retention::default() }, 1),
    ];
    for (what, retention, step_ms) in rows {
        let scratch = Scratch::new();
        let (mut journal, _) = open(scratch.path(), retention).unwrap();
        let mut lost = 0;
        for round in 0..40_u64 {
            let effects = vec![sent("a", round * step_ms, vec![b'x'; 100 * 1024])];
            journal.commit(at(round * step_ms), &effects).unwrap();
            let batch = journal.reader().read(partition(), Position::Sequence(0), MANY).unwrap().unwrap();
            assert_eq!(batch.next, round + 1);
            assert_eq!(batch.events.first().map(|event| event.sequence), Some(batch.first));
            assert!(batch.first >= lost);
            lost = batch.first;
        }
        let kept =
            journal.reader().read(partition(), Position::Earliest, MANY).unwrap().unwrap().events.len();
        assert!((1..12).contains(&kept), "{what}: {kept} events are kept");
        drop(journal);
        let (journal, _) = open(scratch.path(), retention).unwrap();
        assert_eq!(journal.reader().bounds(partition()).unwrap().unwrap().first, lost, "{what}");
    }
}

#[test]
fn events_end_when_their_time_is_over_even_if_no_others_come() {
    let retention = Retention { time: Duration::from_secs(60), ..Retention::default() };
    let scratch = Scratch::new();
    let (mut journal, _) = open(scratch.path(), retention).unwrap();
    journal.commit(at(0), &vec![sent("a", 0, "early")]).unwrap();
    journal.commit(at(50_000), &vec![sent("a", 50_000, "late")]).unwrap();
    for (now_ms, first) in [(60_000, 0), (60_001, 1), (110_001, 2)] {
        journal.remove_old_events(at(now_ms)).unwrap();
        let bounds = journal.reader().bounds(partition()).unwrap().unwrap();
        assert_eq!((bounds.first, bounds.next), (first, 2), "at {now_ms}");
    }
    drop(journal);
    let (journal, _) = open(scratch.path(), retention).unwrap();
    assert_eq!(journal.next_sequences()[usize::from(partition())], 2);
}

#[test]
fn several_read_while_another_writes() {
    let mut journal = Journal::in_memory();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            let reader = journal.reader();
            scope.spawn(move || {
                let mut next = 0;
                while next < 500 {
                    let batch = reader.read(partition(), Position::Sequence(next), MANY).unwrap().unwrap();
                    for (event, sequence) in batch.events.iter().zip(next..) {
                        assert_eq!(event.sequence, sequence);
                        assert_eq!(event.event.body, sequence.to_string());
                    }
                    next = batch.next;
                }
            });
        }
        for number in 0..500 {
            journal.commit(at(0), &vec![sent("a", 0, number.to_string()), removed(number)]).unwrap();
        }
    });
}

#[test]
fn a_record_stays_short_however_often_something_changes() {
    let scratch = Scratch::new();
    let (mut journal, _) = open(scratch.path(), Retention::default()).unwrap();
    let mut hub = Hub::new(Config::new(Seed([7; 32])));
    let now = Now { instant: Instant::from_millis(1), timestamp: at(1) };
    let input = |hub: &mut Hub, journal: &mut Journal, input: Input<'_>| {
        let mut effects = Effects::new();
        hub.handle(now, input, &mut effects);
        journal.commit(now.timestamp, &effects).unwrap();
    };
    input(&mut hub, &mut journal, Input::Start);
    let token = owner_token(&hub);
    let headers = [("host", "hub.test"), ("authorization", token.as_str())];
    for device in ["a", "b", "c"] {
        let body = format!("{{\"deviceId\":\"{device}\"}}");
        let path = format!("/devices/{device}");
        let request = request("PUT", &path, &headers, body.as_bytes());
        input(&mut hub, &mut journal, Input::Rest { exchange: iothub_hub::ExchangeId(1), request });
    }
    let mut longest = 0;
    for round in 0..450 {
        let filling = "x".repeat(3500);
        let body = format!(r#"{{"tags":{{"round":{round},"a":"{filling}","b":"{filling}"}}}}"#);
        // Eight at a time, as they would be committed together.
        let mut effects = Effects::new();
        for _ in 0..8 {
            let request = request("PATCH", "/twins/b", &headers, body.as_bytes());
            hub.handle(now, Input::Rest { exchange: iothub_hub::ExchangeId(1), request }, &mut effects);
        }
        journal.commit(now.timestamp, &effects).unwrap();
        while journal.wants_restating() {
            input(&mut hub, &mut journal, Input::Restate { identities: 2 });
        }
        longest = longest.max(journal.record.bytes());
    }
    assert!(longest > 16 * 1024 * 1024, "{longest} bytes: more has to be written to see anything");
    assert!(longest < 24 * 1024 * 1024, "{longest} bytes");
    drop(journal);
    let mut restored = Hub::new(Config::new(Seed([8; 32])));
    let folder = Folder::open(scratch.path()).unwrap();
    let mut journal = Journal::open(&folder, Retention::default(), |change| restored.apply(change)).unwrap();
    for hub in [&mut hub, &mut restored] {
        let mut effects = Effects::new();
        let request = request("GET", "/twins/b", &headers, b"");
        hub.handle(now, Input::Rest { exchange: iothub_hub::ExchangeId(1), request }, &mut effects);
        let Some(Effect::Respond { response, .. }) = effects.pop() else { panic!("no response") };
        let twin: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        assert_eq!((&twin["version"], &twin["tags"]["round"]), (&3602.into(), &449.into()), "{twin}");
    }
    assert_eq!(restored.policy_key("iothubowner"), hub.policy_key("iothubowner"));
    input(&mut restored, &mut journal, Input::Start);
}

fn request<'a>(
    method: &'a str,
    path: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a [u8],
) -> RestRequest<'a> {
    RestRequest { method, path, query: Some("api-version=2021-04-12"), headers, certificates: &[], body }
}

fn owner_token(hub: &Hub) -> String {
    let key = iothub_codec::SharedKey::from_base64(hub.policy_key("iothubowner").unwrap()).unwrap();
    let request = iothub_codec::TokenRequest {
        host: "hub.test",
        identity: None,
        expiry_s: 1000,
        policy: Some("iothubowner"),
    };
    request.sign(&key, &mut [0; 1024]).unwrap().to_owned()
}

impl Journal {
    /// For tests: nothing is kept.
    pub(crate) fn in_memory() -> Self {
        let database = Builder::new().create_with_backend(InMemoryBackend::new()).unwrap();
        Self::on(database)
    }

    /// For tests: a journal that begins.
    pub(crate) fn on(database: Database) -> Self {
        Self::within(database, || Err(io::ErrorKind::Unsupported.into()))
    }

    /// For tests: the same on a disk whose room is told.
    pub(crate) fn within(
        database: Database,
        room: impl FnMut() -> io::Result<Room> + Send + 'static,
    ) -> Self {
        let mut replay = |_: &Change| Ok::<_, Infallible>(());
        let space = Space::told_by(room);
        lay_out(&database, None).unwrap();
        Self::begin((database, space), "disk".into(), Retention::default(), &mut replay).unwrap()
    }
}
