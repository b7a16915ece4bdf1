use std::collections::BTreeSet;

use bytes::Bytes;
use iothub_model::{ExportImportDevice, ImportMode};

use super::{Bulk, OpenEntries};
use crate::Service;

/// The entries of one request.
#[derive(Debug)]
pub(super) struct Chunk {
    /// The number of the first, from 0.
    pub(super) first: u64,
    pub(super) names: Vec<Name>,
    pub(super) body: Bytes,
    /// Whether it may have been done, although nobody said so.
    pub(super) is_unclear: bool,
}

/// Whom an entry is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) device: String,
    pub(super) module: Option<String>,
}

impl Chunk {
    pub(super) fn entries(&self) -> core::ops::Range<u64> {
        self.first..self.first + self.names.len() as u64
    }

    pub(super) fn open(&self) -> OpenEntries {
        match self.is_unclear {
            true => OpenEntries::Unclear(self.entries()),
            false => OpenEntries::NotDone(self.entries()),
        }
    }
}

/// Takes entries as they are needed, and puts them together.
#[derive(Debug)]
pub(super) struct Chunks<I> {
    entries: I,
    /// The next entry, which did not fit into the last chunk.
    held: Option<(Name, Vec<u8>)>,
    taken: u64,
    pub(super) mode: Option<ImportMode>,
}

impl<I: Iterator<Item = ExportImportDevice>> Chunks<I> {
    pub(super) const fn new(entries: I) -> Self {
        Self { entries, held: None, taken: 0, mode: None }
    }

    /// How many entries have gone into chunks.
    pub(super) const fn taken(&self) -> u64 {
        self.taken
    }

    /// As many entries as one request may have, up to the first about a device that is busy. `None` where that is the
    /// next, and behind the last.
    pub(super) fn next(&mut self, busy: &BTreeSet<String>) -> Option<Chunk> {
        let mut body = vec![b'['];
        let mut names: Vec<Name> = Vec::new();
        let mut known = BTreeSet::new();
        while names.len() < Service::BULK_MAX {
            let Some((name, entry)) = self.held.take().or_else(|| self.entry()) else { break };
            let is_full = !names.is_empty() && body.len() + entry.len() + 1 > Bulk::<I>::CHUNK_LEN_MAX;
            // A hub may refuse a request that is about the same one twice.
            if is_full || busy.contains(&name.device) || !known.insert(name.clone()) {
                self.held = Some((name, entry));
                break;
            }
            if !names.is_empty() {
                body.push(b',');
            }
            body.extend_from_slice(&entry);
            names.push(name);
        }
        if names.is_empty() {
            return None;
        }
        body.push(b']');
        let first = self.taken;
        self.taken += names.len() as u64;
        Some(Chunk { first, names, body: body.into(), is_unclear: false })
    }

    fn entry(&mut self) -> Option<(Name, Vec<u8>)> {
        let mut entry = self.entries.next()?;
        entry.import_mode = entry.import_mode.or(self.mode);
        let body = serde_json::to_vec(&entry).expect("the documents of this API have texts for names");
        Some((Name { device: entry.id, module: entry.module_id }, body))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> ExportImportDevice {
        let (device, module) = text.split_once('/').map_or((text, None), |(d, m)| (d, Some(m.to_owned())));
        ExportImportDevice { id: device.into(), module_id: module, ..ExportImportDevice::default() }
    }

    #[test]
    fn a_chunk_ends_before_a_device_that_is_busy_or_already_in_it() {
        for (entries, busy, chunks) in [
            ("a b c", "", &[(0, 3)][..]),
            ("a a/m a/n", "", &[(0, 3)]),
            ("a b a c", "", &[(0, 2), (2, 4)]),
            ("a/m a/m", "", &[(0, 1), (1, 2)]),
            ("a b c", "b", &[(0, 1)]),
            ("b/m c", "b", &[]),
            ("", "", &[]),
        ] {
            let busy: BTreeSet<String> = busy.split_whitespace().map(Into::into).collect();
            let mut all = Chunks::new(entries.split_whitespace().map(entry));
            let made = core::iter::from_fn(|| all.next(&busy)).map(|chunk| {
                let entries = chunk.entries();
                (entries.start, entries.end)
            });
            let made: Vec<_> = made.collect();
            assert_eq!(made, chunks, "{entries}");
        }
    }

    #[test]
    fn a_chunk_has_a_hundred_entries_or_half_a_mebibyte() {
        let long = |_| ExportImportDevice { status_reason: Some("x".repeat(200_000)), ..entry("a") };
        let named = |n: usize| ExportImportDevice { id: format!("d{n}"), ..long(n) };
        let none = BTreeSet::new();
        let mut short = Chunks::new((0..250).map(|n| entry(&format!("d{n}"))));
        let lens: Vec<usize> = core::iter::from_fn(|| short.next(&none)).map(|c| c.names.len()).collect();
        assert_eq!(lens, [100, 100, 50]);
        let mut long = Chunks::new((0..5).map(named));
        let lens: Vec<usize> = core::iter::from_fn(|| long.next(&none)).map(|c| c.names.len()).collect();
        assert_eq!(lens, [2, 2, 1]);
    }

    #[test]
    fn what_is_sent_are_the_entries_with_the_mode_where_they_have_none() {
        let deleted = ExportImportDevice { import_mode: Some(ImportMode::Delete), ..entry("b") };
        let mut chunks = Chunks::new([entry("a"), deleted].into_iter());
        chunks.mode = Some(ImportMode::Create);
        let chunk = chunks.next(&BTreeSet::new()).expect("a chunk");
        let sent: Vec<ExportImportDevice> = serde_json::from_slice(&chunk.body).expect("entries");
        let modes: Vec<_> = sent.iter().map(|entry| entry.import_mode).collect();
        assert_eq!(modes, [Some(ImportMode::Create), Some(ImportMode::Delete)]);
    }
}
