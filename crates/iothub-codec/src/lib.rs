//! Reads and writes the topics and properties of IoT Hub messages.

#![no_std]

mod connect;
mod filters;
mod publish;
mod section;

pub use connect::{Connect, Version};
pub use filters::{BadFilters, Filter, Filters};
pub use publish::{Publish, Qos};
pub use section::PropertySection;
