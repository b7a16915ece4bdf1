use core::fmt::Display;

use iothub_hub::Change;
use redb::{ReadOnlyTable, Table};

use super::error::Failure;
use super::row::{self, Pieces, ROW_LEN, put_piece};
use super::tables::{Bounds, OF_RECORD};

/// The record of a hub's changes: a log that is kept short by the hub's stating everything anew from time to time.
///
/// A row holds what was committed together. Rows from before the last complete restatement are removed as others are
/// added, never many at a time.
pub(super) struct Record {
    first: u64,
    next: u64,
    /// Of all rows.
    bytes: u64,
    /// The first row that is of use.
    useful: u64,
    /// What was written since the last complete restatement began, and how much of it that stated.
    since: u64,
    stated: u64,
    /// The restatement that is going on.
    pass: Option<Pass>,
    pending: Vec<u8>,
    /// What to do once these pending changes are in their row.
    ended: Option<Pass>,
    rows: Vec<Vec<u8>>,
}

/// A restatement: where it began, what it has stated, and what was changed in the meantime.
#[derive(Clone, Copy, Debug, Default)]
struct Pass {
    row: u64,
    stated: u64,
    changed: u64,
}

impl Record {
    /// Gives every change that is of use to `replay`.
    pub(super) fn replay<E: Display>(
        table: &ReadOnlyTable<u64, &'static [u8]>,
        bounds: &ReadOnlyTable<u8, Bounds>,
        replay: &mut impl FnMut(&Change) -> Result<(), E>,
    ) -> Result<Self, Failure> {
        let (first, next, bytes, useful) = bounds.get(OF_RECORD)?.map(|row| row.value()).unwrap_or_default();
        let mut record = Self::new((first, useful, bytes, useful));
        if let Some(row) = table.range(..first)?.next().or(table.range(next..)?.next()) {
            let number = row?.0.value();
            return Err(Failure::damaged(format!(
                "row {number} of the record is not one of {first} to {next}"
            )));
        }
        for row in table.range(useful..next)? {
            let (number, row) = row?;
            let (number, wanted) = (number.value(), record.next);
            if number != wanted {
                return Err(Failure::damaged(format!("row {wanted} of the record is missing")));
            }
            let payload = row::open(NAME, number, row.value())?;
            let mut pieces = Pieces(payload);
            while !pieces.is_empty() {
                let unfit =
                    |why: &dyn Display| Failure::damaged(format!("row {number} of the record: {why}"));
                let piece = pieces.piece().ok_or_else(|| unfit(&"a change ends too early"))?;
                let change = serde_json::from_slice(piece).map_err(|error| unfit(&error))?;
                replay(&change).map_err(|error| unfit(&error))?;
                record.count(&change, piece.len());
            }
            record.next += 1;
            record.settle();
        }
        if record.next != next {
            return Err(Failure::damaged(format!(
                "rows of the record from {} to {next} are missing",
                record.next
            )));
        }
        Ok(record)
    }

    const fn new((first, next, bytes, useful): Bounds) -> Self {
        Self {
            first,
            next,
            bytes,
            useful,
            since: 0,
            stated: 0,
            pass: None,
            pending: Vec::new(),
            ended: None,
            rows: Vec::new(),
        }
    }

    /// Has a change written with the next [`Self::write`].
    pub(super) fn add(&mut self, change: &Change) -> Result<(), Failure> {
        let json = serde_json::to_vec(change).map_err(|error| Failure::Io(error.into()))?;
        put_piece(&mut self.pending, &json);
        self.count(change, json.len());
        if self.pending.len() >= ROW_LEN {
            self.end_row();
        }
        Ok(())
    }

    pub(super) const fn has_pending(&self) -> bool {
        !self.pending.is_empty() || !self.rows.is_empty()
    }

    /// Writes what was added, and removes some of what is of no use any longer.
    pub(super) fn write(
        &mut self,
        table: &mut Table<'_, u64, &[u8]>,
        bounds: &mut Table<'_, u8, Bounds>,
    ) -> Result<(), Failure> {
        if !self.pending.is_empty() {
            self.end_row();
        }
        let first = self.next - self.rows.len() as u64;
        let mut added = 0;
        for (number, payload) in (first..).zip(self.rows.drain(..)) {
            let row = row::seal(NAME, number, &payload);
            table.insert(number, &row[..])?;
            added += row.len() as u64;
        }
        self.bytes += added;
        let mut removable = added * REMOVED_FOR_ADDED + REMOVED_MIN;
        while self.first < self.useful && removable > 0 {
            let Some(len) = table.remove(self.first)?.map(|row| row.value().len() as u64) else {
                return Err(Failure::damaged(format!("row {} of the record is missing", self.first)));
            };
            self.first += 1;
            self.bytes -= len.min(self.bytes);
            removable = removable.saturating_sub(len);
        }
        bounds.insert(OF_RECORD, (self.first, self.next, self.bytes, self.useful))?;
        Ok(())
    }

    /// A restatement goes on as changes do: as much as keeps the record within a few times what there is to state.
    pub(super) const fn wants_restating(&self) -> bool {
        match self.pass {
            Some(pass) => pass.stated < pass.changed * STATED_FOR_CHANGED,
            None => self.since > RESTATED_FROM + self.stated * GROWTH,
        }
    }

    /// What all rows take.
    #[cfg(test)]
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    fn end_row(&mut self) {
        self.rows.push(core::mem::take(&mut self.pending));
        self.next += 1;
        self.settle();
    }

    fn count(&mut self, change: &Change, len: usize) {
        let len = len as u64;
        self.since += len;
        match (change, &mut self.pass) {
            (Change::RestatementBegan, pass) => *pass = Some(Pass { row: self.next, ..Pass::default() }),
            (Change::RestatementEnded, pass) => self.ended = pass.take(),
            (Change::IdentityStated { .. }, Some(pass)) => pass.stated += len,
            (Change::Job { step, .. }, Some(pass)) if step.is_restated() => pass.stated += len,
            (Change::Provisioning { step }, Some(pass)) if step.is_restated() => pass.stated += len,
            (
                Change::UploadBegan { is_restated: true, .. } | Change::BlobSet { is_restated: true, .. },
                Some(pass),
            ) => pass.stated += len,
            (
                Change::PolicySet { .. }
                | Change::PolicyRemoved { .. }
                | Change::MessagesCounted { .. }
                | Change::AuthoritySet { .. }
                | Change::AuthorityRemoved { .. }
                | Change::IdentitySet { .. }
                | Change::IdentityRemoved { .. }
                | Change::TwinEdited { .. }
                | Change::CommandQueued { .. }
                | Change::CommandAbandoned { .. }
                | Change::FeedbackAdded { .. }
                | Change::FeedbackRemoved { .. }
                | Change::DeadLettered { .. }
                | Change::DeadLettersForgotten { .. }
                | Change::PresenceNumbered { .. }
                | Change::FileKeySet { .. }
                | Change::UploadBegan { .. }
                | Change::UploadEnded { .. }
                | Change::BlobSet { .. }
                | Change::BlobRemoved { .. }
                | Change::FileNotificationAdded { .. }
                | Change::FileNotificationsRemoved { .. }
                | Change::ConsumerGroupSet { .. }
                | Change::ConsumerGroupRemoved { .. }
                | Change::CheckpointSet { .. }
                | Change::ConfigurationSet { .. }
                | Change::ConfigurationRemoved { .. }
                | Change::ConfigurationRetired { .. }
                | Change::ConfigurationForgotten { .. }
                | Change::ConfigurationsAssigned { .. }
                | Change::Job { .. }
                | Change::Provisioning { .. }
                | Change::Transfer { .. }
                | Change::ImportProgressed { .. }
                | Change::CommandRemoved { .. },
                Some(pass),
            ) => pass.changed += len,
            (_, None) => {}
        }
    }

    /// With a row that ends a restatement, those before its beginning are of no use.
    fn settle(&mut self) {
        if let Some(Pass { row, stated, changed }) = self.ended.take() {
            self.useful = row;
            self.since = stated + changed;
            self.stated = stated;
        }
    }
}

const NAME: &str = "record";
/// Bytes from which on a record is stated anew however little of it there is to state.
const RESTATED_FROM: u64 = 16 * 1024 * 1024;
/// How many times as long as what there is to state a record becomes before it is stated anew.
const GROWTH: u64 = 2;
/// Bytes stated for each byte changed while it is stated anew.
const STATED_FOR_CHANGED: u64 = 2;
/// Bytes removed for each byte added, and at least, where there is something to remove.
const REMOVED_FOR_ADDED: u64 = 4;
const REMOVED_MIN: u64 = 64 * 1024;
