use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

/// What devices and back ends have seen happen, each for itself.
pub(crate) struct Ledger(Vec<Mutex<Account>>);

/// What is known of one device.
#[derive(Default)]
pub(crate) struct Account {
    /// Numbers of messages that the hub has acknowledged.
    pub(crate) acknowledged: BTreeSet<u64>,
    /// How sends ended that were not acknowledged.
    pub(crate) not_sent: BTreeMap<String, u64>,
    /// How often the handler has run, by the number of the call.
    pub(crate) runs: BTreeMap<u64, u32>,
    /// Calls that were answered by the device.
    pub(crate) answered: BTreeSet<u64>,
    /// How calls ended otherwise.
    pub(crate) not_answered: BTreeMap<String, u64>,
    /// Numbers of commands that the hub has taken in.
    pub(crate) queued: BTreeSet<u64>,
    /// How often the handler has run, by the number of the command.
    pub(crate) handled: BTreeMap<u64, u32>,
    /// How sending them ended otherwise.
    pub(crate) not_queued: BTreeMap<String, u64>,
    /// Reports that the hub has taken.
    pub(crate) reports: u64,
    /// How reports ended otherwise.
    pub(crate) not_reported: BTreeMap<String, u64>,
    /// What a reporter was to report, all in all.
    pub(crate) set: Value,
    /// The version of the last desired change that the hub has taken.
    pub(crate) desired: u64,
    pub(crate) desires: u64,
    /// The last version that the device was told, and how often it was told the whole.
    pub(crate) told: u64,
    pub(crate) changes: u64,
    pub(crate) wholes: u64,
    /// How often its replica was seen to be another.
    pub(crate) replica_changes: u64,
    /// Times that the device was connected.
    pub(crate) connections: u64,
    /// What must not happen.
    pub(crate) wrongs: Vec<String>,
}

impl Ledger {
    pub(crate) fn new(devices: u64) -> Self {
        Self((0..devices).map(|_| Mutex::default()).collect())
    }

    pub(crate) fn of(&self, device: u64) -> MutexGuard<'_, Account> {
        let account = &self.0[usize::try_from(device).unwrap()];
        account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn accounts(&self) -> impl Iterator<Item = (u64, MutexGuard<'_, Account>)> {
        (0..)
            .zip(&self.0)
            .map(|(number, account)| (number, account.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Counts an end by what it says up to its details.
pub(crate) fn count(ends: &mut BTreeMap<String, u64>, error: &dyn core::fmt::Debug) {
    let text = format!("{error:?}");
    let name = text.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default().to_owned();
    *ends.entry(name).or_default() += 1;
}
