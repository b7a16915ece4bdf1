use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One step of a change of a digital twin, as in a JSON patch (RFC 6902). IoT Hub knows these three.
///
/// A `path` begins with a slash and names a property, `/rate`; a component, `/pump`; or a property of a component,
/// `/pump/rate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum DigitalTwinEdit {
    /// Gives a property or component a value, whether it has one or not.
    Add {
        /// Of what.
        path: String,
        /// The value.
        value: Value,
    },
    /// Gives a property or component another value.
    Replace {
        /// Of what.
        path: String,
        /// The value.
        value: Value,
    },
    /// Removes a property or component.
    Remove {
        /// Of what.
        path: String,
    },
}
