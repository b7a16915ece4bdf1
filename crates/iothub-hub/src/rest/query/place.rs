use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::registry::Key;
use crate::rest::Failure;
use crate::rest::query::invalid;

/// Longest continuation that is read, in bytes.
const CONTINUATION_MAX: usize = 1024;

/// Where a page ended. Clients are given it and give it back without looking into it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::rest) struct Place {
    /// Of which query: with another it would mean nothing.
    pub(super) of: [u8; 8],
    /// The last identity that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<After>,
    /// The job, and the place of the device in it, that are to be looked at next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::rest) job: Option<(u64, u32)>,
    /// Rows that were given so far.
    pub(in crate::rest) given: u64,
    /// Names the rows that are kept for the pages to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) kept: Option<u64>,
}

/// An identity, in one of the orders in which all are looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum After {
    /// In the order of names.
    Name(Key),
    /// In the order of slots.
    Slot(u32, Run),
}

/// Tells a hub from what it was before a restart: then everybody had another slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Run([u8; 4]);

impl Run {
    pub(super) fn of(seed: &[u8; 32]) -> Self {
        let digest = Sha256::new().chain_update(b"places of queries").chain_update(seed).finalize();
        Self([digest[0], digest[1], digest[2], digest[3]])
    }
}

impl Place {
    pub(super) fn begin(query: &str) -> Self {
        let mut of = [0; 8];
        of.copy_from_slice(&Sha256::digest(query)[..8]);
        Self { of, after: None, job: None, given: 0, kept: None }
    }

    pub(super) fn read(token: &str, query: &str, run: Run) -> Result<Self, Failure> {
        let bytes = Some(token).filter(|token| token.len() <= CONTINUATION_MAX);
        let bytes = bytes.and_then(|token| BASE64_URL_SAFE_NO_PAD.decode(token).ok());
        let place: Option<Self> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let place = place.filter(|place| place.is_of(&Self::begin(query))).ok_or_else(|| {
            invalid("x-ms-continuation is not what an earlier page of this query had".to_owned())
        })?;
        match &place.after {
            Some(After::Slot(_, of)) if *of != run => Err(invalid(
                "x-ms-continuation is from before this hub was started: ask again for the first page"
                    .to_owned(),
            )),
            Some(After::Slot(..) | After::Name(_)) | None => Ok(place),
        }
    }

    /// One more row was given. How many there were is the client's word, however many it says.
    pub(in crate::rest) const fn count_one(&mut self) {
        self.given = self.given.saturating_add(1);
    }

    /// Whether both are of the same query.
    pub(super) fn is_of(&self, other: &Self) -> bool {
        self.of == other.of
    }

    pub(super) fn written(&self) -> String {
        let bytes = serde_json::to_vec(self).expect("a place has text for keys, all that can fail");
        BASE64_URL_SAFE_NO_PAD.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_of_one_query_and_a_slot_of_one_run() {
        let (run, other) = (Run::of(&[1; 32]), Run::of(&[2; 32]));
        let by_name = After::Name(Key { device: "d".into(), module: None });
        for (after, of, read_in, is_read) in [
            (by_name.clone(), "q", run, true),
            (by_name.clone(), "q", other, true),
            (by_name, "another", run, false),
            (After::Slot(7, run), "q", run, true),
            (After::Slot(7, run), "another", run, false),
            (After::Slot(7, run), "q", other, false),
        ] {
            let token = Place { after: Some(after), ..Place::begin("q") }.written();
            assert_eq!(Place::read(&token, of, read_in).is_ok(), is_read, "{token} {of} {read_in:?}");
        }
    }
}
