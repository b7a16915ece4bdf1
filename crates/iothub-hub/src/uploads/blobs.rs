use core::ops::Bound;
use core::time::Duration;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use iothub_model::{Date, StoredFile};
use serde::{Deserialize, Serialize};

/// What is kept of a file that a device has uploaded, besides its content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptBlob {
    /// What has the content, as whoever has the bytes calls it.
    pub file: String,
    /// Its length, in bytes.
    pub len: u64,
    /// Becomes another one whenever it is written.
    pub etag: String,
    /// When it was written, in milliseconds since 1970.
    pub modified_ms: u64,
    /// What whoever wrote it has said of it: names of headers in lower case, and their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

impl KeptBlob {
    /// What whoever wrote it is told.
    pub fn mark(&self) -> Vec<(Cow<'static, str>, String)> {
        let modified = UNIX_EPOCH + Duration::from_millis(self.modified_ms);
        vec![
            ("etag".into(), format!("\"{}\"", self.etag)),
            ("last-modified".into(), httpdate::fmt_http_date(modified)),
        ]
    }

    fn told(&self, name: &str) -> StoredFile {
        StoredFile {
            blob_name: name.into(),
            device_id: device_of(name).into(),
            length: self.len,
            content_type: self.headers.get("content-type").cloned(),
            content_md5: self.headers.get("content-md5").cloned(),
            etag: self.etag.clone(),
            last_modified: Date::from_millis(self.modified_ms),
        }
    }
}

/// The files that there are, by their names: `{device}/{name}`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Blobs {
    by_name: BTreeMap<String, KeptBlob>,
    bytes: u64,
    bytes_of: BTreeMap<String, u64>,
}

impl Blobs {
    pub(crate) fn set(&mut self, name: &str, blob: Option<&KeptBlob>) {
        let before = match blob {
            Some(blob) => self.by_name.insert(name.into(), blob.clone()),
            None => self.by_name.remove(name),
        };
        let (added, removed) = (blob.map_or(0, |blob| blob.len), before.map_or(0, |blob| blob.len));
        self.bytes = (self.bytes + added).saturating_sub(removed);
        let device = device_of(name);
        let bytes = (self.bytes_of.get(device).copied().unwrap_or_default() + added).saturating_sub(removed);
        if bytes == 0 {
            self.bytes_of.remove(device);
        } else {
            self.bytes_of.insert(device.into(), bytes);
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&KeptBlob> {
        self.by_name.get(name)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Bytes of all files of the hub, and of those of one device.
    pub(crate) fn bytes(&self, device: &str) -> (u64, u64) {
        (self.bytes, self.bytes_of.get(device).copied().unwrap_or_default())
    }

    /// Those whose names are behind `after`.
    pub(crate) fn behind(&self, after: Option<&str>) -> impl Iterator<Item = (&String, &KeptBlob)> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.by_name.range::<str, _>((first, Bound::Unbounded))
    }

    /// Those whose names begin like that, from behind `after`.
    pub(crate) fn page(&self, prefix: &str, after: &str, most: usize) -> Vec<StoredFile> {
        let first = if after >= prefix { Bound::Excluded(after) } else { Bound::Included(prefix) };
        let range = self.by_name.range::<str, _>((first, Bound::Unbounded));
        // The one whose name is the prefix itself comes once: nothing is behind an empty name.
        let found = range.take_while(|(name, _)| name.starts_with(prefix)).take(most);
        found.map(|(name, blob)| blob.told(name)).collect()
    }
}

/// The device that a file is of.
pub(crate) fn device_of(name: &str) -> &str {
    name.split('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blob(len: u64) -> KeptBlob {
        KeptBlob { file: String::new(), len, etag: "e".into(), modified_ms: 0, headers: BTreeMap::new() }
    }

    #[test]
    fn bytes_are_counted_by_hub_and_device_whatever_becomes_of_files() {
        let mut blobs = Blobs::default();
        blobs.set("a/x", Some(&blob(3)));
        blobs.set("a/y", Some(&blob(4)));
        blobs.set("b/x", Some(&blob(5)));
        assert_eq!((blobs.bytes("a"), blobs.bytes("b"), blobs.bytes("c")), ((12, 7), (12, 5), (12, 0)));
        blobs.set("a/x", Some(&blob(1)));
        assert_eq!(blobs.bytes("a"), (10, 5));
        blobs.set("a/x", None);
        blobs.set("a/x", None);
        blobs.set("a/y", None);
        assert_eq!((blobs.bytes("a"), blobs.bytes_of.len(), blobs.len()), ((5, 0), 1, 1));
    }

    #[test]
    fn a_page_has_what_begins_like_that_and_goes_on_behind_the_last() {
        let mut blobs = Blobs::default();
        for name in ["a/1", "a/2", "a/3", "ab/1", "b/1"] {
            blobs.set(name, Some(&blob(1)));
        }
        for (prefix, after, most, expected) in [
            ("", "", 9, vec!["a/1", "a/2", "a/3", "ab/1", "b/1"]),
            ("a/", "", 2, vec!["a/1", "a/2"]),
            ("a/", "a/2", 2, vec!["a/3"]),
            ("a/2", "", 9, vec!["a/2"]),
            ("a/2", "a/2", 9, vec![]),
            ("c", "", 9, vec![]),
        ] {
            let page: Vec<String> =
                blobs.page(prefix, after, most).into_iter().map(|file| file.blob_name).collect();
            assert_eq!(page, expected, "{prefix} behind {after}");
        }
    }
}
