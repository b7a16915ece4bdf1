//! What was refused, for whoever wonders why something does not work. Azure has nothing like it.

use iothub_model::RefusalRecord;

use crate::hub::Hub;
use crate::rest::Outcome;

impl Hub {
    /// Also of a device that is not in the registry: that may be the reason.
    pub(super) fn refusals(&self, device: &str) -> Outcome {
        let records: Vec<&RefusalRecord> = self.diary.page(device).collect();
        Outcome::json(200, &records, None)
    }
}
