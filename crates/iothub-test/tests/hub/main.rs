//! The hub for tests, put to the test.

mod expecting;
mod faults;
mod serving;
mod virtual_time;
