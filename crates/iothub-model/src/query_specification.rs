use serde::{Deserialize, Serialize};

/// What a back end asks about all twins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuerySpecification {
    /// The question, in IoT Hub's query language.
    pub query: String,
}
