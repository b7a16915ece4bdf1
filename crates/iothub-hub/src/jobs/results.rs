use std::collections::VecDeque;

use crate::jobs::result::DeviceResult;

/// What came of a job with its devices, each result once if it comes again soon: most devices end alike.
///
/// Written end to end, as there may be as many as there are devices.
#[derive(Clone, Debug, Default)]
pub(super) struct Results {
    json: Vec<u8>,
    ends: Vec<u32>,
    latest: VecDeque<(DeviceResult, u32)>,
}

impl Results {
    /// The number of a result.
    pub(super) fn add(&mut self, result: &DeviceResult) -> u32 {
        if let Some((_, number)) = self.latest.iter().find(|(each, _)| each == result) {
            return *number;
        }
        serde_json::to_writer(&mut self.json, result).expect("results are texts and numbers");
        let end = u32::try_from(self.json.len()).expect("what is kept of all jobs is less");
        let number = u32::try_from(self.ends.len()).expect("each takes a byte at least");
        self.ends.push(end);
        if self.latest.len() == COMPARED {
            self.latest.pop_front();
        }
        self.latest.push_back((result.clone(), number));
        number
    }

    pub(super) fn get(&self, number: u32) -> DeviceResult {
        let number = number as usize;
        let begin = number.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        let json = &self.json[begin..self.ends[number] as usize];
        serde_json::from_slice(json).expect("it was written by `add`")
    }

    /// What they take, in bytes.
    pub(super) fn len(&self) -> usize {
        self.json.len()
    }

    /// What can be given back after the last result.
    pub(super) fn shrink(&mut self) {
        self.json.shrink_to_fit();
        self.ends.shrink_to_fit();
        self.latest = VecDeque::new();
    }
}

/// With how many of the latest results a new one is compared.
const COMPARED: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(status: i32) -> DeviceResult {
        DeviceResult::Answered { status, payload: Some("{}".into()) }
    }

    #[test]
    fn what_comes_again_soon_is_kept_once() {
        let mut results = Results::default();
        let numbers: Vec<u32> = [1, 2, 1, 2, 1].map(|status| results.add(&answered(status))).into();
        assert_eq!(numbers, [0, 1, 0, 1, 0]);
        let len = results.len();
        for status in 3..40 {
            results.add(&answered(status));
        }
        assert_eq!(results.add(&answered(1)), 39, "it was too long ago");
        assert!(results.len() > len);
        assert_eq!(
            (results.get(0), results.get(1), results.get(39)),
            (answered(1), answered(2), answered(1))
        );
    }
}
