use std::collections::BTreeSet;

use iothub_model::FileAccess;
use serde::{Deserialize, Serialize};

/// How far an upload has come, to go on from there: after a failure, and in another process.
///
/// Comes from [`UploadProgress`](crate::UploadProgress) and [`UploadFailed`](crate::UploadFailed), consumed by
/// [`Uploads::resume`](crate::Uploads::resume). Serialised, it holds what lets anybody write this one file for as long as the
/// hub said: keep it as a secret. `Debug` does not show that.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UploadState {
    pub(super) name: String,
    pub(super) block_len: usize,
    /// In bytes, where it is known.
    pub(super) len: Option<u64>,
    /// Tells the blocks of this upload from those of others of the same file.
    pub(super) tag: u64,
    pub(super) done: Blocks,
    pub(super) access: Option<FileAccess>,
}

/// Numbers of blocks, as ranges from one up to before another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Blocks(Vec<(u32, u32)>);

impl UploadState {
    /// The name of the file, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Blocks {
    pub(super) fn to_set(&self) -> BTreeSet<u32> {
        self.0.iter().flat_map(|(first, end)| *first..*end).collect()
    }
}

impl From<&BTreeSet<u32>> for Blocks {
    fn from(set: &BTreeSet<u32>) -> Self {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for block in set {
            match ranges.last_mut().filter(|(_, end)| end == block) {
                Some((_, end)) => *end += 1,
                None => ranges.push((*block, block + 1)),
            }
        }
        Self(ranges)
    }
}

impl core::fmt::Debug for UploadState {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("UploadState")
            .field("name", &self.name)
            .field("done", &self.done.0)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_kept_as_ranges() {
        for (set, ranges) in [
            (vec![], vec![]),
            (vec![0, 1, 2], vec![(0, 3)]),
            (vec![0, 2, 3, 7], vec![(0, 1), (2, 4), (7, 8)]),
        ] {
            let set: BTreeSet<u32> = set.into_iter().collect();
            let blocks = Blocks::from(&set);
            assert_eq!(blocks.0, ranges);
            assert_eq!(blocks.to_set(), set);
        }
    }

    #[test]
    fn what_opens_the_door_does_not_show() {
        let text = r#"{"name":"f","blockLen":1,"len":null,"tag":7,"done":[[0,3]],"access":{"correlationId":"c",
            "hostName":"h","containerName":"c","blobName":"d/f","sasToken":"?sig=secret"}}"#;
        let state: UploadState = serde_json::from_str(text).unwrap();
        assert!(!format!("{state:?}").contains("secret"));
        assert_eq!(
            serde_json::from_str::<UploadState>(&serde_json::to_string(&state).unwrap()).unwrap(),
            state
        );
    }
}
