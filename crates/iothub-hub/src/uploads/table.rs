use core::ops::Bound;
use std::collections::BTreeMap;
use std::collections::BTreeSet;

use iothub_codec::SharedKey;
use iothub_proto::Timestamp;
use serde::{Deserialize, Serialize};

/// An upload that a device has begun and not told the end of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct KeptUpload {
    /// Whose it is.
    pub device: String,
    /// The name of the blob: `{device}/{name}`.
    pub name: String,
    /// The hub, as the device calls it.
    pub host: String,
    /// When it began, in milliseconds since 1970.
    pub began_ms: u64,
    /// When it is over, in milliseconds since 1970.
    pub expires_ms: u64,
}

/// The uploads that have begun, by what names them, and the key that opens the door to files.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uploads {
    open: BTreeMap<String, KeptUpload>,
    of_device: BTreeMap<String, BTreeSet<String>>,
    key: Option<(String, SharedKey)>,
}

impl Uploads {
    pub(crate) fn set(&mut self, id: &str, upload: KeptUpload) {
        self.of_device.entry(upload.device.clone()).or_default().insert(id.into());
        self.open.insert(id.into(), upload);
    }

    pub(crate) fn end(&mut self, id: &str) {
        let Some(upload) = self.open.remove(id) else { return };
        if let Some(ids) = self.of_device.get_mut(&upload.device) {
            ids.remove(id);
            if ids.is_empty() {
                self.of_device.remove(&upload.device);
            }
        }
    }

    pub(crate) fn get(&self, id: &str) -> Option<&KeptUpload> {
        self.open.get(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// How many a device has open.
    pub(crate) fn count_of(&self, device: &str) -> usize {
        self.of_device.get(device).map_or(0, BTreeSet::len)
    }

    /// Whether somebody still writes that blob.
    pub(crate) fn is_written(&self, device: &str, name: &str) -> bool {
        let ids = self.of_device.get(device).into_iter().flatten();
        ids.filter_map(|id| self.open.get(id)).any(|upload| upload.name == name)
    }

    /// Those whose ids are behind `after`.
    pub(crate) fn behind(&self, after: Option<&str>) -> impl Iterator<Item = (&String, &KeptUpload)> {
        let first = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.open.range::<str, _>((first, Bound::Unbounded))
    }

    /// `key` in base64. One that is none opens no door.
    pub(crate) fn set_key(&mut self, key: &str) {
        self.key = SharedKey::from_base64(key).ok().map(|shared| (key.to_owned(), shared));
    }

    pub(crate) fn key(&self) -> Option<&SharedKey> {
        self.key.as_ref().map(|(_, key)| key)
    }

    /// The key in base64.
    pub(crate) fn key_text(&self) -> Option<&str> {
        self.key.as_ref().map(|(text, _)| text.as_str())
    }
}

/// Names an upload: chance, and when it is over. So it is known of one that is forgotten whether it was too late.
pub(crate) fn correlation_id(chance: &str, until: Timestamp) -> String {
    format!("{chance}{:010x}", until.as_secs())
}

/// When an upload of that name was over.
pub(crate) fn expiry_of(id: &str) -> Option<Timestamp> {
    let (chance, until) = id.split_at_checked(32)?;
    let hex = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    (hex(chance) && hex(until) && until.len() == 10).then_some(())?;
    u64::from_str_radix(until, 16).ok().map(Timestamp::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_when_it_is_over() {
        let chance = "0123456789abcdef0123456789abcdef";
        let until = Timestamp::from_secs(1_893_456_000);
        assert_eq!(expiry_of(&correlation_id(chance, until)), Some(until));
        for other in ["", "x", chance, &format!("{chance}0070dbd88g"), &format!("{chance}+070dbd880")] {
            assert_eq!(expiry_of(other), None, "{other}");
        }
    }

    #[test]
    fn uploads_are_counted_by_device() {
        let upload = |device: &str, name: &str| KeptUpload {
            device: device.into(),
            name: name.into(),
            host: "h".into(),
            began_ms: 0,
            expires_ms: 1,
        };
        let mut uploads = Uploads::default();
        uploads.set("1", upload("a", "a/x"));
        uploads.set("2", upload("a", "a/x"));
        uploads.set("3", upload("b", "b/x"));
        assert_eq!((uploads.count_of("a"), uploads.count_of("b"), uploads.count_of("c")), (2, 1, 0));
        uploads.end("1");
        uploads.end("1");
        assert!(uploads.is_written("a", "a/x"));
        uploads.end("2");
        assert!(!uploads.is_written("a", "a/x"));
        assert_eq!((uploads.count_of("a"), uploads.len()), (0, 1));
    }
}
